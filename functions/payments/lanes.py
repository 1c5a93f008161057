"""Share records out so that those which belong together are applied one after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from payments.models import PaymentRecord, TruthRecord
from payments.rules import FoundInvoices

Key = tuple[str, int | str]
Lane = list[PaymentRecord]


def keys(
    record: PaymentRecord, truth: TruthRecord | None, invoices: FoundInvoices
) -> frozenset[Key]:
    """Return what the record touches: two records that share a key must keep their order."""
    touched: set[Key] = set()
    if record.external_id is not None:
        touched.add(("external id", record.external_id))
    if record.payment_id is not None:
        touched.add(("payment", record.payment_id))
    if record.invoice_id is not None:
        touched.add(("invoice", record.invoice_id))
    for invoice in invoices.by_number.get(record.invoice_number or "", ()):
        touched.add(("invoice", invoice.id))
    if truth is not None:
        touched.add(("payment", truth.payment_id))
        if truth.invoice_id is not None:
            touched.add(("invoice", truth.invoice_id))
    return frozenset(touched)


def lanes(records: Iterable[PaymentRecord], keys_of: Mapping[int, frozenset[Key]]) -> list[Lane]:
    """Group records that share a key, directly or through others, each group in file order.

    `keys_of` is by record number. The groups are in the order of their first records.
    """
    together = _Together()
    for number_keys in keys_of.values():
        together.join(number_keys)
    found: dict[Key, Lane] = {}
    for record in records:
        own = next(iter(keys_of[record.number]), ("record", record.number))
        found.setdefault(together.representative(own), []).append(record)
    return list(found.values())


class _Together:
    """Sets of keys that have been joined (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def representative(self, key: Key) -> Key:
        while (parent := self._parent.setdefault(key, key)) != key:
            self._parent[key] = self._parent[parent]
            key = parent
        return key

    def join(self, keys: Iterable[Key]) -> None:
        representatives = [self.representative(key) for key in keys]
        for other in representatives[1:]:
            self._parent[self.representative(other)] = self.representative(representatives[0])
