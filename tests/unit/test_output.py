"""Records as they go back, with what ConnectWise said about them, and the parts that keep them."""

import copy
import json
from dataclasses import dataclass
from decimal import Decimal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.files.output import (
    MAX_MESSAGE_CHARACTERS,
    MAX_MESSAGES,
    StoredOutcome,
    failed_later,
    failed_record,
    read_part,
    success_record,
    write_part,
)
from payments.files.reader import MAX_RECORD_BYTES
from payments.import_state import Result
from payments.models import Action, Outcome, RecordXml
from unit.payment_files import check, document, payment, raw_records, records, refusal
from unit.records import payment_record, truth_record


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
        (
            "<InvoicePayment><id>3</id><type>P</type></InvoicePayment>",
            "<InvoicePayment><id>7</id><type>P</type></InvoicePayment>",
        ),
        (
            "<InvoicePayment>\n\t<type>P</type>\n</InvoicePayment>",
            "<InvoicePayment>\n\t<id>7</id>\n\t<type>P</type>\n</InvoicePayment>",
        ),
        (
            "<p:InvoicePayment><p:type>P</p:type></p:InvoicePayment>",
            "<p:InvoicePayment><p:id>7</p:id><p:type>P</p:type></p:InvoicePayment>",
        ),
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
            "<InvoicePayment>\n  <id>3</id>\n  <ErrorMessage>old</ErrorMessage>\n"
            "  <ErrorMessage/>\n</InvoicePayment>",
            "<InvoicePayment>\n  <id>3</id>\n  <ErrorMessage>wrong</ErrorMessage>\n"
            "</InvoicePayment>",
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
        *(("</ErrorMessage><id>1</id>", "</ErrorMessage><id>1</id>"), ("É € 払 😀", "É € 払 😀")),
        *(("a\x00b\x0bc\x1b[0md\x7f", "a�b�c�[0md\x7f"), ("half a pair: \ud83d", "half a pair: �")),
        ("not characters: \ufffe\uffff", "not characters: ��"),
        ("line\nbreak\tand tab", "line\nbreak\tand tab"),
    ],
)
def test_any_message_can_be_written(message: str, read_back: str) -> None:
    element = ElementTree.fromstring(fail("<InvoicePayment/>", message))
    assert element.findtext("ErrorMessage") == read_back
    assert len(element) == 1


def test_a_message_reads_in_an_editor_as_it_is_meant() -> None:
    """What it says to write can be copied."""
    written = fail("<InvoicePayment/>", "Write <amount>1</amount> & no more.")
    assert "<ErrorMessage><![CDATA[Write <amount>1</amount> & no more.]]></ErrorMessage>" in written


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


# A fail file can be uploaded again, whatever is said in it

FULL = MAX_RECORD_BYTES - len("<InvoicePayment></InvoicePayment>")
LARGEST = {
    "a value": payment(f"<type>{'x' * (FULL - 13)}</type>"),
    "blanks first": payment(f"{' ' * (FULL - 5)}<id/>"),
    "an indent": payment(f"\n{' ' * 900}<id/><!--{'x' * (FULL - 913)}-->"),
    "a name and nothing else": f"<{'n' * (MAX_RECORD_BYTES // 2 - 3)}/>",
    "a comment": payment(f"<!--{'x' * (FULL - 7)}-->"),
    "a long prefix": f'<{"p" * 5000}:a xmlns:{"p" * 5000}="u">{"x" * 900_000}</{"p" * 5000}:a>',
    "an endless prefix": f'<{"p" * 250_000}:a xmlns:{"p" * 250_000}="u"/>',
}
WORDY = ["&" * 5000] * 500


@pytest.mark.parametrize("record", LARGEST.values(), ids=LARGEST)
def test_the_largest_record_can_be_uploaded_again_with_all_that_is_said_of_it(record: str) -> None:
    once = fail(record, *WORDY)
    assert check(document(once)).total == 1
    assert fail(once, *WORDY) == once


def test_a_record_that_would_grow_too_large_by_its_end_tag_is_refused() -> None:
    assert "record 1 is larger" in refusal(document(f"<{'n' * (MAX_RECORD_BYTES // 2)}/>"))


