"""Files in any encoding that XML allows, told by their first bytes."""

import codecs
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.files.encoding import utf8_blocks
from unit.payment_files import blocks_of, check, document, payment, records, refusal

# Every encoding has these characters; some have more.
ASCII_TYPE = "pay ~ & {}"
BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
DECLARATION = '<?xml version="1.0" encoding="{}"?>'


def text(value: str, declaration: str = "") -> str:
    escaped = value.replace("&", "&amp;")
    return document(payment(f"<type>{escaped}</type>"), before=declaration).decode()


def declared(value: str, encoding: str) -> bytes:
    """Return a file that is what it says."""
    return text(value, DECLARATION.format(encoding)).encode(encoding)


def type_of(content: bytes) -> object:
    (record,) = records(content)
    assert record.errors == ()
    assert record.fields is not None
    return record.fields["type"]


@pytest.mark.parametrize("encoding", BOMS)
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    assert type_of(BOMS[encoding] + text("É € 払 😀").encode(encoding)) == "É € 払 😀"


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("stated", ["utf-8", "UTF-16", "iso-8859-1", "no-such-thing"])
def test_a_byte_order_mark_goes_before_what_the_declaration_says(
    encoding: str, stated: str
) -> None:
    content = text("É € 払 😀", DECLARATION.format(stated)).encode(encoding)
    assert type_of(BOMS[encoding] + content) == "É € 払 😀"


@pytest.mark.parametrize("encoding", BOMS)
def test_without_a_mark_the_first_character_tells_the_family(encoding: str) -> None:
    assert type_of(text("É € 払 😀").encode(encoding)) == "É € 払 😀"
    content = text("É € 払 😀", DECLARATION.format("UTF-16")).encode(encoding)
    if encoding != "utf-8":
        assert type_of(content) == "É € 払 😀"


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        *(
            ("utf-8", "É € 払 😀"),
            ("UTF8", "É € 払 😀"),
            ("us-ascii", "plain"),
            ("iso-8859-1", "É £"),
        ),
        *(("ISO-8859-15", "É €"), ("windows-1252", "É € “x”"), ("windows-1251", "Платёж")),
        *(
            ("shift_jis", "支払い"),
            ("euc-jp", "支払い"),
            ("iso-2022-jp", "支払い"),
            ("gb18030", "付款 😀"),
        ),
        *(
            ("gbk", "付款"),
            ("big5", "付款"),
            ("euc-kr", "지불"),
            ("koi8-r", "Платёж"),
            ("cp037", "É £"),
        ),
        ("cp500", "É £"),
    ],
)
def test_a_declared_encoding_is_decoded(encoding: str, value: str) -> None:
    assert type_of(declared(value, encoding)) == value
    assert type_of(declared(ASCII_TYPE, encoding)) == ASCII_TYPE


@pytest.mark.parametrize(
    "declaration",
    [
        '<?xml version="1.0" encoding="iso-8859-1"?>',
        "<?xml version='1.0' encoding='ISO-8859-1' standalone='yes'?>",
        '<?xml version="1.0"\n\tencoding = "latin1" ?>',
    ],
)
def test_a_declaration_may_be_written_in_any_way(declaration: str) -> None:
    assert type_of(text("É", declaration).encode("latin-1")) == "É"


def test_without_mark_and_declaration_it_is_utf_8() -> None:
    assert type_of(text("É").encode()) == "É"
    assert refusal(text("É").encode("latin-1")).startswith("line 1, column ")


def test_an_encoding_in_the_text_is_no_declaration() -> None:
    content = text('encoding="utf-16"', '<?xml version="1.0"?>').encode()
    assert type_of(content) == 'encoding="utf-16"'


@given(
    st.sampled_from(["utf-16", "utf-32-be", "shift_jis", "gb18030", "cp037"]), st.integers(1, 50)
)
def test_characters_are_put_together_wherever_the_blocks_end(encoding: str, size: int) -> None:
    value = "É £" if encoding == "cp037" else "あ支払いい"
    content = declared(value, encoding)
    with blocks_of(size):
        assert type_of(content) == value


@given(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.sampled_from(sorted(BOMS)),
    st.integers(1, 50),
)
def test_what_is_read_is_the_same_text_in_utf_8(value: str, encoding: str, size: int) -> None:
    file = io.BytesIO(BOMS[encoding] + value.encode(encoding))
    with blocks_of(size):
        assert b"".join(utf8_blocks(file)) == value.encode()


# What is refused


