"""Send one decision to ConnectWise, so that it takes effect once, and make sure that it has.

A write that fails may still take effect: its invoice is left in quiet (`quiet`). An update sets the
same values again; a create is looked for first. What is refused, or fails to the end, may be the
second of one that has taken effect: what ConnectWise holds decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Protocol

from payments.clock import Clock
from payments.connectwise.patience import Patience, Steps, Tries
from payments.decisions import Create, Decision, Update
from payments.errors import Busy, CallFailed, NotFound, RecordRejected, RecordStuck
from payments.models import Action, Fields, Payment, amount_of, credit_of
from payments.payment_fields import accepts, holds, shows_all
from payments.quiet import Quiet
from payments.rules import listed, no_invoice
from payments.second_payment import that_count
from payments.wording import truth_delete

# It is waited for before the next: four of them are as many as seven updates.
_LOST_CREATE_COUNTS_AS = 2
_FIRST_LOOK_SECONDS = 0.5
_LONGEST_LOOK_SECONDS = 8.0


class Payments(Protocol):
    """ConnectWise's payments."""

    def payments(self, invoice_id: int, *, with_credits: bool = False) -> tuple[Payment, ...]: ...
    def payment(self, invoice_id: int, payment_id: int) -> Payment: ...
    def create_payment(self, invoice_id: int, fields: Fields) -> Payment: ...
    def update_payment(self, invoice_id: int, payment_id: int, fields: Fields) -> Payment: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What was done, and the payment as ConnectWise holds it now.

    `creates` is how many creates may have reached ConnectWise for it.
    """

    action: Action
    payment: Payment
    creates: int = 0


@dataclass(frozen=True, slots=True)
class Occupied:
    """What is on the invoice instead; `may_be_own`: an earlier try of `amount` may have made it."""

    payments: tuple[Payment, ...]
    may_be_own: bool = False
    creates: int = 0
    amount: Decimal | None = None


class Sender:
    """Send the decisions of one run."""

    def __init__(self, payments: Payments, patience: Patience, quiet: Quiet, clock: Clock) -> None:
        self._payments = payments
        self._patience = patience
        self._quiet = quiet
        self._clock = clock

    def send(self, decision: Decision) -> Steps[Sent | Occupied]:
        """Carry a decision out, or find what is on the invoice instead of what it supposes.

        Raises RecordRejected, and RecordStuck if there is no verdict.
        """
        if isinstance(decision, Update):
            return (yield from self._update(decision))
        return (yield from self._create(decision))

    def wait_until_quiet(self, invoice_id: int) -> Steps[None]:
        """Let what is under way to the invoice arrive."""
        while self._clock.monotonic() < (ends := self._quiet.ends(invoice_id)):
            yield ends

    def read(self, invoice_id: int, credit: int | None) -> Steps[tuple[Payment, ...]]:
        """Return the invoice's payments, or the applications of that credit memo to it."""
        rows = yield from self.rows(invoice_id, with_credits=credit is not None)
        return tuple(row for row in rows if credit_of(row.fields) == credit)

    def rows(self, invoice_id: int, *, with_credits: bool) -> Steps[tuple[Payment, ...]]:
        """Return the rows of the invoice's payments."""
        try:
            return (
                yield from self._patience.patiently(
                    "read payments",
                    lambda: self._payments.payments(invoice_id, with_credits=with_credits),
                )
            )
        except NotFound:
            raise RecordRejected(no_invoice(invoice_id)) from None

    def _update(self, update: Update) -> Steps[Sent | Occupied]:
        """Set the payment's fields.

        What is refused, or fails to the end, may be the second of one that has taken effect.
        """
        tries = self._patience.tries("change a payment")
        while True:
            try:
                payment = self._payments.update_payment(
                    update.invoice_id, update.payment_id, update.fields
                )
                break
            except NotFound:
                if update.is_assumed:
                    return Occupied((yield from self.read(update.invoice_id, None)))
                raise RecordRejected(_payment_gone(update)) from None
            except (CallFailed, RecordRejected) as refusal:
                try:
                    yield self._next_try(refusal, update.invoice_id, tries)
                except (RecordRejected, RecordStuck):
                    held = yield from self._held(update)
                    if held is None:
                        raise
                    return Sent(Action.UPDATED, held)
        tries.accepted()
        return Sent(Action.UPDATED, (yield from self._proven(update, payment)))

    def _next_try(
        self, refusal: CallFailed | RecordRejected, invoice_id: int, tries: Tries
    ) -> float:
        """Return when to try again; raises the refusal, or the verdict on what has failed."""
        if isinstance(refusal, RecordRejected):
            raise refusal
        self._disturb(refusal, invoice_id)
        return tries.failed(refusal)

    def _disturb(self, failure: CallFailed, invoice_id: int) -> None:
        """Leave the invoice in quiet for a write that has failed: it may still take effect."""
        if not isinstance(failure, Busy):
            self._quiet.begin(invoice_id, self._clock.monotonic())

    def _held(self, update: Update) -> Steps[Payment | None]:
        """Return the payment if it holds what was to be set, once nothing is under way any more."""
        yield from self.wait_until_quiet(update.invoice_id)
        payment = yield from self._read_back(update)
        return payment if holds(update.fields, payment.fields) else None

    def _proven(self, update: Update, payment: Payment) -> Steps[Payment]:
        """Return the payment as ConnectWise holds it, read back if its answer did not show it."""
        if shows_all(update.fields, payment.fields):
            return payment
        return (yield from self._read_back(update))

    def _read_back(self, update: Update) -> Steps[Payment]:
        try:
            return (
                yield from self._patience.patiently(
                    "read payments",
                    lambda: self._payments.payment(update.invoice_id, update.payment_id),
                )
            )
        except NotFound:
            raise RecordRejected(_payment_gone(update)) from None

    def _create(self, create: Create) -> Steps[Sent | Occupied]:
        """Create the payment, or find the one that turns out to be there.

        A create without an answer is sent again only when it cannot arrive any more and ConnectWise
        shows no payment. How a second payment is refused is not documented, so that every refusal
        is looked into.
        """
        tries = self._patience.tries("create a payment")
        for creates in count(1):
            try:
                payment = self._payments.create_payment(create.invoice_id, create.fields)
                break
            except NotFound:
                raise RecordRejected(no_invoice(create.invoice_id)) from None
            except (CallFailed, RecordRejected) as refusal:
                if isinstance(refusal, CallFailed):
                    self._disturb(refusal, create.invoice_id)
                    tries.note(refusal, 1 if isinstance(refusal, Busy) else _LOST_CREATE_COUNTS_AS)
                found = yield from self._found(create, creates)
                if found:
                    may_be_own = creates > 1 or isinstance(refusal, CallFailed)
                    amount = amount_of(create.fields)
                    return _found_there(create, Occupied(found, may_be_own, creates, amount))
                if isinstance(refusal, RecordRejected):
                    raise
                yield tries.next_try(refusal)
        tries.accepted()
        return Sent(Action.CREATED, (yield from self._created(create, payment)), creates)

    def _created(self, create: Create, payment: Payment) -> Steps[Payment]:
        """Return the new payment as ConnectWise holds it.

        An answer that does not show it as it was sent may be about another payment even.
        """
        if shows_all(create.fields, payment.fields) and accepts(create.fields, payment.fields):
            return payment
        rows = yield from self.read(create.invoice_id, credit_of(create.fields))
        alike = [row for row in rows if holds(create.fields, row.fields)]
        itself = [row for row in rows if row.id == payment.id]
        return next(iter(itself or alike), payment)

    def _found(self, create: Create, creates: int) -> Steps[tuple[Payment, ...]]:
        """Return what the invoice has after a create was refused, or went without an answer.

        It is looked for until it shows, or cannot arrive any more; of several creates, the others
        still may when one of them shows.
        """
        wait_seconds = _FIRST_LOOK_SECONDS
        credit = credit_of(create.fields)
        while True:
            found = yield from self.read(create.invoice_id, credit)
            if any(holds(create.fields, payment.fields) for payment in found):
                if creates == 1:
                    self._quiet.end(create.invoice_id)
                return found
            now, ends = self._clock.monotonic(), self._quiet.ends(create.invoice_id)
            if now >= ends:
                return found
            yield min(now + wait_seconds, ends)
            wait_seconds = min(2 * wait_seconds, _LONGEST_LOOK_SECONDS)


