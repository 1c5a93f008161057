"""Which files are read, and as what; which are refused, and where."""

import io
import re
from contextlib import suppress
from dataclasses import dataclass
from xml.parsers.expat import errors
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import FileRefused
from payments.files.mistakes import explain
from payments.files.reader import (
    MAX_DEPTH,
    MAX_MESSAGES_BYTES,
    MAX_RECORD_BYTES,
    MAX_ROOT_TAG_BYTES,
    _Reader,
)
from payments.import_state import Root
from unit.payment_files import (
    SAMPLE,
    blocks_of,
    check,
    document,
    payment,
    raw_records,
    records,
    refusal,
)

AMOUNTS = [payment(f"<amount>{amount}</amount>") for amount in (1, 2, 3)]


def amounts(content: bytes) -> list[str]:
    return [str(record.amount) for record in records(content)]


# What is read


def test_records_are_read_in_order_and_numbered_from_one() -> None:
    found = records(document(*AMOUNTS))
    assert [(record.number, str(record.amount)) for record in found] == [
        (1, "1"),
        (2, "2"),
        (3, "3"),
    ]
    assert check(document(*AMOUNTS)).total == 3


@pytest.mark.parametrize(("after", "numbers"), [(0, [1, 2, 3]), (2, [3]), (3, [])])
def test_reading_goes_on_behind_any_record(after: int, numbers: list[int]) -> None:
    assert [raw.number for raw in raw_records(document(*AMOUNTS), after)] == numbers


@pytest.mark.parametrize(
    "content",
    [
        *(b"<InvoicePayments/>", b"<InvoicePayments></InvoicePayments>"),
        b"<InvoicePayments>\r\n\t </InvoicePayments>\n",
        b"<InvoicePayments><!-- nothing today --></InvoicePayments>",
        b"<InvoicePayments><![CDATA[ \n ]]></InvoicePayments>",
    ],
)
def test_a_file_without_records_is_no_mistake(content: bytes) -> None:
    assert check(content).total == 0


@pytest.mark.parametrize(
    "content",
    [
        b'<InvoicePayments xmlns="urn:payments"><InvoicePayment><amount>1</amount>'
        b"</InvoicePayment></InvoicePayments>",
        b'<p:InvoicePayments xmlns:p="urn:payments"><p:InvoicePayment><p:amount>1</p:amount>'
        b"</p:InvoicePayment></p:InvoicePayments>",
        b'<p:InvoicePayments xmlns:p="urn:a"><q:InvoicePayment xmlns:q="urn:b"><amount>1</amount>'
        b"</q:InvoicePayment></p:InvoicePayments>",
        b'<InvoicePayments><InvoicePayment xmlns="urn:b"><amount xmlns="">1</amount>'
        b"</InvoicePayment></InvoicePayments>",
    ],
)
def test_elements_are_known_by_their_local_names(content: bytes) -> None:
    assert amounts(content) == ["1"]


@pytest.mark.parametrize(
    "content",
    [
        *("<amount><![CDATA[1]]></amount>", "<amount><!-- one -->1<!-- pound --></amount>"),
        *("<amount>&#49;</amount>", "<amount>\n  1\t</amount>"),
        *("<!-- <amount>2</amount> --><amount>1</amount>", "<?amount 2?><amount><?a b?>1</amount>"),
    ],
)
def test_comments_cdata_and_instructions_do_not_matter(content: str) -> None:
    assert amounts(document(payment(content))) == ["1"]


XSI = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ("a='>' b=\"/>\"", ('a=">"', 'b="/>"')),
        ("xmlns:p='urn:p' p:a='1'", ('p:a="1"',)),
        (f"{XSI} i:nil='true' i:type='t' xml:lang='de' xmlns:q='urn:q' xmlns='urn:r'", ()),
        ("nil='true'", ('nil="true"',)),
    ],
)
def test_attributes_are_handed_over_as_they_are_written(
    attributes: str, written: tuple[str, ...]
) -> None:
    (raw,) = raw_records(
        document(f"<InvoicePayment {attributes}><a {attributes}/></InvoicePayment>")
    )
    assert raw.element.attributes == written
    assert raw.element.children[0].attributes == written


