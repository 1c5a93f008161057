"""Success and fail files: records as they came, with what ConnectWise said about them."""

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.models import Action, Outcome, RecordXml
from payments.files.reader import Root
from payments.files.output import (
    actions_of_part,
    failed_record,
    join_parts,
    success_record,
    write_part,
)
from payments.rules import failed
from unit.payment_files import SAMPLE, check, document, payment, raw_records, records


def xml_of(record: str) -> RecordXml:
    """Return a record as it stands in a file; prefixes p and q are known there."""
    root = 'InvoicePayments xmlns:p="urn:p" xmlns:q="urn:q"'
    (raw,) = raw_records(document(record, root=root))
    return raw.xml


def success(record: str, payment_id: int = 7) -> str:
    return success_record(xml_of(record), payment_id).decode()


def fail(record: str, *messages: str) -> str:
    return failed_record(xml_of(record), messages or ("wrong",)).decode()


# Success: the id is set


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("<InvoicePayment/>", "<InvoicePayment><id>7</id></InvoicePayment>"),
        ("<InvoicePayment a='/' />", "<InvoicePayment a='/'><id>7</id></InvoicePayment>"),
        ("<InvoicePayment></InvoicePayment>", "<InvoicePayment><id>7</id></InvoicePayment>"),
        (
            "<InvoicePayment><id>3</id><type>P</type></InvoicePayment>",
            "<InvoicePayment><id>7</id><type>P</type></InvoicePayment>",
        ),
        (
            "<InvoicePayment><type>P</type> <id/> </InvoicePayment>",
            "<InvoicePayment><type>P</type> <id>7</id> </InvoicePayment>",
        ),
        (
            "<InvoicePayment>\n\t<type>P</type>\n</InvoicePayment>",
            "<InvoicePayment>\n\t<id>7</id>\n\t<type>P</type>\n</InvoicePayment>",
        ),
        (
            "<InvoicePayment><invoice><id>3</id></invoice></InvoicePayment>",
            "<InvoicePayment><id>7</id><invoice><id>3</id></invoice></InvoicePayment>",
        ),
        (
            "<InvoicePayment><!-- <id>3</id> --><type>P</type></InvoicePayment>",
            "<InvoicePayment><id>7</id><!-- <id>3</id> --><type>P</type></InvoicePayment>",
        ),
        (
            "<p:InvoicePayment><p:type>P</p:type></p:InvoicePayment>",
            "<p:InvoicePayment><p:id>7</p:id><p:type>P</p:type></p:InvoicePayment>",
        ),
        ("<p:InvoicePayment/>", "<p:InvoicePayment><p:id>7</p:id></p:InvoicePayment>"),
        (
            "<InvoicePayment><type>a&amp;b</type>\n<ErrorMessage>old</ErrorMessage>\n"
            "</InvoicePayment>",
            "<InvoicePayment><id>7</id><type>a&amp;b</type>\n</InvoicePayment>",
        ),
    ],
)
def test_a_success_is_the_record_as_it_came_with_its_id(record: str, expected: str) -> None:
    assert success(record) == expected


# Fail: the messages come last


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            "<InvoicePayment/>",
            "<InvoicePayment><ErrorMessage>wrong</ErrorMessage></InvoicePayment>",
        ),
        (
            "<InvoicePayment><id>3</id></InvoicePayment>",
            "<InvoicePayment><id>3</id><ErrorMessage>wrong</ErrorMessage></InvoicePayment>",
        ),
        (
            "<InvoicePayment>\n  <id>3</id>\n</InvoicePayment>",
            "<InvoicePayment>\n  <id>3</id>\n  <ErrorMessage>wrong</ErrorMessage>\n"
            "</InvoicePayment>",
        ),
        (
            "<InvoicePayment>\n  <id>3</id>\n  <ErrorMessage>old</ErrorMessage>\n"
            "  <ErrorMessage/>\n</InvoicePayment>",
            "<InvoicePayment>\n  <id>3</id>\n  <ErrorMessage>wrong</ErrorMessage>\n"
            "</InvoicePayment>",
        ),
        (
            "<InvoicePayment><ErrorMessage>old</ErrorMessage><id>3</id></InvoicePayment>",
            "<InvoicePayment><id>3</id><ErrorMessage>wrong</ErrorMessage></InvoicePayment>",
        ),
        (
            "<p:InvoicePayment><q:ErrorMessage>old</q:ErrorMessage></p:InvoicePayment>",
            "<p:InvoicePayment><p:ErrorMessage>wrong</p:ErrorMessage></p:InvoicePayment>",
        ),
        (
            "<Unknown><!-- kept --></Unknown>",
            "<Unknown><!-- kept --><ErrorMessage>wrong</ErrorMessage></Unknown>",
        ),
        (
            "<InvoicePayment>stray</InvoicePayment>",
            "<InvoicePayment>stray<ErrorMessage>wrong</ErrorMessage></InvoicePayment>",
        ),
    ],
)
def test_a_failure_is_the_record_as_it_came_with_its_message_last(
    record: str, expected: str
) -> None:
    assert fail(record) == expected


