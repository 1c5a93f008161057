"""The truth table: which payment in ConnectWise belongs to an external id.

DynamoDB, partition key `externalId`, sort key `connection`, so that several ConnectWise companies
can share a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from payments.clock import Clock
from payments.errors import FileRefused
from payments.models import TruthRecord
from payments.stores.batches import Batches


class TruthTable:
    """Truth records of one connection. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, name: str, connection: str, clock: Clock) -> None:
        self._batches = Batches(dynamodb, name, "The truth table", clock)
        self._connection = connection

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        """Return the truth records that there are, by external id."""
        keys = (
            {"externalId": external_id, "connection": self._connection}
            for external_id in dict.fromkeys(external_ids)
        )
        found = map(_usable, self._batches.read(keys))
        return {record.external_id: record for record in found}

    def store(self, records: Iterable[TruthRecord]) -> None:
        """Write the records; of several for one external id the last one stays."""
        latest = {record.external_id: record for record in records}
        self._batches.write(_item(record, self._connection) for record in latest.values())


def _item(record: TruthRecord, connection: str) -> dict[str, Any]:
    return {
        "externalId": record.external_id,
        "connection": connection,
        "paymentId": record.payment_id,
        "invoiceId": record.invoice_id,
        "created": record.created,
        "modified": record.modified,
        "importId": record.import_id,
        "key": record.key,
        "accepted": record.accepted,
        # As text: DynamoDB's numbers have 38 digits, and fewer exponents than a double.
        "amount": None if record.amount is None else str(record.amount),
        "day": record.day,
    }


def _usable(item: Mapping[str, Any]) -> TruthRecord:
    try:
        return _truth_record(item)
    except (KeyError, TypeError, ValueError, ArithmeticError) as problem:
        text = "The truth table's entry of externalId '{}' cannot be read: correct or delete it, "
        text += "then upload what was not sent again."
        raise FileRefused(text.format(item["externalId"]), for_log=text.format("…")) from problem


def _truth_record(item: Mapping[str, Any]) -> TruthRecord:
    """Read an item; one of an older version, or of others, has less in it, or more."""
    invoice_id, amount = item.get("invoiceId"), item.get("amount")
    return TruthRecord(
        external_id=item["externalId"],
        payment_id=int(item["paymentId"]),
        invoice_id=None if invoice_id is None else int(invoice_id),
        created=item.get("created", ""),
        modified=item.get("modified", ""),
        import_id=item.get("importId"),
        key=item.get("key"),
        accepted=item.get("accepted", True),
        amount=None if amount is None else Decimal(amount),
        day=item.get("day"),
    )