@pytest.mark.parametrize(
    "encoding",
    [
        "no-such-thing",
        "x" * 200,
        "base64",
        "hex",
        "rot13",
        "zip",
        "utf-7",
        "utf_7",
        "idna",
        "punycode",
        "undefined",
        "unicode_escape",
        "unicode-escape",
        "raw_unicode_escape",
        "raw-unicode-escape",
    ],
)
def test_an_encoding_that_is_none_for_xml_is_refused_by_name(encoding: str) -> None:
    message = refusal(text(r"\ud800", DECLARATION.format(encoding)).encode())
    assert message.startswith("line 1, column 1: ")
    assert encoding in message


@pytest.mark.parametrize("encoding", ["utf-16", "UTF-16LE", "utf-32", "UTF-32BE"])
def test_a_file_that_only_says_that_it_is_utf_16_is_refused(encoding: str) -> None:
    message = refusal(text("x", DECLARATION.format(encoding)).encode())
    assert message.startswith("line 1, column 1: ")
    assert encoding in message


@pytest.mark.parametrize(
    ("encoding", "stated"),
    [("utf-8", "cp037"), ("cp037", "utf-8"), ("cp037", "utf-16"), ("latin-1", "utf-8")],
)
def test_a_file_of_another_encoding_than_it_says_is_refused(encoding: str, stated: str) -> None:
    content = text("É", DECLARATION.format(stated)).encode(encoding)
    assert refusal(content).startswith("line 1, column ")


@pytest.mark.parametrize(
    ("encoding", "invalid"),
    [
        *(("us-ascii", b"\xe9"), ("windows-1252", b"\x81"), ("shift_jis", b"\x81\xff")),
        *(("euc-jp", b"\xff"), ("gb18030", b"\x81\x30\x81\xff"), ("big5", b"\x81\x00")),
        *(("utf-16-le", b"\x00\xdc"), ("utf-16-be", b"\xd8\x00\x00A")),
        *(("utf-32-le", b"\xff\xff\xff\xff"), ("utf-32-be", b"\x00\x00\xd8\x00")),
    ],
)
def test_invalid_bytes_are_refused_at_their_place_wherever_the_blocks_end(
    encoding: str, invalid: bytes
) -> None:
    mark = BOMS.get(encoding, b"")
    before = "<InvoicePayments>\n<InvoicePayment>\n <type>" if mark else declared_start(encoding)
    content = mark + before.encode(encoding) + invalid + "</type>".encode(encoding)
    messages = set()
    for size in (*range(1, 50), 64 * 1024):
        with blocks_of(size):
            messages.add(refusal(content))
    (message,) = messages
    assert message.startswith("line 3, column 8: byte 0x")
    assert "UTF-8" in message


def declared_start(encoding: str) -> str:
    return DECLARATION.format(encoding) + "<InvoicePayments>\n<InvoicePayment>\n <type>"


def test_invalid_utf_8_is_refused_at_its_place() -> None:
    content = b"<InvoicePayments>\n<InvoicePayment>\n <type>\xc3\x28</type>"
    assert refusal(content).startswith("line 3, column 8: ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
def test_half_a_surrogate_pair_is_refused(encoding: str) -> None:
    half = "\ud800".encode(encoding, "surrogatepass")
    content = text("@").encode(encoding).replace("@".encode(encoding), half)
    assert refusal(BOMS[encoding] + content).startswith("line 1, column ")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "shift_jis", "gb18030"])
def test_half_a_character_behind_the_root_is_refused(encoding: str) -> None:
    content = declared("x", encoding)
    assert check(content).total == 1
    assert "in the middle of a character" in refusal(content + b"\x81")


def test_characters_that_xml_forbids_are_refused_in_every_encoding() -> None:
    for encoding in ("utf-8", "utf-16", "shift_jis", "cp037"):
        assert "U+0001 is not allowed" in refusal(declared("\x01", encoding))


@given(st.sampled_from(sorted(BOMS)), st.binary(max_size=40))
def test_whatever_follows_the_mark_nothing_but_a_refusal_happens(
    encoding: str, content: bytes
) -> None:
    assert refusal(BOMS[encoding] + content)


def test_amounts_are_the_same_in_every_encoding() -> None:
    for encoding in ("utf-8", "utf-16", "utf-32", "latin-1", "shift_jis", "gb18030", "cp037"):
        content = document(payment("<amount>12.50</amount>"), before=DECLARATION.format(encoding))
        (record,) = records(content.decode().encode(encoding))
        assert record.amount == Decimal("12.50")
        assert check(content.decode().encode(encoding)).total == 1
