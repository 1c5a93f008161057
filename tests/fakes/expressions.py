"""DynamoDB's condition and update expressions, as far as they are used here."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = dict[str, Any]
"""Attributes in DynamoDB's own notation."""

_TOKEN = re.compile(r"\s*(#\w+|:\w+|\w+|<>|<=|>=|[=<>(),+-])")
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ValidationFailed(Exception):
    """DynamoDB would refuse this expression, or this interpreter does not know it."""


class Request:
    """The names and values that come with expressions; all of them must be used."""

    def __init__(
        self, names: Mapping[str, str], values: Mapping[str, Any], *expressions: str
    ) -> None:
        self.names = names
        self.values = values
        used = {token for text in expressions for token in _tokens(text) if token[0] in "#:"}
        if used != {*names, *values}:
            raise ValidationFailed(f"{sorted(used ^ {*names, *values})}")

    def holds(self, condition: str, item: Item) -> bool:
        """Tell whether the condition holds for the item."""
        return bool(_condition(condition)(self, item))

    def updated(self, update: str, item: Item) -> Item:
        """Return the item with the update made."""
        changed = dict(item)
        for clause, token, operand in _update(update):
            name = self.names.get(token, token)
            if clause == "REMOVE":
                changed.pop(name, None)
                continue
            value = operand(self, item)
            if clause == "ADD":
                value = _sum(item.get(name), value)
            if value is None:
                raise ValidationFailed(f"no value for {name}")
            changed[name] = value
        return changed


Evaluated = Callable[[Request, Item], Any]


@lru_cache(maxsize=1000)
def _tokens(expression: str) -> tuple[str, ...]:
    if _TOKEN.sub("", expression).strip():
        raise ValidationFailed(expression)
    return tuple(_TOKEN.findall(expression))


@lru_cache(maxsize=1000)
def _condition(expression: str) -> Evaluated:
    parser = _Parser(expression)
    condition = parser.either()
    if parser.left:
        raise ValidationFailed(expression)
    return condition


@lru_cache(maxsize=1000)
def _update(expression: str) -> list[tuple[str, str, Evaluated]]:
    parser = _Parser(expression)
    changes = []
    while parser.left:
        clause = parser.next()
        if clause not in ("SET", "ADD", "REMOVE"):
            raise ValidationFailed(expression)
        changes.append((clause, *parser.change(clause)))
        while parser.takes(","):
            changes.append((clause, *parser.change(clause)))
    return changes


class _Parser:
    """Turn tokens into what evaluates them; `left` has them last first."""

    def __init__(self, expression: str) -> None:
        self.left = list(_tokens(expression))[::-1]

    def next(self) -> str:
        if not self.left:
            raise ValidationFailed("cut off")
        return self.left.pop()

    def takes(self, token: str) -> bool:
        found = self.left[-1:] == [token]
        if found:
            self.left.pop()
        return found

    def expect(self, token: str) -> None:
        if not self.takes(token):
            raise ValidationFailed(f"{token} expected before {self.left[-1:]}")

    def change(self, clause: str) -> tuple[str, Evaluated]:
        name = self.next()
        if clause == "REMOVE":
            return name, lambda *_: None
        if clause == "SET":
            self.expect("=")
        operand = self.operand()
        while self.left and self.left[-1] in "+-":
            operand = _added(operand, 1 if self.next() == "+" else -1, self.operand())
        return name, operand

    def either(self) -> Evaluated:
        parts = [self.both()]
        while self.takes("OR"):
            parts.append(self.both())
        return lambda request, item: any(part(request, item) for part in parts)

    def both(self) -> Evaluated:
        parts = [self.comparison()]
        while self.takes("AND"):
            parts.append(self.comparison())
        return lambda request, item: all(part(request, item) for part in parts)

    def comparison(self) -> Evaluated:
        if self.takes("NOT"):
            negated = self.comparison()
            return lambda request, item: not negated(request, item)
        if self.takes("("):
            inner = self.either()
            self.expect(")")
            return inner
        if self.left and self.left[-1] in ("attribute_exists", "attribute_not_exists"):
            wanted = self.next() == "attribute_exists"
            self.expect("(")
            operand = self.operand()
            self.expect(")")
            return lambda request, item: (operand(request, item) is not None) is wanted
        left, sign, right = self.operand(), self.next(), self.operand()
        if sign not in _COMPARED:
            raise ValidationFailed(sign)
        return lambda request, item: _holds(left(request, item), sign, right(request, item))

    def operand(self) -> Evaluated:
        token = self.next()
        if token == "if_not_exists":
            self.expect("(")
            first = self.operand()
            self.expect(",")
            other = self.operand()
            self.expect(")")
            return lambda request, item: first(request, item) or other(request, item)
        if token.startswith(":"):
            return lambda request, _: request.values[token]
        return lambda request, item: item.get(request.names.get(token, token))


def _added(left: Evaluated, sign: int, right: Evaluated) -> Evaluated:
    return lambda request, item: _sum(left(request, item), right(request, item), sign)


def _sum(left: Any, right: Any, sign: int = 1) -> Item:
    first = Decimal(0) if left is None else Decimal(left["N"])
    return {"N": f"{first + sign * Decimal(right['N']):f}"}


def _holds(left: Any, sign: str, right: Any) -> bool:
    if left is None or right is None or left.keys() != right.keys():
        return sign == "<>"
    ((kind, one),), ((_, other),) = left.items(), right.items()
    return _COMPARED[sign](*((Decimal(one), Decimal(other)) if kind == "N" else (one, other)))
