"""Decide what to do with one payment. Pure: nothing here touches the world.

The rules, in order, the first that applies:
1. the record has an `<id>`: update that payment;
2. its `<externalId>` is in the truth table: update the payment that it points to;
3. its invoice already has a payment: update that one;
4. otherwise: create a payment on the invoice.
What 2 and 3 would change may have been made by another record, or by somebody else: then
`SecondPayment` decides.

What a decision needs is gathered first (`Known`), and a decision is final. After a kill a record is
decided again, and finds what its first time has left: a rule has to come to the same payment then.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from payments.decisions import NOTHING_FOUND, Create, Decision, FoundInvoices, Known, Policy, Update
from payments.errors import RecordRejected
from payments.models import (
    Action,
    Outcome,
    Payment,
    PaymentRecord,
    Receipts,
    Record,
    SecondPayment,
    TruthRecord,
    credit_of,
    day_of,
)
from payments.payment_fields import Difference, accepts, differences, same_amount, same_day
from payments.receipts import add_up
from payments.second_payment import replaced_by, replaced_entry
from payments.wording import money, of_receipts, truth_delete, visible


class Answer(Protocol):
    """What was done, and the payment as ConnectWise holds it then."""

    @property
    def action(self) -> Action: ...
    @property
    def payment(self) -> Payment: ...


def settled(
    record: PaymentRecord,
    truth: TruthRecord | None,
    policy: Policy,
    invoices: FoundInvoices = NOTHING_FOUND,
) -> Outcome | None:
    """Return the outcome of a record that is not sent, None if it is to be.

    `invoices` tell which one the record names by its number; raises what that could not be looked
    up for.
    """
    if record.errors:
        return failed(record, *record.errors)
    if truth is not None and truth.accepted and policy.prevent_reprocessing:
        adds_up = policy.second_payment is SecondPayment.ADD
        return _processed_before(record, truth, invoices, adds_up=adds_up)
    if not record.fields:
        return failed(record, "There is nothing to send: no <amount> or other field is given.")
    return None


def names_payment(record: PaymentRecord, truth: TruthRecord | None) -> bool:
    """Tell whether the payment is known without looking at the invoice."""
    return record.payment_id is not None or truth is not None


def invoice_of(record: PaymentRecord, truth: TruthRecord | None, invoices: FoundInvoices) -> int:
    """Return the id of the record's invoice; raises RecordRejected if there is no single one."""
    named = _named_invoice_id(record, invoices)
    if named is not None:
        return named
    if truth is not None and truth.invoice_id is not None:
        return truth.invoice_id
    raise RecordRejected(_invoice_missing(record, truth))


def decide(
    record: PaymentRecord, known: Known, second_payment: SecondPayment = SecondPayment.REPLACE
) -> Decision:
    """Return what to do with `record`; raises RecordRejected."""
    if second_payment is SecondPayment.ADD and credit_of(record.fields) is None:
        return add_up(record, known)
    for rule in _RULES:
        decision = rule(record, known)
        if decision is not None:
            if decision.replaced and second_payment is SecondPayment.REJECT:
                raise RecordRejected(_second_payment(decision, known))
            return decision
    raise RecordRejected(f"Invoice {known.invoice} has no payment yet: give its <amount>.")


def failed(record: Record, *messages: str, rests_on_state: bool = False) -> Outcome:
    """Return the outcome of a record that goes to the fail file."""
    return Outcome(record, Action.FAILED, messages=messages, rests_on_state=rests_on_state)