def test_each_error_has_a_message_of_its_own() -> None:
    assert fail("<InvoicePayment>\n <id/></InvoicePayment>", "first", "second") == (
        "<InvoicePayment>\n <id/>\n <ErrorMessage>first</ErrorMessage>"
        "\n <ErrorMessage>second</ErrorMessage></InvoicePayment>"
    )


@pytest.mark.parametrize("length", [10, 190, 300, 5000])
def test_long_names_and_prefixes_are_closed_as_they_were_opened(length: int) -> None:
    long = "n" * length
    for record in (f"<{long}/>", f'<{long}:InvoicePayment xmlns:{long}="urn:p"/>'):
        for written in (fail(record), success(record)):
            element = ElementTree.fromstring(written)
            (child,) = element
            assert namespace(child) == namespace(element)


def namespace(element: Element) -> str:
    return element.tag.rpartition("}")[0]


@pytest.mark.parametrize(
    ("message", "read_back"),
    [
        ("a < b & c > d ]]> \"e\" 'f'", "a < b & c > d ]]> \"e\" 'f'"),
        ("</ErrorMessage><id>1</id>", "</ErrorMessage><id>1</id>"),
        ("É € 払 😀", "É € 払 😀"),
        ("a\x00b\x0bc\x1b[0md\x7f", "a�b�c�[0md\x7f"),
        ("half a pair: \ud83d", "half a pair: �"),
        ("not characters: \ufffe\uffff", "not characters: ��"),
        ("line\nbreak\tand tab", "line\nbreak\tand tab"),
    ],
)
def test_any_message_can_be_written(message: str, read_back: str) -> None:
    element = ElementTree.fromstring(fail("<InvoicePayment/>", message))
    assert element.findtext("ErrorMessage") == read_back
    assert len(element) == 1


@given(st.text())
def test_every_message_gives_well_formed_xml(message: str) -> None:
    element = ElementTree.fromstring(fail("<InvoicePayment><id>1</id></InvoicePayment>", message))
    assert [child.tag for child in element] == ["id", "ErrorMessage"]


# Whatever a record looks like


@dataclass(frozen=True)
class Style:
    """How somebody's software writes XML."""

    prefix: str
    indent: str
    quote: str
    comment: str


styles = st.builds(
    Style,
    st.sampled_from(("", "p:")),
    st.sampled_from(("", "\n  ", "\r\n\t", " ")),
    st.sampled_from(("'", '"')),
    st.sampled_from(("", "<!-- <id>0</id> -->", "<?pi </id>?>")),
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)


@st.composite
def values(draw: st.DrawFn) -> str:
    """Return the content of a value: text, CDATA, comments."""
    text = draw(texts)
    if draw(st.booleans()) and "]]>" not in text:
        return f"<![CDATA[{text}]]>"
    return draw(st.sampled_from(("", "<!-- > -->"))) + escape(text)


@st.composite
def elements(draw: st.DrawFn, style: Style) -> str:
    name = style.prefix + draw(st.sampled_from(("amount", "type", "invoice", "ErrorMessage")))
    attribute = f" a={style.quote}>&lt;/{style.quote}" if draw(st.booleans()) else ""
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return f"<{name}{attribute}{draw(st.sampled_from(('', ' ')))}/>"
    inner = (
        f"<{style.prefix}id>{draw(values())}</{style.prefix}id>" if kind == 1 else draw(values())
    )
    return f"<{name}{attribute}>{inner}</{name}{draw(st.sampled_from(('', ' ')))}>"


