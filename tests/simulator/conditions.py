"""The language of `conditions=`, and how to read it.

    condition  = conjunction { "or" conjunction }
    conjunction = factor { "and" factor }
    factor     = "(" condition ")" | comparison
    comparison = path ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | path [ "not" ] ( "like" | "contains" ) string
               | path [ "not" ] "in" "(" value { "," value } ")"
    value      = string | number | "true" | "false" | "null" | "[" date "]"

Operators, quoting and dates in brackets are as ConnectWise's developer guide has them; strings in
single quotes are known from an error message of ConnectWise's.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from simulator.schema import Field, Fields, find_field, parse_date
from simulator.tokens import Token, tokenize

MAX_DEPTH = 50

Value = str | Decimal | bool | datetime | None

_HINT = (
    "String values should be enclosed with double or single quotes; "
    "DateTime values should be enclosed in square brackets; "
    "Boolean values should be true or false."
)
_ORDERED = ("<", "<=", ">", ">=")
_LITERALS = {
    "integer": "numeric",
    "number": "numeric",
    "string": "string",
    "boolean": "boolean",
    "date": "datetime",
}


class BadCondition(Exception):
    """The conditions cannot be read, or do not fit the record's fields."""

    def __init__(self, message: str, field: str = "conditions") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field against one value, or against several for `in`."""

    path: str
    operator: str
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions, of which all or any must hold."""

    every: bool
    parts: tuple["Condition", ...]


Condition = Comparison | Junction


def parse(text: str, fields: Fields) -> Condition:
    """Read conditions on records with those fields; raise `BadCondition`."""
    try:
        tokens = tokenize(text)
    except ValueError as error:
        raise BadCondition(str(error)) from error
    return _Parser(tokens, fields).whole()


class _Parser:
    """Recursive descent, one method for one rule of the grammar above."""

    def __init__(self, tokens: list[Token], fields: Fields) -> None:
        self._tokens = tokens
        self._fields = fields
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._condition()
        if self._token.kind != "end":
            raise BadCondition(f"unexpected {self._token.text}")
        return condition

    def _condition(self) -> Condition:
        parts = [self._conjunction()]
        while self._skip("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Junction(False, tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._factor()]
        while self._skip("and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else Junction(True, tuple(parts))

    def _factor(self) -> Condition:
        if not self._skip("("):
            return self._comparison()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadCondition("too many parentheses")
        condition = self._condition()
        self._expect(")")
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        path, field = self._path()
        negated = self._skip("not")
        sign = self._take().text.lower()
        if sign == "in":
            return Comparison(path, sign, self._list(path, field), negated)
        if sign in ("like", "contains"):
            return Comparison(path, sign, (self._text(path, field),), negated)
        if negated or sign not in ("=", "!=", *_ORDERED):
            raise BadCondition(f"expected an operator after {path}")
        if sign == "!=":
            return Comparison(path, "=", (self._value(path, field),), negated=True)
        if sign == "=":
            return Comparison(path, "=", (self._value(path, field),))
        return Comparison(path, sign, (self._ordered(path, field),))

    def _path(self) -> tuple[str, Field]:
        token = self._take()
        if token.kind != "word":
            raise BadCondition(f"expected a field, not {token.text or 'the end'}")
        field = find_field(self._fields, token.text)
        if field is None or field.kind not in _LITERALS:
            raise BadCondition(f"{token.text} is not a field to find by", token.text)
        return token.text, field

    def _list(self, path: str, field: Field) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._value(path, field)]
        while self._skip(","):
            values.append(self._value(path, field))
        self._expect(")")
        return tuple(values)

    def _text(self, path: str, field: Field) -> Value:
        if field.kind != "string":
            raise BadCondition(f"{path} is not a string", path)
        return self._ordered(path, field)

    def _ordered(self, path: str, field: Field) -> Value:
        value = self._value(path, field)
        if value is None or field.kind == "boolean":
            raise BadCondition(f"{path} cannot be compared so", path)
        return value

    def _value(self, path: str, field: Field) -> Value:
        token = self._take()
        kind, value = _literal(token)
        expected = _LITERALS[field.kind]
        if kind not in (expected, "null"):
            raise BadCondition(f"Expected a {expected} value, not a {kind}. {_HINT}", path)
        return value

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._token
        if token.kind != "end":
            self._at += 1
        return token

    def _skip(self, text: str) -> bool:
        found = self._token.kind != "string" and self._token.text.lower() == text
        if found:
            self._at += 1
        return found

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise BadCondition(f"expected {text} before {self._token.text or 'the end'}")


def _literal(token: Token) -> tuple[str, Value]:
    word = token.text.lower()
    if token.kind == "string":
        return "string", token.text
    if token.kind == "number":
        return "numeric", Decimal(token.text)
    if token.kind == "date":
        return "datetime", _moment(token.text)
    if token.kind == "word" and word in ("true", "false"):
        return "boolean", word == "true"
    if token.kind == "word" and word == "null":
        return "null", None
    raise BadCondition(f"expected a value, not {token.text or 'the end'}. {_HINT}")


def _moment(text: str) -> datetime:
    moment = parse_date(text)
    if moment is None:
        raise BadCondition(f"{text} is not a date")
    return moment
