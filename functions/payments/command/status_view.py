"""How the standing of imports is shown: within 80 columns, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from payments.clock import iso
from payments.command.import_file import FAILURES_SHOWN, amounts, summary
from payments.command.imports import ImportRow
from payments.command.standing import Standing, Told, files, rate
from payments.command.status import Answer, Overview
from payments.command.tables import coloured
from payments.connectwise.answers import write_json
from payments.import_state import Status
from payments.wording import harmless, moment

_LONGEST_NAME = 1024
_LONGEST_REASON = 2000
_LONGEST_REASON_LISTED = 140
_UNCLAIMED_SHOWN = 10
_BEFORE_NAMED = 10
_COUNTS = {
    "done": "done",
    "created": "created",
    "updated": "updated",
    "replaced": "replaced",
    "skipped": "skipped",
    "failed": "failed",
    "totalAmount": "total_amount",
    "recordedAmount": "recorded_amount",
    "skippedAmount": "skipped_amount",
    "failedAmount": "failed_amount",
    "replacedAmount": "replaced_amount",
}
_INDENT = 4
_WHEN, _STATE = 16, 13


def show_overview(console: Console, found: Overview, prefix: str) -> None:
    """Print one import a line; what is to be said of it stands below, whole words only."""
    if found.standings:
        _list(console, found.standings, prefix)
    else:
        console.print("No import can be shown." if found.notes else "There has been no import yet.")
    if found.more:
        console.print("There are older ones: --limit shows more.")
    if found.unclaimed:
        _unclaimed(console, found.unclaimed)
    show_notes(console, found.notes)


def show_answer(console: Console, answer: Answer) -> None:
    """Print all about one file, one thing a line."""
    shown = Table.grid(padding=(0, 2))
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    newest = answer.newest
    shown.add_row("File", _name(newest.key))
    shown.add_row("State", coloured(newest.state))
    for name, text in _about(newest):
        shown.add_row(name, text)
    for name, older in zip(("Older", *[""] * len(answer.older)), answer.older, strict=False):
        shown.add_row(name, f"{_when(older.at)}  {older.state}{_done_of(older)}")
    console.print(shown)
    show_notes(console, answer.notes)


def show_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what was not looked at."""
    for note in notes:
        console.print(f"Note: {note}", soft_wrap=True)


def one_line(standing: Standing) -> str:
    """Return how an upload stands in one line: for a log."""
    why = _short(standing.told.why)
    return f"{_name(standing.key)}: {standing.state}{_done_of(standing)}{f': {why}' if why else ''}"


def standing_json(standing: Standing) -> str:
    """Return how an upload stands as one line of JSON, amounts with exactly their digits.

    Every line has the same names; null is what there is not, or not yet.
    """
    upload, row = standing.upload, standing.row
    line: dict[str, Any] = {
        "file": standing.key,
        "state": standing.state.value,
        "reason": standing.told.why,
        "toDo": standing.told.to_do,
        "before": list(standing.before[:_BEFORE_NAMED]),
        "beforeCount": standing.before_count,
        "importId": standing.import_id,
        "versionId": upload.version_id if upload else row.version_id if row else None,
        "uploadedAt": iso(upload.at) if upload else None,
    }
    line |= _moments_json(row) | _counts_json(row)
    return write_json(line | dict.fromkeys(name for name in line if line[name] == ""))


def _moments_json(row: ImportRow | None) -> dict[str, Any]:
    has_begun = row is not None and not row.kept_from_beginning
    return {
        "startedAt": row.started_at if row and has_begun else None,
        "updatedAt": row.updated_at if row else None,
        "finishedAt": row.finished_at if row else None,
        "waitsUntil": row.waits_until if row else None,
    }


def _counts_json(row: ImportRow | None) -> dict[str, Any]:
    tally = row.tally if row else None
    counts = {name: getattr(tally, of, None) for name, of in _COUNTS.items()}
    return {
        "total": row.total if row else None,
        **counts,
        "notSent": row.not_sent if row else None,
        "firstFailures": list(row.first_failures) if row else None,
        "firstReplaced": list(row.first_replaced) if row else None,
    }


# ---- The list ------------------------------------------------------------------------------------