def answered(
    record: PaymentRecord,
    known: Known,
    decision: Decision,
    sent: Answer,
    learned: TruthRecord | None,
) -> Outcome:
    """Return the outcome of a record that ConnectWise has answered.

    It is a success only if ConnectWise holds what was sent.
    """
    payment = sent.payment
    if accepts(decision.fields, payment.fields):
        outcome = Outcome(record, sent.action, payment.id, learned=learned)
        return replace(outcome, replaced=decision.replaced)
    before = _amount_before(known)
    messages = tuple(
        _recorded_otherwise(payment.id, difference, decision.receipts, before)
        for difference in differences(decision.fields, payment.fields)
    ) or (
        f"ConnectWise has taken payment {payment.id}, but does not show what it holds. Look at the "
        "invoice there.",
    )
    outcome = Outcome(record, Action.FAILED, payment.id, messages, learned, rests_on_state=True)
    is_changed = payment.amount is None or before is None or payment.amount != before
    if decision.replaced is None or not is_changed:
        return outcome
    told = f"Before that it held {decision.replaced}."
    return replace(outcome, messages=(*messages, told), replaced=decision.replaced)


def _amount_before(known: Known) -> Decimal | None:
    """Return what the payment held before, as far as that is known."""
    if known.is_doubtful:
        return None
    if known.payments:
        return known.payments[0].amount
    return None if known.there.entry is None else known.there.entry.amount


def to_learn(
    record: PaymentRecord, known: Known, decision: Decision, payment: Payment, policy: Policy
) -> TruthRecord | None:
    """Return what the truth table is to know of ConnectWise's answer, without the time."""
    truth = known.truth
    if record.external_id is None:
        return None
    same = truth is not None and truth.payment_id == payment.id
    before = truth if same else None
    return TruthRecord(
        record.external_id,
        payment.id,
        known.invoice_id,
        created=before.created if before else "",
        modified="",
        import_id=policy.import_id,
        key=policy.key,
        accepted=accepts(decision.fields, payment.fields),
        amount=record.amount if record.amount is not None or not before else before.amount,
        day=record.day if record.day is not None or not before else before.day,
    )


def _by_id(record: PaymentRecord, known: Known) -> Decision | None:
    if record.payment_id is None:
        return None
    truth = known.truth
    is_known = truth is not None and truth.payment_id == record.payment_id
    known_as = record.external_id if is_known else None
    return Update(known.invoice_id, record.payment_id, record.fields, known_as)


def _by_truth_table(record: PaymentRecord, known: Known) -> Decision | None:
    truth = known.truth
    if truth is None:
        return None
    if truth.invoice_id is not None and truth.invoice_id != known.invoice_id:
        raise RecordRejected(
            f"External id {truth.external_id} is payment {truth.payment_id} on invoice "
            f"{truth.invoice_id}, but this record names invoice {known.invoice}. "
            f"{_how_to_move(truth)}"
        )
    entry, replaced = known.there.entry, None
    shown = next((it for it in known.payments or () if it.id == truth.payment_id), None)
    if shown is not None and credit_of(record.fields) is None:
        replaced = replaced_by(record, shown, known)
    elif entry is not None and entry.payment_id == truth.payment_id:
        replaced = replaced_entry(record, entry)
    return Update(
        known.invoice_id, truth.payment_id, record.fields, truth.external_id, replaced=replaced
    )


def _by_payment_of_invoice(record: PaymentRecord, known: Known) -> Decision | None:
    payments = known.payments or ()
    if len(payments) > 1:
        there = ", ".join(map(_described, payments))
        raise RecordRejected(
            f"Invoice {known.invoice} has several payments: {there}. Nothing was sent. If this "
            "record is one of them, give its <id>: that payment is then set to this record's "
            "values. A further one cannot be added."
        )
    if not payments:
        return None
    replaced = None
    if credit_of(record.fields) is None:
        replaced = replaced_by(record, payments[0], known)
    return Update(
        known.invoice_id,
        payments[0].id,
        record.fields,
        replaced=replaced,
        is_assumed=known.is_assumed,
    )


def _described(payment: Payment) -> str:
    amount, day = payment.amount, day_of(payment.fields)
    held = "" if amount is None else f" of {money(amount)}"
    return f"{payment.id}{held}{f', {day[:10]}' if day else ''}"


