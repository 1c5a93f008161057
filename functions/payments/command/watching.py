"""Look again and again, and show what has changed."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import sleep
from typing import Generic, TypeVar

from rich.console import Console

_T = TypeVar("_T")

_SECONDS_BETWEEN_LOOKS = 3.0


def _pause() -> None:
    sleep(_SECONDS_BETWEEN_LOOKS)
    if _nobody_reads():
        raise BrokenPipeError


def _nobody_reads() -> bool:
    """Tell whether standard output is a pipe that was closed; Windows cannot tell.

    As long as nothing changes, nothing is written that would show it.
    """
    if not hasattr(select, "poll") or sys.stdout.closed:
        return False
    try:
        looking = select.poll()
        looking.register(sys.stdout.fileno(), 0)
    except OSError:  # it is no file of the system
        return False
    return any(state & select.POLLERR for _, state in looking.poll(0))


@dataclass(frozen=True, slots=True)
class Watched(Generic[_T]):
    """What is looked at, how it is shown on a terminal, and in lines elsewhere.

    `ended` tells that nothing more will change.
    """

    look: Callable[[], _T]
    show: Callable[[_T], None]
    lines: Callable[[_T], Iterable[str]]
    ended: Callable[[_T], bool]


def show(
    console: Console, watched: Watched[_T], pause: Callable[[], None] = _pause, *, again: bool
) -> _T:
    """Show what there is now, or again and again until it has ended; return it."""
    if not again:
        seen = watched.look()
        watched.show(seen)
        return seen
    told: frozenset[str] = frozenset()
    while True:
        seen = watched.look()
        if console.is_terminal:
            console.clear()
            watched.show(seen)
        else:
            told = _tell(console, watched.lines(seen), told)
        if watched.ended(seen):
            return seen
        pause()


def _tell(console: Console, lines: Iterable[str], told: frozenset[str]) -> frozenset[str]:
    """Print the lines that are new."""
    now = list(lines)
    for line in now:
        if line not in told:
            console.print(line, soft_wrap=True)
    return frozenset(now)
