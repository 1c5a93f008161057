"""The part of ConnectWise's `conditions=` that is used: `id in (…)`, `invoiceNumber in ("…", …)`.

Strings are patterns, as ConnectWise's developer guide has it: `*` stands for any characters,
`[…]` for one of a set, so that `[` itself is written `[[]`. They are compared whatever their case
(not documented). All other conditions are refused, though ConnectWise knows more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LIST = re.compile(r"\s*(id|invoiceNumber)\s+in\s*\((.*)\)\s*", re.DOTALL | re.IGNORECASE)
_VALUE = re.compile(r'\s*(?:(\d+)|"((?:[^"\\]|\\.)*)")\s*(,|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(r"(\*)|\[([^\]]+)\]|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """The ids, or the numbers, of which an invoice must have one."""

    ids: frozenset[int] = frozenset()
    numbers: tuple["Pattern", ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """A string of a condition; without wildcards it stands for one text only."""

    regex: re.Pattern[str]
    text: str | None


def parse(text: str) -> Condition:
    """Read conditions; raise `ValueError` for those that cannot be read."""
    found = _LIST.fullmatch(text)
    if found is None:
        raise ValueError(f"cannot read the conditions {text[:50]!r}")
    values = list(_values(found[2]))
    if found[1] == "id":
        return Condition(ids=frozenset(int(number) for number, _ in values))
    if any(number for number, _ in values):
        raise ValueError("String values should be enclosed with double or single quotes")
    return Condition(numbers=tuple(_pattern(_ESCAPED.sub(r"\1", text)) for _, text in values))


def _values(listed: str) -> Iterator[tuple[str, str]]:
    at = 0
    while True:
        value = _VALUE.match(listed, at)
        if value is None:
            raise ValueError(f"expected a value, not {listed[at : at + 20]!r}")
        yield value[1], value[2]
        at = value.end()
        if not value[3]:
            return


def _pattern(text: str) -> Pattern:
    pieces = [piece.groups() for piece in _PIECE.finditer(text)]
    regex = "".join(
        ".*" if anything else f"[{re.escape(among)}]" if among else re.escape(sign)
        for anything, among, sign in pieces
    )
    plain = all(not anything and len(among or sign) == 1 for anything, among, sign in pieces)
    exact = "".join(among or sign for _, among, sign in pieces) if plain else None
    return Pattern(re.compile(regex, re.DOTALL | re.IGNORECASE), exact)
