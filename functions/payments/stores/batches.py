"""Read and write many items of a DynamoDB table with few calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from payments.clock import Clock
from payments.errors import AwsDown
from payments.stores.aws import asking, attribute_values, plain

# DynamoDB's limits for one call.
_READ_AT_ONCE = 100
_WRITE_AT_ONCE = 25
_TRIES = 8

Item = Mapping[str, Any]


class Batches:
    """One table. `dynamodb` is a boto3 client; people call the table `title`."""

    def __init__(self, dynamodb: Any, name: str, title: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._title = title
        self._clock = clock

    def read(self, keys: Iterable[Item]) -> Iterator[dict[str, Any]]:
        """Yield the items that there are, as they are stored by now."""
        for part in _parts([attribute_values(key) for key in keys], _READ_AT_ONCE):
            request = {"Keys": part, "ConsistentRead": True}
            call = self._dynamodb.batch_get_item
            for answer in self._until_processed(call, request, "UnprocessedKeys"):
                yield from map(plain, answer["Responses"].get(self._name, []))

    def write(self, items: Iterable[Item]) -> None:
        """Write the items; each is of another key."""
        for part in _parts([attribute_values(_given(item)) for item in items], _WRITE_AT_ONCE):
            request = [{"PutRequest": {"Item": item}} for item in part]
            self._until_processed(self._dynamodb.batch_write_item, request, "UnprocessedItems")

    def _until_processed(
        self, call: Callable[..., dict[str, Any]], request: Any, rest: str
    ) -> list[dict[str, Any]]:
        """Make a batch call; what DynamoDB leaves unprocessed is asked for again."""
        answers = []
        left: Mapping[str, Any] = {self._name: request}
        for attempt in range(_TRIES):
            with asking(self._title):
                answers.append(call(RequestItems=left))
            left = answers[-1].get(rest) or {}
            if not left:
                return answers
            self._clock.sleep(min(0.05 * 2**attempt, 2.0))
        raise AwsDown(f"{self._title} is throttled by DynamoDB.")


def _given(item: Item) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def _parts(rows: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
