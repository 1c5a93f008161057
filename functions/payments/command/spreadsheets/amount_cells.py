"""Read an amount of a spreadsheet in each way that it can be read, and choose none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from payments.wording import BLANKS, MINUS_SIGNS


class Point(StrEnum):
    """What stands before the decimals; the other one may stand between thousands."""

    POINT = "."
    COMMA = ","


Readings = Mapping[str, str]
"""What a cell is in XML, by the way of reading it; empty if it cannot be read."""

_BLANK = f"[{re.escape(BLANKS)}]"
_ANY_CURRENCY = "[A-Z]{3}|[A-Z]{0,2}[$\u00a2-\u00a5\u20a0-\u20cf]|S?Fr\\.?"
_NO_CENTS = re.compile(f"(?<=[0-9][.,])[{re.escape(MINUS_SIGNS)}]{{1,2}}(?![0-9])")
_NUMBERS = {
    point: re.compile(
        rf"([0-9]*|[1-9][0-9]{{0,2}}(?:(?P<mark>[{other}'\u2019]|{_BLANK})[0-9]{{3}}"
        rf"(?:(?P=mark)[0-9]{{3}})*))(?:[{point}]([0-9]*))?"
    )
    for point, other in zip(Point, reversed(Point), strict=True)
}


@dataclass(frozen=True, slots=True)
class AmountCell:
    """An amount as it is written: its currency, if it has one, and what it may be."""

    currency: str
    readings: Readings


def amount_pattern(currency: str | None) -> re.Pattern[str]:
    """Return what takes an amount apart, of any currency or of the one that was told."""
    sign = f"(?P<sign{{}}>[+{re.escape(MINUS_SIGNS)}])?"
    mark = f"(?P<mark{{}}>{_ANY_CURRENCY if currency is None else re.escape(currency)})?"
    number = "(?P<number>[0-9.,](?:.*[0-9.,])?)"
    parts = (sign, mark, sign, number, sign, mark, sign)
    return re.compile(
        f"{_BLANK}*".join(part.replace("{}", str(place)) for place, part in enumerate(parts))
    )


def read_amount_cell(text: str, pattern: re.Pattern[str]) -> AmountCell:
    """Return what an amount may be; one in brackets is negative, as ledgers write it.

    The dash of 50.- stands for the cents that there are none of.
    """
    text = _NO_CENTS.sub("", text)
    in_brackets = text.startswith("(") and text.endswith(")")
    match = pattern.fullmatch(text[1:-1].strip(BLANKS) if in_brackets else text)
    found = {name: part for name, part in match.groupdict().items() if part} if match else {}
    number = found.pop("number", "")
    marks = [part for name, part in found.items() if name.startswith("mark")]
    signs = [part for name, part in found.items() if name.startswith("sign")] + ["-"] * in_brackets
    if len(marks) > 1 or len(signs) > 1:
        return AmountCell("", {})
    sign = "-" if signs and signs != ["+"] else ""
    readings = {point: _number(number, numbers) for point, numbers in _NUMBERS.items()}
    return AmountCell(
        "".join(marks), {point: sign + read for point, read in readings.items() if read}
    )


def _number(text: str, numbers: re.Pattern[str]) -> str:
    match = numbers.fullmatch(text)
    if match is None or not (match[1] or match[3]):
        return ""
    whole = re.sub("[^0-9]", "", match[1]) or "0"
    return f"{whole}.{match[3]}" if match[3] else whole
