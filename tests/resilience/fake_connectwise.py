"""ConnectWise in memory, behind the calls that an import makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from payments.errors import AnswerLost, NotFound, RecordRejected
from payments.models import Invoice, JsonValue, Payment
from payments.connectwise.pace import Gate
from resilience.points import Points, Trouble, no_trouble

_Answer = TypeVar("_Answer")
PaymentFields = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class FakeInvoice:
    """An invoice; what is paid on it lies with the payments."""

    id: int
    total: Decimal = Decimal(100)
    credits: Decimal = Decimal(0)

    @property
    def number(self) -> str:
        """The number that an accounting package knows."""
        return f"INV-{self.id}"


@dataclass(slots=True)
class FakeConnectWise:
    """A tenant. An overpayment is cut to the open balance.

    Ids of payments tell the invoice, so that they do not depend on the order of creates on
    different invoices. With `late_sums` invoices do not show payments that were created, as if
    their sums were reckoned later.
    """

    invoices: dict[int, FakeInvoice]
    several_payments: bool = False
    late_sums: bool = False
    held: dict[int, dict[int, PaymentFields]] = field(default_factory=dict)
    creates: Counter[int] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    trouble: Trouble = no_trouble

    def add_payment(self, invoice_id: int, **fields: JsonValue) -> int:
        """Record a payment as somebody else would."""
        payments = self.held.setdefault(invoice_id, {})
        payment_id = invoice_id * 100 + len(payments) + 1
        payments[payment_id] = fields
        return payment_id

    def paid(self, invoice_id: int) -> Decimal:
        """Return the sum of an invoice's payments."""
        payments = self.held.get(invoice_id, {}).values()
        return sum((_amount(payment) for payment in payments), Decimal(0))

    def create(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> int:
        """Create a payment as the API does; return its id."""
        if invoice_id not in self.invoices:
            raise NotFound(f"Invoice {invoice_id} not found")
        if self.held.get(invoice_id) and not self.several_payments:
            raise RecordRejected(f"A payment already exists for invoice {invoice_id}.")
        payment_id = self.add_payment(invoice_id, **fields)
        self.creates[invoice_id] += 1
        self._settle(invoice_id, payment_id)
        return payment_id

    def update(self, invoice_id: int, payment_id: int, fields: Mapping[str, JsonValue]) -> None:
        """Change a payment as the API does."""
        if payment_id not in self.held.get(invoice_id, {}):
            raise NotFound(f"Payment {payment_id} not found")
        self.held[invoice_id][payment_id].update(fields)
        self._settle(invoice_id, payment_id)

    def _settle(self, invoice_id: int, payment_id: int) -> None:
        payment, invoice = self.held[invoice_id][payment_id], self.invoices[invoice_id]
        others = self.paid(invoice_id) - _amount(payment)
        balance = max(invoice.total - invoice.credits - others, Decimal(0))
        payment["amount"] = min(_amount(payment), balance)


class FakeApi:
    """The calls of one run to a tenant."""

    def __init__(self, tenant: FakeConnectWise, points: Points, gate: Gate) -> None:
        self._tenant = tenant
        self._points = points
        self._gate = gate

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        wanted = list(ids)
        return self._call(
            "GET invoices",
            lambda: [self._invoice(found) for found in wanted if found in self._tenant.invoices],
        )

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        wanted = {number.casefold() for number in numbers}
        invoices = self._tenant.invoices.values()
        return self._call(
            "GET invoices",
            lambda: [self._invoice(i.id) for i in invoices if i.number.casefold() in wanted],
        )

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        def read() -> tuple[Payment, ...]:
            if invoice_id not in self._tenant.invoices:
                raise NotFound(f"Invoice {invoice_id} not found")
            payments = self._tenant.held.get(invoice_id, {})
            return tuple(Payment(found, _amount(fields)) for found, fields in payments.items())

        return self._call(f"GET {invoice_id}/payments", read)

    def create_payment(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> Payment:
        def create() -> Payment:
            payment_id = self._tenant.create(invoice_id, fields)
            return Payment(payment_id, _amount(self._tenant.held[invoice_id][payment_id]))

        return self._call(f"POST {invoice_id}/payments", create)

    def update_payment(
        self, invoice_id: int, payment_id: int, fields: Mapping[str, JsonValue]
    ) -> Payment:
        def update() -> Payment:
            self._tenant.update(invoice_id, payment_id, fields)
            return Payment(payment_id, _amount(self._tenant.held[invoice_id][payment_id]))

        return self._call(f"PATCH {invoice_id}/payments/{payment_id}", update)

    def wait_after(self, failures: int) -> None:
        self._gate.sleep(0)  # the clock passes no time, but a closed gate or the end of it counts

    def _call(self, name: str, effect: Callable[[], _Answer]) -> _Answer:
        with self._points.around(name), self._gate.call():
            self._tenant.trouble(name, True)
            self._tenant.calls.append(name)
            answer: _Answer | RecordRejected
            try:
                answer = effect()
            except RecordRejected as rejection:
                answer = rejection
            self._tenant.trouble(name, False)
        if isinstance(answer, RecordRejected):
            raise answer
        return answer

    def _invoice(self, invoice_id: int) -> Invoice:
        invoice = self._tenant.invoices[invoice_id]
        late = self._tenant.late_sums and self._tenant.creates[invoice_id]
        paid = Decimal(0) if late else self._tenant.paid(invoice_id)
        return Invoice(invoice.id, invoice.number, paid)


def lost(call: str) -> AnswerLost:
    """Return the error of a create whose answer did not come."""
    return AnswerLost(f"no answer to {call}")


def _amount(payment: Mapping[str, JsonValue]) -> Decimal:
    amount = payment["amount"]
    assert isinstance(amount, Decimal)
    return amount
