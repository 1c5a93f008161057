"""`SecondPayment` = Add: the payment of an invoice is the sum of its receipts. Pure.

A receipt is an external id with its amount and day. The same external id again replaces its own
receipt, so that nothing is counted twice however often it comes. What ConnectWise holds must be a
sum of ours: the one that the ledger knows, or, where a killed run may have sent something, one that
it would have come to. Or just what it comes to with this record: then the receipt is in it already,
by hand or by an import that was given up. Anything else is somebody's change, which only a human
can judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from payments.decisions import Create, Decision, Known, Update
from payments.errors import RecordRejected
from payments.models import (
    JsonValue,
    LedgerEntry,
    Payment,
    PaymentRecord,
    Receipt,
    Receipts,
    Replaced,
    There,
    TruthRecord,
    day_of,
)
from payments.payment_fields import accepts, same_amount
from payments.second_payment import may_be_left
from payments.wording import money

MAX_BYTES = 100_000
"""Of the external ids of one invoice: an item of DynamoDB has 400 KB, and so it is in each part."""

_BYTES_BESIDE = 50
_OF_THE_SUM = ("amount", "paymentDate")


def add_up(record: PaymentRecord, known: Known) -> Decision:
    """Return what to do with a record that is a receipt; raises RecordRejected."""
    payment = _only_payment(record, known)
    before = receipts_before(known.there, payment)
    receipts = with_receipt(record, before)
    total = sum_of(receipts)
    if total < 0:
        raise RecordRejected(
            f"With this refund the receipts of invoice {known.invoice} would come to "
            f"{money(total)}: no more can be taken back than the {money(sum_of(before))} that were "
            "received. Nothing was sent."
        )
    replaced = _not_ours(payment, known, total)
    others = {name: it for name, it in record.fields.items() if name not in _OF_THE_SUM}
    fields = {**others, **fields_of(receipts)}
    if payment is None:
        return Create(known.invoice_id, fields, receipts=receipts)
    return Update(
        known.invoice_id,
        payment.id,
        fields,
        replaced=replaced,
        is_assumed=known.is_assumed,
        receipts=receipts,
    )


def take_away(truth: TruthRecord, former: Known) -> Update | None:
    """Return how a receipt leaves its former invoice, None if nothing of it is there.

    Raises RecordRejected if that cannot be known, or what is there is no sum of ours.
    """
    payment = _single(former)
    if not _is_ours(payment, former):
        raise RecordRejected(_changed(former, payment))
    before = receipts_before(former.there, payment)
    if truth.external_id not in before:
        if truth.amount == 0:
            return None
        raise RecordRejected(
            f"External id {truth.external_id} is payment {truth.payment_id} on invoice "
            f"{former.invoice}, where it is no receipt that could be moved. Nothing was sent. If "
            "these are two payments, give this one an external id of its own. If not, upload it "
            f"with <invoice><id>{former.invoice_id}</id></invoice> and <amount>0</amount> first, "
            "then this record again."
        )
    if payment is None:
        raise RecordRejected(_changed(former, None))
    left = without(truth.external_id, before)
    if sum_of(left) < 0:
        raise RecordRejected(
            f"Without it the receipts of invoice {former.invoice} would come to "
            f"{money(sum_of(left))}. Nothing was sent. Move or correct its refunds first."
        )
    own = before[truth.external_id]
    return Update(
        former.invoice_id,
        payment.id,
        fields_of(left),
        replaced=Replaced(own.amount, own.day, truth.external_id, truth.key, former.invoice),
        is_assumed=former.is_assumed,
        receipts=left,
    )


def set_back(decision: Decision, payment: Payment, before: Receipts) -> Update:
    """Return how an invoice gets the sum again that it had before a decision."""
    return Update(decision.invoice_id, payment.id, fields_of(before), receipts=before)


def receipts_before(there: There, payment: Payment | None) -> Receipts:
    """Return the receipts of which the payment is the sum."""
    entry = there.entry
    if entry is None:
        return {}
    return entry.receipts if payment is None or entry.payment_id == payment.id else {}


def to_add_up(decision: Decision, there: There, payment: Payment) -> LedgerEntry:
    """Return what the ledger is to know of the invoice, without the time, the file and the record.

    What ConnectWise has not accepted is no receipt.
    """
    amount = decision.fields["amount"]
    assert isinstance(amount, Decimal), "a sum is sent"
    accepted = accepts(decision.fields, payment.fields)
    receipts = decision.receipts if accepted else receipts_before(there, payment)
    held = amount if accepted or payment.amount is None else payment.amount
    return LedgerEntry(
        decision.invoice_id, payment.id, "", held, day_of(decision.fields), added_up=receipts
    )


def with_receipt(record: PaymentRecord, receipts: Receipts) -> Receipts:
    """Return the receipts with the record's own; raises RecordRejected if it is none."""
    name = record.external_id
    if name is None:
        raise RecordRejected(
            "Give an <externalId>: payments of an invoice are added up here, and only by it can "
            "the same one be told from a further one."
        )
    own = receipts.get(name)
    amount = record.amount if record.amount is not None else own and own.amount
    if amount is None:
        raise RecordRejected("Give its <amount>: no receipt with this external id is known yet.")
    day = record.day or (own.day if own else None)
    others = without(name, receipts)
    if sum(len(other.encode()) + _BYTES_BESIDE for other in (*others, name)) > MAX_BYTES:
        raise RecordRejected(f"This invoice has {len(others)} receipts: no more fit in.")
    return {**others, name: Receipt(amount, day)} if amount else others