@st.composite
def whole_records(draw: st.DrawFn) -> str:
    """Return a record with at most one `<id>` of its own, written in any style."""
    style = draw(styles)
    children = draw(st.lists(elements(style), max_size=5))
    if draw(st.booleans()):
        position = draw(st.integers(0, len(children)))
        children.insert(position, f"<{style.prefix}id>{draw(values())}</{style.prefix}id>")
    name = f"{style.prefix}InvoicePayment"
    if not children and draw(st.booleans()):
        return f"<{name}/>"
    gap = style.indent + style.comment
    return f"<{name}>{gap}{gap.join(children)}{gap}</{name}>"


def parsed(record: str) -> Element:
    return ElementTree.fromstring(f'<r xmlns:p="urn:p" xmlns:q="urn:q">{record}</r>')[0]


def local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def without(record: Element, *names: str) -> list[str]:
    """Return the record's other children and its attributes, comparable."""
    children = [copy.copy(child) for child in record if local(child) not in names]
    for child in children:
        child.tail = None
    return [str(sorted(record.items())), *(canonical(child) for child in children)]


def canonical(element: Element) -> str:
    return ElementTree.canonicalize(ElementTree.tostring(element, encoding="unicode"))


def texts_of(record: Element, name: str) -> list[str]:
    return [child.text or "" for child in record if local(child) == name]


@given(whole_records())
def test_a_success_differs_only_in_its_id_and_its_old_messages(record: str) -> None:
    came, went = parsed(record), parsed(success(record, 7))
    assert went.tag == came.tag
    assert without(went, "id", "ErrorMessage") == without(came, "id", "ErrorMessage")
    assert texts_of(went, "id") == ["7"]
    assert texts_of(went, "ErrorMessage") == []


@given(whole_records())
def test_a_failure_differs_only_in_its_messages(record: str) -> None:
    came, went = parsed(record), parsed(fail(record, "one", "two"))
    assert went.tag == came.tag
    assert without(went, "ErrorMessage") == without(came, "ErrorMessage")
    assert [local(child) for child in went][-2:] == ["ErrorMessage", "ErrorMessage"]
    assert texts_of(went, "ErrorMessage") == ["one", "two"]


@given(whole_records())
def test_a_record_keeps_its_comments_and_instructions(record: str) -> None:
    for written in (success(record), fail(record)):
        for kept in ("<!-- <id>0</id> -->", "<?pi </id>?>"):
            assert written.count(kept) == record.count(kept)


@given(whole_records())
def test_failing_again_changes_nothing_but_the_message(record: str) -> None:
    once = fail(record, "once")
    assert fail(once, "twice") == once.replace(">once<", ">twice<")


# Parts, and the files that they are joined into


def outcomes_of(content: bytes) -> list[Outcome]:
    """Return outcomes for all records of a file: created, failed, skipped, updated, and so on."""
    results = []
    for record in records(content):
        action = [Action.CREATED, Action.FAILED, Action.SKIPPED, Action.UPDATED][record.number % 4]
        succeeded = action in (Action.CREATED, Action.UPDATED)
        messages = () if succeeded else (f"no {record.number}",)
        payment_id = 100 + record.number if succeeded else None
        results.append(Outcome(record, action, payment_id, messages))
    return results


def joined(content: bytes, message: str | None = None, part_size: int = 3) -> tuple[bytes, bytes]:
    """Return the success file and the fail file for a file whose parts have been stored."""
    outcomes = outcomes_of(content)
    parts = [
        write_part(outcomes[start : start + part_size])
        for start in range(0, len(outcomes), part_size)
    ]
    with tempfile.TemporaryDirectory() as folder:
        success_file, fail_file = Path(folder, "success.xml"), Path(folder, "fail.xml")
        join_parts(check(content).root, parts, success_file, fail_file, message)
        return success_file.read_bytes(), fail_file.read_bytes()


TEN = document(*(payment(f"\n <externalId>{number}</externalId>") for number in range(1, 11)))


def external_ids(content: bytes) -> list[str]:
    root = ElementTree.fromstring(content)
    return [record.findtext("externalId") or "" for record in root]


def test_a_part_has_one_line_for_each_record() -> None:
    """The stored parts are counted by their lines."""
    outcomes = outcomes_of(TEN)
    part = write_part(outcomes)
    assert part.count(b"\n") == 10
    assert part.endswith(b"\n")
    assert actions_of_part(part) == [outcome.action for outcome in outcomes]