def _list(console: Console, standings: tuple[Standing, ...], prefix: str) -> None:
    done = max(len("Done"), *(len(_progress(it.row)) for it in standings))
    heading = f"{'When (UTC)':{_WHEN}}  {'State':{_STATE}}  {'Done':>{done}}  Failed  File"
    console.print(heading, style="bold")
    for standing in standings:
        row = standing.row
        failed = str(row.tally.failed) if row else ""
        state = coloured(standing.state)
        state.pad_right(_STATE - len(state))
        line = Text.assemble(
            f"{_when(standing.at)}  ", state, f"  {_progress(row):>{done}}  {failed:>6}  "
        )
        name = _name(standing.key.removeprefix(prefix))
        if line.cell_len + cell_len(name) > console.width:
            name = f"\n{' ' * _INDENT}{name}"
        console.print(line + Text(name), soft_wrap=True)
        _below(console, _reason_listed(standing))


def _unclaimed(console: Console, standings: tuple[Standing, ...]) -> None:
    """Print those together that the same is to be done about."""
    console.print("\nUploads that nothing will import:")
    alike: dict[Told, list[Standing]] = {}
    for standing in standings[:_UNCLAIMED_SHOWN]:
        alike.setdefault(standing.told, []).append(standing)
    for told, those in alike.items():
        for standing in those:
            console.print(f"{_when(standing.at)}  {_name(standing.key)}", soft_wrap=True)
        _below(console, f"{told.why} {told.to_do}")
    if (more := len(standings) - _UNCLAIMED_SHOWN) > 0:
        console.print(f"… and {more} more: --json shows all.")


def _reason_listed(standing: Standing) -> str:
    until = f"Until {standing.until[11:16]}: " if standing.until else ""
    count = standing.before_count
    before = f" {standing.at_least}{files(count)} before it." if count else ""
    why = standing.told.why or (rate(standing.row) if standing.row else "")
    return f"{until}{_short(why)}{before}".strip()


def _below(console: Console, text: str) -> None:
    if text:
        console.print(Padding(Text(text), (0, 0, 0, _INDENT)))


# ---- One file ------------------------------------------------------------------------------------


def _about(standing: Standing) -> Iterator[tuple[str, str]]:
    row, told = standing.row, standing.told
    refused = row is not None and row.status is Status.FAILED  # then the summary says why
    if told.why and not refused:
        yield "Why", harmless(told.why, _LONGEST_REASON)
    if standing.until:
        yield "Next run", moment(standing.until)
    if told.to_do:
        yield "What to do", told.to_do
    if standing.before_it:
        yield "Before it", standing.before_it
    if standing.upload is not None:
        yield "Uploaded", moment(iso(standing.upload.at))
    if row is not None:
        yield from _about_row(row)
    yield "Import id", standing.import_id


def _about_row(row: ImportRow) -> Iterator[tuple[str, str]]:
    if not row.kept_from_beginning:
        yield "Started", moment(row.started_at)
    if row.finished_at:
        yield "Finished", moment(row.finished_at)
    if not row.finished and row.total is not None:
        yield "Done", f"{row.tally.done:,} of {row.total:,} records. {rate(row)}".strip()
    if row.finished or row.tally.done:
        yield "Records", harmless(summary(row), _LONGEST_REASON)
    if money := amounts(row):
        yield "Money", money
    for name, lines, there in (
        ("Failed", row.failures, row.tally.failed - row.not_sent),
        ("Replaced", row.first_replaced, row.tally.replaced),
    ):
        shown = lines[:FAILURES_SHOWN]
        more = [f"… and {there - len(shown)} more."] if shown and there > len(shown) else []
        for place, line in enumerate((*shown, *more)):
            yield "" if place else name, harmless(line, _LONGEST_REASON)


# ---- Words ---------------------------------------------------------------------------------------


def _progress(row: ImportRow | None) -> str:
    return "" if row is None or row.total is None else f"{row.tally.done}/{row.total}"


def _done_of(standing: Standing) -> str:
    row = standing.row
    return "" if row is None or row.total is None else f", {row.tally.done} of {row.total} records"


def _name(key: str) -> str:
    return harmless(key, _LONGEST_NAME)


def _short(text: str) -> str:
    return harmless(text, _LONGEST_REASON_LISTED)


def _when(moment: float) -> str:
    return iso(moment)[:_WHEN].replace("T", " ")
