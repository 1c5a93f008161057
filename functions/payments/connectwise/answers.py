"""Read what ConnectWise answers, make it harmless, and say its errors in plain words.

Nothing that is read here can hurt further on, on the way to files, tables, reports or the command:
texts have no lone surrogates and no control characters and are of bounded length, numbers fit into
DynamoDB and into a line of text, nesting and the number of values are bounded.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import islice
from typing import Any

from payments.models import JsonValue

MOST_TEXT_CHARACTERS = 2000
# A full page of whole invoices has about 200,000 values.
_MOST_VALUES = 500_000
_DEEPEST = 50
# DynamoDB's numbers have 38 digits; nobody pays more, or less, than that many can say.
_MOST_DIGITS = 38
_LARGEST_ID = 2**31 - 1  # ConnectWise's ids are int32 (OpenAPI description)
# C0 and C1 controls, line and paragraph separators, halves of surrogate pairs, and the two that are
# no characters in XML.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

_PLAIN_NAME = re.compile("[A-Za-z][A-Za-z/]{0,39}")
_MAX_MESSAGE_CHARACTERS = 500
_MAX_NAME_CHARACTERS = 100
_MAX_MESSAGES = 20


def read_json(body: bytes) -> Any:
    """Return the JSON of a body, its numbers exact; raises ValueError if it is none.

    A number out of this world becomes None.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _MOST_VALUES:
        raise ValueError("more values than an answer can have")
    try:
        answer = json.loads(
            body.decode("utf-8-sig"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_nothing,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return _harmless(answer, _DEEPEST)


def write_json(value: JsonValue | list[Any] | tuple[Any, ...]) -> str:
    """Return `value` as JSON; a Decimal becomes a number with exactly its digits.

    The standard library can only write a Decimal by way of a float.
    """
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}:{write_json(part)}" for name, part in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(write_json(part) for part in value) + "]"
    return json.dumps(value)


def usable_id(value: object) -> int | None:
    """Return `value` if it can be the id of a record in ConnectWise, else None."""
    if type(value) is not int:  # True is an int, too
        return None
    return value if 1 <= value <= _LARGEST_ID else None


def usable_number(value: object) -> Decimal | None:
    """Return a number that was read as a Decimal, None if it is none."""
    return Decimal(value) if type(value) is int or isinstance(value, Decimal) else None


def read_error(body: bytes) -> dict[str, Any] | None:
    """Return the error object of an answer, None if it is not one of ConnectWise's.

    The shape is ErrorResponseMessage in ConnectWise's OpenAPI description; throttling has another
    (`error` for `code`). Pages of proxies, firewalls and IIS are neither.
    """
    try:
        answer = read_json(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    named = any(answer.get(name) for name in ("code", "message", "error", "errors"))
    return answer if named else None


def error_messages(status: int, body: bytes) -> tuple[str, ...]:
    """Return the errors that an answer names, one text each, at least one.

    Of an answer that is not ConnectWise's nothing is passed on.
    """
    answer = read_error(body) or {}
    details = answer.get("errors")
    if not isinstance(details, list) or not details:
        details = [answer]
    messages = (_message(detail) for detail in details if isinstance(detail, dict))
    return tuple(islice(filter(None, messages), _MAX_MESSAGES)) or (
        f"ConnectWise answered {status} without a reason.",
    )


def error_codes(body: bytes) -> tuple[str, ...]:
    """Return the codes and fields that an error names, as far as they are plain names."""
    answer = read_error(body) or {}
    details = answer.get("errors")
    named = [answer.get("code") or answer.get("error")]
    for detail in details if isinstance(details, list) else ():
        named += [detail.get("code"), detail.get("field")] if isinstance(detail, dict) else []
    plain = (name for name in named if isinstance(name, str) and _PLAIN_NAME.fullmatch(name))
    return tuple(islice(dict.fromkeys(plain), _MAX_MESSAGES))


def _message(detail: dict[str, Any]) -> str | None:
    text = detail.get("message")
    code = detail.get("code") or detail.get("error")
    if not text and not code:
        return None
    about = [f"field {_name(detail['field'])}"] if detail.get("field") else []
    about += [f"code {_name(code)}"] if code and text else []
    suffix = f" ({', '.join(about)})" if about else ""
    return f"ConnectWise: {text or code}"[:_MAX_MESSAGE_CHARACTERS] + suffix


def _name(text: object) -> str:
    return str(text)[:_MAX_NAME_CHARACTERS]


def _harmless(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _harmless_text(value)
    if not isinstance(value, list | dict):
        return value
    if not depth:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [_harmless(part, depth - 1) for part in value]
    return {_harmless_text(name): _harmless(part, depth - 1) for name, part in value.items()}


def _harmless_text(text: str) -> str:
    # Asking first is quick, and nearly always enough.
    harmless = text if text.isprintable() else _HARMFUL.sub(" ", text)
    return harmless[:MOST_TEXT_CHARACTERS]


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _decimal(digits: str) -> Decimal | None:
    if len(digits) > _MOST_DIGITS:
        return None
    try:
        number = Decimal(digits)
    except ArithmeticError:  # an exponent that even Decimal cannot hold
        return None
    return number if abs(number.adjusted()) <= _MOST_DIGITS else None


def _nothing(_name: str) -> None:
    """Read NaN and Infinity, which are no JSON, as None."""
