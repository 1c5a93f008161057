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

from collections.abc import Sequence
from dataclasses import dataclass, replace

from payments.clock import Clock, iso
from payments.connectwise.patience import Steps
from payments.decisions import Decision, Known, Policy, Update
from payments.errors import RecordRejected
from payments.gathering import Gathering, Prepared
from payments.lanes import Key
from payments.models import (
    Action,
    LedgerEntry,
    Outcome,
    Payment,
    PaymentRecord,
    SecondPayment,
    There,
    TruthRecord,
    credit_of,
)
from payments.payment_fields import accepts, same_amount
from payments.receipts import set_back, sum_of, take_away, to_add_up, without
from payments.rules import answered, decide, failed, settled, to_learn
from payments.second_payment import to_record
from payments.sending import Occupied, Sender, Sent
from payments.wording import money


@dataclass(frozen=True, slots=True)
class Leaving:
    """How the receipt of a record leaves its former invoice, and what is known of that."""

    record: PaymentRecord
    former: Known
    update: Update


class Upsert:
    """Carry out the records of one run."""

    def __init__(self, gathering: Gathering, sender: Sender, policy: Policy, clock: Clock) -> None:
        self._gathering = gathering
        self._sender = sender
        self._policy = policy
        self._clock = clock

    def prepare(self, records: Sequence[PaymentRecord], chunk: int) -> Steps[Prepared]:
        """Look up what many records need, with few calls."""
        return self._gathering.prepare(records, chunk)

    def keys(self, record: PaymentRecord, prepared: Prepared) -> frozenset[Key]:
        """Return what the record touches: two records that share a key must keep their order."""
        truth = self._gathering.truth(record, prepared)
        touched: set[Key] = set()
        if record.external_id is not None:
            touched.add(("external id", record.external_id))
        payments = [record.payment_id, None if truth is None else truth.payment_id]
        touched.update(("payment", number) for number in payments if number is not None)
        touched.update(("invoice", it) for it in self._gathering.invoices(record, truth, prepared))
        return frozenset(touched)

    def steps(self, record: PaymentRecord, prepared: Prepared) -> Steps[Outcome]:
        """Carry the record out.

        Raises RecordStuck if ConnectWise gives no verdict on it, and any other ImportStopped.
        """
        truth = self._gathering.truth(record, prepared)
        try:
            outcome = settled(record, truth, self._policy, prepared.invoices)
            return outcome or (yield from self._carry_out(record, truth, prepared))
        except RecordRejected as rejection:
            return failed(record, *rejection.messages, rests_on_state=True)

    def resume(self, records: Sequence[PaymentRecord]) -> Steps[None]:
        """Look at records that an earlier run may have sent, before any is sent again."""
        return self._gathering.resume(records)

    def holds_lane(self, outcome: Outcome) -> bool:
        """Tell whether the outcome has to be stored before the next record of its lane."""
        return outcome.rests_on_state

    def forget(self, chunk: int) -> None:
        """Forget what chunks before `chunk` have taught: it is in the tables by now."""
        self._gathering.forget(chunk)

    def _carry_out(
        self, record: PaymentRecord, truth: TruthRecord | None, prepared: Prepared
    ) -> Steps[Outcome]:
        known = yield from self._gathering.known(record, truth, prepared)
        leaving = yield from self._leaving(record, known, prepared)
        decision, sent, there = yield from self._send(record, known, prepared)
        known = replace(known, there=there)
        outcome = self._outcome(record, known, decision, sent)
        payment = sent.payment
        if leaving is not None and not outcome.action.succeeded:
            outcome = replace(outcome, learned=None)  # it is still where it was
        elif leaving is not None:
            moving = self._leave(outcome, leaving, decision, payment, prepared.chunk)
            outcome, payment = yield from moving
        self._gathering.learn(record, known, payment, outcome, prepared.chunk)
        return outcome

    def _send(
        self, record: PaymentRecord, known: Known, prepared: Prepared
    ) -> Steps[tuple[Decision, Sent, There]]:
        """Send what is decided; where something else is there, that is decided once more."""
        creates = 0
        while True:
            decision = decide(record, known, self._policy.second_payment)
            sent = yield from self._sender.send(decision)
            creates += sent.creates
            if isinstance(sent, Sent):
                return decision, replace(sent, creates=creates), known.there
            known = yield from self._gathering.found(record, known, sent, prepared)

    def _outcome(
        self, record: PaymentRecord, known: Known, decision: Decision, sent: Sent
    ) -> Outcome:
        """Return what became of a record that was sent, and what is to be learned from it."""
        payment, was_looked_up = sent.payment, known.payments is not None
        learned = to_learn(record, known, decision, payment, self._policy)
        if learned is not None:
            now = iso(self._clock.time())
            learned = replace(learned, created=learned.created or now, modified=now)
        if decision.receipts is None:
            entry = to_record(record, known, payment)
        else:
            entry = to_add_up(decision, known.there, payment)
        outcome = answered(record, known, decision, sent, learned)
        recorded = self._entries(entry)
        is_doubtful = was_looked_up and known.is_doubtful
        maybe_twice = credit_of(record.fields) is None and (sent.creates > 1 or is_doubtful)
        outcome = replace(outcome, recorded=recorded)
        return outcome.looked_at_again(known.invoice_id) if maybe_twice else outcome

    def _entries(self, *entries: LedgerEntry | None) -> tuple[LedgerEntry, ...]:
        """Return what the ledger is to know, with the time and the file."""
        now, key = iso(self._clock.time()), self._policy.key
        return tuple(replace(it, modified=now, key=key) for it in entries if it is not None)

    # ---- A receipt that moves --------------------------------------------------------------------

    def _leaving(
        self, record: PaymentRecord, known: Known, prepared: Prepared
    ) -> Steps[Leaving | None]:
        """Return how the record's receipt leaves the invoice on which it was before, if it does."""
        truth = known.truth
        is_receipt = (
            self._policy.second_payment is SecondPayment.ADD and credit_of(record.fields) is None
        )
        if not is_receipt or truth is None or truth.invoice_id in (None, known.invoice_id):
            return None
        assert truth.invoice_id is not None, "it is in no other"
        former = yield from self._gathering.former(record, truth.invoice_id, prepared)
        update = take_away(truth, former)
        return None if update is None else Leaving(record, former, update)

    def _leave(
        self,
        outcome: Outcome,
        leaving: Leaving,
        decision: Decision,
        payment: Payment,
        chunk: int,
    ) -> Steps[tuple[Outcome, Payment]]:
        """Take a receipt from its former invoice; if that is refused, from the new one again."""
        former, update = leaving.former, leaving.update
        try:
            sent = yield from self._sender.send(update)
            entry, told = _left(former, update, sent)
        except RecordRejected as refusal:
            stays = f"It was not moved from invoice {former.invoice_id}, which keeps its payment."
            payment, remains = yield from self._set_back(leaving, decision, payment)
            told = (stays, *refusal.messages, *remains)
            return failed(leaving.record, *told, rests_on_state=True), payment
        assert isinstance(sent, Sent), "what else is there was rejected"
        taught = replace(outcome, learned=None, recorded=self._entries(entry))
        self._gathering.learn(leaving.record, former, sent.payment, taught, chunk)
        if told:
            outcome = replace(outcome, action=Action.FAILED, messages=told, rests_on_state=True)
        recorded = *taught.recorded, *outcome.recorded
        return replace(outcome, recorded=recorded, replaced=update.replaced), payment

    def _set_back(
        self, leaving: Leaving, decision: Decision, payment: Payment
    ) -> Steps[tuple[Payment, tuple[str, ...]]]:
        """Give an invoice its sum again without the record's receipt; say so if that fails."""
        others = without(leaving.record.external_id, decision.receipts or {})
        update = set_back(decision, payment, others)
        why: tuple[str, ...] = ()
        try:
            sent = yield from self._sender.send(update)
            if isinstance(sent, Sent):
                payment = sent.payment
                if accepts(update.fields, payment.fields):
                    return payment, ()
        except RecordRejected as refusal:
            why = refusal.messages
        told = (
            f"Invoice {update.invoice_id} could not be set back: it counts there too. Set payment "
            f"{update.payment_id} to {money(sum_of(others))} in ConnectWise."
        )
        return payment, (told, *why)


def _left(
    former: Known, update: Update, sent: Sent | Occupied
) -> tuple[LedgerEntry, tuple[str, ...]]:
    """Return what the ledger is to know of the former invoice, and what is wrong there.

    Raises RecordRejected if the receipt has not left it: if it holds what the ledger knows, since
    what it shows may be left by a killed run.
    """
    if isinstance(sent, Occupied):
        raise RecordRejected(f"Payment {update.payment_id} is not there any more.")
    entry = to_add_up(update, former.there, sent.payment)
    if entry.added_up == update.receipts:
        return entry, ()
    held, before = sent.payment.amount, former.there.entry
    assert before is not None, "its receipts were known"
    if held is None or before.amount is None or same_amount(held, before.amount):
        raise RecordRejected(f"ConnectWise has not changed payment {update.payment_id}.")
    told = (
        f"The payment was moved from invoice {former.invoice_id}, but ConnectWise holds "
        f"{money(held)} there, not the {money(sum_of(update.receipts or {}))} of the receipts that "
        "are left. Look at that invoice in ConnectWise."
    )
    return replace(entry, added_up=update.receipts), (told,)
