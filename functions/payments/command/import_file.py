"""Upload a file, wait for its import, and fetch its success and fail files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.filesize import decimal

from payments.command.deployment import Deployment
from payments.command.follow import follow, show, watch_import
from payments.command.imports import ImportRow
from payments.command.names import as_text
from payments.command.problem import CommandFailed
from payments.errors import FileRefused
from payments.files.reader import ERROR_MESSAGE, Element, read_records
from payments.import_state import Status
from payments.importer import import_id
from payments.models import SourceFile
from payments.wording import ABOUT_REPLACED, NOT_IN_IT, money

_SUFFIXES = (".xml", ".XML", ".Xml")  # as the template's rule has them
_MOST_BYTES = 5 * 1024**3  # what S3 takes in one call
_LONG_UPLOAD_BYTES = 10 * 1024**2
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that has ended, and local copies of its files."""

    row: ImportRow
    success_file: Path
    fail_file: Path


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record of a fail file: what it is about, and its error messages."""

    about: str
    messages: tuple[str, ...]


def import_file(
    deployment: Deployment,
    file: Path,
    console: Console,
    key: str | None = None,
    output: Path | None = None,
) -> Imported:
    """Import `file` and show its progress; raises CommandFailed if it cannot be."""
    target = object_key(deployment.incoming_prefix, key or file.name)
    folder = file.parent if output is None else output
    success_file = folder / f"{file.stem}.success.xml"
    fail_file = folder / f"{file.stem}.fail.xml"
    _make_folder(folder)
    if not deployment.enabled:
        raise CommandFailed(
            f"Imports are switched off: parameter Enabled of stack {deployment.stack} is false. "
            "Nothing was uploaded: files that arrive now are not imported later either."
        )
    _announce(console, file)
    source = upload(deployment, file, target)
    console.print(f"Uploaded as s3://{source.bucket}/{source.key}", soft_wrap=True)
    row = show(console, file.name, follow(watch_import(deployment, import_id(source))))
    name = target.removeprefix(deployment.incoming_prefix)
    for prefix, path in (("SuccessPrefix", success_file), ("FailPrefix", fail_file)):
        fetch(deployment, deployment.parameters[prefix] + name, row.import_id, path)
    return Imported(row, success_file, fail_file)


def object_key(prefix: str, name: str) -> str:
    """Return the S3 key for a file called `name`; raises CommandFailed for one never imported."""
    name = name.removeprefix(prefix).lstrip("/")
    if as_text(name) != name:
        raise CommandFailed(
            f"{name} is no name for a file in a bucket: it is not UTF-8. Give another with --key."
        )
    if {".", ".."} & set(name.split("/")):
        raise CommandFailed(f"{name} is no name for a file in a bucket: leave out . and ..")
    if not name.endswith(_SUFFIXES):
        raise CommandFailed(
            f"{name} would not be imported: its name must end with .xml. `convert` makes XML of a "
            "table (CSV). If it is XML, give it another name with --key."
        )
    if name.rpartition("/")[2].startswith("._"):
        raise CommandFailed(
            f"{name} would not be imported: a name with ._ before it is what a Mac leaves beside a "
            "copied file. Give another with --key."
        )
    return prefix + name


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be made a folder: {error.strerror}.") from error


def _announce(console: Console, file: Path) -> None:
    """Say how much is being uploaded, if that may take a while."""
    if file.stat().st_size > _LONG_UPLOAD_BYTES:
        console.print(f"Uploading {decimal(file.stat().st_size)} …", soft_wrap=True)


def upload(deployment: Deployment, file: Path, key: str) -> SourceFile:
    """Put the file into the bucket and return its object version."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise CommandFailed(f"{file} is larger than 5 GB: split it.")
        with file.open("rb") as content:
            answer: Any = deployment.client("s3").put_object(
                Bucket=deployment.bucket, Key=key, Body=content, ContentType="application/xml"
            )
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error
    version_id = answer.get("VersionId", "null")
    if version_id == "null":  # with versioning suspended
        raise CommandFailed(
            f"s3://{deployment.bucket}/{key} is uploaded, and cannot be followed: the bucket keeps "
            "no versions. Switch its versioning on; `status` shows how this import goes on."
        )
    return SourceFile(deployment.bucket, key, version_id)


