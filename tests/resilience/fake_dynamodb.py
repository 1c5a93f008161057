"""DynamoDB in memory: tables, and a client that reads and writes them as boto3's does."""

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


class FakeDynamoDb:
    """boto3's client, for one run."""

    def __init__(self, tables: Mapping[str, FakeTable], points: Points) -> None:
        self._tables = tables
        self._points = points

    def update_item(
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ConditionExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Item,
        ReturnValues: str = "NONE",
        ReturnValuesOnConditionCheckFailure: str = "NONE",
    ) -> dict[str, Any]:
        table = self._tables[TableName]
        key = table.key(_read(Key))
        expressions = Expressions(ExpressionAttributeNames, _read(ExpressionAttributeValues))
        with self._points.around_aws(f"update {key[0]}: {UpdateExpression}"):
            for _ in range(table.attempts):
                before = table.items.get(key, {})
                accepted = expressions.holds(ConditionExpression, before)
                after = expressions.updated(UpdateExpression, before or _read(Key))
                expressions.check_all_used()
                if accepted:
                    table.items[key] = after
        if not accepted:
            raise _condition_failed(before)
        return {"Attributes": _written(after)} if ReturnValues == "ALL_NEW" else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, list[Item]] = {}
        with self._points.around_aws("batch get"):
            for name, request in RequestItems.items():
                assert 0 < len(request["Keys"]) <= 100
                assert request["ConsistentRead"]
                table = self._tables[name]
                keys = (table.key(_read(key)) for key in request["Keys"])
                found[name] = [_written(table.items[key]) for key in keys if key in table.items]
        return {"Responses": found, "UnprocessedKeys": {}}

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Write item after item in any order: a batch is no transaction."""
        for name, requests in RequestItems.items():
            assert 0 < len(requests) <= 25
            shuffled = list(requests)
            self._points.shuffle(shuffled)
            for request in shuffled:
                item = _read(request["PutRequest"]["Item"])
                with self._points.around_aws(f"put truth {item['externalId']}"):
                    self._tables[name].put(item)
        return {"UnprocessedItems": {}}


def _condition_failed(item: Item) -> ClientError:
    response: Any = {
        "Error": {"Code": "ConditionalCheckFailedException", "Message": "not so"},
        "Item": _written(item),
    }
    return ClientError(response, "UpdateItem")


def _read(item: Item) -> Item:
    """Return an item that a request brings in DynamoDB's notation."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def _written(item: Item) -> Item:
    """Return an item in the notation of DynamoDB's answers."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.items()}


def _stored(item: Mapping[str, Any]) -> Item:
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> Any:
    """Return what boto3 would read back; it refuses what DynamoDB cannot hold."""
    if type(value) is int:
        return Decimal(value)
    return TypeDeserializer().deserialize(TypeSerializer().serialize(value))
