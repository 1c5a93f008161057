"""Carry out one payment record: gather what is known, decide, send, and make sure.

**Why this is right, however often it is done.** Beyond the checkpoint nothing is known from memory:
a record that an earlier run may have sent is done again from its beginning, in file order. That
leaves ConnectWise as if each had been done once, because

- every operation *sets* values, so that doing it again sets the same;
- a payment is created only where ConnectWise itself shows none, looked up after anything that was
  under way has either arrived or cannot arrive any more (`quiet`);
- the truth table holds only what is behind the checkpoint, so that a record sees what it saw the
  first time, plus what this run has done itself for earlier records of its lane (`Learned`);
- what ConnectWise refuses may be the second of one that took effect: what it holds decides;
- a verdict about what ConnectWise holds is stored before another record of the lane may change that
  (`Outcome.rests_on_state`).

The checkpoint moves in file order, and everything up to it is stored for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from payments.clock import Clock, iso
from payments.connectwise.invoices import InvoiceLookup, batches
from payments.connectwise.patience import Patience, Steps, Tries
from payments.errors import Busy, CallFailed, NotFound, RecordRejected, RecordStuck
from payments.lanes import Key
from payments.learned import Learned
from payments.models import (
    Action,
    Fields,
    Invoice,
    Outcome,
    Payment,
    PaymentRecord,
    TruthRecord,
    credit_of,
)
from payments.payment_fields import holds, shows_all
from payments.quiet import Quiet
from payments.rules import (
    Create,
    Decision,
    FoundInvoices,
    Known,
    Policy,
    Update,
    answered,
    decide,
    failed,
    invoice_of,
    listed,
    names_payment,
    no_invoice,
    settled,
    to_learn,
)

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


class Truth(Protocol):
    """The truth table."""

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was looked up for chunk number `chunk` before its records are sent."""

    chunk: int
    truth: dict[str, TruthRecord]
    invoices: FoundInvoices


@dataclass(frozen=True, slots=True)
class Sent:
    """What was done, and the payment as ConnectWise holds it now.

    `creates` is how many creates may have reached ConnectWise for it.
    """

    action: Action
    payment: Payment
    creates: int = 0


