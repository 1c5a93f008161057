"""Keep adding up with receipts that come from a file: the ledger of a new stack knows none."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from decimal import Decimal
from sys import intern
from typing import NamedTuple

from payments.command.imports import find_import
from payments.command.truth import StoredTruth, parts
from payments.command.unchanged import Unchanged
from payments.models import (
    LedgerEntry,
    Receipt,
    SecondPayment,
    There,
    TruthRecord,
    day_of,
)
from payments.receipts import fields_of, sum_of
from payments.stores.ledger import ATTRIBUTES


class _Received(NamedTuple):
    """A receipt, and the payment in which it was recorded: there may be a million of them."""

    modified: str
    payment_id: int
    external_id: str
    receipt: Receipt


class LoadedReceipts:
    """The receipts of a file on invoices of which the ledger knows nothing, to be written to it.

    Whether ConnectWise holds their sum is not asked here: whoever adds to it does that first.
    """

    def __init__(self, truth: StoredTruth) -> None:
        self._truth = truth
        self._adds_up = truth.deployment.second_payment is SecondPayment.ADD
        self._known: set[int] = set()
        self._received: dict[int, list[_Received]] = {}
        self._ended: dict[str, bool] = {}

    def add(self, records: Iterable[TruthRecord]) -> None:
        """Keep those of the records in mind that are receipts."""
        if not self._adds_up:
            return
        placed = [
            (it.invoice_id, _received(it, it.amount))
            for it in records
            if it.invoice_id is not None and it.amount and it.accepted
        ]
        new = {invoice_id for invoice_id, _ in placed} - self._known - self._received.keys()
        found = self._truth.ledger.find(new)
        self._known.update(number for number, there in found.items() if self._is_known(there))
        for invoice_id, received in placed:
            if invoice_id not in self._known:
                self._received.setdefault(invoice_id, []).append(received)

    def write(self, pool: Executor) -> int:
        """Write the sums, where the ledger still knows nothing; return how many were written."""
        written = 0
        for part in parts(self._received.items()):
            through = Unchanged(self._truth.client, "invoiceId", ATTRIBUTES)
            ledger = self._truth.ledger_through(through)
            known = ledger.find(invoice_id for invoice_id, _ in part)
            places = [
                There(invoice_id, _entry(invoice_id, received))
                for invoice_id, received in part
                if not self._is_known(known.get(invoice_id))
            ]
            for _ in pool.map(lambda place, ledger=ledger: ledger.store([place]), places):
                written += 1
            written -= len(through.changed)
        return written

    def _is_known(self, there: There | None) -> bool:
        """Tell whether the ledger knows a payment, or an import that goes on relies on it."""
        if there is None or there.entry is not None:
            return there is not None
        return there.found is not None and not self._has_ended(there.found.import_id)

    def _has_ended(self, import_id: str) -> bool:
        if import_id not in self._ended:
            row = find_import(self._truth.deployment.imports_table, import_id)
            self._ended[import_id] = row is None or row.finished
        return self._ended[import_id]


def _received(record: TruthRecord, amount: Decimal) -> _Received:
    day = None if record.day is None else intern(record.day)
    return _Received(record.modified, record.payment_id, record.external_id, Receipt(amount, day))


def _entry(invoice_id: int, received: list[_Received]) -> LedgerEntry:
    """Return what the ledger is to know; of several payments the last one is there."""
    latest = max(received, key=lambda it: it[:2])
    receipts = {it.external_id: it.receipt for it in received if it.payment_id == latest.payment_id}
    return LedgerEntry(
        invoice_id,
        latest.payment_id,
        latest.modified,
        sum_of(receipts),
        day_of(fields_of(receipts)),
        added_up=receipts,
    )
