"""Follow an import until it ends, and say what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic, sleep

from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import Progress

from payments.command.deployment import Deployment
from payments.command.imports import ImportRow, find_import, list_imports
from payments.command.letters import messages_in
from payments.command.pausing import paused
from payments.command.progress import new_progress, time_left

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """How the import stands; `waits_for` says why, if it has not moved for a while."""

    row: ImportRow | None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """How to look at an import: its row, the reason for a standstill, and the time."""

    read: Callable[[], ImportRow | None]
    explain: Callable[[ImportRow | None], str]
    now: Callable[[], float] = monotonic
    pause: Callable[[], None] = lambda: sleep(_POLL_SECONDS)


def watch_import(deployment: Deployment, import_id: str) -> Watch:
    """Return how to look at an import of a deployment."""
    return Watch(
        lambda: find_import(deployment.imports_table, import_id),
        lambda row: standstill(deployment, import_id, row),
    )


def follow(watch: Watch) -> Iterator[News]:
    """Yield news until the import has ended; the last ones have its final state."""
    seen, since, waits_for = watch.read(), watch.now(), None
    while seen is None or not seen.finished:
        yield News(seen, waits_for)
        watch.pause()
        row = watch.read()
        if row != seen:
            seen, since, waits_for = row, watch.now(), None
        elif watch.now() - since >= _PATIENCE_SECONDS:
            waits_for = watch.explain(row)
            since = watch.now()
    yield News(seen)


def standstill(deployment: Deployment, import_id: str, row: ImportRow | None) -> str:
    """Say why nothing moves, as far as tables and queues show it."""
    if _is_held(deployment):
        return "The queue is paused: the file begins, or goes on, after `resume`."
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


def show(
    console: Console, name: str, news: Iterable[News], now: Callable[[], float] = monotonic
) -> ImportRow:
    """Show the progress, as a bar on a terminal, as a line now and then elsewhere.

    Returns the final state.
    """
    row = _bar(console, name, news) if console.is_terminal else _lines(console, name, news, now)
    assert row is not None, "follow ends with a finished import"
    return row


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
        progress.update(task, total=max(1, row.tally.done) if row else 1)
        if row is not None and row.tally.done == 0:
            progress.update(task, visible=False)
    return row


def _lines(
    console: Console, name: str, news: Iterable[News], now: Callable[[], float]
) -> ImportRow | None:
    progress = new_progress(console, now)  # never shown: it reckons the time that is left
    progress.add_task(name, total=None)
    row, said, next_line = None, "", now()
    for item in news:
        row = item.row
        line = item.waits_for or _progress_line(progress, row)
        is_due = item.waits_for or now() >= next_line or (row is not None and row.finished)
        if line not in ("", said) and is_due:
            console.print(line, soft_wrap=True)
            said, next_line = line, now() + _SECONDS_BETWEEN_LINES
    return row


def _progress_line(progress: Progress, row: ImportRow | None) -> str:
    if row is None or row.total is None:
        return ""
    [task] = progress.tasks
    progress.update(task.id, completed=row.tally.done, total=row.total)
    numbers = f"{task.description}: {row.tally.done} of {row.total} records"
    return ", ".join(filter(None, (numbers, time_left(task))))


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
        f"{told} `redrive` sends them on, once the cause is mended." if dead + undelivered else told
    )
