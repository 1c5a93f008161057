"""Spreadsheets as people have them, and what converting them comes to."""

from __future__ import annotations

import csv
import io
import sys
from array import array
from collections.abc import Sized

import pytest

from payments.command.spreadsheets.csv_table import SaidOfCsv
from payments.command.spreadsheets.csv_to_xml import csv_to_xml
from payments.command.spreadsheets.problems import NotConverted
from payments.command.spreadsheets.xml_to_csv import xml_to_csv
from payments.errors import FileRefused
from payments.files.record import ReadingRules
from payments.models import PaymentRecord
from unit.payment_files import RULES, on_disk, records

NOTHING_SAID = SaidOfCsv()


class Scales:
    """Keep nothing that is written, and weigh how much the program keeps meanwhile."""

    def __init__(self) -> None:
        self.weights = array("q")  # which takes no pieces itself

    def write(self, written: Sized) -> int:
        self.weights.append(sys.getallocatedblocks())
        return len(written)

    @property
    def growth(self) -> int:
        """How many pieces of memory more were kept in the second half than in the first."""
        half = len(self.weights) // 2
        return max(self.weights[half:]) - max(self.weights[:half])


def xml_of(
    content: bytes | str, said: SaidOfCsv = NOTHING_SAID, rules: ReadingRules = RULES
) -> bytes:
    """Return the XML of a CSV file; raises NotConverted or FileRefused."""
    with on_disk(content.encode() if isinstance(content, str) else content) as path:
        xml = io.BytesIO()
        csv_to_xml(path, said, rules, xml)
        return xml.getvalue()


def payments_of(
    content: bytes | str, said: SaidOfCsv = NOTHING_SAID, rules: ReadingRules = RULES
) -> list[PaymentRecord]:
    """Return the payments of a CSV file as the importer reads them."""
    return records(xml_of(content, said, rules), rules)


def problems_of(
    content: bytes | str, said: SaidOfCsv = NOTHING_SAID, rules: ReadingRules = RULES
) -> list[str]:
    """Return why a CSV file is not converted."""
    with pytest.raises((NotConverted, FileRefused)) as failed:
        xml_of(content, said, rules)
    return str(failed.value).split("\n")


def csv_of(content: bytes, separator: str = ",") -> str:
    """Return the CSV file of a fail file."""
    with on_disk(content) as path:
        table = io.StringIO(newline="")
        xml_to_csv(path, RULES, table, separator)
        return table.getvalue()


def rows_of(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a fail file's CSV: what is not empty, by the names of the columns."""
    rows = csv.DictReader(io.StringIO(csv_of(content), newline=""))
    return [{name: cell for name, cell in row.items() if cell} for row in rows]
