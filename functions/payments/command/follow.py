"""Follow an import until it ends, and say what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from time import monotonic, sleep, time

from rich.console import Console

from payments.command.deployment import Deployment
from payments.command.imports import ImportRow, find_import
from payments.command.progress import new_progress
from payments.command.status import standing_of
from payments.command.uploads import Upload
from payments.importer import import_id
from payments.models import SourceFile
from payments.wording import in_words

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_LINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class News:
    """How the import stands; `waits_for` says why, if it has not moved for a while."""

    row: ImportRow | None
    waits_for: str | None = None
    at: float = 0.0


def has_begun(row: ImportRow | None) -> bool:
    """Whether the import has its place before all files that are uploaded from now on."""
    return row is not None


def has_ended(row: ImportRow | None) -> bool:
    """Whether nothing more will happen."""
    return row is not None and row.finished


@dataclass(frozen=True, slots=True)
class Patience:
    """What is waited for, and until when at most; the time is that of `monotonic`."""

    enough: Callable[[ImportRow | None], bool] = has_ended
    deadline: float = inf


@dataclass(frozen=True, slots=True)
class Watch:
    """How to look at an import: its row, the reason for a standstill, if any, and the time."""

    read: Callable[[], ImportRow | None]
    explain: Callable[[], str]
    patience: Patience = Patience()
    now: Callable[[], float] = monotonic
    pause: Callable[[], None] = lambda: sleep(_POLL_SECONDS)


def watch_import(deployment: Deployment, source: SourceFile, patience: Patience) -> Watch:
    """Return how to look at the import of a file that has just been uploaded."""
    name = import_id(source)
    upload = Upload(name, source.key, source.version_id or "", time(), newest=True)
    return Watch(
        lambda: find_import(deployment.imports_table, name),
        lambda: standing_of(deployment, upload).explanation,
        patience,
    )


def follow(watch: Watch) -> Iterator[News]:
    """Yield news until it is enough, or too late; the last ones have the state at the end."""
    patience = watch.patience
    seen, since, waits_for = watch.read(), watch.now(), None
    while not patience.enough(seen) and watch.now() < patience.deadline:
        yield News(seen, waits_for, watch.now())
        watch.pause()
        row = watch.read()
        if row != seen:
            seen, since, waits_for = row, watch.now(), None
        elif watch.now() - since >= _PATIENCE_SECONDS:
            waits_for = watch.explain() or None
            since = watch.now()
    yield News(seen, at=watch.now())


def show(console: Console, name: str, news: Iterable[News]) -> ImportRow | None:
    """Show the progress, as a bar on a terminal, as lines elsewhere; return the state at the end.

    A reason to wait is said once, as long as there is no other.
    """
    display = _bar if console.is_terminal else _lines
    return display(console, name, _each_reason_once(news))


def _each_reason_once(news: Iterable[News]) -> Iterator[News]:
    said = None
    for item in news:
        yield replace(item, waits_for=None) if item.waits_for == said else item
        said = item.waits_for or said


def _bar(console: Console, name: str, news: Iterable[News]) -> ImportRow | None:
    row = None
    with new_progress(console) as progress:
        task = progress.add_task(name, total=None)
        for item in news:
            row = item.row
            if item.waits_for:
                progress.console.print(item.waits_for, soft_wrap=True)
            if row is not None:
                # A bar without a total only moves; a file without records is full at once.
                total = row.tally.done if row.finished else row.total
                progress.update(task, completed=row.tally.done, total=total)
        if row is None or row.tally.done == 0:
            progress.update(task, total=1, visible=False)
    return row


def _lines(console: Console, name: str, news: Iterable[News]) -> ImportRow | None:
    row, pace, shown, due = None, None, -1, -inf
    for item in news:
        row = item.row
        if item.waits_for:
            console.print(item.waits_for, soft_wrap=True)
        if row is None or row.total is None:
            continue
        done = row.tally.done
        pace = pace or _Pace(item.at, done)
        if done != shown and (row.finished or item.at >= due):
            console.print(f"{name}: {pace.told(item.at, done, row.total)}", soft_wrap=True)
            shown, due = done, item.at + _LINE_SECONDS
    return row


@dataclass(frozen=True, slots=True)
class _Pace:
    """When an import was seen first, and how many of its records were done then."""

    at: float
    done: int

    def told(self, now: float, done: int, total: int) -> str:
        """Return how far it is, how fast it has been since, and how long it takes at that speed."""
        told = f"{done} of {total} records"
        if done in (self.done, total):
            return told
        speed = (done - self.done) / (now - self.at)
        how_fast = f"{speed:.0f} a second" if speed >= 1 else f"{60 * speed:.1f} a minute"
        return f"{told}, {how_fast}, {in_words((total - done) / speed)} left"