def without(external_id: str | None, receipts: Receipts) -> dict[str, Receipt]:
    """Return all receipts but one."""
    return {name: it for name, it in receipts.items() if name != external_id}


def sum_of(receipts: Receipts) -> Decimal:
    """Return what receipts come to."""
    return sum((it.amount for it in receipts.values()), Decimal(0))


def fields_of(receipts: Receipts) -> dict[str, JsonValue]:
    """Return the payment's amount, and as its date the newest receipt's."""
    days = [it.day for it in receipts.values() if it.day is not None]
    return {"amount": sum_of(receipts), **({"paymentDate": max(days)} if days else {})}


def in_place(
    records: Iterable[tuple[PaymentRecord, int | None]], where: Mapping[str, int]
) -> list[tuple[PaymentRecord, int]]:
    """Return records with their invoices; one that names none is where its external id was last."""
    placed, found = dict(where), []
    for record, invoice_id in records:
        name = record.external_id
        place = placed.get(name or "") if invoice_id is None else invoice_id
        if place is None:
            continue
        found.append((record, place))
        if name is not None:
            placed[name] = place
    return found


def amounts_in_doubt(
    records: Iterable[tuple[PaymentRecord, int]],
) -> dict[int, frozenset[Decimal]]:
    """Return, by invoice, what records leave that are not added up."""
    amounts: dict[int, frozenset[Decimal]] = {}
    for record, invoice_id in records:
        if record.amount is not None:
            amounts[invoice_id] = amounts.get(invoice_id, frozenset()) | {record.amount}
    return amounts


def sums_in_doubt(
    records: Iterable[tuple[PaymentRecord, int]],
    where: Mapping[str, int],
    entries: Mapping[int, LedgerEntry],
    *,
    once: bool = False,
) -> dict[int, frozenset[Decimal]]:
    """Return, by invoice, what a run comes to with records one after another, if all are taken.

    A record comes with its invoice; `where` tells the invoice of an external id. One that is not
    taken is stored before the next of its invoice is sent, so that there are no other sums. `once`:
    no receipt is taken twice.
    """
    books = {invoice_id: entry.receipts for invoice_id, entry in entries.items()}
    placed = dict(where)
    sums: dict[int, set[Decimal]] = {}
    taken: set[str | None] = set()
    for record, invoice_id in records:
        if once and record.external_id in taken:
            continue
        taken.add(record.external_id)
        for place, receipts in _steps(record, invoice_id, placed, books):
            books[place] = receipts
            sums.setdefault(place, set()).add(sum_of(receipts))
        if record.external_id is not None:
            placed[record.external_id] = invoice_id
    return {place: frozenset(found) for place, found in sums.items()}


def _steps(
    record: PaymentRecord,
    invoice_id: int,
    placed: Mapping[str, int],
    books: Mapping[int, Receipts],
) -> Iterator[tuple[int, Receipts]]:
    """Yield the invoices that a record changes, with the receipts that they have then."""
    try:
        receipts = with_receipt(record, books.get(invoice_id, {}))
    except RecordRejected:
        return
    if sum_of(receipts) < 0:
        return
    yield invoice_id, receipts
    former = placed.get(record.external_id or "", invoice_id)
    if former != invoice_id:
        yield former, without(record.external_id, books.get(former, {}))


def _only_payment(record: PaymentRecord, known: Known) -> Payment | None:
    """Return the invoice's payment; raises RecordRejected if it is not that of the record."""
    payment = _single(known)
    if record.payment_id is not None and (payment is None or payment.id != record.payment_id):
        raise RecordRejected(
            f"Invoice {known.invoice} has no payment {record.payment_id}. Receipts are known by "
            "their <externalId> here: leave out the <id>."
        )
    return payment


