"""What ConnectWise holds before the demo: invoices, and what is paid on them already."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from payments.errors import FileRefused
from payments.files.reader import check_file, read_records
from payments.files.record import ReadingRules, read_record
from payments.models import PaymentRecord
from payments.settings import MAX_CURRENCY_DECIMALS
from simulator.control import Simulator

FIRST_INVOICE = 201
LAST_INVOICE = 230
PAID_INVOICE = 210
PAID_AMOUNT = "25.00"
MOST_PAYMENTS = 1000
"""Payments with given ids are added up to this id only."""

_TOTAL = "100.00"
_FIRST_MADE_UP_INVOICE = 100_000_001
_DEPOSIT_INVOICE = 999_999_999


@dataclass(slots=True)
class Wanted:
    """What files take for granted: invoices with totals and numbers, payments by id."""

    totals: dict[int, Decimal] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    """By invoice number."""
    payments: dict[int, int] = field(default_factory=dict)
    """The invoice of each payment."""


def set_scene(connectwise: Simulator) -> None:
    """Add the invoices that our sample files are about."""
    count = LAST_INVOICE - FIRST_INVOICE + 1
    connectwise.add_invoices(count=count, first_id=FIRST_INVOICE, number="INV-{id}", total=_TOTAL)
    connectwise.add_payment(PAID_INVOICE, PAID_AMOUNT, paymentDate="2026-02-27T00:00:00Z")


def add_what_is_named(connectwise: Simulator, files: Iterable[Path]) -> Wanted:
    """Add the invoices, and the payments, that somebody's own files name."""
    wanted = wanted_by(record for file in files for record in _records(file))
    connectwise.add_invoices(
        {"id": invoice_id, "invoiceNumber": wanted.numbers[invoice_id], "total": str(total)}
        for invoice_id, total in wanted.totals.items()
    )
    _add_payments(connectwise, wanted.payments)
    return wanted


def wanted_by(records: Iterable[PaymentRecord]) -> Wanted:
    """Return what the records take for granted; an invoice's total is what is paid at most."""
    wanted = Wanted()
    for record in records:
        invoice_id = _invoice_id(record, wanted)
        if invoice_id is None:
            continue
        number = record.invoice_number or f"INV-{invoice_id}"
        wanted.ids.setdefault(wanted.numbers.setdefault(invoice_id, number).casefold(), invoice_id)
        least = wanted.totals.get(invoice_id, Decimal(_TOTAL))
        wanted.totals[invoice_id] = max(least, record.amount or Decimal(0))
        if record.payment_id is not None:
            wanted.payments.setdefault(record.payment_id, invoice_id)
    return wanted


def _invoice_id(record: PaymentRecord, wanted: Wanted) -> int | None:
    if record.invoice_id is not None or record.invoice_number is None:
        return record.invoice_id
    number = record.invoice_number.casefold()
    digits = number.removeprefix("inv-")
    if number.startswith("inv-") and digits in map(str, range(FIRST_INVOICE, LAST_INVOICE + 1)):
        return int(digits)
    return wanted.ids.get(number, _FIRST_MADE_UP_INVOICE + len(wanted.ids))


def _records(file: Path) -> Iterator[PaymentRecord]:
    try:
        check_file(file)
    except FileRefused:
        return
    rules = ReadingRules(MAX_CURRENCY_DECIMALS, datetime.now(UTC).date())
    yield from (read_record(raw, rules) for raw in read_records(file))


def _add_payments(connectwise: Simulator, invoice_ids: dict[int, int]) -> None:
    """Add payments with given ids. ConnectWise numbers them itself: those between go elsewhere."""
    last = max(payment["id"] for payment in connectwise.payments())
    wanted = sorted(number for number in invoice_ids if last < number <= MOST_PAYMENTS)
    if not wanted:
        return
    connectwise.add_invoices([{"id": _DEPOSIT_INVOICE, "total": "0.00"}])
    for number in wanted:
        while last < number:
            invoice_id = invoice_ids[number] if last + 1 == number else _DEPOSIT_INVOICE
            last = connectwise.add_payment(invoice_id, "1.00")["id"]
    connectwise.delete_invoice(_DEPOSIT_INVOICE)
