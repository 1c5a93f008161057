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
        """Return what is known of the invoices, by their ids."""
        keys = ({"invoiceId": it, "connection": self._connection} for it in set(invoice_ids))
        return {there.invoice_id: there for there in map(_usable, self._batches.read(keys))}

    def store(self, entries: Iterable[There]) -> None:
        """Write entries; of several for one invoice the last one stays."""
        latest = {entry.invoice_id: entry for entry in entries}
        self._batches.write(
            {"connection": self._connection, **_item(entry)} for entry in latest.values()
        )


def _item(entry: There) -> dict[str, Any]:
    if isinstance(entry, LedgerEntry):
        return {
            "invoiceId": entry.invoice_id,
            "paymentId": entry.payment_id,
            **_shown(entry.amount, entry.day),
            "externalId": entry.external_id,
            "key": entry.key,
            "modified": entry.modified,
            "receipts": _written(entry.added_up),
        }
    found = {"invoiceId": entry.invoice_id, "foundBy": entry.import_id, "looked": entry.looked}
    payment = entry.payment
    if payment is None:
        return found
    return {**found, "paymentId": payment.id, **_shown(payment.amount, day_of(payment.fields))}


def _written(receipts: Receipts | None) -> dict[str, Any] | None:
    if receipts is None:
        return None
    shown = {name: _shown(receipt.amount, receipt.day) for name, receipt in receipts.items()}
    return {name: {key: it for key, it in row.items() if it} for name, row in shown.items()}


def _shown(amount: Decimal | None, day: str | None) -> dict[str, Any]:
    # As text: DynamoDB's numbers have 38 digits, and fewer exponents than a double.
    return {"amount": None if amount is None else str(amount), "day": day}


def _usable(item: Mapping[str, Any]) -> There:
    try:
        return _found(item) if "foundBy" in item else _entry(item)
    except (KeyError, TypeError, ValueError, ArithmeticError) as problem:
        raise FileRefused(
            f"The ledger's entry of invoice {item['invoiceId']} cannot be read: correct or delete "
            "it, then upload what was not sent again."
        ) from problem


def _entry(item: Mapping[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        invoice_id=int(item["invoiceId"]),
        payment_id=int(item["paymentId"]),
        modified=item.get("modified", ""),
        amount=_amount(item),
        day=item.get("day"),
        external_id=item.get("externalId"),
        key=item.get("key"),
        added_up=_receipts(item.get("receipts")),
    )


def _receipts(written: Mapping[str, Any] | None) -> Receipts | None:
    if written is None:
        return None
    return {name: Receipt(Decimal(it["amount"]), it.get("day")) for name, it in written.items()}


def _found(item: Mapping[str, Any]) -> Found:
    payment = None
    if "paymentId" in item:
        shown = {"amount": _amount(item), "paymentDate": item.get("day")}
        given = {name: value for name, value in shown.items() if value is not None}
        payment = Payment(int(item["paymentId"]), given)
    return Found(int(item["invoiceId"]), item["foundBy"], bool(item["looked"]), payment)


def _amount(item: Mapping[str, Any]) -> Decimal | None:
    amount = item.get("amount")
    return None if amount is None else Decimal(amount)
