"""What a run has done itself, for records that were looked up before it was done."""

from __future__ import annotations

from typing import TypeVar

from payments.models import Payment, TruthRecord

_Name = TypeVar("_Name")
_Taught = TypeVar("_Taught")

Place = tuple[int, int | None]
"""An invoice and, for the application of a credit memo, that memo: where there is one payment."""


class Learned:
    """Truth records and payments by the chunk that taught them.

    Threads add to it at the same time, though never for the same external id or invoice.
    """

    def __init__(self) -> None:
        self._truth: dict[str, tuple[int, TruthRecord]] = {}
        self._touched: dict[int, tuple[int, bool]] = {}
        self._only_payments: dict[Place, tuple[int, Payment]] = {}

    def add(
        self,
        chunk: int,
        place: Place,
        payment: Payment,
        truth: TruthRecord | None,
        *,
        is_only: bool,
    ) -> None:
        """Note what was sent to the place.

        A payment that the record itself named need not be the only one there: if it is another
        than the one that was, nobody knows.
        """
        known = self.only_payment(place)
        self._touched[place[0]] = (chunk, True)
        if is_only or (known is not None and known.id == payment.id):
            self._only_payments[place] = (chunk, payment)
        else:
            self._only_payments.pop(place, None)
        if truth is not None:
            self._truth[truth.external_id] = (chunk, truth)

    def truth(self, external_id: str) -> TruthRecord | None:
        """Return what this run has learned of an external id."""
        found = self._truth.get(external_id)
        return None if found is None else found[1]

    def touched(self, invoice_id: int) -> bool:
        """Tell whether this run has sent anything to the invoice."""
        return invoice_id in self._touched

    def only_payment(self, place: Place) -> Payment | None:
        """Return the only payment there as it was last seen, None if that is not known."""
        found = self._only_payments.get(place)
        return None if found is None else found[1]

    def forget(self, before: int) -> None:
        """Forget what chunks before that number have taught."""
        _forget(self._truth, before)
        _forget(self._touched, before)
        _forget(self._only_payments, before)


def _forget(taught: dict[_Name, tuple[int, _Taught]], before: int) -> None:
    for name, (chunk, _) in list(taught.items()):
        if chunk < before:
            del taught[name]
