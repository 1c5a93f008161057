"""The ledger in memory."""

from __future__ import annotations

from collections.abc import Iterable

from payments.models import There


class FakeLedger:
    """What is known of invoices."""

    def __init__(self, *entries: There) -> None:
        self.entries: dict[int, There] = {}
        self.store(entries)

    def find(self, invoice_ids: Iterable[int]) -> dict[int, There]:
        """Return what is known of the invoices, by their ids."""
        return {it: self.entries[it] for it in invoice_ids if it in self.entries}

    def store(self, entries: Iterable[There]) -> None:
        """Keep entries."""
        self.entries.update((entry.invoice_id, entry) for entry in entries)
