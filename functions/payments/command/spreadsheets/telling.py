"""Columns that nobody reads, and that may say what an amount is: its currency, a refund, void."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from unicodedata import normalize

from payments.command.spreadsheets.columns import Columns, as_option
from payments.command.spreadsheets.csv_rows import Row
from payments.wording import visible

_MOST_SHOWN = 5
_CURRENCY = re.compile(
    r"\bcurr?\b|currency|\bccy|w(?:ä|ae)hrung|\bwkz|devise|divisa|valuta|moneda|monnaie|\bmunt|\biso\b"
)
_KINDS = re.compile(r"status|typ|\bkind|(?:\b|buchungs|beleg|umsatz|vorgangs)art\b")
"""As those of a currency, columns that say nothing while all their cells are alike."""
_SIDES = re.compile(
    r"d[eé]bit(?!or|eur)|cr[eé]dit(?!or|eur| ?(?:card|term|limit))|\b(?:dr|cr|dc|sens)\b|"
    r"\b(?:s[/ ]h|d[/ ]c|c[/ ]d)\b|richtung|direction|bounc|delet|"
    r"\bsoll|\bhaben|\bdebe\b|\bhaber\b|vorzeichen|\bsign\b|void|cancel|storn|revers|refund"
)
"""Columns that say nothing while all their cells are empty, or say no."""
_NO = re.compile(r"[0.,-]*|no?|nein|non|false|falsch")
_CURRENCIES = frozenset(
    code
    for codes in (
        "aed aud bgn brl cad chf cny czk dkk eur gbp hkd huf ils",
        "inr isk jpy mxn nok nzd pln ron sek sgd try usd zar",
    )
    for code in codes.split()
)
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
            is_alike = self._may_tell[place] is not _is_not_no and len(seen) == 1
            if seen and (not is_alike or _NO_PAYMENT.search("".join(seen))):
                yield _question(self._names[place], list(seen.values()))


def _which_may_tell(header: str) -> Callable[[str], bool]:
    """Return what knows the cells of a column that may say something."""
    name = normalize("NFC", header).casefold().replace("_", " ")
    if _SIDES.search(name):
        return _is_not_no
    if _CURRENCY.search(name):
        return _any_cell
    return bool if _KINDS.search(name) else _may_tell


def _is_not_no(cell: str) -> bool:
    return not _NO.fullmatch(cell)


def _any_cell(_: str) -> bool:
    return True


def _may_tell(cell: str) -> bool:
    return cell in _CURRENCIES or bool(_NO_PAYMENT.fullmatch(cell))


def _question(name: str, seen: list[str]) -> str:
    values = ", ".join(seen[:_MOST_SHOWN]) + (", …" if len(seen) > _MOST_SHOWN else "")
    return (
        f"column {visible(name) or 'without a name'} has {values}: it may say that an amount is no "
        "payment received, or of another currency. Remove the rows that are none, and split the "
        f"table by currency; then say {as_option('', name)} to leave the column out."
    )
