"""The part of ConnectWise's `conditions=` that is used: `id in (…)`, `invoiceNumber in ("…", …)`.

Strings are patterns, as ConnectWise's developer guide has it: `*` stands for any characters,
`[…]` for one of a set, so that `[` itself is written `[[]`. They are compared whatever their case
(not documented). All other conditions are refused, though ConnectWise knows more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LIST = re.compile(
    r"\s*(id|invoiceNumber|invoice/id)\s+in\s*\((.*)\)\s*", re.DOTALL | re.IGNORECASE
)
_VALUE = re.compile(r'\s*(?:(\d+)|"((?:[^"\\]|\\.)*)")\s*(,|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ANYTHING, _ONE_OF, _NOTHING, _SIGN = r"(\*)", r"\[([^\]]+)\]", "((?!))", "(.)"


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


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which fields conditions may name, and which signs of a text stand for others."""

    names: tuple[str, ...] = ("id", "invoiceNumber")
    wildcards: bool = True
    sets: bool = True


def parse(text: str, dialect: Dialect) -> Condition:
    """Read conditions; raise `ValueError` for those that cannot be read."""
    found = _LIST.fullmatch(text)
    if found is None or found[1] not in dialect.names:
        raise ValueError(f"cannot read the conditions {text[:50]!r}")
    values = list(_values(found[2]))
    if found[1] != "invoiceNumber":
        return Condition(ids=frozenset(int(number) for number, _ in values))
    if any(number for number, _ in values):
        raise ValueError("String values should be enclosed with double or single quotes")
    texts = [_ESCAPED.sub(r"\1", text) for _, text in values]
    return Condition(numbers=tuple(_pattern(text, dialect) for text in texts))


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


def _pattern(text: str, dialect: Dialect) -> Pattern:
    anything = _ANYTHING if dialect.wildcards else _NOTHING
    one_of = _ONE_OF if dialect.sets else _NOTHING
    found = re.finditer(f"{anything}|{one_of}|{_SIGN}", text, re.DOTALL)
    pieces = [piece.groups() for piece in found]
    regex = "".join(
        ".*" if anything else f"[{re.escape(among)}]" if among else re.escape(sign)
        for anything, among, sign in pieces
    )
    plain = all(not anything and len(among or sign) == 1 for anything, among, sign in pieces)
    exact = "".join(among or sign for _, among, sign in pieces) if plain else None
    return Pattern(re.compile(regex, re.DOTALL | re.IGNORECASE), exact)