def test_text_is_put_together_from_its_pieces() -> None:
    content = "<type>a<![CDATA[<b>]]>&amp;<!-- -->c</type>"
    (record,) = records(document(payment(content)))
    assert record.fields == {"type": "a<b>&c"}


def test_comments_and_instructions_may_stand_anywhere() -> None:
    before = '<?xml version="1.0"?><!-- a --><?b c?>\n<!-- d -->'
    content = document("<!-- e -->", *AMOUNTS, "<?f?>", before=before) + b"<!-- g --><?h?>\n"
    assert amounts(content) == ["1", "2", "3"]


def test_other_children_of_the_root_are_records_too() -> None:
    """So that none is lost in silence; reading their values rejects them."""
    found = records(document(AMOUNTS[0], "<Payment/>", AMOUNTS[1]))
    assert [record.number for record in found] == [1, 2, 3]
    assert [bool(record.errors) for record in found] == [False, True, False]


def test_the_roots_own_error_message_is_no_record() -> None:
    """It is what a refused file's fail file holds."""
    content = document("<ErrorMessage>line 2 <b>was</b> wrong</ErrorMessage>", *AMOUNTS)
    assert check(content).total == 3
    assert amounts(content) == ["1", "2", "3"]


def test_an_error_message_in_a_namespace_is_no_record_either() -> None:
    content = document("<ErrorMessage/>", *AMOUNTS, root='InvoicePayments xmlns="urn:payments"')
    assert check(content).total == 3


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<InvoicePayments>", Root()),
        (
            "<InvoicePayments xml:base='>' xmlns=\"urn:x\" >",
            Root(b"<InvoicePayments xml:base='>' xmlns=\"urn:x\" >", b"</InvoicePayments>"),
        ),
        (
            '<p:InvoicePayments\n xmlns:p="urn:x">',
            Root(b'<p:InvoicePayments\n xmlns:p="urn:x">', b"</p:InvoicePayments>"),
        ),
    ],
)
def test_the_roots_tags_are_kept(tag: str, expected: Root) -> None:
    content = tag.encode() + payment("").encode() + expected.end_tag
    assert check(b'<?xml version="1.0"?>\n<!-- x -->' + content).root == expected


@pytest.mark.parametrize("tag", [b'<InvoicePayments xmlns="/"/>', b'<InvoicePayments xmlns="/" />'])
def test_an_empty_root_is_opened(tag: bytes) -> None:
    assert check(tag).root == Root(b'<InvoicePayments xmlns="/">', b"</InvoicePayments>")


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ("currency='EUR'", 'the attribute currency="EUR": attributes are not read. An amount is'),
        ("p:total='9' xmlns:p='u'", 'the attribute p:total="9": attributes are not read. Write'),
        ("currencyID='EUR' paymentDate='2026-11-01'", 'currencyID="EUR", paymentDate="2026-11-01"'),
    ],
)
def test_an_attribute_of_the_root_refuses_the_file_by_name(attributes: str, told: str) -> None:
    """What stands there is about every amount, and must not be believed in silence."""
    content = document(*AMOUNTS, root=f"InvoicePayments {attributes}")
    assert f"<InvoicePayments> has the attribute{'s' * (', ' in told)}" in refusal(content)
    assert told in refusal(content)


def test_what_is_only_about_xml_may_be_an_attribute_of_the_root() -> None:
    content = document(*AMOUNTS, root=f"InvoicePayments {XSI} i:schemaLocation='a b' xml:lang='de'")
    assert check(content).total == len(AMOUNTS)


# The bytes of each record


@dataclass(frozen=True)
class Source:
    """A record's bytes, and what must be found in them."""

    whole: bytes
    content: bytes
    payment_id: bytes | None = None
    error_messages: tuple[bytes, ...] = ()


def around(start: bytes, content: bytes, end: bytes, payment_id: bytes | None = None) -> Source:
    """Return a record with a start tag and an end tag."""
    return Source(start + content + end, content, payment_id)


