"""The questions about payments that are there: each writable field, and deletion. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from payments.command.probe.common import (
    AS_SENT,
    CENT,
    GIVE,
    NO_PAYMENT,
    TWO_CENTS,
    delete_ours,
    our_payment,
)
from payments.command.probe.dialogue import (
    Answer,
    Delete,
    Finding,
    Get,
    Steps,
    Update,
    not_tried,
    refused,
)
from payments.command.probe.known import Known
from payments.command.probe.reading import PAGE_SIZE
from payments.models import Fields, JsonValue
from payments.payment_fields import WRITABLE

MARK = "payments-probe"  # appliedBy may be a member's identifier, which has 15 characters at most
_PROVING = {field.name for field in WRITABLE if field.proves}


@dataclass(frozen=True, slots=True)
class UpdateOf:
    """Set one field, to a value that is not there yet, and read it back."""

    name: str
    values: Callable[[Known], tuple[JsonValue, JsonValue]]

    def __call__(self, known: Known) -> Steps[Finding]:
        if known.payment is None:
            return not_tried(NO_PAYMENT)
        before = known.held
        first, other = self.values(known)
        value = other if _same(self.name, first, before.get(self.name)) else first
        answer = yield Update(known.payment, {self.name: value})
        held = known.held = (yield our_payment(known)).held
        changed = _same(self.name, value, held.get(self.name))
        if self.name == "amount":
            known.changes_amounts = answer.ok and changed
        if changed and self.name == "type" and "type" in before:
            yield Update(known.payment, {"type": before["type"]})
            known.held = {**known.held, "type": before["type"]}
        if known.deletes:
            yield from delete_ours(known)
        return self._finding(answer, changed, before, held)

    def _finding(self, answer: Answer, changed: bool, before: Fields, held: Fields) -> Finding:
        others = sorted(
            field.name
            for field in WRITABLE
            if field.name != self.name and before.get(field.name) != held.get(field.name)
        )
        facts = {**answer.facts, "shown": self.name in answer.held, "others changed": others}
        also = f"; {', '.join(others)} changed too" if others else ""
        if answer.forbidden:
            means = GIVE.format("edit payments")
            return Finding("forbidden", f"does not let this API member: {answer}", means, facts)
        if not answer.ok:
            means = f"Leave <{self.name}> out of records that update a payment."
            return refused(answer, means, facts, f"refuses it: {answer}{also}")
        if self.name not in held:
            means = "The import cannot see whether it took effect."
            return Finding("not shown", f"takes it, and does not show it{also}", means, facts)
        if not changed:
            return Finding("unchanged", f"says so, and changes nothing{also}", self._no(), facts)
        return Finding("changed", f"changes it{also}", AS_SENT, facts)

    def _no(self) -> str:
        if self.name in _PROVING:
            return f"A record that would change the {self.name} of a payment fails, and says so."
        return f"<{self.name}> has no effect on a payment that exists; the import does not say so."


def update_credit(_known: Known) -> Finding:
    """Leave credit memos alone."""
    return not_tried("it would apply a credit memo of yours")


def deletion(known: Known) -> Steps[Finding]:
    """Delete the payment."""
    if known.payment is None:
        return not_tried(NO_PAYMENT)
    answer = yield Delete(known.payment)
    listed = yield Get(known.invoice.payments_path, {"pageSize": PAGE_SIZE})
    if answer.ok and listed.ok and known.payment not in listed.ids:
        known.payment, known.deletes = None, True
        return Finding("deleted", "deletes it", "No import deletes anything.", answer.facts)
    stays = "stays, with amount 0" if known.changes_amounts else "stays"
    means = f"No import deletes anything. What this probe created {stays}."
    if answer.ok:
        return Finding("unchanged", "says so, and keeps it", means, answer.facts)
    return refused(answer, means, answer.facts, f"does not delete it: {answer}")


def update_questions() -> Iterator[tuple[str, Callable[[Known], Steps[Finding]]]]:
    """Yield the questions about each writable field that can be tried."""
    for name, pair in _NEW_VALUES.items():
        yield name, UpdateOf(name, pair)


def _constant(*pair: JsonValue) -> Callable[[Known], tuple[JsonValue, JsonValue]]:
    first, other = pair
    return lambda _: (first, other)


_NEW_VALUES = {
    "amount": _constant(TWO_CENTS, CENT),
    "appliedBy": _constant(MARK, MARK[:-1]),
    "type": _constant("P", "X"),
    "paymentAccount": _constant(MARK, MARK[:-1]),
    "aRPaymentAccount": _constant(MARK, MARK[:-1]),
}


update_day = UpdateOf("paymentDate", lambda known: (known.day_before, known.day))


def _same(name: str, sent: JsonValue, held: JsonValue | None) -> bool:
    found = next(field for field in WRITABLE if field.name == name)
    return held is not None and found.same(sent, held)
