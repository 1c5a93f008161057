"""Say in a bookkeeper's words why a file is not well-formed, and what to write instead.

The words go into an XML file themselves, where `&amp;` would be written `&amp;amp;`: so they never
spell such a name out, and mean the same in an editor and in a program that reads XML.
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from xml.parsers.expat import errors

HALF_A_CHARACTER = "the file is cut off: it ends in the middle of a character. Export it again."
_CUT_OFF = "the file is cut off: it ends before its root element does. Export it again."
_EMPTY = "the file is empty, or is cut off before its root element begins. Export it again."
_NOT_CLOSED = (
    "the file is cut off, or what begins here is never closed: export it again, or close it."
)
NO_DOCTYPE = (
    "DTDs, entity declarations and external references are not allowed: remove the <!DOCTYPE, and "
    "write in full what it stands for."
)
_NO_ROOM = "there is not enough memory to read on here: split the file into smaller ones."
_RESERVED = (
    "a prefix is declared here that XML keeps for itself, or for a name that it keeps for itself: "
    "remove the declaration."
)
_DECLARATION = (
    "the file's first line is not correct: write "
    '<?xml version="1.0" encoding="utf-8"?>, with straight quotation marks.'
)
_UNREADABLE = "the file cannot be read on here: export it again, or compare it with one that was."
_WORDS = {
    errors.XML_ERROR_NO_MEMORY: _NO_ROOM,
    errors.XML_ERROR_NO_ELEMENTS: _CUT_OFF,
    errors.XML_ERROR_UNCLOSED_TOKEN: _NOT_CLOSED,
    errors.XML_ERROR_PARTIAL_CHAR: HALF_A_CHARACTER,
    errors.XML_ERROR_UNCLOSED_CDATA_SECTION: _NOT_CLOSED,
    errors.XML_ERROR_MISPLACED_XML_PI: (
        "something stands before <?xml, which must be the very first thing in a file. If it is "
        "blanks or blank lines, remove them. If it is payments, a second file begins here: make it "
        "a file of its own."
    ),
    errors.XML_ERROR_XML_DECL: _DECLARATION,
    errors.XML_ERROR_TEXT_DECL: _DECLARATION,
    errors.XML_ERROR_UNKNOWN_ENCODING: _DECLARATION,
    errors.XML_ERROR_INCORRECT_ENCODING: _DECLARATION,
    errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: (
        "something stands behind the end of the root element, where the file must end. If it is a "
        "second file, make it a file of its own; if it is records, put them before that end. "
        "Remove it only if it is no payment."
    ),
    errors.XML_ERROR_DUPLICATE_ATTRIBUTE: "an attribute is given twice: remove one of the two.",
    errors.XML_ERROR_UNBOUND_PREFIX: (
        "the prefix before the colon is not declared: remove it, or declare it in the root "
        'element, xsi as xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance".'
    ),
    errors.XML_ERROR_UNDECLARING_PREFIX: (
        "a prefix is declared without a namespace: remove the empty xmlns:…, or give it a value."
    ),
    errors.XML_ERROR_RESERVED_PREFIX_XML: _RESERVED,
    errors.XML_ERROR_RESERVED_PREFIX_XMLNS: _RESERVED,
    errors.XML_ERROR_RESERVED_NAMESPACE_URI: _RESERVED,
    errors.XML_ERROR_AMPLIFICATION_LIMIT_BREACH: NO_DOCTYPE,
}
# What only a DTD can cause.
_WORDS |= dict.fromkeys(
    (
        errors.XML_ERROR_PARAM_ENTITY_REF,
        errors.XML_ERROR_RECURSIVE_ENTITY_REF,
        errors.XML_ERROR_ASYNC_ENTITY,
        errors.XML_ERROR_BINARY_ENTITY_REF,
        errors.XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF,
        errors.XML_ERROR_EXTERNAL_ENTITY_HANDLING,
        errors.XML_ERROR_NOT_STANDALONE,
        errors.XML_ERROR_ENTITY_DECLARED_IN_PE,
        errors.XML_ERROR_INCOMPLETE_PE,
        errors.XML_ERROR_PUBLICID,
        errors.XML_ERROR_FEATURE_REQUIRES_XML_DTD,
    ),
    NO_DOCTYPE,
)

_BARE_AMPERSAND = re.compile(rb"&[^&;<>\s]{0,40}\Z")
_REFERENCE = re.compile(rb"&(#?\w{1,40});")
_AMPERSAND = (
    "the ampersand (&) that stands here has a meaning of its own in XML: write the letters amp and "
    'a semicolon right behind it, or, but not in an id or a number, the word "and" in its place.'
)
_LESS_THAN = (
    "the less-than sign (<) that stands here begins no tag. If it is to begin one, correct the "
    "tag: the name must follow at once, behind </ in an end tag, and begin with a letter. If it "
    "belongs to a text, write an ampersand, the letters lt and a semicolon in its place."
)
_JUNK = errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT
_MARK = b"\xff"  # in no UTF-8
# What stands around a mistake, from the last < before it on; the mark is where it begins.
_PLACES = (
    (
        rb"""</?[A-Za-z_](?:[^>"']|"[^"]*"|'[^']*')*\xff<""",
        "the tag before this has no > at its end: add it.",
    ),
    (rb".*<\xff|.*\xff<", _LESS_THAN),
    (rb"(?i)<\?xml\b", _DECLARATION),
    (rb"<[^!?>][^>]*=\s*\xff", "the value of an attribute must stand in straight quotation marks."),
    (rb"</[^>]*\s\xff", "an end tag holds its name alone: remove what is behind it."),
    (rb"<[^!?>][^>]*[\"']\xff", "there must be a blank between two attributes."),
    (
        rb"<[^!?>\s]+\s[^=>\"']*\xff",
        "a name must have no blank in it, and an attribute needs a = and a value in straight "
        "quotation marks.",
    ),
    (
        rb"<[^!?>]+\xff",
        "this character cannot stand in a tag: remove it. A name has only letters, digits, "
        "hyphens, points and one colon at most, and each tag ends with >.",
    ),
    (rb".*\]\]\xff", "]]> must not stand in a text: put a blank between the two brackets."),
    (rb"<!\[\w{0,6}\xff", "<![CDATA[ must be written just so, in capital letters."),
    (rb"<!--.*--\xff", "a comment must not have two hyphens in it: remove one."),
    (rb"<[!?]", "what begins here is neither a comment nor <![CDATA[: remove it."),
)
_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2032\u2033"


