"""What each invoice held before this import changed it: the ledger, and what this run knows beyond.

The ledger follows the stored outcomes, so that it never knows of anything beyond the checkpoint.
Where it knows nothing of an invoice on which something may have been paid, that is noted in it
before a record of its chunk is begun, and what is found there before that is changed. So where a
killed run may have sent a record, a payment on an invoice without a note is this import's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Protocol

from payments.models import Found, LedgerEntry, Payment, There


class Ledger(Protocol):
    """The ledger."""

    def find(self, invoice_ids: Iterable[int]) -> dict[int, There]: ...
    def store(self, entries: Iterable[There]) -> None: ...


class Notes:
    """What is known of the invoices of unfinished chunks.

    Threads use it at the same time, though never for the same invoice, except that a chunk may be
    prepared while records of those in front are done.
    """

    def __init__(self, ledger: Ledger, import_id: str) -> None:
        self._ledger = ledger
        self._import_id = import_id
        self._there: dict[int, tuple[int, There | None]] = {}
        self._lock = Lock()

    def prepare(self, chunk: int, clear: Mapping[int, bool | None]) -> None:
        """Read what the ledger knows of the chunk's invoices, and note what may be there.

        `clear` says of each whether it surely has no payment, None where its record may have been
        sent before: then what was noted at that time counts.
        """
        new = self._not_known(chunk, clear)
        found = self._ledger.find(new)
        notes = {}
        for invoice_id in new:
            there = found.get(invoice_id)
            if isinstance(there, Found) and there.import_id != self._import_id:
                there = None
            found_now = self._note(invoice_id, there, is_clear=clear[invoice_id])
            if found_now is not None:
                notes[invoice_id] = found_now
            self._put(chunk, invoice_id, found_now or there)
        if notes:
            self._ledger.store(notes.values())

    def there(self, invoice_id: int) -> There | None:
        """Return what is known of the invoice."""
        return self._there.get(invoice_id, (0, None))[1]

    def looked(
        self, chunk: int, invoice_id: int, payments: tuple[Payment, ...], *, is_doubtful: bool
    ) -> None:
        """Note what was found on the invoice, unless it may be this import's own."""
        there = self.there(invoice_id)
        if isinstance(there, LedgerEntry) and there.payment_id in {p.id for p in payments}:
            return
        not_looked_yet = isinstance(there, Found) and not there.looked
        if not_looked_yet or (payments and not is_doubtful):
            payment = payments[0] if payments else None
            found = Found(invoice_id, self._import_id, looked=True, payment=payment)
            self._ledger.store([found])
            self._put(chunk, invoice_id, found)

    def recorded(self, chunk: int, entry: LedgerEntry) -> None:
        """Note what this run has recorded."""
        self._put(chunk, entry.invoice_id, entry)

    def forget(self, before: int) -> None:
        """Forget the invoices of which no chunk from that number on has a record."""
        with self._lock:
            for invoice_id, (chunk, _) in list(self._there.items()):
                if chunk < before:
                    del self._there[invoice_id]

    def _not_known(self, chunk: int, invoice_ids: Iterable[int]) -> list[int]:
        """Return those of which no unfinished chunk has a record, and keep the others."""
        new = []
        with self._lock:
            for invoice_id in invoice_ids:
                if invoice_id in self._there:
                    self._there[invoice_id] = (chunk, self._there[invoice_id][1])
                else:
                    new.append(invoice_id)
        return new

    def _note(self, invoice_id: int, there: There | None, *, is_clear: bool | None) -> Found | None:
        """Return what the ledger has to be told before a record is begun, if anything."""
        if is_clear is None or isinstance(there, LedgerEntry):
            return None
        if is_clear:
            return None if there is None else Found(invoice_id, self._import_id, looked=True)
        return Found(invoice_id, self._import_id)

    def _put(self, chunk: int, invoice_id: int, there: There | None) -> None:
        with self._lock:
            last, _ = self._there.get(invoice_id, (0, None))
            self._there[invoice_id] = (max(last, chunk), there)