START, END = b"<InvoicePayment>", b"</InvoicePayment>"
MESSAGES = (b"<ErrorMessage>a</ErrorMessage>", b"<ErrorMessage />")
SOURCES = [
    Source(b"<InvoicePayment/>", b""),
    Source(b"<InvoicePayment a='/>' />", b""),
    around(START, b"", END),
    around(START, b"<id/><amount>1</amount>", END, b"<id/>"),
    around(
        b"<InvoicePayment\n>", b"\r\n\t<id >5</id\n>\r\n", b"</InvoicePayment >", b"<id >5</id\n>"
    ),
    around(START, b"<!-- <id>1</id></InvoicePayment> --><id>2</id>", END, b"<id>2</id>"),
    around(START, b"<![CDATA[</InvoicePayment><id>1</id>]]><?id </id>?>", END),
    around(START, b"<invoice><id>3</id></invoice><id>4</id>", END, b"<id>4</id>"),
    around(START, b"<id a='>'><!-- </id> -->4</id>", END, b"<id a='>'><!-- </id> -->4</id>"),
    around(START, "<type>É€😀</type><id>😀</id>".encode(), END, "<id>😀</id>".encode()),
    around(
        b"<p:InvoicePayment xmlns:p='u>' b=\"'/>\">",
        b"<p:id>9</p:id>",
        b"</p:InvoicePayment>",
        b"<p:id>9</p:id>",
    ),
    around(b"<Other>", b"<id/>", b"</Other>", b"<id/>"),
    Source(START + b" ".join(MESSAGES) + END, b" ".join(MESSAGES), error_messages=MESSAGES),
]
SEPARATORS = [b"", b"\n  ", b"<!-- a longer comment than a block -->", b"<?pi?>\r\n"]


@given(
    st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from(SEPARATORS)), max_size=6),
    st.integers(1, 50),
)
def test_every_record_keeps_its_own_bytes_wherever_the_blocks_end(
    parts: list[tuple[Source, bytes]], block_size: int
) -> None:
    body = b"".join(source.whole + separator for source, separator in parts)
    with blocks_of(block_size):
        found = raw_records(b"<InvoicePayments>" + body + b"</InvoicePayments>")
    assert [raw.xml.source for raw in found] == [source.whole for source, _ in parts]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.whole.decode())
def test_the_parts_of_a_record_are_found_wherever_the_blocks_end(source: Source) -> None:
    for block_size in (*range(1, 50), 64 * 1024):
        with blocks_of(block_size):
            (raw,) = raw_records(b"<InvoicePayments>\n " + source.whole + b"</InvoicePayments>")
        xml = raw.xml
        assert xml.source[slice(*xml.content)] == source.content
        own_id = None if xml.payment_id is None else xml.source[slice(*xml.payment_id)]
        assert own_id == source.payment_id
        messages = tuple(xml.source[slice(*span)] for span in xml.error_messages)
        assert messages == source.error_messages


def test_a_record_behind_a_long_token_at_the_end_is_read_wherever_the_blocks_end() -> None:
    """The parser may put off, until it knows that the file has ended, what follows the token."""
    last = payment("<amount>2</amount><!--" + "x" * 200 + "-->")
    content = document(AMOUNTS[0], last)
    for block_size in range(1, len(content)):
        with blocks_of(block_size):
            assert amounts(content) == ["1", "2"], f"in blocks of {block_size}"


# What is refused


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"\0" * 2000, b"\xff" * 2000, b"<", b"<InvoicePayments>"),
        *(b"<InvoicePayments/>text", b"text<InvoicePayments/>", b"<InvoicePayments a=1/>"),
        b"<InvoicePayments><InvoicePayment></InvoicePayments>",
        b"<InvoicePayments><InvoicePayment/></invoicepayments>",
        b"<InvoicePayments><InvoicePayment><type>a\0</type></InvoicePayment></InvoicePayments>",
        *(b"<InvoicePayments><!-- -- --></InvoicePayments>", b'<InvoicePayments xmlns="a}b"/>'),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_place(content: bytes) -> None:
    assert re.match(r"line [1-9][0-9]*, column [1-9][0-9]*: ", refusal(content))


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \n"])
def test_an_empty_file_is_told_from_one_that_is_wrong(content: bytes) -> None:
    assert "the file is empty" in refusal(content)


