"""Read the day of a payment, and guess what was meant by one that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, time, timedelta

from payments.wording import MINUS_SIGNS, visible

EARLIEST_DAY = date(1990, 1, 1)
LATEST_DAY = timedelta(days=366)  # from today

_DAY = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?:24:00:00(?:\.0+)?|([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?))?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T ]+[0-9]{1,2}:[0-9]{2}.*)?"
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/. ]?)([0-9]{{1,2}})\2([0-9]{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(
    rf"([0-9]{{1,2}})([-/. ])([0-9]{{1,2}})\2((?:[0-9]{{2}})?[0-9]{{2}}){_TIME}"
)
_DAY_BY_NAME = re.compile(
    rf"([0-9]{{1,2}})[-. ]+([a-z]{{3}})[a-z]*[-., ]+([0-9]{{2,4}}){_TIME}", re.IGNORECASE
)
_NAME_FIRST = re.compile(
    rf"([a-z]{{3}})[a-z]*[-. ]+([0-9]{{1,2}})[-., ]+([0-9]{{4}}){_TIME}", re.IGNORECASE
)
_HYPHENS = str.maketrans(dict.fromkeys(MINUS_SIGNS, "-"))
_SERIAL = re.compile(r"([0-9]{5})(?:\.[0-9]+)?")
_SERIAL_BEGIN = date(1899, 12, 30)  # of spreadsheets' numbers of days


class WrongDay(Exception):
    """Say what is wrong with a day, as the rest of a sentence that begins with its name."""


def read_day(text: str, today: date) -> date:
    """Return the day of an xsd:date or xsd:dateTime as it is written; raises WrongDay."""
    day = _day(text)
    if day is None:
        raise WrongDay(_no_day(text, today))
    if not _is_plausible(day, today):
        told = "is before 1990" if day < EARLIEST_DAY else "is more than a year ahead"
        raise WrongDay(
            f"{told}, which no payment is: '{visible(text)}'. If the year is wrong, correct it. If "
            "a program has put it there because it knows no day, leave it out."
        )
    return day


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        if match[2]:
            time.fromisoformat(match[2])
        return date.fromisoformat(match[1])
    except ValueError:
        return None


def _is_plausible(day: date, today: date) -> bool:
    return EARLIEST_DAY <= day <= today + LATEST_DAY


def _no_day(text: str, today: date) -> str:
    shown = visible(text)
    guesses = list(_guesses(text.translate(_HYPHENS)))
    meant = sorted({day.isoformat() for day in guesses if day and _is_plausible(day, today)})
    if len(meant) > 1:
        return f"can be read in more than one way: '{shown}'. Write {' or '.join(meant)}."
    if guesses and not any(guesses):
        return f"is no day of the calendar: '{shown}'. Write the day of the payment."
    told = f"must be a day written like 2018-10-11: '{shown}'."
    return f"{told} If {meant[0]} was meant, write that." if meant else told


def _guesses(text: str) -> Iterator[date | None]:
    """Yield the days that a text can mean, None where the calendar has none."""
    for year, month, day in _parts(text):
        try:
            yield date(int(year), int(month), int(day))
        except ValueError:
            yield None


def _parts(text: str) -> Iterator[tuple[str | int, str | int, str | int]]:
    """Yield what can be year, month and day in a text."""
    if match := _SERIAL.fullmatch(text):
        day = _SERIAL_BEGIN + timedelta(days=int(match[1]))
        yield day.year, day.month, day.day
    elif match := _YEAR_FIRST.fullmatch(text):
        yield match[1], match[3], match[4]
    elif match := _YEAR_LAST.fullmatch(text):
        year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
        yield year, match[3], match[1]
        if match[2] != ".":  # points are written where the day comes first
            yield year, match[1], match[3]
        if match[2] == "-" and len(match[4]) == 2:
            yield f"20{match[1]}", match[3], match[4]
    elif (match := _DAY_BY_NAME.fullmatch(text)) and _month(match[2]):
        yield match[3] if len(match[3]) == 4 else f"20{match[3]}", _month(match[2]), match[1]
    elif (match := _NAME_FIRST.fullmatch(text)) and _month(match[1]):
        yield match[3], _month(match[1]), match[2]


def _month(name: str) -> int:
    """Return the number of a month, 0 if it is none."""
    return _MONTHS.index(name.lower()) + 1 if name.lower() in _MONTHS else 0
