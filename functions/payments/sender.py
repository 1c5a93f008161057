"""Send a payment to ConnectWise so that it is never created twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Protocol

from payments.errors import AnswerLost, ConnectWiseDown, NotFound, RecordRejected, ServerFault
from payments.models import Action, JsonValue, Payment
from payments.rules import Create, Update, same_amount

POST_TRIES = 4


class PaymentApi(Protocol):
    """ConnectWise's payments."""

    def payments(self, invoice_id: int) -> tuple[Payment, ...]: ...
    def create_payment(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> Payment: ...
    def update_payment(
        self, invoice_id: int, payment_id: int, fields: Mapping[str, JsonValue]
    ) -> Payment: ...
    def wait_after(self, failures: int) -> None: ...


Sent = tuple[Action, Payment]
"""What was done, and the payment as ConnectWise answered it."""


class Sender:
    """Carry out decisions; every method raises RecordRejected if ConnectWise says no."""

    def __init__(self, api: PaymentApi) -> None:
        self._api = api
        self._unanswered: set[int] = set()
        # How many calls of each kind ConnectWise has answered well in this run.
        self._accepted: Counter[str] = Counter()

    @property
    def in_doubt(self) -> bool:
        """Tell whether a create was abandoned of which nobody knows whether it arrived."""
        return bool(self._unanswered)

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        """Return the invoice's payments."""
        try:
            with self._compared("payments"):
                return self._api.payments(invoice_id)
        except NotFound:
            raise RecordRejected(f"ConnectWise has no invoice with id {invoice_id}.") from None

    def update(self, update: Update) -> Sent:
        """Set the payment's fields."""
        try:
            with self._compared("update"):
                payment = self._api.update_payment(
                    update.invoice_id, update.payment_id, update.fields
                )
        except NotFound:
            raise RecordRejected(_payment_gone(update)) from None
        return Action.UPDATED, payment

    def create(self, create: Create) -> Sent:
        """Create the payment, or update the one that turns out to be there.

        A create whose answer is lost is only sent again once ConnectWise shows no payment.
        """
        accepted_before = self._accepted["create"]
        for failures in range(1, POST_TRIES + 1):
            try:
                payment = self._api.create_payment(create.invoice_id, create.fields)
            except AnswerLost as lost:
                last = lost
                self._unanswered.add(create.invoice_id)
            except NotFound:
                raise RecordRejected(
                    f"ConnectWise has no invoice with id {create.invoice_id}."
                ) from None
            except RecordRejected as rejection:
                return self._update_if_present(create, rejection)
            else:
                self._accepted["create"] += 1
                return Action.CREATED, payment
            # A slow create should have arrived before we look whether it did.
            self._api.wait_after(failures)
            found = self.payments(create.invoice_id)
            self._unanswered.discard(create.invoice_id)
            if found:
                return self._adopt(create, found)
        if last.server_fault:  # while it has answered to reading the payments back
            text = "ConnectWise fails at this new payment alone ({})."
            fault = ServerFault(text.format(last), for_log=text.format(last.for_log))
            fault.alone = self._accepted["create"] > accepted_before
            raise fault
        text = "ConnectWise does not answer to new payments ({})."
        raise ConnectWiseDown(text.format(last), for_log=text.format(last.for_log))

    @contextmanager
    def _compared(self, kind: str) -> Iterator[None]:
        """Count a call that is accepted; of one that fails tell whether others were meanwhile."""
        accepted_before = self._accepted[kind]
        try:
            yield
        except ServerFault as fault:
            fault.alone = self._accepted[kind] > accepted_before
            raise
        self._accepted[kind] += 1

    def _adopt(self, create: Create, found: tuple[Payment, ...]) -> Sent:
        """Take the payment that our lost create has left: there was none before it."""
        sent = create.fields["amount"]
        for payment in found:
            held = payment.amount
            if isinstance(sent, Decimal) and held is not None and same_amount(sent, held):
                return Action.CREATED, payment
        return self._update_only(create, found)

    def _update_if_present(self, create: Create, rejection: RecordRejected) -> Sent:
        """Update the payment that made ConnectWise reject a second one.

        How it words that is not documented, so that every rejection is looked into.
        """
        found = self.payments(create.invoice_id)
        if not found:
            raise rejection
        return self._update_only(create, found)

    def _update_only(self, create: Create, found: tuple[Payment, ...]) -> Sent:
        if len(found) > 1:
            ids = ", ".join(str(payment.id) for payment in found)
            raise RecordRejected(
                f"Invoice {create.invoice_id} has several payments: give the <id> of one of {ids}."
            )
        return self.update(Update(create.invoice_id, found[0].id, create.fields))


def _payment_gone(update: Update) -> str:
    gone = f"ConnectWise has no payment {update.payment_id} on invoice {update.invoice_id}."
    if update.known_as is None:
        return gone
    return (
        f"{gone} The truth table names it for external id {update.known_as}. If the invoice is "
        "right and the payment is to be created anew, delete the truth table's entry "
        f"{update.known_as}, leave out any <id>, and upload the record again."
    )
