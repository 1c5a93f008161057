"""Read an XML file of any encoding as UTF-8.

expat itself knows only UTF-8, UTF-16, ISO-8859-1 and ASCII; ConnectWise's users send whatever
their accounting package writes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO

from payments.errors import FileRefused
from payments.files.mistakes import HALF_A_CHARACTER

BLOCK_BYTES = 64 * 1024

# XML 1.0, appendix F: how the first bytes of a document tell its family of encodings.
# The longer marks come first, since UTF-32's begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_CHARACTERS = (
    ("<\0\0\0".encode("latin-1"), "utf-32-le"),
    ("\0\0\0<".encode("latin-1"), "utf-32-be"),
    ("<\0".encode("latin-1"), "utf-16-le"),
    ("\0<".encode("latin-1"), "utf-16-be"),
)
_HALVES = {
    start[:size]
    for start, _ in (*_BYTE_ORDER_MARKS[2:], _FIRST_CHARACTERS[1])
    for size in range(1, len(start))
}
_EBCDIC_DECLARATION = "<?xm".encode("cp037")
_DECLARED = re.compile(r"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.\-]*)["']""", re.ASCII)
# Python's own codecs that are no character sets of documents.
_NOT_FOR_XML = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}


def utf8_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield `file` from its start as UTF-8 without a byte order mark, in blocks.

    UTF-8 passes through unchecked (the XML parser checks it); everything else is decoded
    strictly. Raises FileRefused, with line and column, where that fails.
    """
    file.seek(0)
    encoding, mark = _detect(file.read(1024))
    file.seek(len(mark))
    blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
    return blocks if encoding == "utf-8" else transcoded(blocks, encoding)


def _detect(head: bytes) -> tuple[str, bytes]:
    """Name the encoding of a document that starts with `head`, and its byte order mark."""
    if head in _HALVES:
        raise FileRefused(f"line 1, column 1: {HALF_A_CHARACTER}")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, mark
    for start, encoding in _FIRST_CHARACTERS:
        if head.startswith(start):
            return encoding, b""
    family = "cp037" if head.startswith(_EBCDIC_DECLARATION) else "latin-1"
    declared = _DECLARED.match(head.decode(family))
    if not declared and family == "cp037":
        raise FileRefused(
            "line 1, column 1: the file is cut off in its first line, or that does not name its "
            "encoding: save it as UTF-8."
        )
    return (_known(declared[1]) if declared else "utf-8"), b""


def _known(declared: str) -> str:
    """Return Python's name of a declared encoding that bytes without a mark can have."""
    try:
        codec = codecs.lookup(declared)
        name = codec.name.replace("_", "-")
        text = getattr(codec, "_is_text_encoding", True) and name not in _NOT_FOR_XML
    except LookupError:
        text = False
    if not text:
        raise FileRefused(
            f"line 1, column 1: the encoding '{declared}' is not known: save the file as UTF-8, "
            "and name that in its first line."
        )
    if codec.name.startswith(("utf-16", "utf-32")):
        raise FileRefused(
            f"line 1, column 1: the file says that it is {declared}, but it is not. "
            "Save it as UTF-8, or correct the encoding in its first line."
        )
    return codec.name


def _no_such_character(error: UnicodeDecodeError, encoding: str) -> str:
    byte = error.object[error.start]
    return (
        f"byte 0x{byte:02X} is not valid {encoding}, as which the file begins: save it as UTF-8, "
        "and name that in its first line."
    )


def transcoded(
    blocks: Iterator[bytes],
    encoding: str,
    explain: Callable[[UnicodeDecodeError, str], str] = _no_such_character,
) -> Iterator[bytes]:
    """Yield blocks of an encoding as UTF-8; raises FileRefused, with line and column."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    position = (1, 1)
    for block in chain(blocks, [b""]):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            readable = error.object[: error.start].decode(encoding, "replace")
            line, column = _advanced(position, readable)
            reason = HALF_A_CHARACTER if not block else explain(error, encoding)
            raise FileRefused(f"line {line}, column {column}: {reason}") from None
        position = _advanced(position, text)
        yield text.encode("utf-8")


def _advanced(position: tuple[int, int], text: str) -> tuple[int, int]:
    """Return the line and column behind `text` that starts at `position`."""
    line, column = position
    lines = text.count("\n")
    if not lines:
        return line, column + len(text)
    return line + lines, len(text) - text.rindex("\n")
