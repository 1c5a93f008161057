"""CloudWatch's Logs Insights, as far as the dashboard's query goes.

SOURCE '…' | fields … | filter (… and …) or … | sort @timestamp desc | limit …
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_IN = re.compile(r"(\S+) (not )?in \[(.*)\]")
_LIKE = re.compile(r"(\S+) like /(.*)/")
_COALESCE = re.compile(r"coalesce\((.*)\)")

_Condition = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a log, and when it was written, in milliseconds."""

    timestamp: int
    message: str

    def fields(self) -> dict[str, Any]:
        """Return the line's fields: those of JSON are found by themselves."""
        found: dict[str, Any] = {"@timestamp": self.timestamp, "@message": self.message}
        if self.message.startswith("{"):
            found |= json.loads(self.message)
        return found


class Query:
    """A query, ready to be asked."""

    def __init__(self, text: str) -> None:
        source, fields, condition, sort, limit = re.split(r" \| (?=[a-z]+ )", text)
        self.log_group = source.removeprefix("SOURCE '").removesuffix("'")
        columns = re.split(r", (?![^(]*\))", fields.removeprefix("fields "))
        parts = [column.partition(" as ") for column in columns]
        self._expressions = [expression for expression, _, _ in parts]
        self.columns = [alias or expression for expression, _, alias in parts]
        self._meets = _any_of(condition.removeprefix("filter "))
        if sort != "sort @timestamp desc":
            raise ValueError(sort)
        self._limit = int(limit.removeprefix("limit "))

    def rows(self, events: Iterable[Event]) -> list[list[Any]]:
        """Return the rows of the table, the newest first."""
        found = [fields for event in events if self._meets(fields := event.fields())]
        found.sort(key=lambda fields: -int(fields["@timestamp"]))
        return [
            [_value(each, fields) for each in self._expressions] for fields in found[: self._limit]
        ]


def _any_of(text: str) -> _Condition:
    alternatives = [_all_of(each) for each in text.split(" or ")]
    return lambda fields: any(meets(fields) for meets in alternatives)


def _all_of(text: str) -> _Condition:
    if not text.startswith("("):
        return _condition(text)
    conditions = [_condition(each) for each in text[1:-1].split(" and ")]
    return lambda fields: all(meets(fields) for meets in conditions)


def _condition(text: str) -> _Condition:
    if match := _IN.fullmatch(text):
        name, is_in, values = match[1], not match[2], re.findall("'([^']*)'", match[3])
        return lambda fields: (fields.get(name) in values) is is_in
    if match := _LIKE.fullmatch(text):
        field, pattern = match[1], re.compile(match[2])
        return lambda fields: bool(pattern.search(str(fields.get(field, ""))))
    raise ValueError(text)


def _value(expression: str, fields: dict[str, Any]) -> Any:
    match = _COALESCE.fullmatch(expression)
    names = match[1].split(", ") if match else [expression]
    return next((fields[name] for name in names if fields.get(name) is not None), "")