AMPERSAND = "the ampersand (&) that stands here has a meaning of its own in XML"
LESS_THAN = "the less-than sign (<) that stands here begins no tag"
MISTAKES = [
    *(("Smith & Sons", 7, AMPERSAND), ("A&B</type>", 2, AMPERSAND), ("&;", 1, AMPERSAND)),
    *(("a &\u00e9\u00e9 b", 3, AMPERSAND), ("A &amp B", 3, AMPERSAND), ("&#;", 1, AMPERSAND)),
    ("<b a='1 & 2'/>", 9, AMPERSAND),
    (
        "Bank&nbsp;1",
        5,
        "nbsp, between an ampersand and a semicolon, is not known in XML: write #160",
    ),
    ("&who;", 1, "who, between an ampersand and a semicolon, is not known in XML: write the char"),
    ("&#4; none", 1, "#4, between an ampersand and a semicolon, stands for a character that XML"),
    ("Bank\x0b 1", 5, "the control character U+000B is not allowed"),
    ("Caf\udce9 Z", 4, "byte 0xE9 (é in windows-1252) is no UTF-8: save the file as UTF-8, or"),
    ("Caf\udc81 Z", 4, "byte 0x81 is no UTF-8: save the file as UTF-8, or have its first line"),
    ("a\ufffe", 2, "the character U+FFFE is not allowed"),
    *(("1 < 2", 4, LESS_THAN), ("1<2", 3, LESS_THAN), ("<b a='<'/>", 7, LESS_THAN)),
    *(("< b/>", 2, LESS_THAN), ("<1b/>", 2, LESS_THAN)),
    ("a]]>b", 4, "]]> must not stand in a text"),
    ("<!-- a -- b -->", 10, "two hyphens"),
    ("<b>1</type>", 7, "</type> stands where </b> must"),
    ("<b a='1' a='2'/>", 10, "an attribute is given twice"),
    ("<p:b/>", 1, "the prefix before the colon is not declared"),
    ("<b xmlns:p=''/>", 1, "a prefix is declared without a namespace"),
    *(
        (f"<b xmlns:{name}/>", 1, "a prefix is declared here that XML keeps")
        for name in ("xml='u'", "xmlns='u'", "p='http://www.w3.org/XML/1998/namespace'")
    ),
    *(("<b a=1/>", 6, "in straight quotation marks"), ("<b a/>", 5, "an attribute needs a =")),
    *(("<b c/>", 5, "a name must have no blank"), ("<b a='1'c='2'/>", 9, "blank between two")),
    *(
        ("<b a=\u201c1\u201d/>", 6, "a typographic quotation mark"),
        ("<b></b c>", 8, "an end tag holds"),
    ),
    *(("<b</type>", 3, "the tag before this has no >"), ("<b:c:d/>", 5, "cannot stand in a tag")),
    *(("<![cdata[x]]>", 4, "in capital letters"), ("<!x>", 3, "neither a comment nor")),
    *(
        ("<?xml version='1.0'?>", 1, "something stands before <?xml"),
        ("<!-- x", 1, "cut off, or what"),
    ),
    ("<![CDATA[x", 18, "the file is cut off, or what begins here is never closed"),
]


@pytest.mark.parametrize(
    ("value", "column", "reason"), MISTAKES, ids=lambda value: repr(value)[:20]
)
def test_a_mistake_is_told_with_its_place_and_what_to_write_instead(
    value: str, column: int, reason: str
) -> None:
    """In words of whoever keeps the books, not in the parser's."""
    content = f"<InvoicePayments>\n<InvoicePayment><type>\n{value}</type>"
    message = refusal(content.encode(errors="surrogateescape"))
    assert message.startswith(f"line 3, column {column}: ")
    assert reason in message


@pytest.mark.parametrize("value", [value for value, _, _ in MISTAKES], ids=repr)
def test_what_is_told_of_a_mistake_means_the_same_in_the_text_of_the_fail_file(value: str) -> None:
    """There an & is written &amp; so that `&amp;` would be taken for something to be copied."""
    content = f"<InvoicePayments>\n<InvoicePayment><type>\n{value}</type>"
    written = escape(refusal(content.encode(errors="surrogateescape")))
    assert not re.search(r"&amp;#?\w+;", written)


