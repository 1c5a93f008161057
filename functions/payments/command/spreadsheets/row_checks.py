"""What is wrong with a row as such, whatever its values are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from payments.command.spreadsheets.columns import (
    AMOUNT,
    DAY,
    NAMING,
    NOT_GIVEN,
    NOT_SHOWN,
    as_option,
)
from payments.command.spreadsheets.csv_rows import Row
from payments.command.spreadsheets.csv_table import CsvTable
from payments.command.spreadsheets.totals import is_total
from payments.wording import visible

_EMPTY = (
    f"is empty. Fill it in, or delete the row if it is no payment. Write {NOT_GIVEN} only if the "
    "payment exists, and this of it is not to be changed."
)
_NAMELESS = "it names no invoice. If it is a row of totals or a remark, remove it."

Told = tuple[str, str]
"""What is wrong, and the name of the column, if it is one of them."""


def wrong_with(row: Row, cells: Mapping[str, str], table: CsvTable) -> Iterator[Told]:
    """Yield what is wrong with a row, whose cells that are not empty are `cells` by element."""
    columns = table.columns
    if not table.is_whole(row):
        yield (
            f"it has {len(row.cells)} values, but there are {len(columns.header)} columns: is it "
            "cut off, or does a value need quotes?",
            "",
        )
    elif columns.not_shown is not None and (lost := row.cells[columns.not_shown]):
        told = f"'{visible(lost)}': put it into the column where it belongs, and empty this cell."
        yield told, NOT_SHOWN
    elif not any(path in cells for path in NAMING):
        yield _NAMELESS, ""
    elif (place := _total(row, table)) is not None:
        yield _about_total(row, place, table), visible(columns.header[place])
    else:
        for path in (AMOUNT, DAY):
            if path in columns.places and path not in cells:
                yield _EMPTY, columns.name(path)


def _total(row: Row, table: CsvTable) -> int | None:
    """Return where a row says that it is one of totals: in what names it, or begins it."""
    columns = table.columns
    places = [columns.places[path] for path in NAMING if path in columns.places]
    first = next(place for place, cell in enumerate(row.cells) if cell)
    places += [first] if first in columns.unread else []
    return next((place for place in places if is_total(row.cells[place])), None)


def _about_total(row: Row, place: int, table: CsvTable) -> str:
    if place in table.columns.places.values():
        cure = "name it otherwise, such as its invoice by ConnectWise's id."
    else:
        cure = f"say {as_option('', table.columns.header[place])} to leave the column out."
    cell = visible(row.cells[place])
    return f"'{cell}': a row of totals is no payment. Remove it. If it is one, {cure}"
