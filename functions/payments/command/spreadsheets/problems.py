"""What is wrong with a spreadsheet: everything, by line, up to a bound."""

from __future__ import annotations

MAX_PROBLEMS = 100


class NotConverted(Exception):
    """Nothing is converted; the message says why, a line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


class Problems:
    """Collect problems, and remember no more than can be shown."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[int, str]] = []

    def add(self, line: int, told: str, column: str = "") -> None:
        """Note what is wrong in a line, and in which of its columns."""
        self.count += 1
        if len(self._first) < MAX_PROBLEMS:
            place = f"line {line}, column {column}" if column else f"line {line}"
            self._first.append((line, f"{place}: {told}"))

    def raise_if_any(self) -> None:
        """Raise NotConverted if there is a problem."""
        if self.count:
            raise NotConverted(self.lines())

    def lines(self) -> list[str]:
        """Return them in the order of the file."""
        shown = [told for _, told in sorted(self._first, key=lambda problem: problem[0])]
        more = self.count - len(shown)
        return [*shown, f"… and {more} more."] if more else shown