class Upsert:
    """Carry out the records of one run."""

    def __init__(
        self,
        payments: Payments,
        lookup: InvoiceLookup,
        truth: Truth,
        patience: Patience,
        quiet: Quiet,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._payments = payments
        self._lookup = lookup
        self._truth = truth
        self._patience = patience
        self._quiet = quiet
        self._policy = policy
        self._clock = clock
        self._learned = Learned()

    def prepare(self, records: Sequence[PaymentRecord], chunk: int) -> Steps[Prepared]:
        """Look up what many records need, with few calls."""
        truth = self._truth.find(r.external_id for r in records if r.external_id is not None)
        wanted = [r for r in records if not settled(r, self._known(r, truth), self._policy)]
        numbers = (r.invoice_number for r in wanted if r.invoice_number)
        ids = (
            r.invoice_id
            for r in wanted
            if r.invoice_id is not None
            and not r.invoice_number
            and not names_payment(r, self._known(r, truth))
        )
        invoices = yield from self._lookup.look_up_all(batches(ids, numbers))
        return Prepared(chunk, truth, invoices)

    def keys(self, record: PaymentRecord, prepared: Prepared) -> frozenset[Key]:
        """Return what the record touches: two records that share a key must keep their order."""
        truth = self._known(record, prepared.truth)
        touched: set[Key] = set()
        if record.external_id is not None:
            touched.add(("external id", record.external_id))
        payments, invoices = [record.payment_id], [record.invoice_id]
        if truth is not None:
            payments.append(truth.payment_id)
            invoices.append(truth.invoice_id)
        matches = prepared.invoices.by_number.get(record.invoice_number or "", ())
        invoices += [invoice.id for invoice in matches]
        touched.update(("payment", number) for number in payments if number is not None)
        touched.update(("invoice", number) for number in invoices if number is not None)
        return frozenset(touched)

    def steps(self, record: PaymentRecord, prepared: Prepared) -> Steps[Outcome]:
        """Carry the record out.

        Raises RecordStuck if ConnectWise gives no verdict on it, and any other ImportStopped.
        """
        truth = self._known(record, prepared.truth)
        outcome = settled(record, truth, self._policy)
        if outcome is not None:
            return outcome
        try:
            return (yield from self._carry_out(record, truth, prepared))
        except RecordRejected as rejection:
            return failed(record, *rejection.messages, rests_on_state=True)

    def holds_lane(self, outcome: Outcome) -> bool:
        """Tell whether the outcome has to be stored before the next record of its lane."""
        return outcome.rests_on_state

    def forget(self, chunk: int) -> None:
        """Forget what chunks before `chunk` have taught: it is in the tables by now."""
        self._learned.forget(chunk)

    def _known(self, record: PaymentRecord, found: dict[str, TruthRecord]) -> TruthRecord | None:
        """Return the latest that is known of the record's external id."""
        if record.external_id is None:
            return None
        return self._learned.truth(record.external_id) or found.get(record.external_id)

    def _carry_out(
        self, record: PaymentRecord, truth: TruthRecord | None, prepared: Prepared
    ) -> Steps[Outcome]:
        invoice_id = invoice_of(record, truth, prepared.invoices)
        yield from self._wait_until_quiet(invoice_id)
        payments = None
        if not names_payment(record, truth):
            payments = yield from self._payments_of(record, invoice_id, prepared.invoices)
        decision = decide(record, Known(invoice_id, truth, payments))
        sent = yield from self._send(decision)
        learned = to_learn(
            record, truth, invoice_id, sent.payment, self._policy, iso(self._clock.time())
        )
        # A payment that the record has named need not be its invoice's only one.
        was_looked_up = payments is not None
        only_payment = sent.payment if was_looked_up else None
        credit = credit_of(record.fields)
        self._learned.add(prepared.chunk, (invoice_id, credit), only_payment, learned)
        outcome = answered(record, sent.action, sent.payment, learned)
        is_doubtful = was_looked_up and self._quiet.is_doubtful(record.number)
        maybe_twice = credit is None and (sent.creates > 1 or is_doubtful)
        return outcome.looked_at_again(invoice_id) if maybe_twice else outcome

    def _send(self, decision: Decision) -> Steps[Sent]:
        if isinstance(decision, Update):
            return (yield from self._update(decision))
        return (yield from self._create(decision))

    def _wait_until_quiet(self, invoice_id: int) -> Steps[None]:
        """Let what is under way to the invoice arrive."""
        while self._clock.monotonic() < (ends := self._quiet.ends(invoice_id)):
            yield ends

    def _payments_of(
        self, record: PaymentRecord, invoice_id: int, invoices: FoundInvoices
    ) -> Steps[tuple[Payment, ...]]:
        """Return the invoice's payments.

        They are as this run has left them, as the bulk lookup saw them where that is sure, or
        looked up now. A sum of zero is sure, except that payments of zero do not show in it, and
        what has been sent since, by this run or by a killed one, does neither.
        """
        credit = credit_of(record.fields)
        only = self._learned.only_payment((invoice_id, credit))
        if only is not None:
            return (only,)
        named = invoices.named(record, invoice_id)
        sure = (
            named is not None
            and named.paid == 0
            and credit is None
            and record.amount
            and not self._quiet.is_doubtful(record.number)
            and not self._quiet.was_disturbed(invoice_id)
            and not self._learned.touched(invoice_id)
        )
        if sure:
            return ()
        payments = yield from self._read(invoice_id, credit)
        if named is not None and named.paid and not payments and credit is None:
            yield from self._check_that_none_is_hidden(named)
        return payments

    def _check_that_none_is_hidden(self, invoice: Invoice) -> Steps[None]:
        """Refuse to create a payment where ConnectWise says that there are some."""
        if not (yield from self._rows(invoice.id, with_credits=True)):
            raise RecordRejected(
                f"ConnectWise says that {invoice.paid} of invoice {invoice.id} are paid, but shows "
                "no payment of it. Nothing was sent. The API member may lack the right to see it; "
                "if somebody has just deleted it, upload this record again."
            )

    def _read(self, invoice_id: int, credit: int | None) -> Steps[tuple[Payment, ...]]:
        """Return the invoice's payments, or the applications of that credit memo to it."""
        rows = yield from self._rows(invoice_id, with_credits=credit is not None)
        return tuple(row for row in rows if credit_of(row.fields) == credit)

    def _rows(self, invoice_id: int, *, with_credits: bool) -> Steps[tuple[Payment, ...]]:
        try:
            return (
                yield from self._patience.patiently(
                    "read payments",
                    lambda: self._payments.payments(invoice_id, with_credits=with_credits),
                )
            )
        except NotFound:
            raise RecordRejected(no_invoice(invoice_id)) from None

    def _update(self, update: Update) -> Steps[Sent]:
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
        yield from self._wait_until_quiet(update.invoice_id)
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

    def _create(self, create: Create) -> Steps[Sent]:
        """Create the payment, or update the one that turns out to be there.

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
                found = yield from self._found(create)
                if found:
                    return (yield from self._adopt(create, found, creates, refusal))
                if isinstance(refusal, RecordRejected):
                    raise
                yield tries.next_try(refusal)
        tries.accepted()
        return Sent(Action.CREATED, (yield from self._created(create, payment)), creates)

    def _created(self, create: Create, payment: Payment) -> Steps[Payment]:
        """Return the new payment as ConnectWise holds it.

        An answer that does not show it may be about another payment even.
        """
        if shows_all(create.fields, payment.fields):
            return payment
        rows = yield from self._read(create.invoice_id, credit_of(create.fields))
        alike = [row for row in rows if holds(create.fields, row.fields)]
        itself = [row for row in rows if row.id == payment.id]
        return next(iter(itself or alike), payment)

    def _found(self, create: Create) -> Steps[tuple[Payment, ...]]:
        """Return what the invoice has after a create was refused, or went without an answer.

        It is looked for until it shows, or cannot arrive any more.
        """
        wait_seconds = _FIRST_LOOK_SECONDS
        credit = credit_of(create.fields)
        while True:
            found = yield from self._read(create.invoice_id, credit)
            if any(holds(create.fields, payment.fields) for payment in found):
                self._quiet.end(create.invoice_id)
                return found
            now, ends = self._clock.monotonic(), self._quiet.ends(create.invoice_id)
            if now >= ends:
                return found
            yield min(now + wait_seconds, ends)
            wait_seconds = min(2 * wait_seconds, _LONGEST_LOOK_SECONDS)

    def _adopt(
        self,
        create: Create,
        found: tuple[Payment, ...],
        creates: int,
        refusal: CallFailed | RecordRejected,
    ) -> Steps[Sent]:
        """Take the payment that is there after a create was refused, or went without an answer."""
        if len(found) > 1:
            raise RecordRejected(several(create.invoice_id, found))
        payment = found[0]
        ours = creates > 1 or isinstance(refusal, CallFailed)
        if ours and holds(create.fields, payment.fields):
            return Sent(Action.CREATED, payment, creates)
        update = Update(create.invoice_id, payment.id, create.fields)
        sent = yield from self._update(update)
        return replace(sent, creates=creates)


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
        return gone
    return (
        f"{gone} The truth table names it for external id {update.known_as}. If the invoice is "
        "right and the payment is to be created anew, delete the truth table's entry "
        f"{update.known_as}, leave out any <id>, and upload the record again."
    )
