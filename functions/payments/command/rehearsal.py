"""ConnectWise for a rehearsal: what is there is read from it, what is sent stays here.

The import's own code runs against it, so that a preview decides as the import does.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, Protocol, TypeAlias

from payments.connectwise.finance import ConnectWise
from payments.errors import NotFound, RecordRejected
from payments.connectwise.invoices import batches
from payments.models import Invoice, JsonValue, Payment, TruthRecord
from payments.pipeline import Truth
from payments.rules import InvoiceQuery, same_amount
from payments.connectwise.transport import Transport

FIRST_NEW_ID = 10**12
"""Payments that a rehearsal creates count from here: beyond ConnectWise's own ids."""

_PAYMENT_FIELDS = (
    "id,amount,paymentDate,appliedBy,type,credit,paymentAccount,aRPaymentAccount,invoiceBalance"
)
_MOST_ROWS = 1000

Value: TypeAlias = "JsonValue | None"


@dataclass(frozen=True, slots=True)
class Change:
    """A field that would be sent: its value now, None if it has none, and the one sent."""

    name: str
    before: Value
    after: Value

    @property
    def stays(self) -> bool:
        """Whether ConnectWise holds this value already."""
        if isinstance(self.before, int | Decimal) and isinstance(self.after, int | Decimal):
            return same_amount(Decimal(self.after), Decimal(self.before))
        if isinstance(self.before, Mapping) and isinstance(self.after, Mapping):
            return self.before.get("id") == self.after.get("id")
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class Step:
    """One create or update: the invoice, the fields, and the balance if they exceed it."""

    invoice_id: int
    changes: tuple[Change, ...]
    exceeded_balance: Decimal | None = None


class Reads(Protocol):
    """What a rehearsal may do with ConnectWise."""

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any: ...


class RehearsedPayments:
    """Payments as the import's sender wants them; writes only change the copy that is kept here.

    All calls for one invoice come one after another, those for different ones from threads.
    """

    def __init__(self, connectwise: Reads, balances: Mapping[int, Decimal]) -> None:
        self._connectwise = connectwise
        self._known_balances = balances
        self._rows: dict[int, list[dict[str, Any]]] = {}
        self._paid_here: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._steps: defaultdict[int, deque[Step]] = defaultdict(deque)
        self._new_ids = count(FIRST_NEW_ID)

    def take_step(self, payment_id: int) -> Step:
        """Return the oldest step for a payment that has not been taken yet."""
        return self._steps[payment_id].popleft()

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        """Return the invoice's payments, those of the rehearsal among them."""
        return tuple(
            Payment(int(row["id"]), _amount(row.get("amount"))) for row in self._of(invoice_id)
        )

    def create_payment(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> Payment:
        """Note a create; an invoice that has a payment refuses it, as ConnectWise does."""
        rows = self._of(invoice_id)
        if rows:
            raise RecordRejected(f"Invoice {invoice_id} has a payment already.")
        row: dict[str, Any] = {"id": next(self._new_ids)}
        rows.append(row)
        return self._apply(invoice_id, row, fields)

    def update_payment(
        self, invoice_id: int, payment_id: int, fields: Mapping[str, JsonValue]
    ) -> Payment:
        """Note an update; raises NotFound if there is no such payment."""
        for row in self._of(invoice_id):
            if row["id"] == payment_id:
                return self._apply(invoice_id, row, fields)
        raise NotFound(f"ConnectWise has no payment {payment_id} on invoice {invoice_id}.")

    def wait_after(self, failures: int) -> None:
        """Nothing that is sent here fails."""

    def _of(self, invoice_id: int) -> list[dict[str, Any]]:
        if invoice_id not in self._rows:
            query: dict[str, str | int] = {"fields": _PAYMENT_FIELDS, "pageSize": _MOST_ROWS}
            rows = self._connectwise.get(f"/finance/invoices/{invoice_id}/payments", query)
            self._rows[invoice_id] = list(rows)
        return self._rows[invoice_id]

    def _apply(
        self, invoice_id: int, row: dict[str, Any], fields: Mapping[str, JsonValue]
    ) -> Payment:
        changes = tuple(Change(name, row.get(name), value) for name, value in fields.items())
        exceeded = self._exceeded_balance(invoice_id, row, fields)
        row.update(fields)
        self._steps[row["id"]].append(Step(invoice_id, changes, exceeded))
        return Payment(row["id"], _amount(row.get("amount")))

    def _exceeded_balance(
        self, invoice_id: int, row: Mapping[str, Any], fields: Mapping[str, JsonValue]
    ) -> Decimal | None:
        """Return what could be paid at most, if the payment's new amount is more than that."""
        amount = _amount(fields.get("amount"))
        balance = self._known_balances.get(invoice_id, _amount(row.get("invoiceBalance")))
        if amount is None or balance is None:
            return None
        before = _amount(row.get("amount")) or Decimal(0)
        open_for_payment = balance - self._paid_here[invoice_id] + before
        self._paid_here[invoice_id] += amount - before
        return open_for_payment if amount > max(open_for_payment, before, Decimal(0)) else None


class InvoicesWithBalances:
    """Look invoices up as the import does, and note their balances."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._connectwise = ConnectWise(transport)
        self.balances: dict[int, Decimal] = {}

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        """Return those of the invoices that exist."""
        return self._noted(self._connectwise.invoices_by_id(ids))

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        """Return all invoices that have one of the numbers."""
        return self._noted(self._connectwise.invoices_by_number(numbers))

    def _noted(self, invoices: list[Invoice]) -> list[Invoice]:
        wanted = (InvoiceQuery(invoice.id, None) for invoice in invoices)
        for batch in batches(query for query in wanted if query.invoice_id not in self.balances):
            query: dict[str, str | int] = {
                "conditions": f"id in ({','.join(map(str, batch.ids))})",
                "fields": "id,balance",
                "pageSize": _MOST_ROWS,
            }
            for row in self._transport.get("/finance/invoices", query):
                balance = _amount(row.get("balance"))
                if balance is not None:
                    self.balances.setdefault(int(row["id"]), balance)
        return invoices


class RehearsedTruth:
    """The truth table, read only; what the rehearsal would write stays here."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._written: dict[str, TruthRecord] = {}

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        """Return the truth records that there would be."""
        wanted = set(external_ids)
        here = {name: self._written[name] for name in wanted & self._written.keys()}
        return self._truth.find(wanted - here.keys()) | here

    def store(self, records: Iterable[TruthRecord]) -> None:
        """Keep what would be written."""
        self._written |= {record.external_id: record for record in records}


def _amount(value: Any) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) else None
