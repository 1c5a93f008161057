"""Make a CSV file of a fail file, to be corrected in a spreadsheet and converted back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from payments.command.spreadsheets.columns import (
    AMOUNT,
    DAY,
    NOT_GIVEN,
    NOT_SHOWN,
    PATHS,
    header_of,
)
from payments.command.spreadsheets.guarding import guarded
from payments.command.spreadsheets.record_cells import to_cells, to_element
from payments.files.reader import ERROR_MESSAGE, Element, RawRecord, check_file, read_records
from payments.files.record import ReadingRules, read_record
from payments.wording import BLANKS

_HEADER = (*map(header_of, PATHS), NOT_SHOWN, ERROR_MESSAGE)
_BETWEEN = "; "


def xml_to_csv(source: Path, rules: ReadingRules, table: TextIO, separator: str) -> int:
    """Write the records of `source` to `table`; return how many. Raises FileRefused."""
    check_file(source)
    writer = csv.writer(table, delimiter=separator, lineterminator="\r\n")
    writer.writerow(_HEADER)
    written = 0
    for raw in read_records(source):
        writer.writerow(_row(raw, rules))
        written = raw.number
    return written


def _row(raw: RawRecord, rules: ReadingRules) -> Iterator[str]:
    cells = to_cells(raw.element)
    not_shown = _not_shown(raw, cells, rules)
    not_given = {} if not_shown else dict.fromkeys((AMOUNT, DAY), NOT_GIVEN)
    cells = not_given | cells
    for path in PATHS:
        yield guarded(cells.get(path, ""), is_text=path not in (AMOUNT, DAY))
    for told in (not_shown, _messages(raw.element)):
        yield guarded(_BETWEEN.join(told), is_text=True)


def _not_shown(raw: RawRecord, cells: dict[str, str], rules: ReadingRules) -> list[str]:
    """Say what is wrong with the record that its row would not have, and with which values."""
    row = RawRecord(raw.number, to_element(cells), raw.xml)
    kept = read_record(row, rules).errors
    lost = [error for error in read_record(raw, rules).errors if error not in kept]
    return lost + [
        f"<{child.name}>: {text}"
        for child in raw.element.children
        if (text := child.text.strip(BLANKS)) and any(f"<{child.name}>" in error for error in lost)
    ]


def _messages(record: Element) -> list[str]:
    return [child.text.strip(BLANKS) for child in record.children if child.name == ERROR_MESSAGE]
