"""Payment files as they arrive, and what reading them comes to."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from payments.errors import FileRefused
from payments.files.reader import RawRecord, check_file, read_records
from payments.files.record import ReadingRules, read_record
from payments.import_state import CheckedFile
from payments.models import PaymentRecord

RULES = ReadingRules(currency_decimals=2, today=date(2026, 3, 31))

# What Zynk's task takes, down to the namespaces that it does not use.
SAMPLE = b"""<?xml version="1.0" encoding="utf-8"?>
<InvoicePayments xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <InvoicePayment>
    <id>17</id>
    <externalId>INV-PAY-9</externalId>
    <invoice>
      <id>351</id>
    </invoice>
    <amount>120.50</amount>
    <paymentDate>2019-03-29T00:00:00Z</paymentDate>
  </InvoicePayment>
</InvoicePayments>"""


def document(*records: str, root: str = "InvoicePayments", before: str = "") -> bytes:
    """Return a file with these records, in UTF-8."""
    return f"{before}<{root}>{''.join(records)}</{root.split(maxsplit=1)[0]}>".encode()


def payment(content: str) -> str:
    """Return one record."""
    return f"<InvoicePayment>{content}</InvoicePayment>"


@contextmanager
def on_disk(content: bytes) -> Iterator[Path]:
    """Give a file its place on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "payments.xml")
        path.write_bytes(content)
        yield path


def check(content: bytes) -> CheckedFile:
    """Check a file; raises FileRefused."""
    with on_disk(content) as path:
        return check_file(path)


def raw_records(content: bytes, after: int = 0) -> list[RawRecord]:
    """Return the records as they stand in the file."""
    with on_disk(content) as path:
        return list(read_records(path, after))


def records(content: bytes, rules: ReadingRules = RULES) -> list[PaymentRecord]:
    """Return the records with their values."""
    return [read_record(raw, rules) for raw in raw_records(content)]


def record(content: str, rules: ReadingRules = RULES) -> PaymentRecord:
    """Return the one record that has this content."""
    (found,) = records(document(payment(content)), rules)
    return found


def refusal(content: bytes) -> str:
    """Return why a file is refused."""
    with pytest.raises(FileRefused) as refused:
        check(content)
    return str(refused.value)


@contextmanager
def blocks_of(size: int) -> Iterator[None]:
    """Have files read in blocks of `size` bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("payments.files.encoding.BLOCK_BYTES", size)
        yield
