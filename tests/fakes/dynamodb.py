"""DynamoDB in memory: tables, and a client that reads and writes them as boto3's does.

Items are kept in DynamoDB's own notation, as they come and go, since translating them is most of
what an item costs.
"""

# ruff: noqa: N803 # boto3's names of arguments

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from fakes.expressions import Item, Request, ValidationFailed
from fakes.way import Way, straight

Key = tuple[str, ...]

_MOST_KEY_BYTES = (2048, 1024)
_MOST_ITEM_BYTES = 400 * 1024


def client_error(code: str, operation: str = "", **more: Any) -> ClientError:
    """Return the error with which the SDK gives up."""
    response: Any = {"Error": {"Code": code, "Message": f"{code}, says AWS"}, **more}
    return ClientError(response, operation)


@dataclass(slots=True)
class FakeTable:
    """The items of one table by key: the partition key and perhaps a sort key, texts or numbers."""

    key_names: tuple[str, ...]
    items: dict[Key, Item] = field(default_factory=dict)

    def key(self, item: Item) -> Key:
        """Return the key of an item; refuses what DynamoDB refuses."""
        key = tuple(item[name].get("S") or item[name]["N"] for name in self.key_names)
        for text, most in zip(key, _MOST_KEY_BYTES, strict=False):
            if not 0 < len(text.encode()) <= most:
                raise client_error("ValidationException")
        return key

    def put(self, item: Mapping[str, Any]) -> None:
        """Write an item given as Python's values."""
        self.write({name: TypeSerializer().serialize(value) for name, value in item.items()})

    def get(self, *key: str) -> dict[str, Any] | None:
        """Return an item as Python's values; its numbers are decimals."""
        item = self.items.get(key)
        return None if item is None else plain(item)

    def all(self) -> list[dict[str, Any]]:
        """Return all items as Python's values."""
        return [plain(item) for item in self.items.values()]

    def write(self, item: Item) -> None:
        """Write an item in DynamoDB's notation."""
        if len(str(item)) > _MOST_ITEM_BYTES:
            raise client_error("ValidationException")
        self.items[self.key(item)] = item


def plain(item: Item) -> dict[str, Any]:
    """Return an item as Python's values; its numbers are decimals."""
    deserialize = TypeDeserializer().deserialize
    return {
        name: Decimal(value["N"]) if "N" in value else value.get("S") or deserialize(value)
        for name, value in item.items()
    }


class FakeDynamoDb:
    """boto3's client. `at_once` is how many items of a batch are processed in one call."""

    def __init__(
        self,
        tables: Mapping[str, FakeTable],
        way: Way = straight,
        at_once: Callable[[], int] = lambda: 100,
    ) -> None:
        self.tables = tables
        self.way = way
        self.at_once = at_once

    def get_item(self, **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            table = self._table(request)
            found = table.items.get(table.key(request["Key"]))
            return {} if found is None else {"Item": dict(found)}

        return self.way("GetItem", request, effect)

    def put_item(self, **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            table, item = self._table(request), request["Item"]
            self._check(request, table.items.get(table.key(item), {}))
            table.write(dict(item))
            return {}

        return self.way("PutItem", request, effect)

    def update_item(self, **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            table = self._table(request)
            key = table.key(request["Key"])
            before = table.items.get(key, {})
            update = request["UpdateExpression"]
            after = self._check(request, before, update).updated(update, before or request["Key"])
            table.write(after)
            wanted = request.get("ReturnValues", "NONE")
            return {"Attributes": dict(after)} if wanted == "ALL_NEW" else {}

        return self.way("UpdateItem", request, effect)

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            ((name, request),) = RequestItems.items()
            table, keys, most = self.tables[name], request["Keys"], self.at_once()
            _check_batch([table.key(key) for key in keys], 100)
            found = (table.items.get(table.key(key)) for key in keys[:most])
            rest = {name: {**request, "Keys": keys[most:]}} if keys[most:] else {}
            return {
                "Responses": {name: [dict(item) for item in found if item is not None]},
                "UnprocessedKeys": rest,
            }

        return self.way("BatchGetItem", RequestItems, effect)

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            ((name, writes),) = RequestItems.items()
            table, most = self.tables[name], self.at_once()
            items = [write["PutRequest"]["Item"] for write in writes]
            _check_batch([table.key(item) for item in items], 25)
            for item in items[:most]:
                table.write(dict(item))
            return {"UnprocessedItems": {name: writes[most:]} if writes[most:] else {}}

        return self.way("BatchWriteItem", RequestItems, effect)

    def _table(self, request: Mapping[str, Any]) -> FakeTable:
        return self.tables[request["TableName"]]

    def _check(self, request: Mapping[str, Any], before: Item, update: str = "") -> Request:
        """Raise what DynamoDB raises if the condition does not hold, or cannot be understood."""
        condition = request.get("ConditionExpression", "")
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        try:
            expressions = Request(names, values, condition, update)
            holds = not condition or expressions.holds(condition, before)
        except ValidationFailed as problem:
            raise client_error("ValidationException", str(problem)) from problem
        if not holds:
            shows = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before
            old = {"Item": dict(before)} if shows else {}
            raise client_error("ConditionalCheckFailedException", "UpdateItem", **old)
        return expressions


def _check_batch(keys: list[Key], most: int) -> None:
    if not 0 < len(keys) <= most or len(set(keys)) < len(keys):
        raise client_error("ValidationException", "Batch")
