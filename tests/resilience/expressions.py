"""DynamoDB's condition and update expressions, as far as they are used here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]

_TOKEN = re.compile(r"\s*(#\w+|:\w+|\w+|<>|[=(),])")
_MISSING = object()


class Expressions:
    """Evaluate expressions with the names and values of one request.

    Whatever is not understood fails, and so do names and values that no expression uses, as in
    DynamoDB.
    """

    def __init__(self, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._names = names
        self._values = values
        self._used: set[str] = set()
        self._tokens: list[str] = []

    def holds(self, condition: str, item: Item) -> bool:
        """Tell whether the condition holds for the item."""
        self._tokens = _TOKEN.findall(condition)
        answer = self._either(item)
        assert not self._tokens, f"not understood: {condition}"
        return answer

    def updated(self, update: str, item: Item) -> Item:
        """Return the item with the update made."""
        self._tokens = _TOKEN.findall(update)
        changed = dict(item)
        while self._tokens:
            clause = self._tokens.pop(0)
            assert clause in ("SET", "ADD", "REMOVE"), f"not understood: {update}"
            self._assign(clause, item, changed)
            while self._tokens and self._tokens[0] == ",":
                self._tokens.pop(0)
                self._assign(clause, item, changed)
        return changed

    def check_all_used(self) -> None:
        """Fail if a name or value was given in vain."""
        unused = {*self._names, *self._values} - self._used
        assert not unused, f"unused in expressions: {sorted(unused)}"

    def _assign(self, clause: str, item: Item, changed: Item) -> None:
        name = self._name()
        if clause == "SET":
            self._take("=")
            changed[name] = self._operand(item)
        elif clause == "REMOVE":
            changed.pop(name, None)
        else:
            changed[name] = item.get(name, 0) + self._operand(item)

    def _either(self, item: Item) -> bool:
        answer = self._both(item)
        while self._tokens and self._tokens[0] == "OR":
            self._tokens.pop(0)
            answer = self._both(item) or answer
        return answer

    def _both(self, item: Item) -> bool:
        answer = self._comparison(item)
        while self._tokens and self._tokens[0] == "AND":
            self._tokens.pop(0)
            answer = self._comparison(item) and answer
        return answer

    def _comparison(self, item: Item) -> bool:
        if self._tokens[0] == "(":
            self._take("(")
            answer = self._either(item)
            self._take(")")
            return answer
        if self._tokens[0] in ("attribute_exists", "attribute_not_exists"):
            function = self._tokens.pop(0)
            self._take("(")
            exists = self._name() in item
            self._take(")")
            return exists is (function == "attribute_exists")
        left = self._operand(item)
        operator = self._tokens.pop(0)
        right = self._operand(item)
        assert operator in ("=", "<>"), f"not understood: {operator}"
        if left is _MISSING or right is _MISSING:
            return operator == "<>"
        return bool((left == right) is (operator == "="))

    def _operand(self, item: Item) -> Any:
        token = self._tokens[0]
        if token == "if_not_exists":
            self._tokens.pop(0)
            self._take("(")
            name = self._name()
            self._take(",")
            default = self._operand(item)
            self._take(")")
            return item.get(name, default)
        if token.startswith(":"):
            self._tokens.pop(0)
            self._used.add(token)
            return self._values[token]
        return item.get(self._name(), _MISSING)

    def _name(self) -> str:
        token = self._tokens.pop(0)
        if not token.startswith("#"):
            return token
        self._used.add(token)
        return self._names[token]

    def _take(self, expected: str) -> None:
        found = self._tokens.pop(0)
        assert found == expected, f"{expected} expected, not {found}"
