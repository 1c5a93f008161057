"""The questions that write: on the invoice that the user has named, least amounts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from payments.command.probe.dialogue import (
    Answer,
    Create,
    Delete,
    Finding,
    Get,
    Row,
    Steps,
    Update,
    not_tried,
)
from payments.command.probe.known import Known
from payments.command.probe.reading import INVOICES, PAGE_SIZE, by_id
from payments.connectwise.answers import usable_id, usable_number
from payments.models import Fields, JsonValue, amount_of, day_of
from payments.payment_fields import WRITABLE, same_amount

CENT = Decimal("0.01")
TWO_CENTS = Decimal("0.02")
THREE_DECIMALS = Decimal("0.015")
TINY = Decimal("0.05")
"""More than anything that the least amounts can become; nobody pays so little."""
MARK = "payments-probe"  # appliedBy may be a member's identifier, which has 15 characters at most

UNPOSTED = "/finance/accounting/unpostedpayments"
_NO_PAYMENT = "no payment could be created"
_PROVING = {field.name for field in WRITABLE if field.proves}
_GIVE = "Give the API member's security role the right to {} (All): see Permissions in the README."
_AS_SENT = "Nothing to do."
_COMPARED = "The import compares: a payment that is held otherwise fails, with both amounts."


def type_needed(known: Known) -> Steps[Finding]:
    """Create a payment with the least fields; the ones that are needed stay for later creates."""
    invoice: Fields = {"invoice": {"id": known.invoice.id}}
    day: Fields = {"paymentDate": known.day}
    kind: Fields = {"type": "P"}
    answers: list[Answer] = []
    for base in (invoice, {}, {**invoice, **day}, {**invoice, **kind}, {**invoice, **day, **kind}):
        answer = yield Create({**base, "amount": CENT})
        answers.append(answer)
        if answer.payment_id or answer.forbidden:
            break
    if not answers[-1].payment_id:
        return _no_create(answers)
    known.payment, known.base = answers[-1].payment_id, base
    record = (yield _ours(known)).record
    known.held = Answer(200, record).held
    return _created(known, answers, record)


def _created(known: Known, answers: list[Answer], record: Row) -> Finding:
    base = known.base or {}
    needs = [name for name in base if name != "invoice"]
    filled = sorted(field.name for field in WRITABLE if field.name in record.keys() - base.keys())
    filled = [name for name in filled if name != "amount"]
    facts = {"needs": needs, "fills in": filled, "refused": [said.facts for said in answers[:-1]]}
    says = f"takes an amount {'with ' + ' and '.join(needs) if needs else 'alone'}"
    says += f", and fills in {', '.join(filled)}" if filled else ""
    if needs:
        means = f"Give every new payment a {' and a '.join(f'<{name}>' for name in needs)}."
        return Finding("more needed", f"{says}; else {answers[0]}", means, facts)
    if not base:
        means = "The import names the invoice in the body too: tell the maintainers."
        return Finding("without invoice", f"{says}, but not with `invoice`", means, facts)
    return Finding("amount", says, _AS_SENT, facts)


def _no_create(answers: list[Answer]) -> Finding:
    first, last = answers[0], answers[-1]
    facts = {"refused": [said.facts for said in answers]}
    if last.forbidden:
        means = _GIVE.format("add payments")
        return Finding("forbidden", f"does not let this API member: {last}", means, facts)
    if last.ok:
        return Finding("not shown", "takes it, and does not show it", "No import can work.", facts)
    means = "Read the reason; perhaps this invoice cannot be paid (closed?): try another."
    return Finding("refused", f"refuses it: {first}", means, facts)


def payment_list(known: Known) -> Steps[Finding]:
    """Look for the payment in the list, as the import asks for it."""
    if known.payment is None:
        return not_tried(_NO_PAYMENT)
    query: dict[str, str | int] = {"fields": "id,amount", "pageSize": PAGE_SIZE}
    answer = yield Get(known.invoice.payments_path, query)
    if not answer.ok:
        means = _GIVE.format("inquire payments")
        return Finding("refused", f"refuses it: {answer}", means, answer.facts)
    if known.payment not in answer.ids:
        means = "The import cannot see what it has created: tell the maintainers."
        return Finding("not listed", "does not list the payment", means)
    if any(row.keys() - {"id", "amount"} for row in answer.rows):
        return Finding("all fields", "lists it, and ignores `fields=`", _AS_SENT)
    return Finding("listed", "lists it, with just the fields asked for", _AS_SENT)


def paid_sum(known: Known) -> Steps[Finding]:
    """Look whether the invoice shows what is paid."""
    if known.payment is None:
        return not_tried(_NO_PAYMENT)
    answer = yield Get(INVOICES, by_id(known.invoice.id))
    rows = [row for row in answer.rows if usable_id(row.get("id")) == known.invoice.id]
    paid = usable_number(rows[0].get("payments")) if rows else None
    if paid is None:
        return Finding("not given", "does not say", "Each invoice's payments are asked for.")
    if paid:
        return Finding("shown", "`payments` is what was paid, at once", _AS_SENT)
    means = (
        "Before a payment is created the import looks at `payments` alone: where ConnectWise takes "
        "a second payment (row second-payment), name payments that exist by <id>."
    )
    return Finding("not shown", "`payments` stays 0 though there is a payment", means)


def unposted(known: Known) -> Steps[Finding]:
    """Look for the payment among those that are not posted."""
    if known.payment is None:
        return not_tried(_NO_PAYMENT)
    number = known.invoice.id
    page: dict[str, str | int] = {"pageSize": PAGE_SIZE}
    refused: list[Answer] = []
    for text in (f"invoice/id in ({number})", f"invoice/id={number}", ""):
        query = {**page, "conditions": text} if text else page
        answer = yield Get(UNPOSTED, query, may_fail=True)
        if answer.ok or answer.forbidden:
            return _unposted(known, answer, {"refused": [said.facts for said in refused]})
        refused.append(answer)
    return _unposted(known, answer, {"refused": [said.facts for said in refused]})


def _unposted(known: Known, answer: Answer, facts: dict[str, Any]) -> Finding:
    if not answer.ok:
        result = "forbidden" if answer.forbidden else "refused"
        return Finding(result, f"answers {answer}", "Nothing to do: no import needs it.", facts)
    ours = [
        usable_id(row.get("id"))
        for row in answer.rows
        if isinstance(row.get("invoice"), dict) and row["invoice"].get("id") == known.invoice.id
    ]
    if not ours:
        return Finding("not listed", "does not list the payment", "Nothing to do.", facts)
    if known.payment in ours:
        return Finding("same id", "lists it, under its own id", "Nothing to do.", facts)
    means = "Nothing to do. Never write such an id into a file: it is no payment's <id>."
    return Finding("another id", "lists it, under an id of another kind", means, facts)


def second_payment(known: Known) -> Steps[Finding]:
    """Create a second payment beside the first."""
    first = known.payment
    if first is None:
        return not_tried(_NO_PAYMENT)
    answer = yield Create({**(known.base or {}), "amount": TWO_CENTS})
    listed = yield Get(known.invoice.payments_path, {"pageSize": PAGE_SIZE})
    others = [number for number in listed.ids if number is not None and number != first]
    facts = {**answer.facts, "rows": len(listed.ids)}
    for number in others if first in listed.ids else ():
        yield Delete(number)
    if first not in listed.ids and answer.payment_id in listed.ids:
        known.payment = answer.payment_id
    known.held = (yield _ours(known)).held
    return _second(answer, first in listed.ids, bool(others), facts)


def _second(answer: Answer, first_stays: bool, another: bool, facts: dict[str, Any]) -> Finding:
    if first_stays and another:
        means = (
            "Nobody but the import keeps it to one payment: two imports, or people who record "
            "payments by hand, can pay an invoice twice. Such an invoice's records fail, and have "
            "to name the payment by <id>."
        )
        said = (
            "takes it: two payments" if answer.ok else f"refuses it ({answer}), yet there are two"
        )
        return Finding("second" if answer.ok else "refused, yet there", said, means, facts)
    if not answer.ok:
        means = "Nothing to do: a payment that is there is updated. Of instalments send the sum."
        return Finding("refused", f"refuses it: {answer}", means, facts)
    means = "Nothing to do; but whatever creates a payment overwrites the one before."
    return Finding("replaces", "takes it in place of the first", means, facts)


@dataclass(frozen=True, slots=True)
class UpdateOf:
    """Set one field, to a value that is not there yet, and read it back."""

    name: str
    values: Callable[[Known], tuple[JsonValue, JsonValue]]

    def __call__(self, known: Known) -> Steps[Finding]:
        if known.payment is None:
            return not_tried(_NO_PAYMENT)
        before = known.held
        first, other = self.values(known)
        value = other if _same(self.name, first, before.get(self.name)) else first
        answer = yield Update(known.payment, {self.name: value})
        held = known.held = (yield _ours(known)).held
        changed = _same(self.name, value, held.get(self.name))
        if changed and self.name == "type" and "type" in before:
            yield Update(known.payment, {"type": before["type"]})
            known.held = {**known.held, "type": before["type"]}
        if known.deletes:
            yield from _deleted(known)
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
            means = _GIVE.format("edit payments")
            return Finding("forbidden", f"does not let this API member: {answer}", means, facts)
        if not answer.ok:
            means = f"Leave <{self.name}> out of records that update a payment."
            return Finding("refused", f"refuses it: {answer}{also}", means, facts)
        if self.name not in held:
            means = "The import cannot see whether it took effect."
            return Finding("not shown", f"takes it, and does not show it{also}", means, facts)
        if not changed:
            return Finding("unchanged", f"says so, and changes nothing{also}", self._no(), facts)
        return Finding("changed", f"changes it{also}", _AS_SENT, facts)

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
        return not_tried(_NO_PAYMENT)
    answer = yield Delete(known.payment)
    listed = yield Get(known.invoice.payments_path, {"pageSize": PAGE_SIZE})
    if answer.ok and listed.ok and known.payment not in listed.ids:
        known.payment, known.deletes = None, True
        return Finding("deleted", "deletes it", "No import deletes anything.", answer.facts)
    means = "No import deletes anything. What this probe created stays, with amount 0."
    if answer.ok:
        return Finding("unchanged", "says so, and keeps it", means, answer.facts)
    result = "forbidden" if answer.forbidden else "refused"
    return Finding(result, f"does not delete it: {answer}", means, answer.facts)


@dataclass(frozen=True, slots=True)
class _Written:
    """How a value was sent, and what ConnectWise holds then."""

    how: str
    answer: Answer
    held: Fields

    @property
    def facts(self) -> dict[str, Any]:
        return {"by": self.how, **self.answer.facts}

    def refused(self, means: str) -> Finding:
        return Finding("refused", f"refuses it: {self.answer}", means, self.facts)


def _written(known: Known, fields: Fields, *, keep: bool = False) -> Steps[_Written]:
    """Send values with a payment of their own, or where none can be deleted, with ours."""
    if known.payment is not None:
        answer = yield Update(known.payment, fields)
        known.held = (yield _ours(known)).held
        return _Written("update", answer, known.held)
    answer = yield Create({**(known.base or {}), "amount": CENT, **fields})
    known.payment = answer.payment_id
    if known.payment is None:
        return _Written("create", answer, {})
    held = known.held = (yield _ours(known)).held
    if not keep:
        yield from _deleted(known)
    return _Written("create", answer, held)


def _deleted(known: Known) -> Steps[None]:
    """Delete our payment, so that the next one can be created."""
    if known.payment is not None and (yield Delete(known.payment)).ok:
        known.payment = None


def _cannot_write(known: Known) -> bool:
    return known.payment is None and not known.deletes


def day(known: Known) -> Steps[Finding]:
    """Send a day at its first and at its last second, and read it back.

    The payment stays for `update_day`, which can tell only where there is a day before.
    """
    if _cannot_write(known):
        return not_tried(_NO_PAYMENT)
    begin = yield from _written(known, {"paymentDate": known.day})
    if not begin.answer.ok:
        return begin.refused("Leave <paymentDate> out: tell the maintainers.")
    known.takes_days = True
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
        return Finding("kept", says, _AS_SENT, facts)
    if held[0] == "same day":
        return Finding("same day", says, _AS_SENT, facts)
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
        if _cannot_write(known):
            return not_tried(_NO_PAYMENT)
        written = yield from _written(known, {"amount": self.amount})
        if not written.answer.ok:
            return written.refused(self.refusal)
        held = amount_of(written.held)
        if held is None:
            return Finding("not shown", "takes it, and does not show the amount", "", written.facts)
        facts = {**written.facts, "held": f"{held:f}" if abs(held) <= TINY else "another"}
        if same_amount(self.amount, held):
            return Finding("kept", f"holds {held:f} as it was sent", _AS_SENT, facts)
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
    if _cannot_write(known):
        return not_tried(_NO_PAYMENT)
    moment: Fields = {"paymentDate": known.odd_moment} if known.takes_days else {}
    written = yield from _written(known, {"amount": balance + CENT, **moment})
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


def rights(known: Known) -> Finding:
    """Tell what this API member may do."""
    may: dict[str, str] = {}
    for made in known.made:
        if made.status == 403:
            may[made.kind] = "no"
        elif 200 <= made.status < 300:
            may.setdefault(made.kind, "yes")
    missing = [kind for kind, answer in may.items() if answer == "no"]
    says = "; ".join(f"{kind}: {answer}" for kind, answer in may.items())
    needed = [kind for kind in missing if kind not in ("delete", "read unposted")]
    means = _GIVE.format(", ".join(needed)) if needed else "It has all that imports need."
    return Finding("missing" if missing else "all", says, means, {"may": may})


def server_errors(known: Known) -> Finding:
    """Tell what was answered with a server error."""
    kinds = sorted({f"{made.kind}: {made.status}" for made in known.made if made.status >= 500})
    if not kinds:
        says = "answered none of these calls with a server error"
        return Finding("none", says, "Nothing to do.")
    means = "Records that are answered so are tried for a while before they fail."
    return Finding("seen", ", ".join(kinds), means, {"kinds": kinds})


def slowest(known: Known) -> Finding:
    """Tell how long the slowest call took; how late one can take effect cannot be tried."""
    seconds = max((made.seconds for made in known.made), default=0.0)
    says = f"the slowest of {len(known.made)} calls took {seconds:.1f} s"
    means = "A call is given 30 s, and 30 s more to take effect after that."
    return Finding("seen", says, means, {"slowest seconds": f"{seconds:.1f}"})


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


def _ours(known: Known) -> Get:
    return Get(f"{known.invoice.payments_path}/{known.payment}")


def _same(name: str, sent: JsonValue, held: JsonValue | None) -> bool:
    found = next(field for field in WRITABLE if field.name == name)
    return held is not None and found.same(sent, held)
