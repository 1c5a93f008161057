"""Say what an import of a file would do, without writing anything.

The import's own pipeline runs, but against a rehearsal of ConnectWise and of the truth table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

from payments.command.connectwise_access import Access, open_access
from payments.command.deployment import Deployment
from payments.command.progress import SayDone
from payments.command.rehearsal import (
    FIRST_NEW_ID,
    Change,
    KnownInvoices,
    RehearsedLedger,
    RehearsedPayments,
    RehearsedTruth,
    Step,
)
from payments.command.truth import StoredTruth
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.patience import Patience
from payments.decisions import Policy
from payments.files.reader import check_file, read_records
from payments.files.record import ReadingRules, read_record
from payments.gathering import Books, Gathering, Prepared
from payments.models import Action, Outcome, PaymentRecord, Replaced, SecondPayment, There
from payments.pipeline import Pipeline
from payments.quiet import Quiet
from payments.sending import Sender
from payments.upsert import Upsert
from payments.wording import money, of_receipts

_RECEIPTS_SHOWN = 5
_NEW_ID = re.compile(rf"\b{FIRST_NEW_ID // 10**6}[0-9]{{6}}\b")
_NEW_ELEMENT = re.compile(f"<id>{_NEW_ID.pattern}</id>")


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What would become of one record.

    `invoice` is as the record names it; `invoice_number` is known where that was looked up.
    `payment_id` is None for a payment that does not exist yet. `changes` are the fields that
    would be sent. `messages` say why it would be rejected or skipped, or what is doubtful.
    `replaced_record` is the record of this file that would have made what is `replaced`.
    """

    number: int
    external_id: str | None
    invoice: str | None
    action: Action
    payment_id: int | None = None
    changes: tuple[Change, ...] = ()
    messages: tuple[str, ...] = ()
    invoice_number: str | None = None
    replaced: Replaced | None = None
    replaced_record: int | None = None


Report = Callable[[list[PreviewRow]], None]


