"""The invoice to probe: find it, see whether it may be, and clean up after an earlier probe."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from payments.clock import Clock
from payments.command.probe.dialogue import Answer, Get
from payments.command.probe.known import ProbedInvoice
from payments.command.probe.line import Line
from payments.command.probe.reading import INVOICES, by_number
from payments.command.probe.session import Left, Session
from payments.command.problem import CommandFailed
from payments.connectwise.answers import usable_id
from payments.models import Payment, day_of
from payments.quiet import CALL_SECONDS, SETTLE_SECONDS

LEAST_BALANCE = Decimal("0.10")

Confirm = Callable[[str], bool]
"""Ask the user something."""


def find_invoice(line: Line, number: str) -> tuple[ProbedInvoice, Answer]:
    """Return the invoice of that number, and the answer that has it; raises CommandFailed."""
    if "*" in number:
        raise CommandFailed("`*` is a wildcard in ConnectWise: name an invoice without it.")
    answer = line.get(Get(INVOICES, by_number(number)))
    if answer.forbidden:
        raise CommandFailed(
            "The API member may not read invoices: give its security role the right to inquire "
            f"them (All), under Finance > Invoicing. {answer}"
        )
    if not answer.ok:
        raise CommandFailed(f"ConnectWise does not look invoices up by their number: {answer}")
    same = [row for row in answer.rows if _is(row.get("invoiceNumber"), number)]
    ids = [found for row in same if (found := usable_id(row.get("id")))]
    if len(ids) != 1:
        many = f"{len(ids)} invoices" if ids else "no invoice"
        raise CommandFailed(f"ConnectWise has {many} with the number {number}.")
    return ProbedInvoice.of(ids[0], same[0]), answer


def _is(found: object, number: str) -> bool:
    return str(found).strip().casefold() == number.strip().casefold()


def refuse_unless_unused(invoice: ProbedInvoice, payments: tuple[Payment, ...]) -> None:
    """Raise CommandFailed unless the invoice is one that may be probed."""
    if payments or invoice.payments or invoice.credits:
        raise CommandFailed(
            f"Invoice {invoice.number} has payments or credits ({_named(payments)}), and nothing "
            "of that is to be touched. Name an invoice that has neither, best in a sandbox."
        )
    if invoice.balance is not None and invoice.balance < LEAST_BALANCE:
        raise CommandFailed(
            f"Invoice {invoice.number} has a balance of {invoice.balance:f}: name one with at "
            f"least {LEAST_BALANCE}."
        )


def clean_up_after_earlier(session: Session, clock: Clock, yes: bool, confirm: Confirm) -> None:
    """Offer to take back what an earlier probe has left; raises CommandFailed if it stays."""
    ledger, number = session.ledger, session.known.invoice.number
    # What a killed probe has sent last may take effect a while after.
    may_come_until = min(ledger.written + CALL_SECONDS, clock.time()) + SETTLE_SECONDS
    clock.sleep(max(0.0, may_come_until - clock.time()))
    found = session.payments()
    ours = [payment for payment in found if ledger.is_ours(payment)]
    if ours:
        said = f"An earlier probe has left on invoice {number}: {_named(tuple(ours))}."
        if not yes and not confirm(f"{said} Take it back?"):
            raise CommandFailed("Nothing was changed.")
    for payment in found:
        if payment not in ours and ledger.is_doubtful(payment):
            _ask_about(session, payment, confirm)
    left = session.take_back()
    if left.anything:
        raise CommandFailed(what_is_left(left, session))


def _ask_about(session: Session, payment: Payment, confirm: Confirm) -> None:
    """Ask, in any case, about a payment that may be somebody else's."""
    said = (
        f"An earlier probe was ended while it made payments on invoice "
        f"{session.known.invoice.number}. There is now {_named((payment,))}, which may be one of "
        "those, or somebody's own. Is it surely nobody's, and to be taken back?"
    )
    if confirm(said):
        session.ledger.adopt(payment)


def what_is_left(left: Left, session: Session) -> str:
    """Say what is still there, and what to do about it."""
    number, again = session.known.invoice.number, "run the same command again"
    if left.unseen:
        return (
            f"ConnectWise does not answer: what this probe did to invoice {number} may still be "
            f"there. When it answers, {again}; it takes that back first."
        )
    if left.never_shown:
        listed = ", ".join(f"payment {number}" for number in left.never_shown)
        return (
            f"ConnectWise said that it has created {listed} on invoice {number}, and does not list "
            f"it. Look for it in ConnectWise, and {again}: if it is listed then, it is taken back. "
            f"If it is surely not there, delete {session.ledger.file}."
        )
    if left.lost:
        return (
            f"A payment was sent to invoice {number}, whose id was never answered, and it has not "
            f"shown since. Look at the invoice later, or {again}: if it has come, it is taken back."
        )
    return (
        f"This API member cannot delete what was created on invoice {number}. Still there: "
        f"{_named(left.payments)}. Delete it in ConnectWise; or give the security role the right "
        f"to delete, and {again}: it takes that back first."
    )


def what_is_not_ours(left: Left, session: Session) -> str:
    """Say what has appeared meanwhile."""
    again = " Run the same command again: it asks whether to take it back." if left.doubtful else ""
    return (
        f"On invoice {session.known.invoice.number} there is now {_named(left.others)}: not surely "
        f"the probe's, so it was left alone. Look at it in ConnectWise.{again}"
    )


def _named(payments: tuple[Payment, ...]) -> str:
    return "; ".join(_name(payment) for payment in payments) or "applied credits"


def _name(payment: Payment) -> str:
    amount, day = payment.amount, day_of(payment.fields)
    of = "" if amount is None else f" of {amount:f}"
    return f"payment {payment.id}{of}{f', {day[:10]}' if day else ''}"
