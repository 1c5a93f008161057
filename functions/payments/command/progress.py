"""Show how far a command is with what can take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
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

# With both, everything fits on 80 columns.
_NAME_WIDTH = 24
_BAR_WIDTH = 20
_SPEED_OF_SECONDS = 120.0  # a throttled import stands still for up to so long

SayDone: TypeAlias = Callable[[int, int | None], None]
"""Is told how many of how many are done; the second is None while nobody knows."""


def say_nothing(_done: int, _total: int | None) -> None:
    """Leave it at the result."""


class _TimeLeft(ProgressColumn):
    max_refresh = 0.5  # seconds

    def render(self, task: Task) -> Text:
        return Text(time_left(task), style="progress.remaining")


def time_left(task: Task) -> str:
    """Return how long the rest will take at the present speed; empty while nobody knows."""
    seconds = task.time_remaining
    return f"{timedelta(seconds=round(seconds))} left" if seconds else ""


def new_progress(console: Console, now: Callable[[], float] = monotonic) -> Progress:
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
        get_time=now,
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
