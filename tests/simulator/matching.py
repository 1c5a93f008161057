"""Testing records with conditions."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulator.conditions import Comparison, Condition, Value
from simulator.schema import parse_date

Record = Mapping[str, Any]
Predicate = Callable[[Any], bool]

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def predicate(condition: Condition, *, case_sensitive: bool) -> Predicate:
    """Return the function that tells whether a record meets the condition.

    Made once and asked for every record, so that a long `in` costs no more than a short one.
    """
    if isinstance(condition, Comparison):
        return _comparison(condition, case_sensitive)
    parts = [predicate(part, case_sensitive=case_sensitive) for part in condition.parts]
    if condition.every:
        return lambda record: all(part(record) for part in parts)
    return lambda record: any(part(record) for part in parts)


def candidates(condition: Condition, path: str) -> set[Value] | None:
    """Return the only values of a field with which the condition can hold; None means any.

    So a list of ids is looked up rather than searched for among all records.
    """
    if isinstance(condition, Comparison):
        named = condition.path == path and not condition.negated
        return set(condition.values) if named and condition.operator in ("=", "in") else None
    sets = [candidates(part, path) for part in condition.parts]
    if condition.every:
        return next((values for values in sets if values is not None), None)
    return None if None in sets else {value for values in sets for value in values or ()}


def _comparison(comparison: Comparison, case_sensitive: bool) -> Predicate:
    names = comparison.path.split("/")
    key = _key(comparison.values, case_sensitive)
    test = _test(comparison, key)
    return lambda record: test(key(_look_up(record, names))) is not comparison.negated


def _key(values: tuple[Value, ...], case_sensitive: bool) -> Callable[[Any], Any]:
    """Return what brings a value of a record, or of the condition, into comparable form."""
    if any(isinstance(value, datetime) for value in values):
        return lambda value: parse_date(value) if isinstance(value, str) else value
    if case_sensitive:
        return lambda value: value
    return lambda value: value.casefold() if isinstance(value, str) else value


def _test(comparison: Comparison, key: Callable[[Any], Any]) -> Predicate:
    values = [key(value) for value in comparison.values]
    if comparison.operator in ("=", "in"):
        return frozenset(values).__contains__
    value = values[0]
    if comparison.operator == "contains":
        return lambda found: found is not None and value in found
    if comparison.operator == "like":
        pattern = _like(value)
        return lambda found: found is not None and pattern.fullmatch(found) is not None
    compare = _ORDER[comparison.operator]
    return lambda found: found is not None and compare(found, value)


def _like(pattern: str) -> re.Pattern[str]:
    # Which sign stands for any characters is not documented: both usual ones do.
    parts = (re.escape(part) for part in re.split(r"[*%]", pattern))
    return re.compile(".*".join(parts), re.DOTALL)


def _look_up(record: Record, names: list[str]) -> Any:
    found: Any = record
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
