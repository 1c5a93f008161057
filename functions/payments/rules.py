"""Decide what to do with one payment. Pure: nothing here touches the world.

The rules, in order, the first that applies:
1. the record has an `<id>`: update that payment;
2. its `<externalId>` is in the truth table: update the payment that it points to;
3. its invoice already has a payment: update that one;
4. otherwise: create a payment on the invoice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from payments.errors import RecordRejected, ServerFault
from payments.models import Action, Invoice, JsonValue, Outcome, Payment, PaymentRecord, TruthRecord


@dataclass(frozen=True, slots=True)
class Create:
    """Post a new payment to the invoice."""

    invoice_id: int
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Update:
    """Patch the fields of a payment; `known_as` is the external id of its truth record, if any."""

    invoice_id: int
    payment_id: int
    fields: Mapping[str, JsonValue]
    known_as: str | None = None


@dataclass(frozen=True, slots=True)
class LookUpPayments:
    """Ask ConnectWise for the invoice's payments, then decide again."""

    invoice_id: int


@dataclass(frozen=True, slots=True)
class Settled:
    """Send nothing: the outcome is known."""

    outcome: Outcome


Decision: TypeAlias = Create | Update | LookUpPayments | Settled


@dataclass(frozen=True, slots=True)
class FoundInvoices:
    """What a lookup of many invoices found; `None` or `()` for one that is not there.

    An invoice that was not looked up is in no mapping. `rejected_numbers` holds the errors for
    numbers that ConnectWise does not accept in a search, `faults` the server errors that it answers
    to a search for a number.
    """

    by_id: Mapping[int, Invoice | None] = field(default_factory=dict)
    by_number: Mapping[str, tuple[Invoice, ...]] = field(default_factory=dict)
    rejected_numbers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: Mapping[str, ServerFault] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the decisions of one import depend on besides the record.

    Up to record number `in_doubt_until` a killed run of this import may have sent payments
    already, so that the sums of a bulk lookup are not relied on. Record number `blamed`, if any,
    has stopped the import for long with server errors: it is rejected if it does so again.
    """

    import_id: str
    prevent_reprocessing: bool = False
    in_doubt_until: int = 0
    blamed: int | None = None


@dataclass(frozen=True, slots=True)
class InvoiceQuery:
    """What a record needs looked up about its invoice: by number if it has one, else by id."""

    invoice_id: int | None
    invoice_number: str | None


def invoice_query(
    record: PaymentRecord, truth: TruthRecord | None, policy: Policy
) -> InvoiceQuery | None:
    """Return what must be looked up before `decide`, or None if that needs no lookup."""
    if _settled_without_call(record, truth, policy, sent_since=True):
        return None
    if record.invoice_number:
        return InvoiceQuery(None, record.invoice_number)
    named_payment = record.payment_id is not None or truth is not None
    return None if named_payment else InvoiceQuery(record.invoice_id, None)


def decide(
    record: PaymentRecord,
    truth: TruthRecord | None,
    invoices: FoundInvoices,
    payments: tuple[Payment, ...] | None,
    policy: Policy,
    sent_since: bool = False,
) -> Decision:
    """Return what to do with `record`.

    `truth` is the truth table's entry for its external id, `invoices` what the lookup found,
    `payments` those of its invoice, or None while they are not known. `sent_since`: this run has
    sent an earlier record to the payment of `truth`, so that it has to follow once more.
    """
    settled = _settled_without_call(record, truth, policy, sent_since)
    if settled:
        return Settled(settled)
    fields = record.fields or {}
    try:
        invoice_id = _invoice_id(record, truth, invoices)
        if record.payment_id is not None:
            is_known = truth is not None and truth.payment_id == record.payment_id
            known_as = record.external_id if is_known else None
            return Update(invoice_id, record.payment_id, fields, known_as)
        if truth is not None:
            return Update(invoice_id, truth.payment_id, fields, truth.external_id)
        if payments is None:
            payments = _payments_if_certain(record, invoice_id, invoices, policy)
        if payments is None:
            return LookUpPayments(invoice_id)
        return _for_invoice(record, invoice_id, payments)
    except RecordRejected as rejection:
        return Settled(failed(record, *rejection.messages))


def failed(record: PaymentRecord, *messages: str, payment_id: int | None = None) -> Outcome:
    """Return the outcome of a record that goes to the fail file."""
    return Outcome(record, Action.FAILED, payment_id, messages)


def accepted(record: PaymentRecord, action: Action, payment: Payment) -> Outcome:
    """Return the outcome of a record that ConnectWise answered with `payment`.

    It is a success only if ConnectWise holds the amount that was sent.
    """
    sent, held = record.amount, payment.amount
    if sent is None or held is None or same_amount(sent, held):
        return Outcome(record, action, payment.id)
    return failed(
        record,
        f"ConnectWise has recorded payment {payment.id} with the amount {held:f}, "
        f"but {sent:f} was sent.",
        payment_id=payment.id,
    )


def _settled_without_call(
    record: PaymentRecord, truth: TruthRecord | None, policy: Policy, sent_since: bool
) -> Outcome | None:
    if record.errors:
        return failed(record, *record.errors)
    if truth is not None:
        if is_own(record, truth, policy):
            payment = Payment(truth.payment_id, truth.amount)
            if not sent_since:
                return accepted(record, truth.action or Action.UPDATED, payment)
        elif policy.prevent_reprocessing:
            return Outcome(record, Action.SKIPPED, messages=(_already_processed(truth),))
    if not record.fields:
        return failed(record, "There is nothing to send: no <amount> or other field is given.")
    return None


def is_own(record: PaymentRecord, truth: TruthRecord, policy: Policy) -> bool:
    """Tell whether a run of this import wrote `truth` for this very record."""
    return truth.import_id == policy.import_id and truth.record_number == record.number


def was_known(record: PaymentRecord, truth: TruthRecord, policy: Policy) -> bool:
    """Tell whether `truth` was there before `record`: a killed run may have been further on."""
    return truth.import_id != policy.import_id or record.number >= (truth.first_record or 0)


def _already_processed(truth: TruthRecord) -> str:
    by = f" by {truth.key}" if truth.key else ""
    return (
        f"Already processed: external id {truth.external_id} is payment {truth.payment_id}, "
        f"recorded {truth.modified}{by}. Prevent Reprocessing is on, so nothing was sent."
    )


def _invoice_id(record: PaymentRecord, truth: TruthRecord | None, invoices: FoundInvoices) -> int:
    named = _named_invoice_id(record, invoices)
    remembered = None if truth is None else truth.invoice_id
    invoice_id = remembered if named is None else named
    if invoice_id is None:
        raise RecordRejected(_invoice_missing(record, truth))
    if truth is None or remembered is None or record.payment_id is not None:
        return invoice_id
    if invoice_id != remembered:
        raise RecordRejected(
            f"External id {truth.external_id} is payment {truth.payment_id} on invoice "
            f"{remembered}, but the record names invoice {invoice_id}. Correct the invoice, "
            "or use another external id."
        )
    return invoice_id


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
        return record.invoice_id
    if record.invoice_number in invoices.rejected_numbers:
        raise RecordRejected(*invoices.rejected_numbers[record.invoice_number])
    matches = invoices.by_number.get(record.invoice_number, ())
    ids = [invoice.id for invoice in matches]
    if not ids:
        raise RecordRejected(f"ConnectWise has no invoice with number {record.invoice_number}.")
    if record.invoice_id is not None:
        if record.invoice_id in ids:
            return record.invoice_id
        raise RecordRejected(
            f"Invoice id {record.invoice_id} and invoice number {record.invoice_number} "
            f"disagree: the number belongs to invoice id {_listed(ids)}."
        )
    if len(ids) > 1:
        raise RecordRejected(
            f"ConnectWise has several invoices with number {record.invoice_number}: give the "
            f"<id> of one of {_listed(ids)}."
        )
    return ids[0]


def _payments_if_certain(
    record: PaymentRecord, invoice_id: int, invoices: FoundInvoices, policy: Policy
) -> tuple[Payment, ...] | None:
    """Return () if the bulk lookup proves that the invoice has no payment, else None.

    A sum of zero proves it, except that a payment of zero does not show in the sum.
    """
    invoice = _found(record, invoice_id, invoices)
    if invoice is None or invoice.paid != 0 or not record.amount:
        return None
    return None if record.number <= policy.in_doubt_until else ()


def _found(record: PaymentRecord, invoice_id: int, invoices: FoundInvoices) -> Invoice | None:
    if record.invoice_number is not None:
        matches = invoices.by_number.get(record.invoice_number, ())
        return next((invoice for invoice in matches if invoice.id == invoice_id), None)
    invoice = invoices.by_id.get(invoice_id)
    if invoice is None and invoice_id in invoices.by_id:
        raise RecordRejected(f"ConnectWise has no invoice with id {invoice_id}.")
    return invoice


def _for_invoice(
    record: PaymentRecord, invoice_id: int, payments: tuple[Payment, ...]
) -> Create | Update:
    fields = record.fields or {}
    if len(payments) > 1:
        raise RecordRejected(
            f"Invoice {invoice_id} has several payments: give the <id> of one of "
            f"{_listed([payment.id for payment in payments])}."
        )
    if payments:
        return Update(invoice_id, payments[0].id, fields)
    if record.amount is None:
        raise RecordRejected(f"Invoice {invoice_id} has no payment yet: give its <amount>.")
    return Create(invoice_id, fields)


def same_amount(sent: Decimal, held: Decimal) -> bool:
    """Compare as ConnectWise can store it: its amounts are doubles (OpenAPI description)."""
    return sent == held or float(sent) == float(held)


def _listed(ids: list[int]) -> str:
    return ", ".join(str(number) for number in ids)
