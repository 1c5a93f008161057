"""The world of an import for a rehearsal: what is there is read, what is written stays here.

The import's own code runs against it, so that a preview decides as the import does.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any, TypeAlias

from payments.connectwise.answers import usable_id, usable_number
from payments.connectwise.finance import Calls
from payments.connectwise.invoices import Invoices
from payments.errors import CallFailed, NoAnswer, NotPermitted, RecordRejected, ServerFault
from payments.gathering import Truth
from payments.models import (
    Fields,
    Invoice,
    JsonValue,
    Payment,
    There,
    TruthRecord,
    amount_of,
)
from payments.notes import Ledger
from payments.payment_fields import WRITABLE
from payments.sending import Payments

FIRST_NEW_ID = 10**12
"""Payments that a rehearsal creates count from here: beyond ConnectWise's own ids."""

_IDS_AT_ONCE = 100  # in one URL
_WRITABLE = {writable.name: writable for writable in WRITABLE}

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
        if self.before is None or self.after is None:
            return False
        return _WRITABLE[self.name].same(self.after, self.before)


@dataclass(frozen=True, slots=True)
class Step:
    """One create or update: what it is about, and the balance if it exceeds that.

    `before` is what the payment shows until then, nothing for a new one.
    """

    invoice_id: int
    changes: tuple[Change, ...]
    before: Fields = field(default_factory=dict)
    exceeded_balance: Decimal | None = None


class RehearsedPayments:
    """ConnectWise's payments; writes only change the copy that is kept here.

    `balance` tells what is open on an invoice, None if that is not known. All calls for one invoice
    come one after another, those for different ones from threads.
    """

    def __init__(self, payments: Payments, balance: Callable[[int], Decimal | None]) -> None:
        self._payments = payments
        self._balance = balance
        self._held: defaultdict[int, dict[int, Payment]] = defaultdict(dict)
        self._listed: set[tuple[int, bool]] = set()
        self._added: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._steps: defaultdict[int, deque[Step]] = defaultdict(deque)
        self._new_ids = count(FIRST_NEW_ID)

    def take_step(self, payment_id: int) -> Step:
        """Return the oldest step for a payment that has not been taken yet."""
        return self._steps[payment_id].popleft()

    def payments(self, invoice_id: int, *, with_credits: bool = False) -> tuple[Payment, ...]:
        """Return the invoice's payments, those of the rehearsal among them."""
        held = self._held[invoice_id]
        if (invoice_id, with_credits) not in self._listed:
            for payment in self._payments.payments(invoice_id, with_credits=with_credits):
                held.setdefault(payment.id, payment)
            self._listed.add((invoice_id, with_credits))
        return tuple(row for row in held.values() if with_credits or "credit" not in row.fields)

    def payment(self, invoice_id: int, payment_id: int) -> Payment:
        """Return one payment; raises NotFound if there is no such one."""
        held = self._held[invoice_id]
        if payment_id not in held:
            held[payment_id] = self._payments.payment(invoice_id, payment_id)
        return held[payment_id]

    def create_payment(self, invoice_id: int, fields: Fields) -> Payment:
        """Note a create; an invoice that has a payment refuses it, as ConnectWise does."""
        if _read(lambda: self.payments(invoice_id)):
            raise RecordRejected(f"Invoice {invoice_id} has a payment already.")
        return self._write(invoice_id, Payment(next(self._new_ids)), fields)

    def update_payment(self, invoice_id: int, payment_id: int, fields: Fields) -> Payment:
        """Note an update; raises NotFound if there is no such payment."""
        payment = _read(lambda: self.payment(invoice_id, payment_id))
        return self._write(invoice_id, payment, fields)

    def _write(self, invoice_id: int, payment: Payment, fields: Fields) -> Payment:
        before = payment.fields
        changes = tuple(Change(name, before.get(name), value) for name, value in fields.items())
        exceeded = self._exceeded_balance(invoice_id, before, fields)
        self._steps[payment.id].append(Step(invoice_id, changes, before, exceeded))
        written = Payment(payment.id, {**before, **fields})
        self._held[invoice_id][payment.id] = written
        return written

    def _exceeded_balance(self, invoice_id: int, before: Fields, fields: Fields) -> Decimal | None:
        """Return what could be paid at most, if the payment's new amount is more than that."""
        amount = amount_of(fields)
        if amount is None:
            return None
        held = amount_of(before) or Decimal(0)
        added_before = self._added[invoice_id]
        self._added[invoice_id] += amount - held
        balance = self._balance(invoice_id) if amount > held else None
        if balance is None:
            return None
        open_for_payment = balance - added_before + held
        return open_for_payment if amount > max(open_for_payment, Decimal(0)) else None


def _read(call: Callable[[], Any]) -> Any:
    """Read for a write that stays here: without an answer it has not been made, for sure."""
    try:
        return call()
    except NoAnswer as error:
        raise ServerFault(str(error), for_log=error.for_log) from error


class KnownInvoices:
    """Look invoices up as the import does, and note their numbers and balances."""

    def __init__(self, invoices: Invoices, api: Calls) -> None:
        self._invoices = invoices
        self._api = api
        self._balances: dict[int, Decimal | None] = {}
        self.numbers: dict[int, str] = {}

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        """Return those of the invoices that exist."""
        return self._noted(self._invoices.invoices_by_id(ids))

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        """Return all invoices that have one of the numbers."""
        return self._noted(self._invoices.invoices_by_number(numbers))

    def balance(self, invoice_id: int) -> Decimal | None:
        """Return what is open on an invoice, None if ConnectWise does not say."""
        if invoice_id not in self._balances:
            self._note_balances([invoice_id])
        return self._balances[invoice_id]

    def _noted(self, invoices: list[Invoice]) -> list[Invoice]:
        self.numbers.update((invoice.id, invoice.number) for invoice in invoices)
        new = [invoice.id for invoice in invoices if invoice.id not in self._balances]
        for start in range(0, len(new), _IDS_AT_ONCE):
            self._note_balances(new[start : start + _IDS_AT_ONCE])
        return invoices

    def _note_balances(self, ids: list[int]) -> None:
        query: dict[str, str | int] = {
            "conditions": f"id in ({','.join(map(str, ids))})",
            "fields": "id,balance",
            "pageSize": len(ids),
        }
        self._balances.update(dict.fromkeys(ids))
        try:
            answer = self._api.get("/finance/invoices", query)
        except (CallFailed, RecordRejected, NotPermitted):
            return  # a balance is only for a warning
        for row in answer if isinstance(answer, list) else ():
            known = row if isinstance(row, Mapping) else {}
            invoice_id = usable_id(known.get("id"))
            if invoice_id in self._balances:
                self._balances[invoice_id] = usable_number(known.get("balance"))


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

    def store(self, record: TruthRecord) -> None:
        """Keep what would be written."""
        self._written[record.external_id] = record


class RehearsedLedger:
    """The ledger, read only; what the rehearsal would write stays here."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._written: dict[int, There] = {}

    def find(self, invoice_ids: Iterable[int]) -> dict[int, There]:
        """Return what there would be."""
        wanted = set(invoice_ids)
        here = {number: self._written[number] for number in wanted & self._written.keys()}
        return self._ledger.find(wanted - here.keys()) | here

    def store(self, places: Iterable[There]) -> None:
        """Keep what would be written."""
        self._written.update((there.invoice_id, there) for there in places)
