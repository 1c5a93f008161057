"""Show how far a command is with what can take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from payments.wording import in_words

SayDone: TypeAlias = Callable[[int, int | None], None]
"""Is told how many of how many are done; the second is None while nobody knows."""

# Numbers and times fit beside them on 80 columns.
_NAME_WIDTH = 26
_BAR_WIDTH = 20
_SPEED_OF_SECONDS = 120.0  # a throttled import stands still for up to so long


def say_nothing(_done: int, _total: int | None) -> None:
    """Leave it at the result."""


class _TimeLeft(ProgressColumn):
    """The time that is left, nothing while nobody knows."""

    max_refresh = 1.0

    def render(self, task: Task) -> Text:
        left = None if task.finished or task.total is None else task.time_remaining
        return Text("" if left is None else f"{in_words(left)} left")


def new_progress(console: Console) -> Progress:
    """Return a progress display in the house's look."""
    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, max_width=_NAME_WIDTH),
        ),
        BarColumn(_BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _TimeLeft(),
        console=console,
        speed_estimate_period=_SPEED_OF_SECONDS,
    )


@contextmanager
def progress_bar(console: Console, description: str) -> Iterator[SayDone]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    with new_progress(console) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
