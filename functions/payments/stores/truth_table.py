"""The truth table: which payment in ConnectWise belongs to an external id.

DynamoDB, partition key `externalId`, sort key `connection`, so that several ConnectWise companies
can share a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from time import sleep
from typing import Any

from payments.stores.aws import attribute_values, plain, trying_later
from payments.errors import AwsDown
from payments.models import Action, TruthRecord

# DynamoDB's limits for one call.
_READ_AT_ONCE = 100
_WRITE_AT_ONCE = 25
_TRIES = 8


class TruthTable:
    """Truth records of one connection. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, name: str, connection: str) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._connection = connection

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        """Return the truth records that there are, by external id."""
        keys = [
            attribute_values({"externalId": external_id, "connection": self._connection})
            for external_id in dict.fromkeys(external_ids)
        ]
        found: dict[str, TruthRecord] = {}
        with trying_later("The truth table"):
            for part in _parts(keys, _READ_AT_ONCE):
                for item in self._read(part):
                    record = _truth_record(plain(item))
                    found[record.external_id] = record
        return found

    def store(self, records: Iterable[TruthRecord]) -> None:
        """Write the records; of several for one external id the last one stays."""
        latest = {record.external_id: record for record in records}
        items = [attribute_values(_item(r, self._connection)) for r in latest.values()]
        with trying_later("The truth table"):
            for part in _parts(items, _WRITE_AT_ONCE):
                self._write(part)

    def _read(self, keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Read up to 100 items; what DynamoDB leaves unprocessed is asked for again."""
        request: dict[str, Any] = {self._name: {"Keys": keys, "ConsistentRead": True}}
        items: list[dict[str, Any]] = []
        for attempt in range(_TRIES):
            answer = self._dynamodb.batch_get_item(RequestItems=request)
            items += answer["Responses"].get(self._name, [])
            request = answer.get("UnprocessedKeys") or {}
            if not request:
                return items
            _back_off(attempt)
        raise AwsDown("The truth table is throttled by DynamoDB.")

    def _write(self, items: list[dict[str, Any]]) -> None:
        request: dict[str, Any] = {self._name: [{"PutRequest": {"Item": item}} for item in items]}
        for attempt in range(_TRIES):
            answer = self._dynamodb.batch_write_item(RequestItems=request)
            request = answer.get("UnprocessedItems") or {}
            if not request:
                return
            _back_off(attempt)
        raise AwsDown("The truth table is throttled by DynamoDB.")


def _back_off(attempt: int) -> None:
    sleep(min(0.05 * 2**attempt, 2.0))


def _parts(rows: list[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _item(record: TruthRecord, connection: str) -> dict[str, Any]:
    item = {
        "externalId": record.external_id,
        "connection": connection,
        "paymentId": record.payment_id,
        "invoiceId": record.invoice_id,
        "created": record.created,
        "modified": record.modified,
        "importId": record.import_id,
        "recordNumber": record.record_number,
        "action": record.action,
        # As text: DynamoDB's numbers have 38 digits, and fewer exponents than a double.
        "amount": None if record.amount is None else str(record.amount),
        "key": record.key,
        "firstRecord": record.first_record,
    }
    return {name: value for name, value in item.items() if value is not None}


def _truth_record(item: Mapping[str, Any]) -> TruthRecord:
    number, action, amount = (item.get(name) for name in ("recordNumber", "action", "amount"))
    first = item.get("firstRecord")
    invoice_id = item.get("invoiceId")
    return TruthRecord(
        external_id=item["externalId"],
        payment_id=int(item["paymentId"]),
        invoice_id=None if invoice_id is None else int(invoice_id),
        created=item.get("created", ""),
        modified=item.get("modified", ""),
        import_id=item.get("importId"),
        record_number=None if number is None else int(number),
        action=None if action is None else Action(action),
        amount=None if amount is None else Decimal(amount),
        key=item.get("key"),
        first_record=None if first is None else int(first),
    )