def preview(deployment: Deployment, file: Path, report: Report, say_done: SayDone) -> None:
    """Report what would become of each record, in file order.

    Raises FileRefused if the file as a whole would be refused, TryLater if ConnectWise or AWS do
    not answer.
    """
    total = check_file(file).total
    done = 0

    def report_rows(rows: list[PreviewRow]) -> None:
        nonlocal done
        report(rows)
        done += len(rows)
        say_done(done, total)

    truth = StoredTruth.of(deployment, None)
    access = open_access(deployment)
    invoices = KnownInvoices(access.finance, access.api)
    rehearsal = Rehearsal(
        RehearsedPayments(access.finance, invoices.balance),
        invoices,
        RehearsedTruth(truth.table),
        RehearsedLedger(truth.ledger),
        report_rows,
    )
    policy = Policy(
        "preview", file.name, deployment.prevent_reprocessing, deployment.second_payment
    )
    rehearse(rehearsal, access, policy, deployment.connections, _records(file, deployment, access))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The world that an import is rehearsed in, and who is told what would become of it."""

    payments: RehearsedPayments
    invoices: KnownInvoices
    truth: RehearsedTruth
    ledger: RehearsedLedger
    report: Report


def rehearse(
    rehearsal: Rehearsal,
    access: Access,
    policy: Policy,
    connections: int,
    records: Iterator[PaymentRecord],
) -> None:
    """Run an import of the records, as one that nothing has interrupted before."""
    patience = Patience(access.clock, access.api.answers, Random())  # noqa: S311
    quiet = Quiet()
    sender = Sender(rehearsal.payments, patience, quiet, access.clock)
    lookup = InvoiceLookup(rehearsal.invoices, patience)
    books = Books(rehearsal.truth, rehearsal.ledger)
    upsert = Upsert(Gathering(sender, lookup, books, quiet, policy), sender, policy, access.clock)
    rows = Rows(rehearsal)
    workers = access.workers(connections)
    pipeline: Pipeline[PaymentRecord, Prepared, Outcome] = Pipeline(
        upsert,
        workers,
        access.clock,
        access.deadline,
        reaching=lambda _number: None,
        commit=lambda outcomes: rehearsal.report([rows.row(outcome) for outcome in outcomes]),
        close_gate=access.gate.close,
    )
    try:
        pipeline.apply(records)
    except Exception:
        workers.close()
        raise
    workers.close()  # after Ctrl-C nobody waits for what is under way


def _records(file: Path, deployment: Deployment, access: Access) -> Iterator[PaymentRecord]:
    today = datetime.fromtimestamp(access.clock.time(), UTC).date()
    adds_up = deployment.second_payment is SecondPayment.ADD
    rules = ReadingRules(deployment.currency_decimals, today, refunds=adds_up)
    return (read_record(raw, rules) for raw in read_records(file))


class Rows:
    """Make rows of outcomes, which come in file order."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._payments = rehearsal.payments
        self._numbers = rehearsal.invoices.numbers
        self._truth = rehearsal.truth
        self._ledger = rehearsal.ledger
        self._made_by: dict[int, int] = {}

    def row(self, outcome: Outcome) -> PreviewRow:
        """Return the row, and keep in mind what the record would have done."""
        record = _payment(outcome)
        messages = tuple(map(_without_new_ids, outcome.messages))
        if not outcome.action.succeeded:
            return PreviewRow(
                record.number,
                record.external_id,
                record.named_invoice,
                outcome.action,
                messages=messages,
                invoice_number=self._number(record.invoice_id),
            )
        assert outcome.payment_id is not None
        step = self._payments.take_step(outcome.payment_id)
        row = PreviewRow(
            record.number,
            record.external_id,
            record.named_invoice or str(step.invoice_id),
            outcome.action,
            None if outcome.payment_id >= FIRST_NEW_ID else outcome.payment_id,
            step.changes,
            messages + _sum(outcome) + _doubts(step),
            self._number(step.invoice_id),
            outcome.replaced,
            self._made_by.get(outcome.payment_id) if _is_in_it(outcome) else None,
        )
        self._made_by[outcome.payment_id] = record.number
        if outcome.learned is not None:
            self._truth.store(outcome.learned)
        self._ledger.store(There(it.invoice_id, it) for it in outcome.recorded)
        return row

    def _number(self, invoice_id: int | None) -> str | None:
        return None if invoice_id is None else self._numbers.get(invoice_id)


def _is_in_it(outcome: Outcome) -> bool:
    """Tell whether what is replaced was in the payment itself."""
    return outcome.replaced is not None and outcome.replaced.taken_from is None


def _without_new_ids(message: str) -> str:
    """Return a message without the ids that only a rehearsal has given."""
    return _NEW_ID.sub("(new)", _NEW_ELEMENT.sub("the <id> that it gets", message))


def _sum(outcome: Outcome) -> tuple[str, ...]:
    """Say what the payment would be the sum of, if it is one."""
    receipts = outcome.recorded[-1].added_up if outcome.recorded else None
    if receipts is None:
        return ()
    shown = [f"{name} {money(it.amount)}" for name, it in islice(receipts.items(), _RECEIPTS_SHOWN)]
    more = len(receipts) - len(shown)
    listed = ", ".join([*shown, *([f"and {more} more"] if more else [])])
    return (
        f"the sum of {of_receipts(len(receipts))}: {listed}."
        if receipts
        else "no receipts are left.",
    )


def _doubts(step: Step) -> tuple[str, ...]:
    if step.exceeded_balance is None:
        return ()
    return (
        f"The invoice is open for {money(step.exceeded_balance)} only: ConnectWise may record "
        "less, and the record then goes to the fail file.",
    )


def _payment(outcome: Outcome) -> PaymentRecord:
    assert isinstance(outcome.record, PaymentRecord), "only payments are rehearsed"
    return outcome.record
