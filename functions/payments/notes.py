"""What each invoice held before this import changed it: the ledger, and what this run knows beyond.

The ledger follows the stored outcomes, so that it never knows of anything beyond the checkpoint.
Where something else may be on an invoice than the ledger says, that is noted before a record of its
chunk is begun, and what is found there before that is changed. So where a killed run may have sent
a record, what is on an invoice without a note was as the ledger says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from threading import Lock
from typing import Protocol

from payments.models import Found, LedgerEntry, Payment, There
from payments.payment_fields import same_amount


class Ledger(Protocol):
    """The ledger."""

    def find(self, invoice_ids: Iterable[int]) -> dict[int, There]: ...
    def store(self, entries: Iterable[There]) -> None: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of an invoice before a chunk is begun: what is paid, if that is known.

    `in_doubt`: a killed run may have changed it. `is_named`: its records name their payment, so
    that nobody looks.
    """

    paid: Decimal | None = None
    in_doubt: bool = False
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class _Page:
    """What is known of an invoice, until which chunk; `is_own`: this run has recorded it."""

    chunk: int
    there: There
    is_own: bool = False


class Notes:
    """What is known of the invoices of unfinished chunks.

    Threads use it at the same time, though never for the same invoice, except that a chunk may be
    prepared while records of those in front are done.
    """

    def __init__(self, ledger: Ledger, import_id: str) -> None:
        self._ledger = ledger
        self._import_id = import_id
        self._pages: dict[int, _Page] = {}
        self._lock = Lock()

    def prepare(self, chunk: int, seen: Mapping[int, Seen]) -> None:
        """Read what the ledger knows of the chunk's invoices, and note where that may be untrue."""
        new = self._not_known(chunk, seen)
        found = self._ledger.find(new)
        notes = []
        for invoice_id in new:
            there = self._of_this_import(found.get(invoice_id, There(invoice_id)))
            noted = there if seen[invoice_id].in_doubt else self._noted(there, seen[invoice_id])
            if noted != there:
                notes.append(noted)
            self._put(chunk, noted)
        if notes:
            self._ledger.store(notes)

    def there(self, invoice_id: int) -> There:
        """Return what is known of the invoice."""
        page = self._pages.get(invoice_id)
        return There(invoice_id) if page is None else page.there

    def looked(
        self, chunk: int, invoice_id: int, payments: tuple[Payment, ...], *, is_doubtful: bool
    ) -> None:
        """Note what was found on the invoice, unless it may be this import's own.

        What this run has recorded is not to be in the ledger before it is stored.
        """
        page = self._pages.get(invoice_id)
        if page is not None and page.is_own:
            return
        there = self.there(invoice_id)
        payment = payments[0] if payments else None
        not_looked_yet = there.found is not None and not there.found.looked
        is_as_recorded = not is_doubtful and _is_as_recorded(there.entry, payment)
        if not_looked_yet or not (is_doubtful or is_as_recorded):
            noted = There(invoice_id, there.entry)  # then it is as the ledger says
            if there.entry is None or not is_as_recorded:
                found = Found(self._import_id, looked=True, payment=payment)
                noted = replace(noted, found=found)
            self._ledger.store([noted])
            self._put(chunk, noted)

    def recorded(self, chunk: int, entry: LedgerEntry) -> None:
        """Note what this run has recorded."""
        self._put(chunk, There(entry.invoice_id, entry), is_own=True)

    def forget(self, before: int) -> None:
        """Forget the invoices of which no chunk from that number on has a record."""
        with self._lock:
            for invoice_id, page in list(self._pages.items()):
                if page.chunk < before:
                    del self._pages[invoice_id]

    def _not_known(self, chunk: int, invoice_ids: Iterable[int]) -> list[int]:
        """Return those of which no unfinished chunk has a record, and keep the others."""
        new = []
        with self._lock:
            for invoice_id in invoice_ids:
                if invoice_id in self._pages:
                    self._pages[invoice_id] = replace(self._pages[invoice_id], chunk=chunk)
                else:
                    new.append(invoice_id)
        return new

    def _of_this_import(self, there: There) -> There:
        found = there.found
        if found is None or found.import_id == self._import_id:
            return there
        return There(there.invoice_id, there.entry)

    def _noted(self, there: There, seen: Seen) -> There:
        """Return what the ledger has to hold before a record is begun."""
        entry = there.entry
        recorded = Decimal(0) if entry is None else entry.amount or Decimal(0)
        if seen.paid is not None and same_amount(seen.paid, recorded):
            # A former note of this import must not be taken for true.
            found = Found(self._import_id, looked=True) if there.found and not entry else None
            return There(there.invoice_id, entry, found)
        if seen.is_named and entry is not None:
            return There(there.invoice_id, entry)
        return There(there.invoice_id, entry, Found(self._import_id))

    def _put(self, chunk: int, there: There, *, is_own: bool = False) -> None:
        with self._lock:
            page = self._pages.get(there.invoice_id)
            last = chunk if page is None else max(page.chunk, chunk)
            self._pages[there.invoice_id] = _Page(last, there, is_own)


def _is_as_recorded(entry: LedgerEntry | None, payment: Payment | None) -> bool:
    """Tell whether the ledger knows what is there; of a payment without an amount it does not."""
    if payment is None:
        return entry is None or not entry.amount
    if entry is None or entry.payment_id != payment.id:
        return False
    return same_amount(payment.amount or Decimal(0), entry.amount or Decimal(0))
