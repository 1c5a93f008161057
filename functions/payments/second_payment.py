"""Tell whether a record would change a payment that it has not made. Pure.

A record that an earlier run may have sent finds its own work: what an invoice shows then says
nothing about what was there before. The ledger does: it knows what was recorded up to the
checkpoint, and what an import has found where nothing was.
"""

from __future__ import annotations

from decimal import Decimal

from payments.models import (
    Found,
    LedgerEntry,
    Payment,
    PaymentRecord,
    Replaced,
    There,
    credit_of,
    day_of,
)
from payments.payment_fields import same_amount


def replaced_by(
    record: PaymentRecord, payment: Payment, there: There | None, *, is_doubtful: bool
) -> Replaced | None:
    """Return what the record would overwrite in its invoice's `payment`, if others have made that.

    A payment of zero has been taken back: nothing is lost with it.
    """
    if isinstance(there, LedgerEntry) and there.payment_id == payment.id:
        return replaced_entry(record, payment, there, is_doubtful=is_doubtful)
    if not is_doubtful or (isinstance(there, Found) and not there.looked):
        return _not_recorded(payment)
    found = there.payment if isinstance(there, Found) else None
    return None if found is None else _not_recorded(found)


def replaced_entry(
    record: PaymentRecord, payment: Payment, entry: LedgerEntry, *, is_doubtful: bool
) -> Replaced | None:
    """Return what the record would overwrite in a payment that the ledger knows."""
    if not is_doubtful and _was_changed(payment, entry):
        return _not_recorded(payment)
    if record.external_id is not None and record.external_id == entry.external_id:
        return None
    return _unless_zero(Replaced(entry.amount, entry.day, entry.external_id, entry.key))


def to_record(
    record: PaymentRecord,
    there: There | None,
    invoice_id: int,
    payment: Payment,
    *,
    was_looked_up: bool,
) -> LedgerEntry | None:
    """Return what the ledger is to know of the invoice, without the time and the file.

    What the record has not sent is as it was: a later record of a killed run may have changed it.
    Where nobody has looked before, a record without an amount therefore teaches nothing.
    """
    is_known = isinstance(there, LedgerEntry) and there.payment_id == payment.id
    if record.amount is None and not (is_known or was_looked_up):
        return None
    if credit_of(record.fields) is not None or credit_of(payment.fields) is not None:
        return None
    before = _before(there, payment)
    owner = record.external_id
    if owner is None and record.payment_id is not None:
        owner = before.external_id  # an <id> corrects that payment, and makes no other
    return LedgerEntry(
        invoice_id,
        payment.id,
        "",
        before.amount if record.amount is None else _held(record.amount, payment),
        before.day if record.day is None else record.day,
        owner,
    )


def _before(there: There | None, payment: Payment) -> Replaced:
    """Return what was on the invoice, as the ledger knows it, or else as it shows now."""
    if isinstance(there, LedgerEntry) and there.payment_id == payment.id:
        return Replaced(there.amount, there.day, there.external_id)
    found = there.payment if isinstance(there, Found) else None
    shown = found if found is not None and found.id == payment.id else payment
    return Replaced(shown.amount, day_of(shown.fields))


def _held(amount: Decimal, payment: Payment) -> Decimal:
    """Return what ConnectWise holds of an amount, with the digits that were sent if it is that."""
    shown = payment.amount
    return amount if shown is None or same_amount(amount, shown) else shown


def _was_changed(payment: Payment, entry: LedgerEntry) -> bool:
    """Tell whether somebody has changed the payment since it was recorded."""
    shown, recorded = payment.amount, entry.amount
    return shown is not None and recorded is not None and not same_amount(shown, recorded)


def _not_recorded(payment: Payment) -> Replaced | None:
    return _unless_zero(Replaced(payment.amount, day_of(payment.fields)))


def _unless_zero(replaced: Replaced) -> Replaced | None:
    return None if replaced.amount == 0 else replaced
