"""The truth table: which payment in ConnectWise belongs to an external id.

DynamoDB, partition key `externalId`, sort key `connection`, so that several ConnectWise companies
can share a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from payments.clock import Clock
from payments.errors import AwsDown, FileRefused
from payments.models import TruthRecord
from payments.stores.aws import asking, attribute_values, plain

# DynamoDB's limits for one call.
_READ_AT_ONCE = 100
_WRITE_AT_ONCE = 25
_TRIES = 8

_Rows = list[dict[str, Any]]


class TruthTable:
    """Truth records of one connection. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, name: str, connection: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._connection = connection
        self._clock = clock

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        """Return the truth records that there are, by external id."""
        keys = [
            attribute_values({"externalId": external_id, "connection": self._connection})
            for external_id in dict.fromkeys(external_ids)
        ]
        found: dict[str, TruthRecord] = {}
        for part in _parts(keys, _READ_AT_ONCE):
            for item in self._read(part):
                record = _usable(plain(item))
                found[record.external_id] = record
        return found

    def store(self, records: Iterable[TruthRecord]) -> None:
        """Write the records; of several for one external id the last one stays."""
        latest = {record.external_id: record for record in records}
        items = [attribute_values(_item(r, self._connection)) for r in latest.values()]
        for part in _parts(items, _WRITE_AT_ONCE):
            self._until_processed(
                self._dynamodb.batch_write_item,
                [{"PutRequest": {"Item": item}} for item in part],
                "UnprocessedItems",
            )

    def _read(self, keys: _Rows) -> _Rows:
        """Read up to 100 items."""
        answers = self._until_processed(
            self._dynamodb.batch_get_item,
            {"Keys": keys, "ConsistentRead": True},
            "UnprocessedKeys",
        )
        return [item for answer in answers for item in answer["Responses"].get(self._name, [])]

    def _until_processed(
        self, call: Callable[..., dict[str, Any]], request: Any, rest: str
    ) -> list[dict[str, Any]]:
        """Make a batch call; what DynamoDB leaves unprocessed is asked for again."""
        answers = []
        left: Mapping[str, Any] = {self._name: request}
        for attempt in range(_TRIES):
            with asking("The truth table"):
                answers.append(call(RequestItems=left))
            left = answers[-1].get(rest) or {}
            if not left:
                return answers
            self._clock.sleep(min(0.05 * 2**attempt, 2.0))
        raise AwsDown("The truth table is throttled by DynamoDB.")


def _parts(rows: _Rows, size: int) -> Iterator[_Rows]:
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
        "key": record.key,
        "accepted": record.accepted,
        # As text: DynamoDB's numbers have 38 digits, and fewer exponents than a double.
        "amount": None if record.amount is None else str(record.amount),
        "day": record.day,
    }
    return {name: value for name, value in item.items() if value is not None}


def _usable(item: Mapping[str, Any]) -> TruthRecord:
    try:
        return _truth_record(item)
    except (KeyError, TypeError, ValueError, ArithmeticError) as problem:
        raise FileRefused(
            f"The truth table's entry of externalId '{item['externalId']}' cannot be read: correct "
            "or delete it, then upload what was not sent again."
        ) from problem


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
