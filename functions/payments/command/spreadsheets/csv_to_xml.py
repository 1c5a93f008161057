"""Make the input's XML of a CSV file: nothing is guessed, and all is read as the import reads it.

The file is read twice: to find out how its columns are written, and to convert it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from payments.command.spreadsheets.choice import WrongCell
from payments.command.spreadsheets.columns import AMOUNT, DAY, NOT_GIVEN, Columns
from payments.command.spreadsheets.csv_rows import Row
from payments.command.spreadsheets.csv_table import CsvTable, SaidOfCsv, open_table
from payments.command.spreadsheets.guarding import unguarded
from payments.command.spreadsheets.problems import Problems
from payments.command.spreadsheets.record_cells import to_element, to_xml
from payments.command.spreadsheets.repeats import Repeats
from payments.command.spreadsheets.row_checks import wrong_with
from payments.command.spreadsheets.telling import Telling
from payments.command.spreadsheets.ways import Amounts, Days
from payments.files.output import NOT_XML, beginning, ending, entry
from payments.files.reader import Element, RawRecord
from payments.files.record import ReadingRules, read_record
from payments.import_state import Root
from payments.models import RecordXml
from payments.wording import visible

_NO_XML = RecordXml(b"", (0, 0))
_ABOUT = re.compile(r"<([\w/]+)> (.*)", re.DOTALL)
_NO_PAYMENTS = "there are no payments below it. If that is right, say --allow-empty."
_NEGATIVE = "is negative"
_REFUND = " If it is a refund and the stack has SecondPayment=Add, say --refunds."
_ZERO = (
    "is 0: that takes a payment back. Remove the row if nothing was paid; say --zeros if it is "
    "meant."
)
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]+")


@dataclass(frozen=True, slots=True)
class Converted:
    """How many payments were written, and of which columns."""

    payments: int
    columns: Columns


def csv_to_xml(source: Path, said: SaidOfCsv, rules: ReadingRules, xml: BinaryIO) -> Converted:
    """Write the payments of `source` to `xml`; raises NotConverted, or FileRefused."""
    table = open_table(source, said)
    problems = Problems()
    for error in table.columns.errors:
        problems.add(table.header_line, error)
    problems.raise_if_any()
    conversion = _Conversion(table, said, rules, problems)
    conversion.learn()
    payments = conversion.write(xml)
    if not (payments or problems.count or said.may_be_empty):
        problems.add(table.header_line, _NO_PAYMENTS)
    problems.raise_if_any()
    return Converted(payments, table.columns)


class _Conversion:
    def __init__(
        self, table: CsvTable, said: SaidOfCsv, rules: ReadingRules, problems: Problems
    ) -> None:
        self._table = table
        self._columns = table.columns
        self._rules = rules
        self._problems = problems
        self._repeats = Repeats()
        self._may_be_zero = said.may_be_zero
        self._ways: dict[str, Amounts | Days] = {
            AMOUNT: Amounts(said.decimals, said.currency, rules.currency_decimals),
            DAY: Days(said.dates),
        }

    def learn(self) -> None:
        """Find out how the columns are written."""
        telling = Telling(self._columns)
        for row in filter(self._table.is_whole, self._table.rows()):
            telling.learn(row)
            cells = self._cells(row)
            for path in self._ways.keys() & cells.keys():
                self._ways[path].learn(row.line, cells[path])
        for question in telling.questions():
            self._problems.add(self._table.header_line, question)
        for path, way in self._ways.items():
            problem = way.choice.problem()
            if problem:
                self._problems.add(*problem, self._columns.name(path))

    def write(self, xml: BinaryIO) -> int:
        """Write the rows that are right; return how many those are."""
        written = 0
        xml.write(beginning(Root()))
        for row in self._table.rows():
            record = self._record(row)
            if record is not None:
                written += 1
                xml.write(entry(to_xml(record).encode()))
        xml.write(ending(Root()))
        return written

    def _record(self, row: Row) -> Element | None:
        """Return a row as a record, None if something is wrong with it."""
        before = self._problems.count
        cells = self._cells(row)
        for problem in wrong_with(row, cells, self._table):
            self._problems.add(row.line, *problem)
        for path, told in self._repeats.wrong_with(row, cells):
            self._wrong(row, path, told)
        cells = self._read(row, cells) if self._problems.count == before else {}
        if not self._may_be_zero and re.fullmatch("0[.0]*", cells.get(AMOUNT, "")):
            self._wrong(row, AMOUNT, _ZERO)
        record = to_element(cells)
        for error in read_record(RawRecord(row.line, record, _NO_XML), self._rules).errors:
            about = _ABOUT.fullmatch(error)
            if about and about[1] in cells:
                refund = _REFUND if about[2].startswith(_NEGATIVE) else ""
                self._wrong(row, about[1], about[2] + refund)
            else:
                self._problems.add(row.line, error)
        return record if self._problems.count == before else None

    def _cells(self, row: Row) -> dict[str, str]:
        """Return the cells of a row by element, those left out that are empty."""
        cells = {
            path: unguarded(row.cells[place], is_text=path not in self._ways)
            for path, place in self._columns.places.items()
            if place < len(row.cells)
        }
        return {path: text for path, text in cells.items() if text}

    def _read(self, row: Row, cells: Mapping[str, str]) -> dict[str, str]:
        """Return the values as they are in XML, and note those that cannot be."""
        read = {}
        for path, text in cells.items():
            if path in self._ways and text.lower() == NOT_GIVEN:
                continue
            try:
                value = self._ways[path].value(text) if path in self._ways else _text(text)
            except WrongCell as wrong:
                self._wrong(row, path, str(wrong))
            else:
                read[path] = value
        return {path: value for path, value in read.items() if value}

    def _wrong(self, row: Row, path: str, told: str) -> None:
        self._problems.add(row.line, told, self._columns.name(path))


def _text(text: str) -> str:
    """Return a value that no spreadsheet has spoilt, and that XML can hold."""
    if _SHORTENED.fullmatch(text):
        raise WrongCell(
            f"'{visible(text)}' is what a spreadsheet makes of a long number: its digits are lost. "
            "Format the column as text before the values are put in."
        )
    if NOT_XML.search(text):
        raise WrongCell(f"'{visible(text)}' has a character that no XML file can hold: remove it.")
    return text