@pytest.mark.parametrize("text", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85"])
def test_line_breaks_in_a_record_do_not_break_its_line(text: str) -> None:
    content = document(payment(f"<type>{text}</type>"))
    part = write_part(outcomes_of(content))
    assert part.count(b"\n") == 1
    assert len(actions_of_part(part)) == 1
    _, fail_file = joined(content)
    assert text.encode() in fail_file


@pytest.mark.parametrize("part_size", [1, 3, 10])
def test_every_record_is_in_exactly_one_file_in_the_files_order(part_size: int) -> None:
    success_file, fail_file = joined(TEN, part_size=part_size)
    assert external_ids(success_file) == ["3", "4", "7", "8"]
    assert external_ids(fail_file) == ["1", "2", "5", "6", "9", "10"]


def test_both_files_say_their_encoding_and_end_with_a_line() -> None:
    for content in joined(TEN):
        assert content.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<InvoicePayments>')
        assert content.endswith(b"</InvoicePayments>\n")


def test_without_records_both_files_are_empty() -> None:
    for content in joined(document()):
        assert len(ElementTree.fromstring(content)) == 0


def test_the_root_is_kept_with_its_attributes_and_namespaces() -> None:
    tag = '<x:InvoicePayments xmlns:x="urn:x" xmlns="urn:y" source="Sage &amp; Co">'
    content = f"{tag}<x:InvoicePayment/></x:InvoicePayments>".encode()
    for written in joined(content):
        assert f"\n{tag}\n".encode() in written
        root = ElementTree.fromstring(written)
        assert (root.tag, root.get("source")) == ("{urn:x}InvoicePayments", "Sage & Co")


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8"])
def test_the_files_are_utf_8_whatever_came(encoding: str) -> None:
    content = document(
        payment("<type>É</type>"),
        root='InvoicePayments a="É"',
        before=f'<?xml version="1.0" encoding="{encoding}"?>',
    )
    _, fail_file = joined(content.decode().encode(encoding))
    root = ElementTree.fromstring(fail_file)
    assert (root.get("a"), root.findtext("InvoicePayment/type")) == ("É", "É")


@pytest.mark.parametrize("tag", ["InvoicePayments", 'p:InvoicePayments xmlns:p="urn:p"'])
def test_the_reason_for_refusing_a_file_stands_right_under_the_root(tag: str) -> None:
    success_file, fail_file = joined(document(root=tag), "line 1, column 2: a < b & c")
    root = ElementTree.fromstring(fail_file)
    (message,) = root
    assert local(message) == "ErrorMessage"
    assert namespace(message) == namespace(root)
    assert message.text == "line 1, column 2: a < b & c"
    assert len(ElementTree.fromstring(success_file)) == 0


def test_a_file_that_could_not_be_read_has_the_plain_root() -> None:
    with tempfile.TemporaryDirectory() as folder:
        success_file, fail_file = Path(folder, "success.xml"), Path(folder, "fail.xml")
        join_parts(Root(), [], success_file, fail_file, "line 1, column 1: no")
        assert check(fail_file.read_bytes()).total == 0
        assert check(success_file.read_bytes()).total == 0


# Round trip


def test_a_fail_file_can_be_corrected_and_uploaded_as_it_is() -> None:
    wrong = SAMPLE.replace(b"120.50", b"120,50")
    (record,) = records(wrong)
    with tempfile.TemporaryDirectory() as folder:
        success_file, fail_file = Path(folder, "success.xml"), Path(folder, "fail.xml")
        part = write_part([failed(record, *record.errors)])
        join_parts(check(wrong).root, [part], success_file, fail_file)
        returned = fail_file.read_bytes()
    assert b"120,50'.</ErrorMessage>" in returned
    (again,) = records(returned.replace(b"120,50<", b"120.50<"))
    (meant,) = records(SAMPLE)
    assert (again.fields, again.payment_id, again.external_id, again.errors) == (
        meant.fields,
        meant.payment_id,
        meant.external_id,
        (),
    )


def test_a_success_file_can_be_uploaded_to_change_its_payments() -> None:
    success_file, _ = joined(TEN)
    assert [record.payment_id for record in records(success_file)] == [103, 104, 107, 108]


def test_the_file_of_a_given_up_import_can_be_uploaded_as_it_is() -> None:
    """The message under the root is then ignored."""
    _, fail_file = joined(TEN, "given up")
    again = records(fail_file)
    assert [record.external_id for record in again] == ["1", "2", "5", "6", "9", "10"]
    assert all(record.errors == () for record in again)