# What a parser without DTDs, and without anybody who stops it, does not come to.
NEVER_MET = (23, 26, *range(33, 38), 41, 42)


@pytest.mark.parametrize("code", errors.messages)
@pytest.mark.parametrize("source", [b"<a>&b;</c>", b"", b"text", b"<a b"], ids=repr)
def test_every_error_of_the_parser_has_words_of_ours(code: int, source: bytes) -> None:
    """Also those that nothing is known to cause."""
    for at in range(len(source) + 1):
        told, _ = explain(code, source, at, ["a"])
        assert errors.messages[code] not in told
        assert ("cannot be read on here" in told) <= (code in (*NEVER_MET, 2, 4))


def test_an_error_that_the_parser_will_only_have_later_has_words_too() -> None:
    assert "export it again" in explain(10_000, b"<a>", 3, ["a"])[0]


@given(st.sampled_from(["sample", "rich"]), st.data())
def test_whatever_character_is_put_into_a_file_more_is_told_than_that_it_is_wrong(
    which: str, data: st.DataObject
) -> None:
    content = (SAMPLE if which == "sample" else RICH).decode()
    at = data.draw(st.integers(0, len(content)))
    put = data.draw(st.sampled_from([*"<>&\"'/=! ?-[];:#x1\n\x01\u00e9\u201c\xa0", ""]))
    gone = data.draw(st.integers(0, 1))
    changed = (content[:at] + put + content[at + gone :]).encode()
    with suppress(FileRefused):
        check(changed)
        return
    assert "cannot be read on here" not in refusal(changed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n<?xml version='1.0'?><InvoicePayments/>", "line 2, column 1: something stands before"),
        (b"<InvoicePayments/>\n<a/>", "line 2, column 1: something stands behind the end"),
        *(
            (b"<InvoicePayments/>\n" + behind, "make it a file of its own")
            for behind in (b"<?xml version='1.0'?><InvoicePayments/>", b"<InvoicePayments/>")
        ),
        (b"<InvoicePayments><?xml version='1.0'?>", "make it a file of its own"),
        (
            b"<InvoicePayments>\n oops<a/>",
            "line 2, column 2: there is text outside of any record, 'oo",
        ),
        (b"<InvoicePayments/>\0\0", "line 1, column 19: the control character U+0000"),
        *(
            (f"<?{declared}?><InvoicePayments/>".encode(), "the file's first line is not correct")
            for declared in (
                *("XML version='1.0'", "xml version=1.0", "xml encoding='utf-8'"),
                *("xml version=\u201c1.0\u201d", "xml version='1.0' standalone='maybe'"),
            )
        ),
    ],
)
def test_what_is_wrong_with_a_file_as_a_whole_is_told(content: bytes, reason: str) -> None:
    assert reason in refusal(content)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml", "an Excel or Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel or Word document of an old kind"),
        *(
            (start, "a packed archive")
            for start in (b"PK\x03\x04a.xml", b"\x1f\x8b\x08", b"Rar!\x1a")
        ),
        *((b"%PDF-1.7\n%\xe2\xe3", "a PDF document"), (b"\x89PNG\r\n\x1a\n", "a picture")),
        *((b"{\\rtf1", "a text of a word processor"), (b"\xff\xd8\xff\xe0", "a picture")),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "what a Mac leaves beside a copied file"),
        *((b"\n<!doctype HTML><html>", "a web page"), (b"<html><br></html>", "a web page")),
        *((b'{"payments": []}', "JSON"), (b" [1]", "JSON")),
        *((b"invoice,amount\n1,10\n", "a table"), (b"\xef\xbb\xbfinvoice;amount", "a table")),
        ("invoice\tamount\n".encode("utf-16"), "a table"),
        (b"Hello", "the file is not XML"),
    ],
)
def test_what_is_no_xml_is_told_by_what_it_is(content: bytes, named: str) -> None:
    """And what to do instead."""
    message = refusal(content)
    assert message.startswith("line 1, column 1: ")
    assert named in message
    assert message.endswith(("<InvoicePayments>.", "that is in it.", "Upload the file itself."))