def _new_payment(record: PaymentRecord, known: Known) -> Decision | None:
    return None if record.amount is None else Create(known.invoice_id, record.fields)


_RULES = (_by_id, _by_truth_table, _by_payment_of_invoice, _new_payment)


def _processed_before(
    record: PaymentRecord, truth: TruthRecord, invoices: FoundInvoices, *, adds_up: bool
) -> Outcome:
    when = f"external id {truth.external_id} is payment {truth.payment_id}, {truth.modified}"
    where = f" in {truth.key}" if truth.key else ""
    told = f"Already processed: {when}{where}."
    number = record.invoice_number or ""
    if number in invoices.troubles:
        raise invoices.troubles[number]
    matches = invoices.by_number.get(number, ())
    named = [invoice.id for invoice in matches]
    if record.invoice_id is not None:
        named.append(record.invoice_id)
    if named and truth.invoice_id is not None and truth.invoice_id not in named:
        other = record.named_invoice
        told += f" But that was invoice {truth.invoice_id}, and this is invoice {other}."
        cure = _how_to_correct_receipt(truth) if adds_up else _how_to_move(truth)
        return failed(record, f"{told} {cure}")
    changes = [
        f"the {_WORDS[name]} was {_shown(before)} then, and is {_shown(now)} here"
        for name, before, now, same in (
            ("amount", truth.amount, record.amount, same_amount),
            ("paymentDate", truth.day, record.day, same_day),
        )
        if before is not None and now is not None and not same(now, before)
    ]
    if not changes:
        return Outcome(record, Action.SKIPPED, truth.payment_id, (told,))
    cure = _how_to_correct_receipt(truth) if adds_up else _how_to_correct(truth)
    return failed(record, f"{told} But {', and '.join(changes)}. {cure}")


def _how_to_correct(truth: TruthRecord) -> str:
    return (
        "Nothing was sent, since PreventReprocessing is on. "
        f"To send the correction, look whether payment {truth.payment_id} still holds what was "
        "sent then: if it does, delete the truth table's entry "
        f"(`{truth_delete(truth.external_id)}`) and upload this record with "
        f"<id>{truth.payment_id}</id>; if not, others have changed it since: correct it in "
        "ConnectWise."
    )


def _how_to_correct_receipt(truth: TruthRecord) -> str:
    return (
        "Nothing was sent, since PreventReprocessing is on. If these are two payments, give this "
        "one an external id of its own. If this corrects the other, let it be processed again "
        f"(`{truth_delete(truth.external_id)}`; the receipt counts until then where it is), and "
        "upload this record again."
    )


def _how_to_move(truth: TruthRecord) -> str:
    paid, was = truth.payment_id, truth.invoice_id
    shows = "" if truth.amount is None else f", and if it still holds {money(truth.amount)} there"
    return (
        "Nothing was sent. If these are two payments, give this one an external id of its own, and "
        f"upload it again. Only if payment {paid} should never have been on invoice {was}{shows}: "
        "first delete the truth table's entry "
        f"(`{truth_delete(truth.external_id)}`), then upload a record with <id>{paid}</id>, "
        f"<invoice><id>{was}</id></invoice> and <amount>0</amount>, which takes it back there, "
        "then this record again."
    )


def _second_payment(update: Update, known: Known) -> str:
    return (
        f"Invoice {known.invoice} has payment {update.payment_id} already: {update.replaced}. "
        "Nothing was sent, since SecondPayment is Reject. If this record is that payment, there is "
        "nothing to do; if it corrects it, add "
        f"<id>{update.payment_id}</id>. If it is a further one, upload a single record with "
        f"<id>{update.payment_id}</id> and the sum of all that was paid on the invoice, those "
        "included."
    )


