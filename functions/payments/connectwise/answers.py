"""Read what ConnectWise answers, and say its errors in plain words."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import islice
from typing import Any

from payments.models import JsonValue

_MAX_MESSAGE_CHARACTERS = 500
_MAX_NAME_CHARACTERS = 100
_MAX_MESSAGES = 20


def read_json(body: bytes) -> Any:
    """Return the JSON of a body, its numbers exact. Raises ValueError if it is none."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ArithmeticError, RecursionError) as error:  # an exponent or a depth out of this world
        raise ValueError(type(error).__name__) from error


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


def read_error(body: bytes) -> dict[str, Any] | None:
    """Return the error object of an answer, None if it has none that can be read."""
    try:
        answer = read_json(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def error_messages(status: int, body: bytes) -> tuple[str, ...]:
    """Return the errors that an answer names, one text each, at least one.

    The shape is ErrorResponseMessage in ConnectWise's OpenAPI description; throttling has
    another, and proxies in front of ConnectWise answer HTML, of which nothing is passed on.
    """
    answer = read_error(body)
    if answer is None:
        return (f"ConnectWise answered {status} without a reason.",)
    details = answer.get("errors")
    if not isinstance(details, list) or not details:
        details = [answer]
    messages = (_message(detail) for detail in details if isinstance(detail, dict))
    return tuple(islice(filter(None, messages), _MAX_MESSAGES)) or (
        f"ConnectWise answered {status} without a reason.",
    )


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
