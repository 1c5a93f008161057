"""What a run has done itself, for records that were looked up before it was done."""

from __future__ import annotations

from dataclasses import dataclass

from payments.models import Payment, TruthRecord


@dataclass(frozen=True, slots=True)
class _Touched:
    """An invoice that chunk number `chunk` has sent to, and its only payment if known."""

    chunk: int
    only_payment: Payment | None


class Learned:
    """Truth records and payments by the chunk that taught them.

    Threads add to it at the same time, though never for the same external id or invoice.
    """

    def __init__(self) -> None:
        self._truth: dict[str, tuple[int, TruthRecord]] = {}
        self._invoices: dict[int, _Touched] = {}

    def add(
        self, chunk: int, invoice_id: int, only_payment: Payment | None, truth: TruthRecord | None
    ) -> None:
        """Note that a payment was sent to the invoice.

        A payment that the record itself named need not be the invoice's only one: then
        `only_payment` is None, and what was known before of a single one still holds.
        """
        if only_payment is None:
            only_payment = self.only_payment(invoice_id)
        self._invoices[invoice_id] = _Touched(chunk, only_payment)
        if truth is not None:
            self._truth[truth.external_id] = (chunk, truth)

    def truth(self, external_id: str) -> TruthRecord | None:
        """Return what this run has learned of an external id."""
        found = self._truth.get(external_id)
        return None if found is None else found[1]

    def touched(self, invoice_id: int) -> bool:
        """Tell whether this run has sent anything to the invoice."""
        return invoice_id in self._invoices

    def only_payment(self, invoice_id: int) -> Payment | None:
        """Return the only payment of an invoice as it was last seen, None if that is not known."""
        found = self._invoices.get(invoice_id)
        return None if found is None else found.only_payment

    def forget(self, before: int) -> None:
        """Forget what chunks before that number have taught."""
        for external_id, (chunk, _) in list(self._truth.items()):
            if chunk < before:
                del self._truth[external_id]
        for invoice_id, touched in list(self._invoices.items()):
            if touched.chunk < before:
                del self._invoices[invoice_id]