def _found_there(create: Create, there: Occupied) -> Sent | Occupied:
    """Take the payment that is there for the one that a create without an answer has made."""
    counting = that_count(there.payments)
    if len(counting) > 1:
        raise RecordRejected(several(create.invoice_id, there.payments))
    payment = counting[0]
    if there.may_be_own and holds(create.fields, payment.fields):
        return Sent(Action.CREATED, payment, there.creates)
    return replace(there, payments=(payment,))


def several(invoice_id: int, payments: Sequence[Payment]) -> str:
    """Say that an invoice has several payments where there should be one."""
    return (
        f"Invoice {invoice_id} has several payments where there should be one: "
        f"{listed([payment.id for payment in payments])}. It may have been recorded twice: look at "
        "the invoice in ConnectWise and delete what is too much."
    )


def _payment_gone(update: Update) -> str:
    gone = f"ConnectWise has no payment {update.payment_id} on invoice {update.invoice_id}."
    if update.known_as is None:
        return f"{gone} Correct its <id> or its invoice, or leave out the <id>."
    return (
        f"{gone} The truth table names it for external id {update.known_as}. If the invoice is "
        "right and the payment is to be created anew, delete the truth table's entry "
        f"(`{truth_delete(update.known_as)}`), leave out any <id>, and upload the record again."
    )
