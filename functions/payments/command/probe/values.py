"""The questions about values: which day and which amount ConnectWise holds then. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from payments.command.probe.common import (
    AS_SENT,
    CENT,
    NO_PAYMENT,
    THREE_DECIMALS,
    TINY,
    delete_ours,
    our_payment,
)
from payments.command.probe.dialogue import (
    Answer,
    Create,
    Finding,
    Steps,
    Update,
    not_known,
    not_tried,
    refused,
)
from payments.command.probe.known import Known
from payments.models import Fields, amount_of, day_of
from payments.payment_fields import same_amount

_COMPARED = "The import compares: a payment that is held otherwise fails, with both amounts."


def day(known: Known) -> Steps[Finding]:
    """Send a day at its first and at its last second, and read it back.

    The payment stays for `update_day`, which can tell only where there is a day before.
    """
    if _cannot_write(known):
        return not_tried(NO_PAYMENT)
    begin = yield from _written(known, {"paymentDate": known.day})
    known.takes_days = begin.answer.ok or day_of(begin.held) == known.day
    if not begin.answer.ok:
        return begin.refused("Leave <paymentDate> out: tell the maintainers.")
    if begin.same and _moved(known.day, day_of(begin.held)) not in ("sent", "not shown"):
        return not_known("no PATCH of the day takes effect here, and nothing can be deleted")
    end = yield from _written(known, {"paymentDate": known.late_that_day}, keep=True)
    held = _moved(known.day, day_of(begin.held)), _moved(known.late_that_day, day_of(end.held))
    return _day(begin, held)


def _day(begin: _Written, held: tuple[str, str]) -> Finding:
    facts = {**begin.facts, "midnight": held[0], "end of day": held[1]}
    says = f"midnight is held as {held[0]}, 23:59:59 as {held[1]}"
    if held[0] == "not shown":
        means = "Nothing to do: a day that does not show is believed if the amount is right."
        return Finding("not shown", "does not show the day", means, facts)
    if held[0] == "sent":
        return Finding("kept", says, AS_SENT, facts)
    if held[0] == "same day":
        return Finding("same day", says, AS_SENT, facts)
    if "other day" in held[0]:
        means = "Every record with a <paymentDate> fails, with both days: tell the maintainers."
        return Finding("another day", says, means, facts)
    means = "Nothing to do: midnight of another zone counts as the same day."
    return Finding("shifted", says, means, facts)


def _moved(sent: str, held: str | None) -> str:
    """Say where a moment has gone, without saying which it is."""
    if held is None:
        return "not shown"
    try:
        apart = datetime.fromisoformat(held[:19]) - datetime.fromisoformat(sent[:19])
    except ValueError:
        return "another form"
    if not apart:
        return "sent"
    if held[:10] == sent[:10]:
        return "same day"
    if abs(apart) > timedelta(hours=14):
        return f"the other day ({apart / timedelta(hours=1):+.0f} h)"
    return f"{apart / timedelta(hours=1):+.0f} h"


@dataclass(frozen=True, slots=True)
class Amount:
    """Send an amount, and read it back."""

    amount: Decimal
    refusal: str
    difference: str

    def __call__(self, known: Known) -> Steps[Finding]:
        if (unfit := _cannot_tell(known)) is not None:
            return unfit
        written = yield from _written(known, {"amount": self.amount})
        if not written.answer.ok:
            return written.refused(self.refusal)
        held = amount_of(written.held)
        if held is None:
            return Finding("not shown", "takes it, and does not show the amount", "", written.facts)
        facts = {**written.facts, "held": f"{held:f}" if abs(held) <= TINY else "another"}
        if same_amount(self.amount, held):
            return Finding("kept", f"holds {held:f} as it was sent", AS_SENT, facts)
        return Finding("changed", f"holds {held:f} instead", self.difference, facts)


decimals = Amount(
    THREE_DECIMALS,
    "CurrencyDecimals has to be 2 at most.",
    ("CurrencyDecimals has to be 2 at most: what is held otherwise than it was sent fails."),
)
zero = Amount(Decimal(0), "A payment of 0 fails: take one back in ConnectWise.", _COMPARED)
negative = Amount(
    -CENT,
    "Nothing to do: the import refuses them itself.",
    ("Nothing to do: the import refuses negative amounts itself."),
)


def overpayment(known: Known) -> Steps[Finding]:
    """Send one cent more than the balance."""
    balance = known.invoice.balance
    if balance is None:
        return not_tried("ConnectWise does not say what the invoice's balance is")
    if (unfit := _cannot_tell(known)) is not None:
        return unfit
    written = yield from _written(known, {"amount": balance + CENT})
    if known.payment is not None:
        yield Update(known.payment, {"amount": CENT})
    return _over(known, written, balance)


def _over(known: Known, written: _Written, balance: Decimal) -> Finding:
    if not written.answer.ok:
        return written.refused("Such a record fails, with ConnectWise's reason.")
    held = amount_of(written.held)
    if held is None:
        return Finding("not shown", "takes it, and does not show the amount", "", written.facts)
    if same_amount(balance + CENT, held):
        means = "An overpayment is recorded as it is sent, and the balance gets negative."
        return Finding("kept", "takes it as it is", means, written.facts)
    names = {"balance": balance, "total": known.invoice.total}
    where = [name for name, amount in names.items() if amount is not None and held == amount]
    says = f"cuts it to the {where[0]}" if where else "holds another amount"
    facts = {**written.facts, "cut to": where[:1]}
    return Finding("cut" if where else "otherwise", says, _COMPARED, facts)


@dataclass(frozen=True, slots=True)
class _Written:
    """How a value was sent, and what ConnectWise holds then; `same`: no other than before."""

    how: str
    answer: Answer
    held: Fields
    same: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        return {"by": self.how, **self.answer.facts}

    def refused(self, means: str) -> Finding:
        return refused(self.answer, means, self.facts)


def _written(known: Known, fields: Fields, *, keep: bool = False) -> Steps[_Written]:
    """Send values with a payment of their own, or where none can be deleted, with ours."""
    if known.payment is not None:
        before = known.held
        answer = yield Update(known.payment, fields)
        known.held = (yield our_payment(known)).held
        return _Written("update", answer, known.held, known.held == before)
    answer = yield Create({**(known.base or {}), "amount": CENT, **known.odd_day, **fields})
    known.payment = answer.payment_id
    if known.payment is None:
        return _Written("create", answer, {})
    held = known.held = (yield our_payment(known)).held
    if not keep:
        yield from delete_ours(known)
    return _Written("create", answer, held)


def _cannot_write(known: Known) -> bool:
    return known.payment is None and not known.deletes


def _cannot_tell(known: Known) -> Finding | None:
    """Say why no amount can be tried, None if one can."""
    if _cannot_write(known):
        return not_tried(NO_PAYMENT)
    if known.payment is not None and not known.changes_amounts:
        return not_known("no PATCH of the amount takes effect here, and nothing can be deleted")
    return None
