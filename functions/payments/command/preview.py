"""Say what an import of a file would do, without writing anything.

The import's own pipeline runs, but against a rehearsal of ConnectWise and of the truth table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from payments.command.connectwise_access import open_access
from payments.command.deployment import Deployment
from payments.command.progress import SayDone
from payments.command.rehearsal import (
    FIRST_NEW_ID,
    Change,
    InvoicesWithBalances,
    RehearsedPayments,
    RehearsedTruth,
)
from payments.command.truth import StoredTruth
from payments.connectwise.invoices import InvoiceLookup
from payments.models import Action, Outcome
from payments.files.reader import check_file, read_records
from payments.files.record import read_record
from payments.pipeline import Pipeline
from payments.rules import Policy
from payments.sender import Sender

_NEW_ID = re.compile(rf"\b{FIRST_NEW_ID // 10**6}[0-9]{{6}}\b")


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What would become of one record.

    `payment_id` is None for a payment that does not exist yet. `changes` are the fields that
    would be sent. `messages` say why it would be rejected or skipped, or what is doubtful.
    """

    number: int
    external_id: str | None
    invoice: str | None
    action: Action
    payment_id: int | None = None
    changes: tuple[Change, ...] = ()
    messages: tuple[str, ...] = ()


def preview(
    deployment: Deployment,
    file: Path,
    report: Callable[[list[PreviewRow]], None],
    say_done: SayDone,
) -> None:
    """Report what would become of each record, in file order.

    Raises FileRefused if the file as a whole would be refused, TryLater if ConnectWise or AWS do
    not answer.
    """
    total = check_file(file).total
    done = 0

    def report_outcomes(outcomes: list[Outcome]) -> None:
        nonlocal done
        report([preview_row(outcome, payments) for outcome in outcomes])
        done += len(outcomes)
        say_done(done, total)

    truth = StoredTruth.of(deployment, None)
    access = open_access(deployment)
    invoices = InvoicesWithBalances(access.transport)
    payments = RehearsedPayments(access.transport, invoices.balances)
    pipeline = Pipeline(
        Sender(payments),
        InvoiceLookup(invoices),
        RehearsedTruth(truth.table),
        access.gate,
        Policy("preview", deployment.prevent_reprocessing),
        file.name,
        deployment.connections,
        report_outcomes,
    )
    pipeline.apply(read_record(raw) for raw in read_records(file))


def preview_row(outcome: Outcome, payments: RehearsedPayments) -> PreviewRow:
    """Return the row for an outcome of the rehearsal."""
    record = outcome.record
    invoice = record.invoice_number or (str(record.invoice_id) if record.invoice_id else None)
    messages = tuple(_NEW_ID.sub("(new)", message) for message in outcome.messages)
    if outcome.action not in (Action.CREATED, Action.UPDATED):
        return PreviewRow(
            record.number, record.external_id, invoice, outcome.action, messages=messages
        )
    assert outcome.payment_id is not None
    step = payments.take_step(outcome.payment_id)
    if step.exceeded_balance is not None:
        messages += (
            f"The invoice is open for {step.exceeded_balance:f} only: ConnectWise may record less, "
            "and the record then goes to the fail file.",
        )
    return PreviewRow(
        record.number,
        record.external_id,
        invoice or str(step.invoice_id),
        outcome.action,
        None if outcome.payment_id >= FIRST_NEW_ID else outcome.payment_id,
        step.changes,
        messages,
    )
