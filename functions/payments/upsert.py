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
from dataclasses import dataclass
from typing import Protocol

from payments.clock import Clock, iso
from payments.connectwise.invoices import InvoiceLookup, batches
from payments.connectwise.patience import Steps
from payments.errors import RecordRejected
from payments.lanes import Key
from payments.learned import Learned
from payments.models import (
    Invoice,
    Outcome,
    Payment,
    PaymentRecord,
    TruthRecord,
    credit_of,
)
from payments.quiet import Quiet
from payments.rules import (
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
from payments.sending import Sender


class Truth(Protocol):
    """The truth table."""

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]: ...


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
        truth: Truth,
        quiet: Quiet,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._sender = sender
        self._lookup = lookup
        self._truth = truth
        self._quiet = quiet
        self._policy = policy
        self._clock = clock
        self._learned = Learned()

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
            payments = yield from self._payments_of(record, invoice_id, prepared.invoices)
        decision = decide(record, Known(invoice_id, truth, payments))
        sent = yield from self._sender.send(decision)
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
        payments = yield from self._sender.read(invoice_id, credit)
        if named is not None and named.paid and not payments and credit is None:
            yield from self._check_that_none_is_hidden(named)
        return payments

    def _check_that_none_is_hidden(self, invoice: Invoice) -> Steps[None]:
        """Refuse to create a payment where ConnectWise says that there are some."""
        if not (yield from self._sender.rows(invoice.id, with_credits=True)):
            raise RecordRejected(
                f"ConnectWise says that {invoice.paid} of invoice {invoice.id} are paid, but shows "
                "no payment of it. Nothing was sent. The API member may lack the right to see it; "
                "if somebody has just deleted it, upload this record again."
            )
