"""Write to a table only what nobody else has changed since it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from payments.stores.aws import error_code

_CONDITION_FAILED = "ConditionalCheckFailedException"

_Item = Mapping[str, Any]


class Unchanged:
    """boto3's client for one of our tables, whose items `named_by` tells apart.

    It writes an item if that is still as it was read, or is still not there if none was. Others may
    have added any of the `attributes`. `changed` names those that others have changed meanwhile.
    Threads may write at the same time.
    """

    def __init__(self, dynamodb: Any, named_by: str, attributes: Iterable[str] = ()) -> None:
        self.changed: list[str] = []
        self._dynamodb = dynamodb
        self._named_by = named_by
        self._attributes = frozenset(attributes)
        self._read: dict[str, _Item] = {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803 # boto3's
        """Read items, and keep in mind how they are."""
        answer = self._dynamodb.batch_get_item(RequestItems=RequestItems)
        for items in answer["Responses"].values():
            self._read.update((self._name(item), item) for item in items)
        return answer

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803 # boto3's
        """Write items one by one, since no batch has conditions."""
        for table, requests in RequestItems.items():
            for request in requests:
                self._put(table, request["PutRequest"]["Item"])
        return {}

    def _put(self, table: str, item: _Item) -> None:
        try:
            self._dynamodb.put_item(
                TableName=table,
                Item=item,
                **self._condition(item),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error_code(error) != _CONDITION_FAILED:
                raise
            # The SDK may have repeated a write that had taken effect.
            if error.response.get("Item") != item:
                self.changed.append(self._name(item))

    def _condition(self, item: _Item) -> dict[str, Any]:
        before = self._read.get(self._name(item), {})
        return _condition(before, {*before, *item, *self._attributes})

    def _name(self, item: _Item) -> str:
        (name,) = item[self._named_by].values()
        return str(name)


def _condition(before: _Item, attributes: Iterable[str]) -> dict[str, Any]:
    """Return the condition that of all these attributes an item has those that it had `before`."""
    names = {f"#n{number}": name for number, name in enumerate(sorted(attributes))}
    values = {f":{sign[1:]}": before[name] for sign, name in names.items() if name in before}
    parts = (
        f"{sign} = :{sign[1:]}" if name in before else f"attribute_not_exists({sign})"
        for sign, name in names.items()
    )
    return {
        "ConditionExpression": " AND ".join(parts),
        "ExpressionAttributeNames": names,
        **({"ExpressionAttributeValues": values} if values else {}),
    }
