"""DynamoDB's condition and update expressions, as far as they are used here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = dict[str, Any]
"""Attributes in DynamoDB's own notation."""

_TOKEN = re.compile(r"\s*(#\w+|:\w+|\w+|<>|<=|>=|[=<>(),+-])")
_COMPARED = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class ValidationFailed(Exception):
    """DynamoDB would refuse this expression, or this interpreter does not know it."""


class Expressions:
    """Evaluate expressions with the names and values of one request."""

    def __init__(self, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._names = names
        self._values = values
        self._tokens: list[str] = []

    def holds(self, condition: str, item: Item) -> bool:
        """Tell whether the condition holds for the item."""
        self._tokens = _tokens(condition)
        answer = self._either(item)
        self._end(condition)
        return answer

    def updated(self, update: str, item: Item) -> Item:
        """Return the item with the update made."""
        self._tokens = _tokens(update)
        changed = dict(item)
        while self._tokens:
            clause = self._next()
            if clause not in ("SET", "ADD", "REMOVE"):
                raise ValidationFailed(update)
            self._assign(clause, item, changed)
            while self._tokens and self._tokens[-1] == ",":
                self._next()
                self._assign(clause, item, changed)
        return changed

    def check_all_used(self, *expressions: str) -> None:
        """Refuse a name or value that is given in vain, or used without being given."""
        used = {token for text in expressions for token in _tokens(text) if token[0] in "#:"}
        if used != {*self._names, *self._values}:
            raise ValidationFailed(f"{sorted(used ^ {*self._names, *self._values})}")

    def _assign(self, clause: str, item: Item, changed: Item) -> None:
        name = self._name()
        if clause == "REMOVE":
            changed.pop(name, None)
        elif clause == "ADD":
            changed[name] = _number(_amount(item.get(name)) + _amount(self._operand(item)))
        else:
            self._take("=")
            value = self._operand(item)
            while self._tokens and self._tokens[-1] in "+-":
                sign = 1 if self._next() == "+" else -1
                value = _number(_amount(value) + sign * _amount(self._operand(item)))
            if value is None:
                raise ValidationFailed(f"no value for {name}")
            changed[name] = value

    def _either(self, item: Item) -> bool:
        answer = self._both(item)
        while self._tokens and self._tokens[-1] == "OR":
            self._next()
            answer = self._both(item) or answer
        return answer

    def _both(self, item: Item) -> bool:
        answer = self._comparison(item)
        while self._tokens and self._tokens[-1] == "AND":
            self._next()
            answer = self._comparison(item) and answer
        return answer

    def _comparison(self, item: Item) -> bool:
        if self._tokens[-1] == "NOT":
            self._next()
            return not self._comparison(item)
        if self._tokens[-1] == "(":
            self._take("(")
            answer = self._either(item)
            self._take(")")
            return answer
        if self._tokens[-1] in ("attribute_exists", "attribute_not_exists"):
            function = self._next()
            self._take("(")
            exists = self._name() in item
            self._take(")")
            return exists is (function == "attribute_exists")
        left = _comparable(self._operand(item))
        operator = self._next()
        if operator not in _COMPARED:
            raise ValidationFailed(operator)
        right = _comparable(self._operand(item))
        if left is None or right is None or left[0] != right[0]:
            return operator == "<>"
        return bool(_COMPARED[operator](left[1], right[1]))

    def _operand(self, item: Item) -> Any:
        token = self._tokens[-1]
        if token == "if_not_exists":
            self._next()
            self._take("(")
            name = self._name()
            self._take(",")
            default = self._operand(item)
            self._take(")")
            return item.get(name, default)
        if token.startswith(":"):
            return self._values[self._next()]
        return item.get(self._name())

    def _name(self) -> str:
        token = self._next()
        return self._names[token] if token.startswith("#") else token

    def _next(self) -> str:
        if not self._tokens:
            raise ValidationFailed("cut off")
        return self._tokens.pop()

    def _take(self, expected: str) -> None:
        if (found := self._next()) != expected:
            raise ValidationFailed(f"{expected} expected, not {found}")

    def _end(self, expression: str) -> None:
        if self._tokens:
            raise ValidationFailed(expression)


@lru_cache(maxsize=1000)
def _split(expression: str) -> tuple[str, ...]:
    if _TOKEN.sub("", expression).strip():
        raise ValidationFailed(expression)
    return tuple(_TOKEN.findall(expression))


def _tokens(expression: str) -> list[str]:
    """Return the tokens, the last first."""
    return list(_split(expression))[::-1]


def _comparable(value: Any) -> tuple[str, Any] | None:
    if value is None:
        return None
    ((kind, content),) = value.items()
    return kind, Decimal(content) if kind == "N" else content


def _amount(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(value["N"])


def _number(amount: Decimal) -> Any:
    return {"N": f"{amount:f}"}
