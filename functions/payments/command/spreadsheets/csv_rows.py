"""Read the rows of a CSV file of whatever encoding and separator, as a stream."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from payments.errors import FileRefused
from payments.files.encoding import BLOCK_BYTES, transcoded
from payments.wording import BLANKS

SEPARATORS = (",", ";", "\t")
MAX_LINE_CHARACTERS = 1024 * 1024

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TOO_LONG = "is longer than any row of payments: is the file CSV?"
_QUOTES = (
    "the quotes are wrong: a value that begins with a quote must end with one, before the next "
    "separator, and a quote inside of it must be written twice."
)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row, without the blanks around them, and the line where it begins."""

    line: int
    cells: tuple[str, ...]


def encoding_of(path: Path) -> str:
    """Return what a file says of its encoding; without a word it is UTF-8."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in _UTF_16 else "utf-8-sig"


def separator_of(path: Path, encoding: str) -> str | None:
    """Return what a first line sep=; says, which Excel reads and does not show."""
    try:
        with path.open(encoding=encoding, errors="replace") as file:
            match = _SEPARATOR_LINE.fullmatch(file.readline(MAX_LINE_CHARACTERS))
    except LookupError:
        return None  # read_rows tells
    return match[1] if match else None


def read_rows(path: Path, encoding: str, separator: str) -> Iterator[Row]:
    """Yield the rows that are not empty; raises FileRefused, with the line."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from _rows(file, separator)
    except UnicodeDecodeError:
        with path.open("rb") as bytes_of:
            blocks = iter(lambda: bytes_of.read(BLOCK_BYTES), b"")
            for _ in transcoded(blocks, encoding, _not_in_encoding):
                pass
        raise
    except LookupError:
        raise FileRefused(f"the encoding '{encoding}' is not known.") from None


def _rows(file: TextIO, separator: str) -> Iterator[Row]:
    reader = csv.reader(_lines(file), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            row = Row(line, tuple(cell.strip(BLANKS) for cell in cells))
            line = reader.line_num + 1
            if any(row.cells):
                yield row
    except csv.Error:
        raise FileRefused(f"line {line}: {_QUOTES}") from None


def _lines(file: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_CHARACTERS), ""), 1):
        if len(line) == MAX_LINE_CHARACTERS:
            raise FileRefused(f"line {number} {_TOO_LONG}")
        if "\0" in line:
            raise FileRefused(
                f"line {number}: there are zero bytes. If the file is UTF-16, say --encoding "
                "utf-16-le or utf-16-be; otherwise it is no CSV."
            )
        yield line


def _not_in_encoding(error: UnicodeDecodeError, encoding: str) -> str:
    return (
        f"byte 0x{error.object[error.start]:02X} is no {encoding.removesuffix('-sig')}. Save the "
        "file as UTF-8, or say how it is encoded: many spreadsheets write --encoding windows-1252."
    )
