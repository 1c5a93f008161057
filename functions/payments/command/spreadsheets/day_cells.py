"""Read a day of a spreadsheet in each way that it can be read, and choose none."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

from payments.command.spreadsheets.amount_cells import Readings


class Order(StrEnum):
    """How day, month and year follow each other."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NAME = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_MONTH, _DAY = f"(?P<month>[0-9]{{1,2}}|{_NAME})", "(?P<day>[0-9]{1,2})"
_YEAR, _SHORT_YEAR = "(?P<year>[0-9]{4})", "(?P<year>[0-9]{4}|[0-9]{2})"
_SIGN, _SAME = "(?P<sign>[ ./-])", "(?P=sign)"
_FORMS = {
    Order.DMY: f"{_DAY}{_SIGN}{_MONTH}{_SAME}{_SHORT_YEAR}",
    Order.MDY: f"{_MONTH}{_SIGN}{_DAY}(?:{_SAME}|, ?){_SHORT_YEAR}",
    Order.YMD: f"(?P<year>[0-9]{{2}}){_SIGN}(?P<month>[0-9]{{1,2}}){_SAME}{_DAY}",
}
_PATTERNS = {order: re.compile(form, re.IGNORECASE) for order, form in _FORMS.items()}
_YEAR_FIRST = re.compile(f"{_YEAR}{_SIGN}{_MONTH}{_SAME}{_DAY}", re.IGNORECASE)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.*)?")
_TIME = re.compile(r"[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AaPp][Mm])?\Z")


def read_day_cell(text: str) -> Readings:
    """Return what day a cell may be, without a time beside it; ISO 8601 is left as it is."""
    if _ISO.fullmatch(text):
        return dict.fromkeys(Order, text)
    bare = _TIME.sub("", text)
    if year_first := _day(_YEAR_FIRST, bare):
        return dict.fromkeys(Order, year_first)
    days = {order: _day(pattern, bare) for order, pattern in _PATTERNS.items()}
    return {order: day for order, day in days.items() if day}


def _day(pattern: re.Pattern[str], text: str) -> str:
    """Return the day in ISO 8601, nothing if there is none in this form."""
    match = pattern.fullmatch(text)
    if match is None:
        return ""
    year = int(match["year"]) + (2000 if len(match["year"]) == 2 else 0)
    try:
        return date(year, _month(match["month"]), int(match["day"])).isoformat()
    except ValueError:
        return ""


def _month(text: str) -> int:
    return int(text) if text.isdecimal() else _MONTHS.index(text[:3].lower()) + 1
