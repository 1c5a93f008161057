"""The table of what was found, and the file for the maintainers, which names nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from payments.command.probe.common import NO_PAYMENT
from payments.command.probe.dialogue import Finding
from payments.command.tables import table
from payments.connectwise.answers import write_json

FORMAT = 1
_OPEN = ("not tried", "not known")


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the table."""

    row: str
    finding: Finding


@dataclass(slots=True)
class Result:
    """What was found; `remarks` are what the user has to look at."""

    rows: list[Found] = field(default_factory=list)
    interrupted: bool = False
    stopped: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything was asked, and nothing is left."""
        untried = any(NO_PAYMENT in row.finding.says for row in self.rows)
        return not (untried or self.interrupted or self.stopped or self.remarks)


def found_table(rows: Iterable[Found]) -> Table:
    """Return what was found, one row for each unknown of the README."""
    shown = table("", "Row", "This ConnectWise", "What it means for you")
    for found in rows:
        finding = found.finding
        says = f"{finding.result}: {finding.says}" if finding.result in _OPEN else finding.says
        shown.add_row(found.row, says, finding.means)
    return shown


def show(result: Result, console: Console, file: Path) -> None:
    """Print what was found, and write it to the file for the maintainers."""
    console.print(found_table(result.rows))
    for remark in result.remarks:
        console.print(remark, soft_wrap=True)
    if result.interrupted:
        console.print("Interrupted: the other rows were not tried.")
        return
    try:
        file.write_text(f"{found_json(result.rows)}\n", "utf-8")
    except OSError as error:
        console.print(f"{file} cannot be written: {error.strerror}.", soft_wrap=True)
        return
    console.print(
        f"{file} says the same without company, keys, names and amounts: please hand it to the "
        "maintainers.",
        soft_wrap=True,
    )


def found_json(rows: Iterable[Found]) -> str:
    """Return the same for the maintainers: results and facts, nothing that ConnectWise worded."""
    listed = [
        {"row": found.row, "result": found.finding.result, "facts": dict(found.finding.facts)}
        for found in rows
    ]
    content: dict[str, Any] = {"format": FORMAT, "rows": listed}
    return write_json(content)
