"""The questions about new payments: what one needs, where it shows, and a second one. Pure."""

from __future__ import annotations

from typing import Any

from payments.command.probe.common import (
    AS_SENT,
    CENT,
    GIVE,
    NO_PAYMENT,
    TWO_CENTS,
    our_payment,
)
from payments.command.probe.dialogue import (
    Answer,
    Create,
    Delete,
    Finding,
    Get,
    Row,
    Steps,
    not_known,
    not_tried,
    refused,
)
from payments.command.probe.known import Known
from payments.command.probe.reading import INVOICES, PAGE_SIZE, by_id
from payments.connectwise.answers import usable_id, usable_number
from payments.models import Fields
from payments.payment_fields import WRITABLE

_DECIDES = "What a record does to it, or adds, says the setting `SecondPayment`."
UNPOSTED = "/finance/accounting/unpostedpayments"


def type_needed(known: Known) -> Steps[Finding]:
    """Create a payment with the least fields; the ones that are needed stay for later creates."""
    invoice: Fields = {"invoice": {"id": known.invoice.id}}
    day: Fields = {"paymentDate": known.day}
    kind: Fields = {"type": "P"}
    answers: list[Answer] = []
    for base in (invoice, {}, {**invoice, **day}, {**invoice, **kind}, {**invoice, **day, **kind}):
        answer = yield Create({**base, "amount": CENT})
        answers.append(answer)
        if answer.payment_id or answer.ok or answer.forbidden:
            break
    if not answers[-1].payment_id:
        return _no_create(answers)
    known.payment, known.base = answers[-1].payment_id, base
    record = (yield our_payment(known)).record
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
    return Finding("amount", says, AS_SENT, facts)


def _no_create(answers: list[Answer]) -> Finding:
    first, last = answers[0], answers[-1]
    facts = {"refused": [said.facts for said in answers]}
    if last.forbidden:
        means = GIVE.format("add payments")
        return Finding("forbidden", f"does not let this API member: {last}", means, facts)
    if last.ok:
        return Finding("not shown", "takes it, and does not show it", "No import can work.", facts)
    means = "Read the reason; perhaps this invoice cannot be paid (closed?): try another."
    return refused(last, means, facts, f"refuses it: {first}")


def payment_list(known: Known) -> Steps[Finding]:
    """Look for the payment in the list, as the import asks for it."""
    if known.payment is None:
        return not_tried(NO_PAYMENT)
    query: dict[str, str | int] = {"fields": "id,amount", "pageSize": PAGE_SIZE}
    answer = yield Get(known.invoice.payments_path, query)
    if not answer.ok:
        means = GIVE.format("inquire payments")
        return Finding("refused", f"refuses it: {answer}", means, answer.facts)
    if known.payment not in answer.ids:
        means = "The import cannot see what it has created: tell the maintainers."
        return Finding("not listed", "does not list the payment", means)
    if any(row.keys() - {"id", "amount"} for row in answer.rows):
        return Finding("all fields", "lists it, and ignores `fields=`", AS_SENT)
    return Finding("listed", "lists it, with just the fields asked for", AS_SENT)


def paid_sum(known: Known) -> Steps[Finding]:
    """Look whether the invoice shows what is paid."""
    if known.payment is None:
        return not_tried(NO_PAYMENT)
    answer = yield Get(INVOICES, by_id(known.invoice.id))
    rows = [row for row in answer.rows if usable_id(row.get("id")) == known.invoice.id]
    paid = usable_number(rows[0].get("payments")) if rows else None
    if paid is None:
        return Finding("not given", "does not say", "Each invoice's payments are asked for.")
    if paid:
        return Finding("shown", "`payments` is what was paid, at once", AS_SENT)
    means = (
        "Before a payment is created the import looks at `payments` alone: where ConnectWise takes "
        "a second payment (row second-payment), name payments that exist by <id>."
    )
    return Finding("not shown", "`payments` stays 0 though there is a payment", means)


def unposted(known: Known) -> Steps[Finding]:
    """Look for the payment among those that are not posted."""
    if known.payment is None:
        return not_tried(NO_PAYMENT)
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
        return not_tried(NO_PAYMENT)
    answer = yield Create({**(known.base or {}), "amount": TWO_CENTS})
    listed = yield Get(known.invoice.payments_path, {"pageSize": PAGE_SIZE})
    others = [number for number in listed.ids if number is not None and number != first]
    facts = {**answer.facts, "rows": len(listed.ids)}
    for number in others if first in listed.ids else ():
        yield Delete(number)
    if first not in listed.ids and answer.payment_id in listed.ids:
        known.payment = answer.payment_id
    if not {first, answer.payment_id} & set(listed.ids):
        return not_known("lists neither of the two", facts)
    known.held = (yield our_payment(known)).held
    return _second(answer, first in listed.ids, bool(others), facts)


def _second(answer: Answer, first_stays: bool, another: bool, facts: dict[str, Any]) -> Finding:
    if first_stays and another:
        means = (
            "Nobody but the import keeps it to one payment: two imports, or people who record "
            "payments by hand, can pay an invoice twice. Such an invoice's records fail, and have "
            f"to name the payment by <id>. {_DECIDES}"
        )
        said = (
            "takes it: two payments" if answer.ok else f"refuses it ({answer}), yet there are two"
        )
        return Finding("second" if answer.ok else "refused, yet there", said, means, facts)
    if not answer.ok:
        means = f"Nothing to do: a payment that is there is updated. {_DECIDES}"
        return refused(answer, means, facts)
    means = f"Nothing to do; but whatever creates a payment overwrites the one before. {_DECIDES}"
    return Finding("replaces", "takes it in place of the first", means, facts)
