"""Upload a file, wait for its import, and fetch what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from payments.command.deployment import Deployment
from payments.command.follow import Patience, follow, show, watch_import
from payments.command.imports import ImportRow
from payments.command.names import as_text, unfit_name
from payments.command.pausing import paused
from payments.command.problem import CommandFailed, NotFinished, interrupted_as
from payments.command.results import Copies, bring, make_folder
from payments.command.rule import is_rule_off
from payments.command.upload import upload
from payments.import_state import Status
from payments.models import SourceFile
from payments.wording import ABOUT_REPLACED, NOT_IN_IT, money

FAILURES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that has ended, and local copies of its files."""

    row: ImportRow
    copies: Copies


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file to import, the name to upload it by, and where what comes back goes."""

    file: Path | None
    """None is standard input."""
    key: str
    copies: Copies

    @classmethod
    def of(cls, prefix: str, file: Path | None, key: str | None, output: Path | None) -> Chosen:
        """Choose a file; raises CommandFailed for a name that is never imported."""
        name = key or (file.name if file else "")
        path = file or Path(Path(name).name)
        folder = path.parent if output is None else output
        return cls(
            file,
            object_key(prefix, name),
            Copies.named(folder, path.stem),
        )

    @property
    def name(self) -> str:
        """What it is called on this machine."""
        return self.file.name if self.file else "standard input"


def import_file(
    deployment: Deployment,
    file: Path,
    console: Console,
    key: str | None = None,
    output: Path | None = None,
) -> Imported:
    """Import `file` and show its progress; raises CommandFailed if it cannot be."""
    chosen = Chosen.of(deployment.incoming_prefix, file, key, output)
    prepare(deployment, [chosen])
    return import_chosen(deployment, chosen, console, Patience())


def prepare(deployment: Deployment, files: Sequence[Chosen]) -> None:
    """Make the folders for what comes back; raises CommandFailed if nothing would be imported."""
    for folder in {chosen.copies.success_file.parent for chosen in files}:
        make_folder(folder)
    if not deployment.enabled:
        raise CommandFailed(
            f"Imports are switched off: parameter Enabled of stack {deployment.stack} is false. "
            "Nothing was uploaded: files that arrive now are not imported later either."
        )


def import_chosen(
    deployment: Deployment, chosen: Chosen, console: Console, patience: Patience
) -> Imported:
    """Upload a file, wait for its import, and fetch what comes back."""
    source = upload(deployment, chosen.file, chosen.key, console)
    row = wait_for(deployment, source, chosen.name, console, patience)
    fetch = deployment.command("fetch", source.key)
    with interrupted_as(
        f"{source.key} is imported, and its files are not here yet: `{fetch}` brings them."
    ):
        copies = bring(deployment, source.key, row.import_id, chosen.copies)
    return Imported(row, copies)


def wait_for(
    deployment: Deployment, source: SourceFile, name: str, console: Console, patience: Patience
) -> ImportRow:
    """Say that a file is uploaded, and show the progress of its import until it is enough.

    Raises CommandFailed if it is too late.
    """
    how_to_go_on = going_on(deployment, source.key)
    with interrupted_as(f"Not waiting any longer. {how_to_go_on}"):
        say_uploaded(console, source)
        news = follow(watch_import(deployment, source, patience))
        row = show(console, name, news)
    if row is None or not patience.enough(row):
        how_to_go_on = going_on(deployment, source.key)  # it may be held since
        raise NotFinished(f"Not finished in time, and not waiting any longer. {how_to_go_on}")
    return row


def say_uploaded(console: Console, source: SourceFile) -> None:
    """Say where a file has been put."""
    console.print(f"Uploaded as s3://{source.bucket}/{source.key}", soft_wrap=True)


def going_on(deployment: Deployment, key: str) -> str:
    """Say of an uploaded file how to look at its import, to get its files, and to end it."""
    status, fetch, stop = (deployment.command(word, key) for word in ("status", "fetch", "stop"))
    return (
        f"{key} is uploaded, {_goes_on(deployment)}: `{status}` shows how it stands, `{fetch}` "
        f"brings its files when it has ended, `{stop}` ends it."
    )


def _goes_on(deployment: Deployment) -> str:
    """Say whether imports go on, or what holds them; who may not look takes them for going on."""
    check = deployment.command("check")
    with suppress(BotoCoreError, ClientError):
        try:
            is_held = paused(deployment)
        except CommandFailed:
            return f"but nothing brings it from the queue to the function (`{check}` says more)"
        if is_held:
            resume = deployment.command("resume")
            return f"but the queue is held, and nothing begins or goes on until `{resume}`"
    with suppress(BotoCoreError, ClientError):
        if is_rule_off(deployment):
            return f"but the rule that queues uploads is switched off (`{check}` says more)"
    return "and its import goes on"


def object_key(prefix: str, name: str) -> str:
    """Return the S3 key for a file called `name`; raises CommandFailed for one never imported."""
    name = name.removeprefix(prefix).lstrip("/")
    if as_text(name) != name:
        raise CommandFailed(
            f"{name} is no name for a file in a bucket: it is not UTF-8. Give another with --key."
        )
    if {".", ".."} & set(name.split("/")):
        raise CommandFailed(f"{name} is no name for a file in a bucket: leave out . and ..")
    if (unfit := unfit_name(name)) is not None:
        raise CommandFailed(f"{name} would not be imported. {' '.join(unfit)}")
    return prefix + name


def exit_code(status: Status) -> int:
    """Return 0 if no record failed, 1 if some did, 2 if the file was refused or given up."""
    return {Status.SUCCEEDED: 0, Status.COMPLETED_WITH_FAILURES: 1}.get(status, 2)


def summary(row: ImportRow) -> str:
    """Return what became of the file, in one line or two."""
    tally = row.tally
    replaced = f" ({tally.replaced} replaced)" if tally.replaced else ""
    numbers = (
        f"{tally.created} created, {tally.updated} updated{replaced}, {tally.skipped} skipped, "
        f"{tally.failed - row.not_sent} failed"
    )
    if row.status is Status.FAILED and row.total is None:
        return f"Not imported: {row.error} No payment was sent."
    if row.status is Status.FAILED:
        rest = f"; {row.not_sent} not sent" if row.not_sent else ""
        return f"Not imported: {row.error} Until then: {numbers}{rest}."
    records = "1 record" if row.total == 1 else f"{row.total or 0} records"
    return f"{records}: {numbers}."


def amounts(row: ImportRow) -> str:
    """Return what the file's records come to, in one line; empty if none has an amount."""
    tally = row.tally
    parts = {
        "recorded": tally.recorded_amount,
        "skipped": tally.skipped_amount,
        _failed_in_words(row): tally.failed_amount,
    }
    told = ", ".join(
        f"{money(amount, thousands=True)} {name}" for name, amount in parts.items() if amount
    )
    total = money(tally.total_amount, thousands=True)
    less = f", {NOT_IN_IT}" if tally.failed else ""
    return f"{total} in all{less}: {told}." if told else ""


def _failed_in_words(row: ImportRow) -> str:
    if not row.not_sent:
        return "failed"
    return "not sent" if row.not_sent == row.tally.failed else "failed or not sent"


def result(done: Imported, most: int) -> list[str]:
    """Return what became of the file, line by line: its counts, and at most so many of a kind."""
    row = done.row
    lines = [summary(row), *filter(None, [amounts(row)])]
    lines += _listed(row.failures[:most], row.tally.failed - row.not_sent, "in the fail file")
    if row.tally.replaced:
        lines.append("Replaced, of what others had made:")
    lines += _listed(row.first_replaced[:most], row.tally.replaced, "in the report")
    return [*lines, ABOUT_REPLACED] if row.tally.replaced else lines


def _listed(lines: Sequence[str], there: int, where: str) -> list[str]:
    more = there - len(lines)
    return [f"  {line}" for line in lines] + ([f"  … and {more} more {where}."] if more > 0 else [])
