"""The ledger: what was recorded last on each invoice, its receipts, or what was found there.

DynamoDB, partition key `invoiceId`, sort key `connection`, so that several ConnectWise companies
can share a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from payments.clock import Clock
from payments.errors import FileRefused
from payments.models import Found, LedgerEntry, Payment, Receipt, Receipts, There, day_of
from payments.stores.batches import Batches


class Ledger:
    """The invoices of one connection. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, name: str, connection: str, clock: Clock) -> None:
        self._batches = Batches(dynamodb, name, "The ledger", clock)
        self._connection = connection

    def find(self, invoice_ids: Iterable[int]) -> dict[int, There]:
        """Return what there is of the invoices, by their ids."""
        keys = ({"invoiceId": it, "connection": self._connection} for it in set(invoice_ids))
        return {there.invoice_id: there for there in map(_usable, self._batches.read(keys))}

    def store(self, places: Iterable[There]) -> None:
        """Write what there is; of several for one invoice the last one stays."""
        latest = {there.invoice_id: there for there in places}
        self._batches.write(
            {"invoiceId": it.invoice_id, "connection": self._connection, **ledger_item(it)}
            for it in latest.values()
        )


def ledger_item(there: There) -> dict[str, Any]:
    """Return the attributes of an item, those without a value among them."""
    return {**_entry_attributes(there.entry), **_found_attributes(there.found)}


def _entry_attributes(entry: LedgerEntry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    return {
        "paymentId": entry.payment_id,
        "amount": _text(entry.amount),
        "day": entry.day,
        "externalId": entry.external_id,
        "key": entry.key,
        "modified": entry.modified,
        "receipts": _written(entry.added_up),
    }


def _found_attributes(found: Found | None) -> dict[str, Any]:
    if found is None:
        return {}
    payment = found.payment
    return {
        "foundBy": found.import_id,
        "looked": found.looked,
        "foundPaymentId": None if payment is None else payment.id,
        "foundAmount": None if payment is None else _text(payment.amount),
        "foundDay": None if payment is None else day_of(payment.fields),
    }


def _written(receipts: Receipts | None) -> dict[str, Any] | None:
    if receipts is None:
        return None
    rows = {name: {"amount": str(it.amount), "day": it.day} for name, it in receipts.items()}
    return {name: {key: it for key, it in row.items() if it} for name, row in rows.items()}


def _text(amount: Decimal | None) -> str | None:
    # As text: DynamoDB's numbers have 38 digits, and fewer exponents than a double.
    return None if amount is None else str(amount)


def _usable(item: Mapping[str, Any]) -> There:
    try:
        return There(int(item["invoiceId"]), _entry(item), _found(item))
    except (KeyError, TypeError, ValueError, ArithmeticError) as problem:
        raise FileRefused(
            f"The ledger's entry of invoice {item['invoiceId']} cannot be read: correct or delete "
            "it, then upload what was not sent again."
        ) from problem


def _entry(item: Mapping[str, Any]) -> LedgerEntry | None:
    if "paymentId" not in item:
        return None
    return LedgerEntry(
        invoice_id=int(item["invoiceId"]),
        payment_id=int(item["paymentId"]),
        modified=item.get("modified", ""),
        amount=_amount(item.get("amount")),
        day=item.get("day"),
        external_id=item.get("externalId"),
        key=item.get("key"),
        added_up=_receipts(item.get("receipts")),
    )


def _receipts(written: Mapping[str, Any] | None) -> Receipts | None:
    if written is None:
        return None
    return {name: Receipt(Decimal(it["amount"]), it.get("day")) for name, it in written.items()}


def _found(item: Mapping[str, Any]) -> Found | None:
    if "foundBy" not in item:
        return None
    payment = None
    if "foundPaymentId" in item:
        shown = {"amount": _amount(item.get("foundAmount")), "paymentDate": item.get("foundDay")}
        given = {name: value for name, value in shown.items() if value is not None}
        payment = Payment(int(item["foundPaymentId"]), given)
    return Found(item["foundBy"], bool(item["looked"]), payment)


def _amount(text: Any) -> Decimal | None:
    return None if text is None else Decimal(text)


ATTRIBUTES = frozenset(ledger_item(There(0, LedgerEntry(0, 0, ""), Found(""))))
"""All that an item may have beside its key."""
