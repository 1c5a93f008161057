"""Columns that nobody reads, and that may say what an amount is: its currency, a refund, void."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from payments.command.spreadsheets.columns import Columns
from payments.command.spreadsheets.csv_rows import Row
from payments.wording import visible

_MOST_SHOWN = 5
_KINDS = re.compile(
    r"curr(?:ency)?\b|\bccy|w(?:ä|ae)hrung|\bwkz|devise|valuta|moneda|status|typ|\bkind|"
    r"(?:\b|buchungs|beleg|umsatz|vorgangs)art\b"
)
"""Columns that say nothing while all their cells are alike."""
_SIDES = re.compile(
    r"d[eé]bit(?!or|eur)|cr[eé]dit(?!or|eur| ?(?:card|term|limit))|\b(?:dr|cr|s/h|d/c|c/d)\b|"
    r"\bsoll|\bhaben|\bdebe\b|\bhaber\b|vorzeichen|\bsign\b|void|cancel|storn|revers|refund"
)
"""Columns that say nothing while all their cells are empty, or say no."""
_NO = re.compile(r"[0.,-]*|no?|nein|non|false|falsch")
_NO_PAYMENT = re.compile(
    r"\b(?:refund|void|revers|cancel|storn|charge-?back|bounc|declin|fail|reject|return|pending|"
    r"credit(?! ?card)|gutschrift|erstattung|rück(?:zahl|last))\w*(?: memo| note)?"
)


class Telling:
    """The columns that nobody has said anything of, and what may be told by each."""

    def __init__(self, columns: Columns) -> None:
        self._names = {place: columns.header[place] for place in columns.unread}
        self._may_tell = {place: _which_may_tell(name) for place, name in self._names.items()}
        self._seen: dict[int, dict[str, str]] = {place: {} for place in columns.unread}

    def learn(self, row: Row) -> None:
        """Take a row into account."""
        for place, may_tell in self._may_tell.items():
            cell, seen = row.cells[place].casefold(), self._seen[place]
            if len(seen) <= _MOST_SHOWN and may_tell(cell):
                seen.setdefault(cell, f"'{visible(row.cells[place])}' (line {row.line})")

    def questions(self) -> Iterator[str]:
        """Yield a question for each column that says something."""
        for place, seen in self._seen.items():
            is_alike = self._may_tell[place] is _any_cell and len(seen) == 1
            if seen and (not is_alike or _NO_PAYMENT.search("".join(seen))):
                yield _question(visible(self._names[place]), list(seen.values()))


def _which_may_tell(header: str) -> Callable[[str], bool]:
    """Return what knows the cells of a column that may say something."""
    name = header.casefold().replace("_", " ")
    if _SIDES.search(name):
        return _is_not_no
    return _any_cell if _KINDS.search(name) else _is_no_payment


def _is_not_no(cell: str) -> bool:
    return not _NO.fullmatch(cell)


def _any_cell(_: str) -> bool:
    return True


def _is_no_payment(cell: str) -> bool:
    return bool(_NO_PAYMENT.fullmatch(cell))


def _question(name: str, seen: list[str]) -> str:
    values = ", ".join(seen[:_MOST_SHOWN]) + (", …" if len(seen) > _MOST_SHOWN else "")
    return (
        f"column {name or 'without a name'} has {values}: it may say that an amount is no payment "
        "received, or of another currency. Remove the rows that are none, and split the table by "
        f"currency; then say --column '={name}' to leave the column out."
    )