def exit_code(status: Status) -> int:
    """Return 0 if no record failed, 1 if some did, 2 if the file was refused or given up."""
    return {Status.SUCCEEDED: 0, Status.COMPLETED_WITH_FAILURES: 1}.get(status, 2)


def summary(row: ImportRow) -> str:
    """Return what became of the file, in one line or two."""
    tally = row.tally
    replaced = f" ({tally.replaced} replaced)" if tally.replaced else ""
    numbers = (
        f"{tally.created} created, {tally.updated} updated{replaced}, {tally.skipped} skipped, "
        f"{tally.failed} failed"
    )
    if row.status is Status.FAILED:
        nothing_sent = " No payment was sent." if row.total is None else f" Until then: {numbers}."
        return f"Not imported: {row.error}{nothing_sent}"
    records = "1 record" if row.total == 1 else f"{row.total or 0} records"
    return f"{records}: {numbers}."


def amounts(row: ImportRow) -> str:
    """Return what the file's records come to, in one line; empty if none has an amount."""
    tally = row.tally
    parts = {
        "recorded": tally.recorded_amount,
        "skipped": tally.skipped_amount,
        "failed": tally.failed_amount,
    }
    told = ", ".join(
        f"{money(amount, thousands=True)} {name}" for name, amount in parts.items() if amount
    )
    total = money(tally.total_amount, thousands=True)
    less = f", {NOT_IN_IT}" if tally.failed else ""
    return f"{total} in all{less}: {told}." if told else ""


def result(done: Imported, most: int) -> list[str]:
    """Return what became of the file, line by line: its counts, and at most so many of a kind."""
    row = done.row
    failed = [f"{it.about}: {' '.join(it.messages)}" for it in failed_records(done.fail_file, most)]
    not_successful = row.tally.failed + row.tally.skipped
    lines = [summary(row), *filter(None, [amounts(row)])]
    lines += _listed(failed, not_successful, "in the fail file")
    if row.tally.replaced:
        lines.append("Replaced, of what others had made:")
    lines += _listed(row.first_replaced[:most], row.tally.replaced, "in the report")
    return [*lines, ABOUT_REPLACED] if row.tally.replaced else lines


def _listed(lines: Sequence[str], there: int, where: str) -> list[str]:
    more = there - len(lines)
    return [f"  {line}" for line in lines] + ([f"  … and {more} more {where}."] if more > 0 else [])


def failed_records(fail_file: Path, most: int) -> list[FailedRecord]:
    """Return the first records of a fail file."""
    return list(islice(_failed_records(fail_file), most))


def _failed_records(fail_file: Path) -> Iterator[FailedRecord]:
    try:
        for raw in read_records(fail_file):
            yield FailedRecord(_about(raw.element), _messages(raw.element))
    except FileRefused as refusal:
        raise CommandFailed(f"{fail_file} cannot be read: {refusal}") from refusal


def _messages(record: Element) -> tuple[str, ...]:
    return tuple(child.text.strip() for child in record.children if child.name == ERROR_MESSAGE)


def _about(record: Element) -> str:
    """Name a record as its sender would: by external id and invoice."""
    texts = {child.name: child.text.strip() for child in record.children}
    for child in record.children:
        if child.name == "invoice":
            texts |= {f"invoice/{part.name}": part.text.strip() for part in child.children}
    invoice = texts.get("invoice/identifier") or texts.get("invoice/id")
    names = [texts.get("externalId"), f"invoice {invoice}" if invoice else None]
    return ", ".join(filter(None, names)) or "a record without external id and invoice"


def fetch(deployment: Deployment, key: str, wanted_import: str, path: Path) -> None:
    """Copy a success or fail file to `path`, unless a later import has overwritten it."""
    answer: Any = deployment.client("s3").get_object(Bucket=deployment.bucket, Key=key)
    if answer["Metadata"].get("import-id") != wanted_import:
        raise CommandFailed(
            f"s3://{deployment.bucket}/{key} is by a later import of the same name already; the "
            "one of this import is an older version of it."
        )
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            for block in answer["Body"].iter_chunks(_BLOCK_BYTES):
                file.write(block)
        unfinished.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