def explain(code: int, source: bytes, at: int, open_elements: list[str]) -> tuple[str, int]:
    """Return what is wrong, and how many characters before position `at` of `source` that begins.

    `code` is expat's. `open_elements` are the names of the elements that are not closed yet.
    """
    message = errors.messages.get(code, "")
    ampersand = _BARE_AMPERSAND.search(source[max(at - 50, 0) : at])
    if ampersand and message == errors.XML_ERROR_INVALID_TOKEN:
        return _AMPERSAND, len(ampersand[0].decode("utf-8", "replace"))
    return _reason(message, source, at, open_elements), 0


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
    if message in (errors.XML_ERROR_INVALID_TOKEN, errors.XML_ERROR_SYNTAX):
        return _wrong_character(source[:at], rest, bool(open_elements))
    return _UNREADABLE


def _wrong_reference(rest: bytes) -> str:
    found = _REFERENCE.search(rest)
    if found is None:
        return _AMPERSAND
    name = found[1].decode("utf-8", "replace")
    if name.startswith("#"):
        return (
            f"{name}, between an ampersand and a semicolon, stands for a character that XML does "
            "not allow: remove it, with both."
        )
    number = name2codepoint.get(name)
    instead = "write the character itself" if number is None else f"write #{number} in its place"
    return f"{name}, between an ampersand and a semicolon, is not known in XML: {instead}."


def _wrong_end(rest: bytes, open_elements: list[str]) -> str:
    name = rest.partition(b">")[0][:100].decode("utf-8", "replace").strip().replace("&", "")
    expected = open_elements[-1][:100] if open_elements else ""
    return (
        f"</{name}> stands where </{expected}> must: an end tag is missing, or is misspelt. "
        "Add it, or correct it."
    )


def _wrong_character(before: bytes, rest: bytes, in_root: bool) -> str:
    if rest[:1] >= b"\x80":
        return _wrong_byte(rest)
    if rest and rest[0] < 0x20 and rest[:1] not in b"\t\r\n":
        return f"the control character U+{rest[0]:04X} is not allowed in XML: remove it."
    around = before[max(before.rfind(b"<"), 0) :] + _MARK + rest[:1]
    for place, reason in _PLACES:
        if re.match(place, around, re.DOTALL):
            return reason
    return _UNREADABLE if in_root else _WORDS[_JUNK]


def _wrong_byte(rest: bytes) -> str:
    try:
        character = rest[:4].decode("utf-8", "ignore")[:1]
        rest[: len(character.encode()) or 1].decode()
    except UnicodeDecodeError:
        character = ""
    if character and rest.startswith(character.encode()):
        if character in _QUOTES:
            return "a typographic quotation mark stands here: write a straight one in its place."
        return f"the character U+{ord(character):04X} is not allowed here: remove it."
    letter = rest[:1].decode("windows-1252", "ignore")
    letter = f" ({letter} in windows-1252)" if letter.isalpha() else ""
    return (
        f"byte 0x{rest[0]:02X}{letter} is no UTF-8: save the file as UTF-8, or have its first line "
        'name the encoding that it has, as in <?xml version="1.0" encoding="windows-1252"?>.'
    )
