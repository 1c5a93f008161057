"""The payments, kept by invoice."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

_NO_FIELDS: Mapping[str, Any] = {}


def _no_fields() -> Mapping[str, Any]:
    return _NO_FIELDS


@dataclass(frozen=True, slots=True)
class PaymentValues:
    """What a caller can set on a payment."""

    amount: Decimal
    payment_date: str | None = None
    fields: Mapping[str, Any] = field(default_factory=_no_fields)
    """The other fields that are set, by ConnectWise's names."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of one invoice."""

    id: int
    invoice_id: int
    values: PaymentValues
    updated: str

    def is_credit(self) -> bool:
        """Tell whether this is an applied credit memo, which is listed among the payments."""
        return "credit" in self.values.fields


class Paid(NamedTuple):
    """What has been paid on an invoice, and what the credit memos applied to it make up for."""

    payments: Decimal
    credits: Decimal


NOTHING_PAID = Paid(Decimal(0), Decimal(0))


class PaymentBook:
    """All payments of the tenant."""

    def __init__(self) -> None:
        self._by_invoice: dict[int, tuple[Payment, ...]] = {}
        self._next_id = 1
        self.creates: Counter[int] = Counter()
        """How many creates through the API took effect, by invoice."""

    def of(self, invoice_id: int) -> tuple[Payment, ...]:
        """Return an invoice's payments, oldest first."""
        return self._by_invoice.get(invoice_id, ())

    def all(self) -> Iterator[Payment]:
        """Yield every payment, by invoice."""
        for payments in self._by_invoice.values():
            yield from payments

    def find(self, invoice_id: int, payment_id: int) -> Payment | None:
        """Return one payment of an invoice, or None."""
        for payment in self.of(invoice_id):
            if payment.id == payment_id:
                return payment
        return None

    def paid(self, invoice_id: int) -> Paid:
        """Return what has been paid on an invoice."""
        sums = {False: Decimal(0), True: Decimal(0)}
        for payment in self.of(invoice_id):
            sums[payment.is_credit()] += payment.values.amount
        return Paid(sums[False], sums[True])

    def add(self, invoice_id: int, values: PaymentValues) -> Payment:
        """Add a payment under the next id."""
        payment = Payment(self._next_id, invoice_id, _shared(values), _now())
        self._next_id += 1
        self._by_invoice[invoice_id] = (*self.of(invoice_id), payment)
        return payment

    def change(self, payment: Payment, values: PaymentValues) -> Payment:
        """Put other values in a payment's place."""
        changed = replace(payment, values=_shared(values), updated=_now())
        self._by_invoice[payment.invoice_id] = tuple(
            changed if other.id == payment.id else other for other in self.of(payment.invoice_id)
        )
        return changed

    def delete(self, invoice_id: int, payment_id: int) -> bool:
        """Take a payment out; False if there is none."""
        before = self.of(invoice_id)
        left = tuple(payment for payment in before if payment.id != payment_id)
        self._by_invoice.pop(invoice_id, None)
        if left:
            self._by_invoice[invoice_id] = left
        return len(left) < len(before)

    def delete_invoice(self, invoice_id: int) -> None:
        """Take all payments of an invoice out."""
        self._by_invoice.pop(invoice_id, None)


def _shared(values: PaymentValues) -> PaymentValues:
    # A million payments have few dates between them: one string each is enough.
    date = None if values.payment_date is None else sys.intern(values.payment_date)
    return replace(values, payment_date=date, fields=values.fields or _NO_FIELDS)


def _now() -> str:
    return sys.intern(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
