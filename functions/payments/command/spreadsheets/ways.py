"""How amounts and days are written in one spreadsheet, and what a cell is then."""

from __future__ import annotations

import re

from payments.command.spreadsheets.amount_cells import (
    Point,
    amount_pattern,
    read_amount_cell,
)
from payments.command.spreadsheets.choice import Cell, Choice, WrongCell
from payments.command.spreadsheets.day_cells import Order, read_day_cell
from payments.wording import MINUS_SIGNS, visible

_NO_WHOLE = re.compile(f"[{re.escape(MINUS_SIGNS)}][.,][0-9]")
"""In Switzerland the dash of -.50 stands for no francs, elsewhere for minus."""


class Days:
    """The column of days."""

    def __init__(self, told: Order | None) -> None:
        self.choice = Choice("--dates", tuple(Order), told)

    def learn(self, line: int, text: str) -> None:
        """Take a cell into account."""
        self.choice.learn(Cell(line, text, read_day_cell(text)))

    def value(self, text: str) -> str:
        """Return the cell for XML, as it is if it cannot be read; raises WrongCell."""
        return self.choice.value(text, read_day_cell(text))


class Amounts:
    """The column of amounts, all of one currency."""

    def __init__(self, told: Point | None, currency: str | None, decimals: int) -> None:
        self.choice = Choice("--decimals", tuple(Point), told)
        self._pattern = amount_pattern(currency)
        self._currency: tuple[str, int] | None = None
        self._needless = re.compile(rf"(\.[0-9]{{{decimals}}})0+\Z") if told else None

    def learn(self, line: int, text: str) -> None:
        """Take a cell into account."""
        cell = read_amount_cell(text, self._pattern)
        if cell.currency and self._currency is None:
            self._currency = cell.currency, line
        self.choice.learn(Cell(line, text, cell.readings))

    def value(self, text: str) -> str:
        """Return the cell for XML, as it is if it cannot be read; raises WrongCell."""
        if _NO_WHOLE.search(text):
            raise WrongCell(f"'{visible(text)}' may be cents or minus: write 0 before the point.")
        cell = read_amount_cell(text, self._pattern)
        if cell.currency and self._currency and cell.currency != self._currency[0]:
            raise WrongCell(
                f"the currency is {cell.currency}, but {self._currency[0]} in line "
                f"{self._currency[1]}: a file has amounts of one currency, that of the invoices."
            )
        value = self.choice.value(text, cell.readings)
        return self._needless.sub(r"\1", value) if self._needless else value
