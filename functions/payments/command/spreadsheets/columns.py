"""Which column of a spreadsheet is which element of a payment: known by its name, or told."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from payments.files.reader import ERROR_MESSAGE
from payments.payment_fields import WRITABLE, Kind
from payments.wording import visible

AMOUNT, DAY = "amount", "paymentDate"
EXTERNAL_ID, ID = "externalId", "id"
NAMING = (EXTERNAL_ID, "invoice/identifier", "invoice/id", ID)
"""A row has at least one of these, or nobody knows which payment it is."""

PATHS = tuple(
    dict.fromkeys(
        (
            *NAMING[:2],
            AMOUNT,
            DAY,
            *NAMING,
            *(f"{f.name}/id" if f.kind is Kind.REFERENCE else f.name for f in WRITABLE),
        )
    )
)
"""The elements that have a column."""

NOT_SHOWN = "Not shown here"
"""The column of our own that says what else is in a record; it has to be emptied."""

NOT_GIVEN = "(none)"
"""What a cell holds if a payment has no amount or no day on purpose; an empty one may be a slip."""

# What an accounting package may mean otherwise than ConnectWise has a name of its own.
_HEADERS = {"id": "ConnectWise id", "type": "ConnectWise type"}
_ASKED = ("id", "paymentid", "invoiceid")
_SYNONYMS = {
    "externalId": "Receipt, Receipt id, Receipt no, Receipt number",
    "invoice/identifier": "Invoice, Invoice no, Invoice nr, Invoice number",
    AMOUNT: "Amount paid, Paid amount, Amount received, Payment amount",
    DAY: "Date, Date paid, Paid date, Paid on, Date received, Receipt date, Date of payment",
}

Told = Sequence[tuple[str, str]]
"""Pairs of an element and the name of its column; where one is empty, the other has none."""


def header_of(path: str) -> str:
    """Return how our own files head the column of an element."""
    return _HEADERS.get(path, path)


def plain(header: str) -> str:
    """Return a name without case, blanks and marks."""
    return "".join(c for c in header.casefold() if c.isalnum() or c == "/")


_KNOWN = {plain(header_of(path)): path for path in PATHS} | {
    plain(name): path for path, names in _SYNONYMS.items() for name in names.split(",")
}
_NOT_READ = ("", plain(ERROR_MESSAGE), plain(NOT_SHOWN))


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each element stands; `errors` is what has to be told.

    `not_shown` is where a row of our own says what else its record holds; `unread` are those of
    which nobody has said that they are not to be read.
    """

    header: tuple[str, ...]
    places: Mapping[str, int]
    not_shown: int | None
    unread: tuple[int, ...]
    errors: tuple[str, ...]

    def name(self, path: str) -> str:
        """Return the name of an element's column."""
        return visible(self.header[self.places[path]])

    @property
    def left_out(self) -> list[str]:
        """The names of the columns that are not read."""
        used = set(self.places.values())
        return [
            visible(name)
            for place, name in enumerate(self.header)
            if place not in used and plain(name) not in _NOT_READ
        ]


def find_columns(header: Sequence[str], told: Told) -> Columns:
    """Find the columns by what was told, and else by their names."""
    places: dict[str, list[int]] = defaultdict(list)
    names = [plain(name) for name in header]
    for place, name in enumerate(names):
        if path := _element(name, told):
            places[path].append(place)
    errors = (
        *_wrongly_told(header, told),
        *_questions(header, told),
        *(_several(path, header, found) for path, found in places.items() if len(found) > 1),
        *_missing(places, told),
    )
    first = {path: found[0] for path, found in places.items()}
    own = plain(NOT_SHOWN)
    not_shown = names.index(own) if own in names else None
    known = {*_NOT_READ[1:], *(plain(name) for path, name in told if name or not path)}
    unread = tuple(
        place
        for place, name in enumerate(names)
        if place not in first.values() and name not in known
    )
    return Columns(tuple(header), first, not_shown, unread, errors)


def _element(name: str, told: Told) -> str | None:
    """Return the element of a column, None or nothing if it is not read."""
    by_name = {plain(header): path for path, header in told if header}
    if name in by_name:
        return by_name[name]
    known = _KNOWN.get(name)
    return None if known in {path for path, _ in told} else known


def _wrongly_told(header: Sequence[str], told: Told) -> Iterator[str]:
    names = {plain(name) for name in header}
    for path, name in told:
        if path and path not in PATHS:
            yield f"--column {path}={name}: the elements are {', '.join(PATHS)}."
        if name and plain(name) not in names:
            yield f"--column {path}={name}: there is no such column."


def as_option(path: str, name: str) -> str:
    """Return the option that tells a column, as it is to be pasted into a shell."""
    told = f"{path}={name if name.isprintable() else visible(name)}"
    return f"--column {shlex.quote(told) if shlex.quote(told) != told else repr(told)}"


def _questions(header: Sequence[str], told: Told) -> Iterator[str]:
    answered = {plain(name) for _, name in told}
    for name in header:
        if plain(name) in _ASKED and plain(name) not in answered:
            own, of_payment, of_invoice, none = (
                as_option(path, name) for path in ("externalId", "id", "invoice/id", "")
            )
            yield (
                f"column {visible(name)}: whose is it? Say {own} if it is your own id of the "
                f"payment, {of_payment} or {of_invoice} if it is ConnectWise's, or {none} to leave "
                "it out."
            )


def _several(path: str, header: Sequence[str], places: Sequence[int]) -> str:
    names = ", ".join(visible(header[place]) for place in places)
    return f"several columns may be the {path}: {names}. Say which: --column '{path}=NAME'."


def _missing(places: Mapping[str, list[int]], told: Told) -> Iterator[str]:
    for path in (AMOUNT, DAY):
        if path not in places and (path, "") not in told:
            yield (
                f"no column is known as the {path}. Say --column '{path}=NAME', or '{path}=' if "
                "there is none."
            )
    if not any(path in places for path in NAMING):
        yield "no column is known as the invoice. Say --column 'invoice/identifier=NAME'."
