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
  (`Outcome.rests_on_state`);
- what was on an invoice before is noted before it is changed, and told from this import's own
  (`notes`).

The checkpoint moves in file order, and everything up to it is stored for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from payments.clock import Clock, iso
from payments.connectwise.invoices import InvoiceLookup, batches
from payments.connectwise.patience import Steps
from payments.errors import RecordRejected
from payments.lanes import Key
from payments.learned import Learned
from payments.models import (
    Invoice,
    LedgerEntry,
    Outcome,
    Payment,
    PaymentRecord,
    TruthRecord,
    credit_of,
)
from payments.notes import Ledger, Notes
from payments.quiet import Quiet
from payments.rules import (
    Decision,
    FoundInvoices,
    Known,
    Policy,
    answered,
    decide,
    failed,
    invoice_of,
    names_payment,
    settled,
    to_learn,
)
from payments.second_payment import to_record
from payments.sending import Sender, Sent


class Truth(Protocol):
    """The truth table."""

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]: ...


@dataclass(frozen=True, slots=True)
class Books:
    """What is known from earlier imports: of external ids, and of invoices."""

    truth: Truth
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was looked up for chunk number `chunk` before its records are sent."""

    chunk: int
    truth: dict[str, TruthRecord]
    invoices: FoundInvoices


class Upsert:
    """Carry out the records of one run."""

    def __init__(
        self,
        sender: Sender,
        lookup: InvoiceLookup,
        books: Books,
        quiet: Quiet,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._sender = sender
        self._lookup = lookup
        self._truth = books.truth
        self._quiet = quiet
        self._policy = policy
        self._clock = clock
        self._learned = Learned()
        self._notes = Notes(books.ledger, policy.import_id)

    def prepare(self, records: Sequence[PaymentRecord], chunk: int) -> Steps[Prepared]:
        """Look up what many records need, with few calls."""
        truth = self._truth.find(r.external_id for r in records if r.external_id is not None)
        wanted = [r for r in records if not settled(r, self._known(r, truth), self._policy)]
        numbers = (r.invoice_number for r in records if r.invoice_number and not r.errors)
        ids = (
            r.invoice_id
            for r in wanted
            if r.invoice_id is not None
            and not r.invoice_number
            and not names_payment(r, self._known(r, truth))
        )
        invoices = yield from self._lookup.look_up_all(batches(ids, numbers))
        prepared = Prepared(chunk, truth, invoices)
        self._notes.prepare(chunk, self._clear(wanted, prepared))
        return prepared

    def _clear(
        self, records: Sequence[PaymentRecord], prepared: Prepared
    ) -> dict[int, bool | None]:
        """Tell of each invoice whether it surely has no payment yet, None if that is in doubt."""
        clear: dict[int, bool | None] = {}
        doubtful: set[int] = set()
        for record in records:
            truth = self._known(record, prepared.truth)
            for invoice_id in self._invoices(record, truth, prepared):
                clear.setdefault(invoice_id, False)
                if self._quiet.is_doubtful(record.number):
                    doubtful.add(invoice_id)
                elif not names_payment(record, truth):
                    named = prepared.invoices.named(record, invoice_id)
                    clear[invoice_id] = named is not None and named.paid == 0
        return clear | dict.fromkeys(doubtful)

    def keys(self, record: PaymentRecord, prepared: Prepared) -> frozenset[Key]:
        """Return what the record touches: two records that share a key must keep their order."""
        truth = self._known(record, prepared.truth)
        touched: set[Key] = set()
        if record.external_id is not None:
            touched.add(("external id", record.external_id))
        payments = [record.payment_id, None if truth is None else truth.payment_id]
        touched.update(("payment", number) for number in payments if number is not None)
        touched.update(("invoice", it) for it in self._invoices(record, truth, prepared))
        return frozenset(touched)

    def _invoices(
        self, record: PaymentRecord, truth: TruthRecord | None, prepared: Prepared
    ) -> set[int]:
        """Return the invoices that a record may be about."""
        matches = prepared.invoices.by_number.get(record.invoice_number or "", ())
        named = {record.invoice_id, None if truth is None else truth.invoice_id}
        return {number for number in named if number is not None} | {it.id for it in matches}

    def steps(self, record: PaymentRecord, prepared: Prepared) -> Steps[Outcome]:
        """Carry the record out.

        Raises RecordStuck if ConnectWise gives no verdict on it, and any other ImportStopped.
        """
        truth = self._known(record, prepared.truth)
        try:
            outcome = settled(record, truth, self._policy, prepared.invoices)
            return outcome or (yield from self._carry_out(record, truth, prepared))
        except RecordRejected as rejection:
            return failed(record, *rejection.messages, rests_on_state=True)

    def holds_lane(self, outcome: Outcome) -> bool:
        """Tell whether the outcome has to be stored before the next record of its lane."""
        return outcome.rests_on_state

    def forget(self, chunk: int) -> None:
        """Forget what chunks before `chunk` have taught: it is in the tables by now."""
        self._learned.forget(chunk)
        self._notes.forget(chunk)

    def _known(self, record: PaymentRecord, found: dict[str, TruthRecord]) -> TruthRecord | None:
        """Return the latest that is known of the record's external id."""
        if record.external_id is None:
            return None
        return self._learned.truth(record.external_id) or found.get(record.external_id)

    def _carry_out(
        self, record: PaymentRecord, truth: TruthRecord | None, prepared: Prepared
    ) -> Steps[Outcome]:
        invoice_id = invoice_of(record, truth, prepared.invoices)
        yield from self._sender.wait_until_quiet(invoice_id)
        payments = None
        if not names_payment(record, truth):
            payments = yield from self._payments_of(record, invoice_id, prepared)
        known = Known(
            invoice_id,
            truth,
            payments,
            self._notes.there(invoice_id),
            self._quiet.is_doubtful(record.number),
        )
        decision, sent = yield from self._send(record, known, prepared)
        outcome = self._outcome(record, known, sent, prepared.chunk)
        if decision.replaced is None:
            return outcome
        if outcome.action.succeeded:
            return replace(outcome, replaced=decision.replaced)
        told = f"Before that it held {decision.replaced}."
        return replace(outcome, messages=(*outcome.messages, told), replaced=decision.replaced)

    def _send(
        self, record: PaymentRecord, known: Known, prepared: Prepared
    ) -> Steps[tuple[Decision, Sent]]:
        """Send what is decided; a create that finds a payment is decided once more."""
        decision = decide(record, known, self._policy.second_payment)
        sent = yield from self._sender.send(decision)
        if isinstance(sent, Sent):
            return decision, sent
        is_doubtful = known.is_doubtful or sent.may_be_own
        self._look_at(record, known.invoice_id, sent.payments, prepared, is_doubtful=is_doubtful)
        there = self._notes.there(known.invoice_id)
        known = replace(known, payments=sent.payments, there=there, is_doubtful=is_doubtful)
        decision = decide(record, known, self._policy.second_payment)
        again = yield from self._sender.send(decision)
        assert isinstance(again, Sent), "a payment that is there is updated"
        return decision, replace(again, creates=sent.creates)

    def _outcome(self, record: PaymentRecord, known: Known, sent: Sent, chunk: int) -> Outcome:
        """Return what became of a record that was sent, and learn from it."""
        invoice_id, now = known.invoice_id, iso(self._clock.time())
        learned = to_learn(record, known.truth, invoice_id, sent.payment, self._policy, now)
        recorded = self._recorded(record, known, sent.payment, now)
        # A payment that the record has named need not be its invoice's only one.
        was_looked_up = known.payments is not None
        credit = credit_of(record.fields)
        place = invoice_id, credit
        self._learned.add(chunk, place, sent.payment, learned, is_only=was_looked_up)
        if recorded is not None:
            self._notes.recorded(chunk, recorded)
        outcome = replace(answered(record, sent.action, sent.payment, learned), recorded=recorded)
        is_doubtful = was_looked_up and self._quiet.is_doubtful(record.number)
        maybe_twice = credit is None and (sent.creates > 1 or is_doubtful)
        return outcome.looked_at_again(invoice_id) if maybe_twice else outcome

    def _recorded(
        self, record: PaymentRecord, known: Known, payment: Payment, now: str
    ) -> LedgerEntry | None:
        """Return what the ledger is to know."""
        there = self._notes.there(known.invoice_id)
        was_looked_up = known.payments is not None
        entry = to_record(record, there, known.invoice_id, payment, was_looked_up=was_looked_up)
        return entry and replace(entry, modified=now, key=self._policy.key)

    def _look_at(
        self,
        record: PaymentRecord,
        invoice_id: int,
        payments: tuple[Payment, ...],
        prepared: Prepared,
        *,
        is_doubtful: bool,
    ) -> None:
        """Note what is on the invoice before it is changed."""
        if credit_of(record.fields) is None:
            self._notes.looked(prepared.chunk, invoice_id, payments, is_doubtful=is_doubtful)

    def _payments_of(
        self, record: PaymentRecord, invoice_id: int, prepared: Prepared
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
        named = prepared.invoices.named(record, invoice_id)
        is_doubtful = self._quiet.is_doubtful(record.number)
        sure = (
            named is not None
            and named.paid == 0
            and credit is None
            and record.amount
            and not is_doubtful
            and not self._quiet.was_disturbed(invoice_id)
            and not self._learned.touched(invoice_id)
        )
        if sure:
            self._look_at(record, invoice_id, (), prepared, is_doubtful=is_doubtful)
            return ()
        payments = yield from self._sender.read(invoice_id, credit)
        if named is not None and named.paid and not payments and credit is None:
            yield from self._check_that_none_is_hidden(named)
        self._look_at(record, invoice_id, payments, prepared, is_doubtful=is_doubtful)
        return payments

    def _check_that_none_is_hidden(self, invoice: Invoice) -> Steps[None]:
        """Refuse to create a payment where ConnectWise says that there are some."""
        if not (yield from self._sender.rows(invoice.id, with_credits=True)):
            raise RecordRejected(
                f"ConnectWise says that {invoice.paid} of invoice {invoice.id} are paid, but shows "
                "no payment of it. Nothing was sent. The API member may lack the right to see it; "
                "if somebody has just deleted it, upload this record again."
            )
