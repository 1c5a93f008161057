"""Follow an import until it ends, and say what it waits for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from time import monotonic, sleep

from botocore.exceptions import ClientError
from rich.console import Console

from payments.command.deployment import Deployment
from payments.command.imports import ImportRow, find_import, list_imports
from payments.command.letters import messages_in
from payments.command.pausing import paused
from payments.command.progress import in_words, new_progress

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_LINE_SECONDS = 30.0
# It changes all the time, and is no other reason.
_HOW_FAR = re.compile(r", \d+ of \d+ records done")


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
    """How to look at an import: its row, the reason for a standstill, and the time."""

    read: Callable[[], ImportRow | None]
    explain: Callable[[ImportRow | None], str]
    patience: Patience = Patience()
    now: Callable[[], float] = monotonic
    pause: Callable[[], None] = lambda: sleep(_POLL_SECONDS)


def watch_import(deployment: Deployment, import_id: str, patience: Patience) -> Watch:
    """Return how to look at an import of a deployment."""
    return Watch(
        lambda: find_import(deployment.imports_table, import_id),
        lambda row: standstill(deployment, import_id, row),
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
            waits_for = watch.explain(row)
            since = watch.now()
    yield News(seen, at=watch.now())


def standstill(deployment: Deployment, import_id: str, row: ImportRow | None) -> str:
    """Say why nothing moves, as far as tables and queues show it."""
    if _is_held(deployment):
        return "The queue is paused: the file begins, or goes on, after `payments resume`."
    if row is not None and row.error:
        return f"It waits, and is tried again by itself: {row.error}"
    if row is not None:
        return (
            "It is at work, and there is nothing new yet. If a run of it was ended, it goes on by "
            "itself within 16 minutes."
        )
    others = [
        other
        for other in list_imports(deployment.imports_table)
        if not other.finished and other.import_id != import_id
    ]
    if others:
        return _waits_for_another(others[-1])
    waiting = messages_in(deployment, deployment.outputs["QueueUrl"])
    if waiting:
        return (
            f"The queue holds {waiting} file(s), and no import has begun: the function is "
            "starting, or fails. Its log says why."
        )
    return (
        "Nothing has put the file into the queue yet. If the stack is new: S3 needs about five "
        "minutes after the first deployment until it tells of uploads. Upload the file again then. "
        f"If not: is the stack's rule FileArrivedRule enabled? {_fallen_out(deployment)}"
    )


def show(console: Console, name: str, news: Iterable[News]) -> ImportRow | None:
    """Show the progress, as a bar on a terminal, as lines elsewhere; return the state at the end.

    A reason to wait is said once, as long as there is no other.
    """
    display = _bar if console.is_terminal else _lines
    return display(console, name, _each_reason_once(news))


def _each_reason_once(news: Iterable[News]) -> Iterator[News]:
    said = None
    for item in news:
        reason = item.waits_for and _HOW_FAR.sub("", item.waits_for)
        yield replace(item, waits_for=None) if reason == said else item
        said = reason or said


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


def _waits_for_another(other: ImportRow) -> str:
    progress = "" if other.total is None else f", {other.tally.done} of {other.total} records done"
    error = f": {other.error}" if other.error else "."
    return f"Files are imported one after another; first comes {other.key}{progress}{error}"


def _is_held(deployment: Deployment) -> bool:
    try:
        return paused(deployment)
    except ClientError:  # whoever imports may be permitted less than whoever operates
        return False


def _fallen_out(deployment: Deployment) -> str:
    dead = messages_in(deployment, deployment.outputs["DeadLetterQueueUrl"])
    undelivered = messages_in(deployment, deployment.outputs["UndeliveredEventsQueueUrl"])
    told = f"Dead letters: {dead}; files that EventBridge could not queue: {undelivered}."
    return (
        f"{told} `payments redrive` sends them on, once the cause is mended."
        if dead + undelivered
        else told
    )
