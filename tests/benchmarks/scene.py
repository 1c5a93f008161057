"""The payments that all contenders import, and the ConnectWise that they find."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
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
    PAID_BEFORE = "updates of invoices paid here before"
    FURTHER = "further receipts"

    @property
    def calls(self) -> int:
        """How many calls a payment takes at least, bulk lookups not counted."""
        return 2 if self is Kind.BY_INVOICE else 1

    @property
    def is_paid_here(self) -> bool:
        """Whether each invoice was paid by an earlier file of ours."""
        return self in (Kind.PAID_BEFORE, Kind.FURTHER)

    @property
    def environment(self) -> Mapping[str, str]:
        """What it changes in the function's environment."""
        return {"SECOND_PAYMENT": "Add"} if self is Kind.FURTHER else {}


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment to import; with a payment id it is an update by id."""

    invoice_id: int
    external_id: str
    payment_id: int | None = None
    amount: str = AMOUNT


def set_scene(simulator: Simulator, kind: Kind, count: int) -> list[Payment]:
    """Begin a new ConnectWise with an invoice for each of `count` payments; return those.

    It is of another company each time, of which the ledger knows nothing.
    """
    simulator.reset()
    simulator.configure(company=uuid4().hex[:8])
    simulator.add_invoices(count=count, first_id=FIRST_INVOICE_ID)
    payments = list(new_payments(count))
    if kind is Kind.NEW or kind.is_paid_here:
        return payments
    for payment in payments:
        simulator.add_payment(payment.invoice_id, _AMOUNT_BEFORE)
    return with_ids(simulator, payments) if kind is Kind.BY_ID else payments


def paid_before(payments: Iterable[Payment]) -> Iterator[Payment]:
    """Yield what an earlier file has paid on the same invoices."""
    for payment in payments:
        before = f"{payment.external_id}-before"
        yield replace(payment, external_id=before, amount=_AMOUNT_BEFORE)


def with_ids(simulator: Simulator, payments: Iterable[Payment]) -> list[Payment]:
    """Return the payments with the id that ConnectWise has on each one's invoice."""
    held = {row["invoice"]["id"]: row["id"] for row in simulator.payments()}
    return [replace(payment, payment_id=held[payment.invoice_id]) for payment in payments]


def amount_after(kind: Kind) -> Decimal:
    """Return what each payment comes to when the file is imported as it should be."""
    return Decimal(AMOUNT) + (Decimal(_AMOUNT_BEFORE) if kind is Kind.FURTHER else 0)


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
        f"    <amount>{payment.amount}</amount>\n"
        f"    <paymentDate>{DATE}</paymentDate>\n"
        "  </InvoicePayment>\n"
    )