def _single(known: Known) -> Payment | None:
    payments = known.payments or ()
    if len(payments) > 1:
        ids = ", ".join(str(payment.id) for payment in payments)
        raise RecordRejected(
            f"Invoice {known.invoice} has several payments where one should be the sum of its "
            f"receipts: {ids}. Look at the invoice in ConnectWise and delete what is too much."
        )
    return payments[0] if payments else None


def _not_ours(payment: Payment | None, known: Known, total: Decimal) -> Replaced | None:
    """Return what others have made the sum that it is to be; raises RecordRejected if another."""
    if _is_ours(payment, known):
        return None
    before, entry = _before(payment, known), known.there.entry
    may_hold_it = payment is not None and (entry is None or _is_sum(entry, payment))
    if before is None or not may_hold_it or not same_amount(_amount(before), total):
        raise RecordRejected(_changed(known, payment))
    return Replaced(before.amount, day_of(before.fields))


def _is_ours(payment: Payment | None, known: Known) -> bool:
    """Tell whether ConnectWise holds a sum of ours; where we have none, zero is one."""
    if same_amount(_amount(_before(payment, known)), _recorded(payment, known.there)):
        return True
    was_as_recorded = known.there.found is None
    return was_as_recorded and known.is_doubtful and may_be_left(_amount(payment), known)


def _before(payment: Payment | None, known: Known) -> Payment | None:
    """Return what was there before this import may have changed it, where that was noted."""
    found = known.there.found
    may_be_own = known.is_doubtful and may_be_left(_amount(payment), known)
    return found.payment if found is not None and found.looked and may_be_own else payment


def _amount(payment: Payment | None) -> Decimal:
    return (None if payment is None else payment.amount) or Decimal(0)


def _is_sum(entry: LedgerEntry, payment: Payment | None) -> bool:
    """Tell whether an entry knows the payment as a sum of ours."""
    is_its = payment is None or entry.payment_id == payment.id
    return is_its and (entry.added_up is not None or bool(entry.receipts))


def _recorded(payment: Payment | None, there: There) -> Decimal:
    """Return the sum of ours; a payment that was recorded without an external id is none."""
    entry = there.entry
    if entry is None or not _is_sum(entry, payment):
        return Decimal(0)
    return entry.amount or Decimal(0)


def _changed(known: Known, payment: Payment | None) -> str:
    number = known.invoice_id
    recorded = _recorded(payment, known.there)
    held = (
        "no payment" if payment is None else f"payment {payment.id}, of {money(_amount(payment))},"
    )
    ours = f"{money(recorded)} were" if recorded else "none was"
    return (
        f"ConnectWise has {held} on invoice {known.invoice}, but {ours} recorded here. "
        "Nothing was sent. Look at the invoice in ConnectWise. If what it holds is right, and is "
        f"to be added to: `payments truth adopt {number}` takes it as one more receipt. "
        "If the receipts from now on are to replace it: "
        f"`payments truth reset {number}`. Then upload this record again."
    )


# ---- What an operator decides --------------------------------------------------------------------


def adopted(there: There, payment: Payment, today: str) -> LedgerEntry:
    """Return what the ledger is to know if all that a payment holds counts, without the time.

    What its receipts do not come to is one more of them, with a name that no other invoice has: a
    receipt is corrected, taken back and moved by it.
    """
    known, held = receipts_before(there, payment), _amount(payment)
    receipts, day = known, day_of(payment.fields)
    if not same_amount(held, sum_of(known)):
        name = _free_name(f"adopted-{today}-{there.invoice_id}", known)
        receipts = {**known, name: Receipt(held - sum_of(known), day)}
    return LedgerEntry(there.invoice_id, payment.id, "", held, day, added_up=receipts)


def forgotten(there: There, payment: Payment | None) -> LedgerEntry | None:
    """Return what the ledger is to know so that the next receipt is the first, without the time.

    None if there is nothing that could be forgotten.
    """
    number = there.invoice_id
    if payment is not None:
        held = _amount(payment)
        return LedgerEntry(number, payment.id, "", held, day_of(payment.fields), added_up={})
    if there.entry is None:
        return None
    return LedgerEntry(number, there.entry.payment_id, "", Decimal(0), added_up={})


def is_known(entry: LedgerEntry, there: There) -> bool:
    """Tell whether the ledger knows all of that already."""
    known = there.entry
    return (
        known is not None
        and known.payment_id == entry.payment_id
        and known.added_up == entry.added_up
        and same_amount(known.amount or Decimal(0), entry.amount or Decimal(0))
    )


def _free_name(name: str, receipts: Receipts) -> str:
    names = (name, *(f"{name}-{number}" for number in range(2, len(receipts) + 3)))
    return next(it for it in names if it not in receipts)