@pytest.mark.parametrize(
    ("root", "told"),
    [
        *(("Workbook", "an Excel workbook"), ("html", "a web page"), ("Error", "fetch the file")),
        *(("InvoicePayment", "Put the records into one <InvoicePayments>"), ("Document", "a bank")),
        *(("invoicePayments", "capital letters count"), ("ArrayOfInvoicePayment", "Rename it")),
        *(("TruthRecords", "truth import"), ("Invoices", "Export the payments as XML")),
        *(("Envelope", "a web service"), ("ENVELOPE", "from Tally")),
    ],
)
def test_another_root_is_told_with_what_to_do(root: str, told: str) -> None:
    message = refusal(f"<{root}/>".encode())
    assert f"the root element is <{root}>, but must be <InvoicePayments>. " in message
    assert told in message


def test_a_long_line_of_separators_is_told_at_once() -> None:
    """In time that grows with the line, not with its square."""
    assert "a table" in refusal(b"a" + b"," * 60_000 + b"<")


def test_line_and_column_point_at_the_mistake() -> None:
    content = (
        b"<InvoicePayments>\n  <InvoicePayment>\n    &oops;</InvoicePayment></InvoicePayments>"
    )
    assert refusal(content).startswith("line 3, column 5: ")


def test_line_and_column_point_at_the_mistake_wherever_the_blocks_end() -> None:
    content = b"<InvoicePayments>\n <InvoicePayment>\n  <a>1</b></InvoicePayment></InvoicePayments>"
    places = set()
    for size in range(1, 50):
        with blocks_of(size):
            places.add(refusal(content).partition(":")[0])
    assert places == {"line 3, column 9"}


@pytest.mark.parametrize(
    "root", ["invoicepayments", "InvoicePayment", "Invoices", "html", "x" * 5000]
)
def test_another_root_is_refused_by_name(root: str) -> None:
    message = refusal(f"\n<{root}><InvoicePayment/></{root}>".encode())
    assert message.startswith("line 2, column 1: ")
    assert root[:100] in message
    assert len(message) < 300


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE InvoicePayments>",
        "<!DOCTYPE InvoicePayments []>",
        '<!DOCTYPE InvoicePayments SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE InvoicePayments PUBLIC "-//X" "http://127.0.0.1/x.dtd">',
        '<!DOCTYPE InvoicePayments [<!ENTITY e "1">]>',
        '<!DOCTYPE InvoicePayments [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE InvoicePayments [<!ENTITY % e SYSTEM "http://127.0.0.1/x"> %e;]>',
        f'<!DOCTYPE InvoicePayments [<!ENTITY e0 "lol">{BOMB}]>',
    ],
)
def test_a_document_type_is_refused_whatever_it_declares(doctype: str) -> None:
    message = refusal(document(payment("<amount>1</amount>"), before=f"\n{doctype}"))
    assert message.startswith("line 2, column ")
    assert "not allowed" in message


def test_what_stands_in_a_refused_document_type_is_not_in_the_message() -> None:
    doctype = '<!DOCTYPE InvoicePayments [<!ENTITY e "hush">]>'
    assert "hush" not in refusal(document(before=doctype))


def test_a_document_type_inside_of_comments_and_cdata_is_only_text() -> None:
    text = "<type><![CDATA[<!DOCTYPE a>]]></type>"
    assert check(document(payment(text), before="<!-- <!DOCTYPE a> -->")).total == 1


@pytest.mark.parametrize(
    "content",
    [
        document("stray", *AMOUNTS),
        document(*AMOUNTS, "\n0"),
        document(AMOUNTS[0], "<![CDATA[x]]>", AMOUNTS[1]),
        document(AMOUNTS[0], "&#65;"),
    ],
)
def test_text_between_records_is_refused(content: bytes) -> None:
    assert "text" in refusal(content)


def test_text_directly_inside_of_a_record_is_the_records_own_mistake() -> None:
    found = records(document(payment("stray<amount>1</amount>"), *AMOUNTS))
    assert [bool(record.errors) for record in found] == [True, False, False, False]


