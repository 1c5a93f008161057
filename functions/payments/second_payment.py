"""Tell whether a record would change a payment that it has not made. Pure.

A record that an earlier run may have sent finds its own work: what an invoice shows then says
nothing about what was there before. The ledger does: it knows what was recorded up to the
checkpoint, and what an import has found where that was something else.
"""

from __future__ import annotations

from decimal import Decimal

from payments.decisions import Known
from payments.models import (
    LedgerEntry,
    Payment,
    PaymentRecord,
    Replaced,
    There,
    credit_of,
    day_of,
)
from payments.payment_fields import same_amount


def replaced_by(record: PaymentRecord, payment: Payment, known: Known) -> Replaced | None:
    """Return what the record would overwrite in its invoice's `payment`, if others have made that.

    A payment of zero has been taken back: nothing is lost with it.
    """
    entry, found = known.there.entry, known.there.found
    if known.is_doubtful and (found is None or found.looked):
        before = _as_found(known.there)
        may_be_own = before is None or before.id == payment.id
        if may_be_own and (_shows(payment, before) or may_be_left(payment.amount, known)):
            if found is None and entry is not None and entry.payment_id == payment.id:
                return replaced_entry(record, entry)
            return None if before is None else _not_recorded(before)
    if entry is not None and _shows(payment, _as_recorded(entry)):
        return replaced_entry(record, entry)
    return _not_recorded(payment)


def that_count(
    payments: tuple[Payment, ...], entry: LedgerEntry | None = None
) -> tuple[Payment, ...]:
    """Return those of an invoice's payments that are not zero; of zeros alone, the one known here.

    A payment that was reversed elsewhere may stay with an amount of zero.
    """
    if len(payments) <= 1:
        return payments
    counting = tuple(it for it in payments if it.amount != 0)
    known = None if entry is None else entry.payment_id
    return counting or (min(payments, key=lambda it: (it.id != known, it.id)),)


def replaced_entry(record: PaymentRecord, entry: LedgerEntry) -> Replaced | None:
    """Return what the record would overwrite in a payment that the ledger knows."""
    if record.external_id is not None and record.external_id == entry.external_id:
        return None
    return _unless_zero(Replaced(entry.amount, entry.day, entry.external_id, entry.key))


def may_be_left(amount: Decimal | None, known: Known) -> bool:
    """Tell whether a killed run may have left this amount: as it was sent, rounded, or cut."""
    if amount is None:
        return bool(known.may_hold)
    if any(same_amount(amount, it) or is_rounded(amount, it) for it in known.may_hold):
        return True
    return known.is_paid_up and any(amount < it for it in known.may_hold)


def is_rounded(amount: Decimal, sent: Decimal) -> bool:
    """Tell whether what was sent may have been rounded to this amount, with fewer decimals."""
    unit = Decimal(1).scaleb(min(-_decimals(amount), 0))
    return _decimals(amount) < _decimals(sent) and abs(amount - sent) < unit


def _decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def to_record(record: PaymentRecord, known: Known, payment: Payment) -> LedgerEntry | None:
    """Return what the ledger is to know of the invoice, without the time and the file.

    What the record has not sent is as it was: a later record of a killed run may have changed it.
    What ConnectWise has not changed is still whose it was.
    """
    if credit_of(record.fields) is not None or credit_of(payment.fields) is not None:
        return None
    if record.amount is None and not _was_seen(known, payment):
        return None
    before = _before(known, payment)
    held = before.amount if record.amount is None else _held(record.amount, payment)
    seen = () if known.is_doubtful else known.payments or ()
    is_known = payment.id in _known_payments(known.there)
    was_there = is_known or any(it.id == payment.id for it in seen)
    if was_there and _is_unchanged(record, before.amount, held):
        return None
    owner = record.external_id
    if owner is None and record.payment_id is not None:
        owner = before.external_id  # an <id> corrects that payment, and makes no other
    day = before.day if record.day is None else record.day
    entry = known.there.entry
    is_still_sum = record.amount is None and entry is not None and entry.payment_id == payment.id
    receipts = entry.added_up if is_still_sum and entry is not None else None
    return LedgerEntry(known.invoice_id, payment.id, "", held, day, owner, added_up=receipts)


def _was_seen(known: Known, payment: Payment) -> bool:
    """Tell whether it is known what the payment held before."""
    entry = known.there.entry
    if entry is not None and entry.payment_id == payment.id:
        return True
    if known.payments is None:
        return False
    return not known.is_doubtful or payment.id in _known_payments(known.there)


def _known_payments(there: There) -> set[int]:
    ids = set() if there.entry is None else {there.entry.payment_id}
    if there.found is not None and there.found.payment is not None:
        ids.add(there.found.payment.id)
    return ids


def _is_unchanged(record: PaymentRecord, before: Decimal | None, held: Decimal | None) -> bool:
    """Tell whether ConnectWise holds what it held, in place of what was sent."""
    if record.amount is None or before is None or held is None:
        return False
    return same_amount(held, before) and not same_amount(held, record.amount)


def _before(known: Known, payment: Payment) -> Replaced:
    """Return what was on the invoice, as the ledger knows it, or else as it shows."""
    entry, found = known.there.entry, known.there.found
    seen = None if found is None else found.payment
    if seen is not None and seen.id == payment.id:
        return Replaced(seen.amount, day_of(seen.fields))
    if entry is not None and entry.payment_id == payment.id:
        return Replaced(entry.amount, entry.day, entry.external_id)
    shown = next((it for it in known.payments or () if it.id == payment.id), payment)
    return Replaced(shown.amount, day_of(shown.fields))


def _as_found(there: There) -> Payment | None:
    """Return the payment that was there before, None if there was none."""
    if there.found is not None:
        return there.found.payment
    return None if there.entry is None else _as_recorded(there.entry)


def _as_recorded(entry: LedgerEntry) -> Payment:
    return Payment(entry.payment_id, {} if entry.amount is None else {"amount": entry.amount})


def _shows(payment: Payment, before: Payment | None) -> bool:
    """Tell whether the payment is still as it was before."""
    if before is None or payment.id != before.id:
        return False
    if payment.amount is None or before.amount is None:
        return True
    return same_amount(payment.amount, before.amount)


def _held(amount: Decimal, payment: Payment) -> Decimal:
    """Return what ConnectWise holds of an amount, with the digits that were sent if it is that."""
    shown = payment.amount
    return amount if shown is None or same_amount(amount, shown) else shown


def _not_recorded(payment: Payment) -> Replaced | None:
    return _unless_zero(Replaced(payment.amount, day_of(payment.fields)))


def _unless_zero(replaced: Replaced) -> Replaced | None:
    return None if replaced.amount == 0 else replaced
