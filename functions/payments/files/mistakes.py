"""Say in a bookkeeper's words why a file is not well-formed, and what to write instead."""

from __future__ import annotations

import re
from html.entities import name2codepoint
from xml.parsers.expat import errors

HALF_A_CHARACTER = "the file is cut off: it ends in the middle of a character. Export it again."
_CUT_OFF = "the file is cut off: it ends before its root element does. Export it again."
_EMPTY = "the file is empty, or is cut off before its root element begins. Export it again."

_BARE_AMPERSAND = re.compile(rb"&[^&;<>\s]{0,40}\Z")
_REFERENCE = re.compile(rb"&(#?\w{1,40});")
_WORDS = {
    errors.XML_ERROR_NO_ELEMENTS: _CUT_OFF,
    errors.XML_ERROR_UNCLOSED_TOKEN: _CUT_OFF,
    errors.XML_ERROR_PARTIAL_CHAR: HALF_A_CHARACTER,
    errors.XML_ERROR_UNCLOSED_CDATA_SECTION: _CUT_OFF,
    errors.XML_ERROR_MISPLACED_XML_PI: (
        "something stands before <?xml, at least a blank or a blank line: remove it. <?xml must be "
        "the very first thing in the file, and stand there only once."
    ),
    errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: (
        "something stands behind the end of the root element, where the file must end: remove it."
    ),
    errors.XML_ERROR_DUPLICATE_ATTRIBUTE: "an attribute is given twice: remove one of the two.",
    errors.XML_ERROR_UNBOUND_PREFIX: (
        "the prefix before the colon is not declared: remove it, or declare it in the root element "
        "with xmlns:…."
    ),
}
_NOT_XML = (
    "the file is not XML: it must begin with <?xml or with <InvoicePayments>. Export it as XML."
)
_ENDINGS = {
    b"]]": "]]> must be written ]]&gt;.",
    b"--": "a comment must not have two hyphens in it: remove one.",
}
_UNKNOWN = "the file is not correct XML here: compare it with a file that could be read."


def explain(code: int, source: bytes, at: int, open_elements: list[str]) -> tuple[str, int]:
    """Return what is wrong, and how many characters before position `at` of `source` that begins.

    `code` is expat's. `open_elements` are the names of the elements that are not closed yet.
    """
    ampersand = _BARE_AMPERSAND.search(source[max(at - 50, 0) : at])
    if ampersand and errors.messages[code] == errors.XML_ERROR_INVALID_TOKEN:
        return "this & must be written &amp;.", len(ampersand[0].decode("utf-8", "replace"))
    return _reason(errors.messages[code], source, at, open_elements), 0


def _reason(message: str, source: bytes, at: int, open_elements: list[str]) -> str:
    rest = source[at:]
    if message == errors.XML_ERROR_NO_ELEMENTS and not open_elements:
        return _EMPTY
    if message in _WORDS:
        return _WORDS[message]
    if message in (errors.XML_ERROR_UNDEFINED_ENTITY, errors.XML_ERROR_BAD_CHAR_REF):
        return _wrong_reference(rest)
    if message == errors.XML_ERROR_TAG_MISMATCH:
        return _wrong_end(rest, open_elements)
    return _wrong_character(source[max(at - 2, 0) : at], rest, bool(open_elements))


def _wrong_reference(rest: bytes) -> str:
    found = _REFERENCE.search(rest)
    if found is None:
        return _UNKNOWN
    name = found[1].decode("utf-8", "replace")
    if name.startswith("#"):
        return f"&{name}; stands for a character that XML does not allow: remove it."
    number = name2codepoint.get(name)
    instead = "the character itself" if number is None else f"&#{number};"
    return f"&{name}; is not known in XML: write {instead} instead."


def _wrong_end(rest: bytes, open_elements: list[str]) -> str:
    name = rest.partition(b">")[0][:100].decode("utf-8", "replace").strip()
    expected = open_elements[-1][:100] if open_elements else ""
    return f"</{name}> stands where </{expected}> must: an end tag is missing, or is misspelt."


def _wrong_character(before: bytes, rest: bytes, in_root: bool) -> str:
    if rest[:1] >= b"\x80":
        return _wrong_byte(rest)
    if not in_root:
        return _NOT_XML
    if rest and rest[0] < 0x20 and rest[:1] not in b"\t\r\n":
        return f"the control character U+{rest[0]:04X} is not allowed in XML: remove it."
    if before.endswith(b"<") or rest.startswith(b"<"):
        return "this < must be written &lt;."
    return _ENDINGS.get(before, _UNKNOWN)


def _wrong_byte(rest: bytes) -> str:
    try:
        character = rest[:4].decode("utf-8", "ignore")[:1]
        rest[: len(character.encode()) or 1].decode()
    except UnicodeDecodeError:
        character = ""
    if character and rest.startswith(character.encode()):
        return f"the character U+{ord(character):04X} is not allowed here: remove it."
    return (
        f"byte 0x{rest[0]:02X} is no UTF-8: save the file as UTF-8, or name its encoding in the "
        'first line, such as <?xml version="1.0" encoding="windows-1252"?>.'
    )
