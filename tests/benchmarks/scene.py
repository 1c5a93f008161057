"""The payments that all contenders import, and the ConnectWise that they find."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from simulator.control import Simulator

FIRST_INVOICE_ID = 1_000_001  # seven digits, as a ConnectWise that has been in use for years
AMOUNT = "50.25"
DATE = "2026-01-31T00:00:00Z"
_AMOUNT_BEFORE = "40.00"


class Kind(StrEnum):
    """What there is to do for a payment."""

    NEW = "new payments"
    BY_ID = "updates by id"
    BY_INVOICE = "updates found by invoice"

    @property
    def calls(self) -> int:
        """How many calls a payment takes at least, bulk lookups not counted."""
        return 2 if self is Kind.BY_INVOICE else 1


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment to import; with a payment id it is an update by id."""

    invoice_id: int
    external_id: str
    payment_id: int | None = None


def set_scene(simulator: Simulator, kind: Kind, count: int) -> list[Payment]:
    """Begin a new ConnectWise with an invoice for each of `count` payments; return those."""
    simulator.reset()
    simulator.add_invoices(count=count, first_id=FIRST_INVOICE_ID)
    payments = list(new_payments(count))
    if kind is Kind.NEW:
        return payments
    existing = [simulator.add_payment(p.invoice_id, _AMOUNT_BEFORE)["id"] for p in payments]
    if kind is Kind.BY_INVOICE:
        return payments
    return [
        Payment(payment.invoice_id, payment.external_id, payment_id)
        for payment, payment_id in zip(payments, existing, strict=True)
    ]


def new_payments(count: int) -> Iterator[Payment]:
    """Yield payments of different invoices, with external ids that no table knows yet."""
    source = uuid4().hex[:8]
    for number in range(count):
        yield Payment(FIRST_INVOICE_ID + number, f"{source}-{number}")


def write_payment_file(path: Path, payments: Iterable[Payment]) -> None:
    """Write a file as an accounting package would drop it."""
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<InvoicePayments>\n')
        file.writelines(_record(payment) for payment in payments)
        file.write("</InvoicePayments>\n")


def _record(payment: Payment) -> str:
    own_id = "" if payment.payment_id is None else f"    <id>{payment.payment_id}</id>\n"
    return (
        "  <InvoicePayment>\n"
        f"{own_id}"
        f"    <externalId>{payment.external_id}</externalId>\n"
        "    <invoice>\n"
        f"      <id>{payment.invoice_id}</id>\n"
        "    </invoice>\n"
        f"    <amount>{AMOUNT}</amount>\n"
        f"    <paymentDate>{DATE}</paymentDate>\n"
        "  </InvoicePayment>\n"
    )
