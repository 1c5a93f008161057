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
from dataclasses import replace

from payments.clock import Clock, iso
from payments.connectwise.patience import Steps
from payments.decisions import Decision, Known, Policy
from payments.errors import RecordRejected
from payments.gathering import Gathering, Prepared
from payments.lanes import Key
from payments.models import Outcome, PaymentRecord, There, TruthRecord, credit_of
from payments.rules import answered, decide, failed, settled, to_learn
from payments.second_payment import to_record
from payments.sending import Sender, Sent


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
        decision, sent, there = yield from self._send(record, known, prepared)
        known = replace(known, there=there)
        outcome = self._outcome(record, known, sent)
        self._gathering.learn(record, known, sent.payment, outcome, prepared.chunk)
        if decision.replaced is None:
            return outcome
        if outcome.action.succeeded:
            return replace(outcome, replaced=decision.replaced)
        told = f"Before that it held {decision.replaced}."
        return replace(outcome, messages=(*outcome.messages, told), replaced=decision.replaced)

    def _send(
        self, record: PaymentRecord, known: Known, prepared: Prepared
    ) -> Steps[tuple[Decision, Sent, There | None]]:
        """Send what is decided; where something else is there, that is decided once more."""
        creates = 0
        while True:
            decision = decide(record, known, self._policy.second_payment)
            sent = yield from self._sender.send(decision)
            creates += sent.creates
            if isinstance(sent, Sent):
                return decision, replace(sent, creates=creates), known.there
            known = self._gathering.found(record, known, sent, prepared)

    def _outcome(self, record: PaymentRecord, known: Known, sent: Sent) -> Outcome:
        """Return what became of a record that was sent, and what is to be learned from it."""
        invoice_id, now = known.invoice_id, iso(self._clock.time())
        was_looked_up = known.payments is not None
        learned = to_learn(record, known.truth, invoice_id, sent.payment, self._policy, now)
        entry = to_record(
            record, known.there, invoice_id, sent.payment, was_looked_up=was_looked_up
        )
        recorded = entry and replace(entry, modified=now, key=self._policy.key)
        outcome = replace(answered(record, sent.action, sent.payment, learned), recorded=recorded)
        is_doubtful = was_looked_up and known.is_doubtful
        maybe_twice = credit_of(record.fields) is None and (sent.creates > 1 or is_doubtful)
        return outcome.looked_at_again(invoice_id) if maybe_twice else outcome
