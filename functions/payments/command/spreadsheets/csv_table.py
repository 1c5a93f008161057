"""A CSV file as a table: its columns are known by name, and so is what separates them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from payments.command.spreadsheets.amount_cells import Point
from payments.command.spreadsheets.columns import Columns, Told, find_columns
from payments.command.spreadsheets.csv_rows import (
    SEPARATORS,
    Row,
    encoding_of,
    read_rows,
    separator_of,
)
from payments.command.spreadsheets.day_cells import Order
from payments.errors import FileRefused

_MOST_TITLES = 20


@dataclass(frozen=True, slots=True)
class SaidOfCsv:
    """What the user says of a CSV file; what is not said has to be plain from the file."""

    columns: Told = ()
    dates: Order | None = None
    decimals: Point | None = None
    currency: str | None = None
    encoding: str | None = None
    separator: str | None = None
    header_line: int | None = None
    may_be_empty: bool = False
    may_be_zero: bool = False


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A file whose header has been read."""

    path: Path
    encoding: str
    separator: str
    header_line: int
    columns: Columns

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header, those left out that are empty."""
        rows = read_rows(self.path, self.encoding, self.separator)
        return (row for row in rows if row.line > self.header_line)

    def is_whole(self, row: Row) -> bool:
        """Tell whether a row has the header's columns, and nothing behind them."""
        columns = len(self.columns.header)
        return len(row.cells) >= columns and not any(row.cells[columns:])


def open_table(path: Path, said: SaidOfCsv) -> CsvTable:
    """Find the separator with which the header has the most columns that are known."""
    found = _tables(path, said)
    best, *others = sorted((tables[0] for tables in found), key=_known, reverse=True)
    rivals = [other for other in others if _known(other)[0] == _known(best)[0] > 0]
    if rivals:
        raise FileRefused(
            f"line {best.header_line}: its columns may be separated by {best.separator!r} or by "
            f"{rivals[0].separator!r}: say --separator."
        )
    likeliest = max((table for tables in found for table in tables), key=_known)
    if best.columns.errors and _known(likeliest)[0] > max(_known(best)[0], 1):
        line = likeliest.header_line
        raise FileRefused(
            f"line {best.header_line}: the names of the columns seem to be in line {line}: say "
            f"--header-line {line}, or remove what is above it."
        )
    return best


def _known(table: CsvTable) -> tuple[int, int]:
    return len(table.columns.places), len(table.columns.header)


def _tables(path: Path, said: SaidOfCsv) -> list[list[CsvTable]]:
    """Return what the file may be: for each separator, with each of its first rows as header."""
    encoding = said.encoding or encoding_of(path)
    in_file = separator_of(path, encoding)
    told = said.separator or in_file
    separators = [told] if told else SEPARATORS
    first_line = said.header_line or (2 if in_file else 1)
    found = [_headed(path, encoding, each, said.columns, first_line) for each in separators]
    if any(found):
        return [tables for tables in found if tables]
    for _ in read_rows(path, encoding, separators[0]):
        raise FileRefused(f"there is no row from line {first_line} on.")
    raise FileRefused("the file is empty.")


def _headed(
    path: Path, encoding: str, separator: str, told: Told, first_line: int
) -> list[CsvTable]:
    tables = []
    rows = (row for row in read_rows(path, encoding, separator) if row.line >= first_line)
    with suppress(FileRefused):  # of another separator, or told when its row is converted
        for row in islice(rows, _MOST_TITLES + 1):
            columns = find_columns(row.cells, told)
            tables.append(CsvTable(path, encoding, separator, row.line, columns))
    return tables
