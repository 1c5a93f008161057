"""Gather what is known before a record is decided: truth table, ledger, its invoice, its payments.

Few calls for many records first (`prepare`); then for one, as late as can be (`known`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from payments.connectwise.invoices import InvoiceLookup, batches
from payments.connectwise.patience import Steps
from payments.decisions import FoundInvoices, Known, Policy
from payments.errors import RecordRejected
from payments.learned import Learned
from payments.models import (
    Invoice,
    LedgerEntry,
    Outcome,
    Payment,
    PaymentRecord,
    SecondPayment,
    TruthRecord,
    credit_of,
)
from payments.notes import Ledger, Notes, Seen
from payments.payment_fields import same_amount
from payments.quiet import Quiet
from payments.receipts import amounts_in_doubt, in_place, sums_in_doubt
from payments.rules import invoice_of, names_payment, settled
from payments.second_payment import may_be_left, that_count
from payments.sending import Occupied, Sender


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


class Gathering:
    """What a run knows: what it has looked up, and what it has done itself since."""

    def __init__(
        self, sender: Sender, lookup: InvoiceLookup, books: Books, quiet: Quiet, policy: Policy
    ) -> None:
        self._sender = sender
        self._lookup = lookup
        self._truth = books.truth
        self._quiet = quiet
        self._ledger = books.ledger
        self._policy = policy
        self._learned = Learned()
        self._notes = Notes(books.ledger, policy.import_id)
        self._may_hold: Mapping[int, frozenset[Decimal]] = {}

    def resume(self, records: Sequence[PaymentRecord]) -> Steps[None]:
        """Find out what records that an earlier run may have sent would leave."""
        prepared = yield from self._looked_up(records, 0)
        wanted = self._to_be_sent(records, prepared.truth)
        where = {
            name: it.invoice_id for name, it in prepared.truth.items() if it.invoice_id is not None
        }
        placed = in_place(((it, _invoice(it, prepared.invoices)) for it in wanted), where)
        if not self._adds_up:
            self._may_hold = amounts_in_doubt(placed)
            return
        found = self._ledger.find({*where.values(), *(number for _, number in placed)})
        entries = {number: it.entry for number, it in found.items() if it.entry is not None}
        once = self._policy.prevent_reprocessing
        self._may_hold = sums_in_doubt(placed, where, entries, once=once)

    def prepare(self, records: Sequence[PaymentRecord], chunk: int) -> Steps[Prepared]:
        """Look up what many records need, with few calls."""
        prepared = yield from self._looked_up(records, chunk)
        wanted = self._to_be_sent(records, prepared.truth)
        self._notes.prepare(chunk, self._seen(wanted, prepared))
        return prepared

    def _looked_up(self, records: Sequence[PaymentRecord], chunk: int) -> Steps[Prepared]:
        truth = self._truth.find(r.external_id for r in records if r.external_id is not None)
        numbers = (r.invoice_number for r in records if r.invoice_number and not r.errors)
        ids: set[int] = set()
        for record in self._to_be_sent(records, truth):
            known = self._latest(record, truth)
            if record.invoice_id and not record.invoice_number and not self._named(record, known):
                ids.add(record.invoice_id)
            if self._adds_up and known is not None and known.invoice_id is not None:
                ids.add(known.invoice_id)
        invoices = yield from self._lookup.look_up_all(batches(ids, numbers))
        return Prepared(chunk, truth, invoices)

    def _to_be_sent(
        self, records: Sequence[PaymentRecord], truth: dict[str, TruthRecord]
    ) -> list[PaymentRecord]:
        return [r for r in records if not settled(r, self._latest(r, truth), self._policy)]

    @property
    def _adds_up(self) -> bool:
        return self._policy.second_payment is SecondPayment.ADD

    def _named(self, record: PaymentRecord, truth: TruthRecord | None) -> bool:
        """Tell whether the record's payment need not be looked for.

        Sums always are, and what was not accepted before: it may be what others have made.
        """
        if self._adds_up and credit_of(record.fields) is None:
            return False
        failed_before = truth is not None and not truth.accepted and record.payment_id is None
        return names_payment(record, truth) and not failed_before

    def _seen(self, records: Sequence[PaymentRecord], prepared: Prepared) -> dict[int, Seen]:
        """Return what is seen of each invoice before any of the records is begun."""
        seen: dict[int, Seen] = {}
        for record in records:
            truth = self._latest(record, prepared.truth)
            in_doubt = self._quiet.is_doubtful(record.number)
            is_named = self._named(record, truth)
            for invoice_id in self.invoices(record, truth, prepared):
                named = prepared.invoices.named(record, invoice_id)
                named = named or prepared.invoices.by_id.get(invoice_id)
                other = seen.get(invoice_id, Seen(None, in_doubt=False, is_named=True))
                paid = other.paid if named is None else named.paid
                seen[invoice_id] = Seen(
                    paid, in_doubt or other.in_doubt, is_named and other.is_named
                )
        return seen

    def invoices(
        self, record: PaymentRecord, truth: TruthRecord | None, prepared: Prepared
    ) -> set[int]:
        """Return the invoices that a record may be about."""
        matches = prepared.invoices.by_number.get(record.invoice_number or "", ())
        named = {record.invoice_id, None if truth is None else truth.invoice_id}
        return {number for number in named if number is not None} | {it.id for it in matches}

    def truth(self, record: PaymentRecord, prepared: Prepared) -> TruthRecord | None:
        """Return the latest that is known of the record's external id."""
        return self._latest(record, prepared.truth)

    def known(
        self, record: PaymentRecord, truth: TruthRecord | None, prepared: Prepared
    ) -> Steps[Known]:
        """Return all that is known of the record; raises RecordRejected where no rule can apply."""
        invoice_id = invoice_of(record, truth, prepared.invoices)
        yield from self._sender.wait_until_quiet(invoice_id)
        payments, is_assumed = None, False
        if not self._named(record, truth):
            payments = self._assumed(record, invoice_id, prepared)
            is_assumed = bool(payments)
            if not payments:
                payments = yield from self._payments_of(record, invoice_id, prepared, truth)
        named = prepared.invoices.named(record, invoice_id)
        return self._known(record.number, invoice_id, named, payments, truth, is_assumed=is_assumed)

    def former(self, record: PaymentRecord, invoice_id: int, prepared: Prepared) -> Steps[Known]:
        """Return what is known of the invoice on which the record's receipt was before."""
        yield from self._sender.wait_until_quiet(invoice_id)
        named = prepared.invoices.by_id.get(invoice_id)
        payments = self._recorded(named, invoice_id, record.number, prepared.chunk)
        is_assumed = bool(payments)
        if not payments:
            rows = yield from self._sender.read(invoice_id, None)
            payments = that_count(rows, self._notes.there(invoice_id).entry)
            is_doubtful = self._quiet.is_doubtful(record.number)
            self._notes.looked(prepared.chunk, invoice_id, payments, is_doubtful=is_doubtful)
        number = record.number
        return self._known(number, invoice_id, named, payments, None, is_assumed=is_assumed)

    def _known(
        self,
        number: int,
        invoice_id: int,
        named: Invoice | None,
        payments: tuple[Payment, ...] | None,
        truth: TruthRecord | None,
        *,
        is_assumed: bool,
    ) -> Known:
        return Known(
            invoice_id,
            self._notes.there(invoice_id),
            truth,
            payments,
            "" if named is None else named.number,
            self._quiet.is_doubtful(number),
            is_assumed,
            self._may_hold.get(invoice_id, frozenset()),
            _is_paid_up(named),
        )

    def found(
        self, record: PaymentRecord, known: Known, occupied: Occupied, prepared: Prepared
    ) -> Steps[Known]:
        """Return what is known now that something else is there than was supposed.

        What an own create may have left is as it was sent, or cut to the balance.
        """
        may_hold, is_paid_up = known.may_hold, known.is_paid_up
        own = known.is_doubtful
        if occupied.may_be_own and occupied.amount is not None:
            found = yield from self._lookup.look_up_all(batches([known.invoice_id], ()))
            is_paid_up = _is_paid_up(found.by_id.get(known.invoice_id))
            may_hold |= {occupied.amount}
            own = True
        now = replace(
            known,
            payments=occupied.payments,
            is_doubtful=own,
            is_assumed=False,
            may_hold=may_hold,
            is_paid_up=is_paid_up,
        )
        is_left = own and all(may_be_left(it.amount, now) for it in occupied.payments)
        self._look_at(record, known.invoice_id, occupied.payments, prepared, is_doubtful=is_left)
        there = self._notes.there(known.invoice_id)
        return replace(now, there=there, is_doubtful=is_left)

    def learn(
        self, record: PaymentRecord, known: Known, payment: Payment, taught: Outcome, chunk: int
    ) -> None:
        """Keep what a record has taught, for those behind it.

        A payment that the record has named need not be its invoice's only one.
        """
        place = known.invoice_id, credit_of(record.fields)
        is_only = known.payments is not None and len(known.payments) <= 1
        self._learned.add(chunk, place, payment, taught.learned, is_only=is_only)
        for entry in taught.recorded:
            self._notes.recorded(chunk, entry)

    def forget(self, chunk: int) -> None:
        """Forget what chunks before `chunk` have taught: it is in the tables by now."""
        self._learned.forget(chunk)
        self._notes.forget(chunk)

    def _latest(self, record: PaymentRecord, found: dict[str, TruthRecord]) -> TruthRecord | None:
        """Return the latest that is known of the record's external id."""
        if record.external_id is None:
            return None
        return self._learned.truth(record.external_id) or found.get(record.external_id)

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

    def _assumed(
        self, record: PaymentRecord, invoice_id: int, prepared: Prepared
    ) -> tuple[Payment, ...]:
        """Return the payment that the ledger knows, if that may be relied on."""
        if credit_of(record.fields) is not None:
            return ()
        named = prepared.invoices.named(record, invoice_id)
        return self._recorded(named, invoice_id, record.number, prepared.chunk)

    def _recorded(
        self, named: Invoice | None, invoice_id: int, number: int, chunk: int
    ) -> tuple[Payment, ...]:
        """Return the payment that the ledger knows, if the invoice's sum is just what it holds.

        That is as good as having looked, and so it is noted.
        """
        entry = self._notes.there(invoice_id).entry
        if entry is None or entry.amount is None or named is None or named.paid is None:
            return ()
        adds_up = same_amount(entry.amount, named.paid)
        if not adds_up or not self._is_as_looked_up(number, invoice_id):
            return ()
        payments = (_as_recorded(entry),)
        self._notes.looked(chunk, invoice_id, payments, is_doubtful=False)
        return payments

    def _is_as_looked_up(self, number: int, invoice_id: int) -> bool:
        """Tell whether nothing was sent to the invoice since it was looked up."""
        return not (
            self._quiet.is_doubtful(number)
            or self._quiet.was_disturbed(invoice_id)
            or self._learned.touched(invoice_id)
        )

    def _payments_of(
        self,
        record: PaymentRecord,
        invoice_id: int,
        prepared: Prepared,
        truth: TruthRecord | None,
    ) -> Steps[tuple[Payment, ...]]:
        """Return the invoice's payments, the one that the truth table names in front.

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
            and record.payment_id is None
            and self._is_as_looked_up(record.number, invoice_id)
        )
        if sure:
            self._look_at(record, invoice_id, (), prepared, is_doubtful=is_doubtful)
            return ()
        payments = yield from self._sender.read(invoice_id, credit)
        if credit is None and (truth is None or self._adds_up):
            payments = that_count(payments, self._notes.there(invoice_id).entry)
        elif truth is not None:
            payments = tuple(sorted(payments, key=lambda it: it.id != truth.payment_id))
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


def _as_recorded(entry: LedgerEntry) -> Payment:
    shown = {"amount": entry.amount, "paymentDate": entry.day}
    return Payment(entry.payment_id, {name: it for name, it in shown.items() if it is not None})


def _invoice(record: PaymentRecord, invoices: FoundInvoices) -> int | None:
    """Return the invoice that the record names, None if it names none or not a single one."""
    with suppress(Exception):
        return invoice_of(record, None, invoices)
    return None


def _is_paid_up(invoice: Invoice | None) -> bool:
    return invoice is not None and invoice.balance == 0
