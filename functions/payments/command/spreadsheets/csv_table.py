"""A CSV file as a table: its columns are known by name, and so is what separates them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from payments.command.spreadsheets.amount_cells import Point
from payments.command.spreadsheets.columns import Columns, Told, find_columns
from payments.command.spreadsheets.csv_rows import SEPARATORS, Row, encoding_of, read_rows
from payments.command.spreadsheets.day_cells import Order
from payments.errors import FileRefused


@dataclass(frozen=True, slots=True)
class SaidOfCsv:
    """What the user says of a CSV file; what is not said has to be plain from the file."""

    columns: Told = ()
    dates: Order | None = None
    decimals: Point | None = None
    currency: str | None = None
    encoding: str | None = None
    separator: str | None = None


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
        next(rows)
        return rows

    def is_whole(self, row: Row) -> bool:
        """Tell whether a row has the header's columns, and nothing behind them."""
        columns = len(self.columns.header)
        return len(row.cells) >= columns and not any(row.cells[columns:])


def open_table(path: Path, said: SaidOfCsv) -> CsvTable:
    """Find the separator with which the header has the most columns that are known."""
    encoding = said.encoding or encoding_of(path)
    separators = [said.separator] if said.separator else SEPARATORS
    tables = [_table(path, encoding, separator, said.columns) for separator in separators]
    tables.sort(key=_known, reverse=True)
    best, *others = tables
    rivals = [other for other in others if _known(other)[0] == _known(best)[0] > 0]
    if rivals:
        raise FileRefused(
            f"line {best.header_line}: its columns may be separated by {best.separator!r} or by "
            f"{rivals[0].separator!r}: say --separator."
        )
    return best


def _known(table: CsvTable) -> tuple[int, int]:
    return len(table.columns.places), len(table.columns.header)


def _table(path: Path, encoding: str, separator: str, told: Told) -> CsvTable:
    header = next(read_rows(path, encoding, separator), None)
    if header is None:
        raise FileRefused("the file is empty.")
    return CsvTable(path, encoding, separator, header.line, find_columns(header.cells, told))
