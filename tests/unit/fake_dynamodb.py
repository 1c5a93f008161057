"""DynamoDB's tables, in memory, as far as the program uses them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

Key = tuple[str, ...]


def client_error(code: str, operation: str = "", **more: Any) -> ClientError:
    """Return the error with which the SDK gives up."""
    response: Any = {"Error": {"Code": code, "Message": f"{code}, says AWS"}, **more}
    return ClientError(response, operation)


class FakeDynamoDb:
    """A client whose batches stop short after `at_once` items, if a test wants that.

    `fail` is called with each request and may raise.
    """

    def __init__(self, *key: str) -> None:
        self.items: dict[Key, dict[str, Any]] = {}
        self.requests: list[Mapping[str, Any]] = []
        self.at_once: Callable[[], int] = lambda: 100
        self.fail: Callable[[Mapping[str, Any]], None] = lambda _: None
        self._key = key

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, request),) = self._taken(RequestItems).items()
        keys, limit = request["Keys"], self.at_once()
        assert 0 < len(keys) <= 100
        assert len({self._key_of(key) for key in keys}) == len(keys)
        found = [self.items.get(self._key_of(key)) for key in keys[:limit]]
        answer: dict[str, Any] = {"Responses": {table: [_written(item) for item in found if item]}}
        rest = {table: {**request, "Keys": keys[limit:]}} if keys[limit:] else {}
        return {**answer, "UnprocessedKeys": rest}

    def batch_write_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, writes),) = self._taken(RequestItems).items()
        limit = self.at_once()
        assert 0 < len(writes) <= 25
        items = [write["PutRequest"]["Item"] for write in writes]
        assert len({self._key_of(item) for item in items}) == len(items)
        for item in items[:limit]:
            self.items[self._key_of(item)] = _read(item)
        return {"UnprocessedItems": {table: writes[limit:]} if writes[limit:] else {}}

    def _taken(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.requests.append(request)
        self.fail(request)
        return request

    def _key_of(self, item: Mapping[str, Any]) -> Key:
        return tuple(item[name]["S"] for name in self._key)


def _read(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item that a request brings in DynamoDB's notation; its numbers are decimals."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def _written(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item in the notation of DynamoDB's answers; it refuses a float."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.items()}


_FUNCTION = re.compile(r"if_not_exists\((#\w+), (:\w+)\)")


class FakeTable:
    """A client for a table of single items, with the update expressions of `import_log`.

    With `repeats` every request arrives twice, as if the SDK had not got the first answer.
    """

    name = "imports"

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.error: Exception | None = None
        self.repeats = False

    def update_item(self, **request: Any) -> dict[str, Any]:
        if self.repeats:
            self._update_item(**request)
        return self._update_item(**request)

    def _update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Mapping[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803
        **returned: str,
    ) -> dict[str, Any]:
        if self.error:
            raise self.error
        assert TableName == self.name
        (import_id,) = _read(Key).values()
        old = self.items.get(import_id, {})
        names, values = dict(ExpressionAttributeNames), _read(ExpressionAttributeValues)
        _check_all_used(names, values, f"{UpdateExpression} {ConditionExpression}")
        if not _holds(ConditionExpression, old, names, values):
            raise _condition_failed(old if returned else None)
        new = {**old, **_read(Key)}
        for action, clauses in _actions(UpdateExpression):
            for clause in clauses:
                _update(new, action, clause, names, values)
        self.items[import_id] = new
        return {"Attributes": _written(new)}


def _condition_failed(item: Mapping[str, Any] | None) -> ClientError:
    held = {"Item": _written(item)} if item else {}
    return client_error("ConditionalCheckFailedException", "UpdateItem", **held)


def _check_all_used(names: Mapping[str, str], values: Mapping[str, Any], expressions: str) -> None:
    """Refuse a name or value that no expression uses, as DynamoDB does."""
    used = set(re.findall(r"[#:]\w+", expressions))
    assert used == {*names, *values}


def _holds(
    condition: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]
) -> bool:
    """Evaluate `a OR (b AND c)`, comparisons, and whether an attribute is there."""
    for word, combined in ((" OR ", any), (" AND ", all)):
        if word in condition:
            parts = condition.strip("()").split(word) if word == " AND " else condition.split(word)
            return combined(_holds(part, item, names, values) for part in parts)
    if absent := re.fullmatch(r"attribute_not_exists\((#\w+)\)", condition):
        return names[absent[1]] not in item
    name, operator, value = condition.split(" ")
    return bool((item.get(names[name]) == values[value]) is (operator == "="))


def _actions(expression: str) -> list[tuple[str, list[str]]]:
    """Split `SET a = b, c = d REMOVE e` into its actions and their clauses."""
    parts = re.split(r"\b(SET|ADD|REMOVE)\b", expression)[1:]
    return [
        (action, re.split(r", (?![^(]*\))", clauses.strip()))
        for action, clauses in zip(parts[::2], parts[1::2], strict=True)
    ]


def _update(
    item: dict[str, Any],
    action: str,
    clause: str,
    names: Mapping[str, str],
    values: Mapping[str, Any],
) -> None:
    if action == "REMOVE":
        item.pop(names[clause], None)
    elif action == "ADD":
        name, value = clause.split(" ")
        item[names[name]] = item.get(names[name], 0) + values[value]
    else:
        name, value = clause.split(" = ")
        function = _FUNCTION.fullmatch(value)
        if function:
            item.setdefault(names[name], values[function[2]])
        else:
            item[names[name]] = values[value]
