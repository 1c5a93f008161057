"""Show how far a command is with what can take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SayDone: TypeAlias = Callable[[int, int | None], None]
"""Is told how many of how many are done; the second is None while nobody knows."""


def say_nothing(_done: int, _total: int | None) -> None:
    """Leave it at the result."""


def new_progress(console: Console) -> Progress:
    """Return a progress display in the house's look."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
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