def test_messages_are_bounded_in_length_and_number() -> None:
    element = ElementTree.fromstring(fail("<InvoicePayment/>", *WORDY))
    texts = [child.text or "" for child in element]
    assert len(texts) == MAX_MESSAGES
    assert texts[-1] == f"And {len(WORDY) - MAX_MESSAGES + 1} more errors."
    assert {len(text) for text in texts[:-1]} == {MAX_MESSAGE_CHARACTERS}


def test_a_record_of_nothing_but_old_messages_is_written_at_once() -> None:
    wrong = payment(" <ErrorMessage>wrong</ErrorMessage>")
    assert fail(payment(" <ErrorMessage/>" * 60_000)) == wrong


# Parts

(RECORD,) = records(document(payment("<id>1</id>\n<amount>10.50</amount><ErrorMessage/>")))


def stored(outcome: Outcome) -> StoredOutcome:
    (found,) = read_part(write_part([outcome]))
    return found


def test_a_part_keeps_all_that_is_needed_of_an_outcome() -> None:
    day = {"paymentDate": "2026-03-02T00:00:00Z"}
    record = payment_record(
        7, external_id="A", invoice_number="INV-1", amount="10.50", other_fields=day
    )
    learned = truth_record("A", 70, 1, amount="10.50", day="2026-03-02T00:00:00Z", accepted=False)
    outcome = Outcome(record, Action.FAILED, 70, ("cut", "a \u20ac"), learned, look_again=5)
    assert stored(outcome) == StoredOutcome(
        7,
        Result(Action.FAILED, Decimal("10.50")),
        70,
        ("cut", "a \u20ac"),
        learned,
        5,
        failed_record(record.xml, ("cut", "a \u20ac")),
        "A",
        "INV-1",
        "2026-03-02T00:00:00Z",
    )


def test_a_part_keeps_what_is_not_known_as_not_known() -> None:
    found = stored(Outcome(payment_record(amount=None, invoice_id=9), Action.CREATED, 7))
    assert found.result == Result(Action.CREATED, None)
    assert (found.learned, found.look_again, found.external_id) == (None, None, None)
    assert found.invoice == "9"
    no_payment = truth_record(invoice_id=None, amount=None, import_id=None, key=None)
    assert stored(Outcome(payment_record(), Action.UPDATED, 7, learned=no_payment)).learned == (
        no_payment
    )


def test_a_part_has_one_line_for_each_record() -> None:
    part = write_part(Outcome(payment_record(n), Action.SKIPPED) for n in range(1, 11))
    assert part.count(b"\n") == 10
    assert [outcome.number for outcome in read_part(part)] == list(range(1, 11))


@pytest.mark.parametrize("text", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85"])
def test_line_breaks_do_not_break_a_records_line(text: str) -> None:
    (record,) = records(document(payment(f"<type>{text}</type>")))
    part = write_part([Outcome(record, Action.FAILED, messages=(text,))])
    assert part.count(b"\n") == 1
    assert text.encode() in stored(Outcome(record, Action.FAILED)).xml


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_connectwise_says_it_can_be_stored_and_sent_on(message: str) -> None:
    """Half a surrogate pair stops whatever encodes it: a table, a queue, an e-mail."""
    (told,) = stored(Outcome(RECORD, Action.FAILED, messages=(message,))).messages
    ElementTree.fromstring(failed_record(RECORD.xml, (told,)))
    assert told.encode().decode() == told


def test_a_success_that_is_looked_at_again_can_still_become_a_failure_as_it_came() -> None:
    found = stored(Outcome(RECORD, Action.CREATED, 99, look_again=5))
    assert b"<id>99</id>" in found.xml
    assert failed_later(found, ("twice",)) == failed_record(RECORD.xml, ("twice",))
    other = stored(Outcome(RECORD, Action.CREATED, 99))
    assert failed_later(other, ("twice",)) == failed_record(raw_xml(other.xml), ("twice",))


def raw_xml(record: bytes) -> RecordXml:
    return xml_of(record.decode())


def test_a_part_of_the_first_version_is_understood() -> None:
    line = {"record": 3, "action": "Updated", "messages": [], "xml": "<InvoicePayment/>"}
    (found,) = read_part(json.dumps(line).encode() + b"\n")
    assert (found.number, found.result, found.xml) == (
        3,
        Result(Action.UPDATED),
        b"<InvoicePayment/>",
    )
