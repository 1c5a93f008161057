"""Decide in which way a column is read: as was told, or as its cells say all together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from payments.command.spreadsheets.amount_cells import Readings
from payments.wording import visible


class WrongCell(Exception):
    """Say what is wrong with a cell."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and what it is in each way that it can be read."""

    line: int
    text: str
    readings: Readings


class Choice:
    """The ways in which a column can still be read, and the cells that narrow them.

    A cell that can be read in no way says nothing. Cells that come to the same in each way that is
    left leave nothing to be decided.
    """

    def __init__(self, option: str, ways: Sequence[str], told: str | None) -> None:
        self._option = option
        self._left = list(ways if told is None else [told])
        self._is_told = told is not None
        self._narrowed_by: Cell | None = None
        self._conflict: Cell | None = None
        self._doubts: dict[tuple[str, str], Cell] = {}

    def learn(self, cell: Cell) -> None:
        """Take a cell into account."""
        if self._is_told or not cell.readings:
            return
        left = [way for way in self._left if way in cell.readings]
        if not left:
            self._conflict = self._conflict or cell
        elif left != self._left:
            self._left, self._narrowed_by = left, cell
        for one, other in combinations(left, 2):
            if cell.readings[one] != cell.readings[other]:
                self._doubts.setdefault((one, other), cell)

    def value(self, text: str, readings: Readings) -> str:
        """Return a cell as it is read, nothing while nobody knows how; raises WrongCell.

        A cell that can be read in no way stays as it is.
        """
        if not readings:
            return text
        if self._conflict or self._doubt:
            return ""
        way = self._left[0]
        if way not in readings:
            raise WrongCell(f"'{visible(text)}' is not written as {self._option} {way} says.")
        return readings[way]

    def problem(self) -> tuple[int, str] | None:
        """Return where and why the way is not known."""
        if self._conflict and self._narrowed_by:
            before = self._narrowed_by
            return self._conflict.line, (
                f"'{visible(self._conflict.text)}' cannot be read in the way of line "
                f"{before.line}, '{visible(before.text)}': write both alike."
            )
        doubt = self._doubt
        if doubt is None:
            return None
        ways = (
            f"{self._option} {way} if it is {_short(doubt.readings[way])}" for way in self._left
        )
        return doubt.line, (
            f"'{visible(doubt.text)}' can be read in several ways: say {', '.join(ways)}."
        )

    @property
    def _doubt(self) -> Cell | None:
        pairs = combinations(self._left, 2)
        cells = [self._doubts[pair] for pair in pairs if pair in self._doubts]
        return min(cells, key=lambda cell: cell.line, default=None)


def _short(reading: str) -> str:
    """Return an amount without the zeros that make it look like a thousand."""
    return re.sub(r"\.0+\Z", "", reading)
