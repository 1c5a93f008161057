"""One probe from its beginning to its end, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from payments.command.connectwise_access import Access
from payments.command.probe.common import CENT
from payments.command.probe.dialogue import Finding, Get, not_tried
from payments.command.probe.interrupts import Interrupts
from payments.command.probe.known import Known, ProbedInvoice
from payments.command.probe.ledger import Ledger
from payments.command.probe.line import Line
from payments.command.probe.opening import (
    Confirm,
    clean_up_after_earlier,
    find_invoice,
    refuse_unless_unused,
    what_is_left,
    what_is_not_ours,
)
from payments.command.probe.questions import QUESTIONS, Question
from payments.command.probe.reading import INVOICES, by_number
from payments.command.probe.report import Found, Result
from payments.command.probe.session import Left, NotOurs, Session
from payments.command.problem import OUR_ERRORS, CommandFailed, sentence

_TAKING_BACK = "Taking back what was created. Ctrl-C does not end that; it may take a minute."

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants, and how to ask for consent and to tell how it goes on."""

    number: str
    connection: str
    api_version: str
    folder: Path
    yes: bool
    confirm: Confirm
    say: Say


def probe(access: Access, asked: Asked) -> Result:
    """Ask all questions about the invoice; raises CommandFailed where none was asked."""
    with Interrupts() as interrupts:
        session = _open(access, asked)
        session.begin()
        result = Result()
        try:
            try:
                _ask_all(session, asked.say, result)
            except KeyboardInterrupt:
                result.interrupted = True
            finally:
                interrupts.accepted = False
        finally:
            with suppress(OSError, SystemExit):  # the terminal may be gone
                asked.say(_TAKING_BACK)
            result.remarks += _remarks(session, session.take_back())
        return result


def _open(access: Access, asked: Asked) -> Session:
    line = Line(access.api, access.clock)
    invoice, first = find_invoice(line, asked.number)
    today = datetime.fromtimestamp(access.clock.time(), UTC).date()
    known = Known(invoice, first, today, asked.api_version, line.base_length(), made=line.made)
    ledger = Ledger.of(asked.folder, asked.connection, invoice.id)
    session = Session(line, access.finance, access.clock, known, ledger)
    if not ledger.empty:
        clean_up_after_earlier(session, access.clock, asked.yes, asked.confirm)
        known.invoice, known.first = find_invoice(line, asked.number)
    refuse_unless_unused(known.invoice, session.payments())
    asked.say(_announced(known.invoice))
    if not asked.yes and not asked.confirm("Go on?"):
        raise CommandFailed("Nothing was changed.")
    return session


def _announced(invoice: ProbedInvoice) -> str:
    over = ""
    if invoice.balance is not None:
        over = (
            f"One more is of {invoice.balance + CENT:f}, for a moment: one cent more than the "
            "balance. That may close the invoice, and start what your ConnectWise does when an "
            "invoice is paid. "
        )
    return (
        f"Invoice {invoice.number} (id {invoice.id}): some 80 calls, one at a time. On this "
        "invoice up to seven payments of -0.01 to 0.02 are created, changed and deleted again. "
        f"{over}Nothing else is changed. If this API member may not delete payments, up to two "
        "stay, with amount 0. Use a sandbox, or an invoice made for tests."
    )


def _ask_all(session: Session, say: Say, result: Result) -> None:
    stopped = ""
    for question in QUESTIONS:
        try:
            finding = _asked(session, question, stopped)
        except (*OUR_ERRORS, NotOurs) as error:
            stopped = str(error) if isinstance(error, NotOurs) else sentence(error)
            result.stopped = True
            finding = not_tried(stopped)
        say(f"{question.row}: {finding.result}")
        result.rows.append(Found(question.row, finding))


def _asked(session: Session, question: Question, stopped: str) -> Finding:
    """Ask a question; once it has stopped, only those that need no call."""
    asked = question.ask(session.known)
    if isinstance(asked, Finding):
        return asked
    if stopped:
        asked.close()
        return not_tried("not reached")
    return session.run(asked)


def _remarks(session: Session, left: Left) -> list[str]:
    remarks = [what_is_left(left, session)] if left.anything else []
    if left.others:
        remarks.append(what_is_not_ours(left, session))
    if remarks:
        return remarks
    if not session.known.made_any("create"):
        return []
    return _not_as_before(session)


def _not_as_before(session: Session) -> list[str]:
    """Say so if the invoice is not what it was, though nothing of ours is left."""
    before = session.known.invoice
    try:
        answer = session.line.get(Get(INVOICES, by_number(before.number)))
    except OUR_ERRORS:
        return []
    rows = [row for row in answer.rows if row.get("id") == before.id]
    if not rows or ProbedInvoice.of(before.id, rows[0]) == before:
        return []
    return [
        f"All payments are taken back, but invoice {before.number} is not as it was (its status "
        "or its sums): look at it in ConnectWise."
    ]
