"""JSON whose numbers keep their digits: decimals in, decimals out, never a binary fraction."""

import json
import re
import secrets
from decimal import Decimal
from typing import Any

_MARK = f"decimal-{secrets.token_hex(8)}:"
_MARKED = re.compile(f'"{_MARK}([^"]+)"')


def loads(text: str | bytes) -> Any:
    """Read JSON; numbers with a fraction or an exponent become `Decimal`.

    Raises `ValueError` for anything that is not JSON, `NaN` and `Infinity` included.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: Any) -> str:
    """Write JSON; a `Decimal` becomes a number with the same digits."""
    # The C encoder has no hook for numbers, and a Python one is ten times slower:
    # decimals leave as marked strings, and the marks and quotes are taken off afterwards.
    text = json.dumps(value, default=_mark, separators=(",", ":"), ensure_ascii=False)
    return _MARKED.sub(r"\1", text) if _MARK in text else text


def _mark(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}"
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
