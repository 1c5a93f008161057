"""DynamoDB in memory: tables, and a resource that reads and writes them as boto3's does."""

# ruff: noqa: N803 # boto3's names of arguments

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from resilience.expressions import Expressions, Item
from resilience.points import Points

Key = tuple[str, ...]


@dataclass(slots=True)
class FakeTable:
    """The items of one table by key.

    `attempts` is how often the SDK sends each update until it gets an answer; every one of them
    takes effect.
    """

    key_names: tuple[str, ...]
    items: dict[Key, Item] = field(default_factory=dict)
    attempts: int = 1

    def key(self, item: Mapping[str, Any]) -> Key:
        """Return the key of an item."""
        return tuple(item[name] for name in self.key_names)

    def put(self, item: Item) -> None:
        """Write an item, with the types that DynamoDB makes of Python's."""
        self.items[self.key(item)] = _stored(item)


class FakeTableResource:
    """boto3's resource of one table, for one run."""

    def __init__(self, table: FakeTable, points: Points) -> None:
        self._table = table
        self._points = points

    def update_item(
        self,
        *,
        Key: Mapping[str, str],
        UpdateExpression: str,
        ConditionExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Mapping[str, Any],
        ReturnValues: str = "NONE",
        ReturnValuesOnConditionCheckFailure: str = "NONE",
    ) -> dict[str, Any]:
        key = self._table.key(Key)
        expressions = Expressions(ExpressionAttributeNames, _stored(ExpressionAttributeValues))
        with self._points.around_aws(f"update {key[0]}: {UpdateExpression}"):
            for _ in range(self._table.attempts):
                before = self._table.items.get(key, {})
                accepted = expressions.holds(ConditionExpression, before)
                after = expressions.updated(UpdateExpression, before or dict(Key))
                expressions.check_all_used()
                if accepted:
                    self._table.items[key] = after
        if not accepted:
            raise _condition_failed(before)
        return {"Attributes": after} if ReturnValues == "ALL_NEW" else {}


class FakeDynamoDb:
    """boto3's resource of the service, for one run."""

    def __init__(self, tables: Mapping[str, FakeTable], points: Points) -> None:
        self._tables = tables
        self._points = points

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, list[Item]] = {}
        with self._points.around_aws("batch get"):
            for name, request in RequestItems.items():
                assert 0 < len(request["Keys"]) <= 100
                assert request["ConsistentRead"]
                table = self._tables[name]
                keys = (table.key(key) for key in request["Keys"])
                found[name] = [dict(table.items[key]) for key in keys if key in table.items]
        return {"Responses": found, "UnprocessedKeys": {}}

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Write item after item in any order: a batch is no transaction."""
        for name, requests in RequestItems.items():
            assert 0 < len(requests) <= 25
            shuffled = list(requests)
            self._points.shuffle(shuffled)
            for request in shuffled:
                item = request["PutRequest"]["Item"]
                with self._points.around_aws(f"put truth {item['externalId']}"):
                    self._tables[name].put(item)
        return {"UnprocessedItems": {}}


def _condition_failed(item: Item) -> ClientError:
    serialize = TypeSerializer().serialize
    response: Any = {
        "Error": {"Code": "ConditionalCheckFailedException", "Message": "not so"},
        "Item": {name: serialize(value) for name, value in item.items()},
    }
    return ClientError(response, "UpdateItem")


def _stored(item: Mapping[str, Any]) -> Item:
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> Any:
    """Return what boto3 would read back; it refuses what DynamoDB cannot hold."""
    if type(value) is int:
        return Decimal(value)
    return TypeDeserializer().deserialize(TypeSerializer().serialize(value))