def test_elements_may_be_nested_only_so_deep() -> None:
    """Far deeper than any payment; the root, the record and its field count too."""

    def nested(depth: int) -> bytes:
        levels = depth - 2
        return document(payment("<a>" * levels + "</a>" * levels))

    assert check(nested(MAX_DEPTH)).total == 1
    assert str(MAX_DEPTH) in refusal(nested(MAX_DEPTH + 1))
    assert "deep" in refusal(nested(100_000))


def test_the_record_that_is_too_large_is_named() -> None:
    content = document(*AMOUNTS, payment("x" * 3 * MAX_RECORD_BYTES), *AMOUNTS)
    assert "record 4 " in refusal(content)


def test_a_root_tag_that_is_too_long_to_keep_is_refused() -> None:
    assert "root" in refusal(document(root=f"InvoicePayments xmlns:a='{'x' * MAX_ROOT_TAG_BYTES}'"))


# Cut off

RICH = document(
    payment("<id>1</id><!-- é --><invoice><identifier><![CDATA[A]]></identifier></invoice>"),
    "\n",
    payment("<amount a='b'>1</amount>"),
    root='p:InvoicePayments xmlns:p="urn:x"',
    before='<?xml version="1.0" encoding="utf-8"?>\n<!-- c -->',
)


@pytest.mark.parametrize("content", [SAMPLE, RICH], ids=["sample", "rich"])
def test_a_file_cut_off_at_any_byte_is_refused(content: bytes) -> None:
    check(content)
    for length in range(len(content)):
        assert "cut off" in refusal(content[:length])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "shift_jis", "cp037"])
def test_a_file_of_another_encoding_cut_off_at_any_byte_is_refused(encoding: str) -> None:
    before = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    content = document(payment("<amount>1</amount>"), before=before).decode().encode(encoding)
    check(content)
    for length in range(len(content)):
        message = refusal(content[:length])
        # The first three bytes of EBCDIC are like any.
        assert "cut off" in message or (encoding == "cp037" and length < 4)


# Memory


@pytest.mark.parametrize(
    "written",
    ["<a{0}/>", "<a b{0}='1'/>", "<a xmlns:p{0}='u'/>", "<p{0}:a xmlns:p{0}='u'/>"],
    ids=["elements", "attributes", "prefixes", "elements with prefixes"],
)
def test_a_file_of_endless_different_names_is_refused(written: str) -> None:
    """The parser keeps each of them for good."""
    fields = "".join(written.format(number) for number in range(20))
    content = document(payment(fields), *(payment(written.format(n)) for n in range(20_000)))
    assert "different names" in refusal(content)
    assert check(document(*[payment(fields)] * 1000)).total == 1000


def test_instructions_with_endless_different_names_are_forgotten() -> None:
    reader = _Reader(after=None)
    body = "".join(f"<?p{number}?>" for number in range(200_000)).encode()
    assert not list(reader.read(io.BytesIO(b"<InvoicePayments>" + body + b"</InvoicePayments>")))
    assert len(reader._expat.intern) < 50_000


@pytest.mark.parametrize("after", range(4))
def test_records_that_are_passed_over_are_looked_at_all_the_same(after: int) -> None:
    wrong = payment("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH)
    for place in range(4):
        content = document(*AMOUNTS[:place], wrong, *AMOUNTS[place:])
        with pytest.raises(FileRefused, match="nested"):
            raw_records(content, after)


def test_a_record_is_not_larger_for_the_error_messages_in_it() -> None:
    """What comes out of a fail file is read again, though our messages have made it larger."""
    messages = "\n <ErrorMessage>" + "x" * (MAX_MESSAGES_BYTES - 200) + "</ErrorMessage>"
    content = payment(" " * (MAX_RECORD_BYTES - len(payment("")) - 1) + "." + messages)
    assert check(document(content)).total == 1
    for larger in (content.replace(".", ".."), content.replace("xx", "xxxx")):
        assert "record 1 is larger" in refusal(document(larger))


def test_the_fail_file_of_a_file_that_was_refused_as_a_whole_is_told_from_one_without_records() -> (
    None
):
    """Uploaded again, it must not pass as an import of nothing."""
    assert check(document()).total == 0
    told = refusal(document("<ErrorMessage>line 2, column 5: cut off</ErrorMessage>"))
    assert "correct the original file, and upload that one" in told
