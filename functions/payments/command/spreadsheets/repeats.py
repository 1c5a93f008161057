"""Know rows with the id of an earlier one: imported, each would replace the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from payments.command.spreadsheets.columns import EXTERNAL_ID, ID
from payments.command.spreadsheets.csv_rows import Row
from payments.wording import visible

_LEAVE_OUT = f", or leave the column out by --column '{EXTERNAL_ID}=' if no invoice is there twice"


class Repeats:
    """The ids of the rows so far."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}

    def wrong_with(self, row: Row, cells: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield each id that an earlier row has: its element, and what to do about it."""
        values = hash(frozenset(cells.items()))  # the row itself would fill the memory
        for path in (EXTERNAL_ID, ID):
            if path not in cells:
                continue
            line, before = self._seen.setdefault((path, cells[path]), (row.line, values))
            if line != row.line:
                yield path, _told(path, visible(cells[path]), line, is_same=before == values)


def _told(path: str, name: str, line: int, *, is_same: bool) -> str:
    if is_same:
        wrong = f"'{name}': this is the payment of line {line} once more. Delete one of the two"
    else:
        wrong = (
            f"'{name}' is in line {line} too, with other values: imported, each would replace the "
            "one before. If one of them is wrong, delete it"
        )
    if path == ID:
        return f"{wrong}."
    own = f" If both were paid, give each an id of its own, such as {name}-1 and {name}-2"
    return f"{wrong}.{own}{'' if is_same else _LEAVE_OUT}."