def _invoice_missing(record: PaymentRecord, truth: TruthRecord | None) -> str:
    missing = "Give <invoice> with its <id> or <identifier>"
    if record.payment_id is not None:
        return f"{missing}: ConnectWise finds a payment only by its invoice."
    if truth is not None:
        return (
            f"{missing}: external id {truth.external_id} is payment {truth.payment_id}, but the "
            "truth table does not know of which invoice."
        )
    return f"{missing}."


def _named_invoice_id(record: PaymentRecord, invoices: FoundInvoices) -> int | None:
    """Return the id of the invoice that the record names, None if it names none."""
    if record.invoice_number is None:
        if record.invoice_id is not None and invoices.by_id.get(record.invoice_id, record) is None:
            raise RecordRejected(no_invoice(record.invoice_id))
        return record.invoice_id
    if record.invoice_number in invoices.troubles:
        raise invoices.troubles[record.invoice_number]
    ids = [invoice.id for invoice in invoices.by_number.get(record.invoice_number, ())]
    if not ids:
        number = visible(record.invoice_number)
        raise RecordRejected(f"ConnectWise has no invoice with number {number}{_OR_HIDDEN}")
    if record.invoice_id is not None:
        return _agreed(record.invoice_id, record.invoice_number, ids)
    if len(ids) > 1:
        raise RecordRejected(
            f"ConnectWise has several invoices with number {record.invoice_number}: give the "
            f"<id> of one of {listed(ids)}."
        )
    return ids[0]


def _agreed(invoice_id: int, number: str, ids: list[int]) -> int:
    if invoice_id in ids:
        return invoice_id
    raise RecordRejected(
        f"Invoice id {invoice_id} and invoice number {number} disagree: the number belongs to "
        f"invoice id {listed(ids)}."
    )


_OR_HIDDEN = (
    ", or the API member may not see it: then set the member's System Level to 1 (in ConnectWise, "
    "System > Members > API Members)."
)


def no_invoice(invoice_id: int) -> str:
    """Say that there is no such invoice."""
    return f"ConnectWise has no invoice with id {invoice_id}{_OR_HIDDEN}"


def listed(ids: list[int]) -> str:
    """Return ids as a text."""
    return ", ".join(str(number) for number in ids)


def _recorded_otherwise(
    payment_id: int, difference: Difference, receipts: Receipts | None, before: Decimal | None
) -> str:
    name, held, sent = difference.name, _shown(difference.held), _shown(difference.sent)
    told = (
        f"ConnectWise has recorded payment {payment_id} with the {_WORDS[name]} {held}, but {sent} "
        "was sent"
    )
    if name != "amount" or not isinstance(difference.held, Decimal):
        return (
            f"{told}. Correct it in ConnectWise, or give <{name}>{held}</{name}> and upload it "
            "again."
        )
    if before is not None and same_amount(difference.held, before):
        return (
            f"ConnectWise has not changed payment {payment_id}: it still holds {held}, and {sent} "
            "was sent. Upload this record again; if that comes to the same, change the payment in "
            "ConnectWise."
        )
    parts = "" if receipts is None else f", the sum of {of_receipts(len(receipts))}"
    more = difference.held - Decimal(str(difference.sent))
    if abs(more) < 1:
        return f"{told}{parts}: it seems to round. Correct the payment in ConnectWise."
    if more > 0:
        return f"{told}{parts}. Look at the invoice in ConnectWise, and correct the payment there."
    if receipts is not None:
        cure = "correct this receipt's <amount>, upload it again"
    else:
        cure = f"give <id>{payment_id}</id> and <amount>{held}</amount> here, upload it again"
    return (
        f"{told}{parts}. It seems that no more was open on the invoice. If {sent} is a slip, "
        f"correct it and upload it again; if so much was paid, {cure}, and book the rest elsewhere."
    )


_WORDS = {"amount": "amount", "paymentDate": "date"}


def _shown(value: object) -> str:
    """Return an amount with its digits, a date without its time."""
    return money(value) if isinstance(value, Decimal) else str(value).removesuffix("T00:00:00Z")
