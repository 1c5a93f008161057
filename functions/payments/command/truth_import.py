"""Load truth records from Zynk's file, while imports may go on writing theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from payments.clock import SystemClock, iso
from payments.command.names import as_text
from payments.command.problem import CommandFailed
from payments.command.progress import SayDone, say_nothing
from payments.command.truth import StoredTruth, parts
from payments.command.truth_xml import TYPE, ZynkRecord, read_truth_xml
from payments.connectwise.credentials import Credentials
from payments.errors import AwsDown
from payments.models import TruthRecord

_SHOWN = 10
# As many as a boto3 client keeps connections for.
_WRITES_AT_ONCE = 10


@dataclass(slots=True)
class Loaded:
    """What became of the records of a file that was loaded.

    `changed` were changed by somebody else between reading and writing, and left alone.
    """

    written: int = 0
    present: int = 0
    changed: int = 0
    conflicts: list[str] = field(default_factory=list)
    other_types: Counter[str] = field(default_factory=Counter)
    unreadable_times: int = 0


def load(
    truth: StoredTruth,
    file: Path,
    wanted_type: str = TYPE,
    overwrite: bool = False,
    say_done: SayDone = say_nothing,
) -> Loaded:
    """Write the records of Zynk's file that are not there yet.

    The whole file is checked first: raises CommandFailed, with nothing written, if anything in it
    is wrong. A record of the table that names another payment stays, unless `overwrite`.
    """
    _check_connection(truth.connection)
    loaded = Loaded()
    total = _check(file, wanted_type, loaded)
    done = 0
    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        for part in parts(_wanted(file, wanted_type)):
            try:
                new = _to_write(truth, file, part, overwrite, loaded)
                for written in pool.map(lambda pair: truth.put(*pair), new):
                    loaded.written += written
                    loaded.changed += not written
            except (AwsDown, BotoCoreError, ClientError) as error:
                raise CommandFailed(
                    f"{error} Of {total} records {loaded.written} have been written. Load the file "
                    "again: it goes on with those that are missing."
                ) from error
            done += len(part)
            say_done(done, total)
    return loaded


def _check_connection(connection: str) -> None:
    """Refuse a spelling under which no import would ever look: there is one of each."""
    site, _, company = connection.rpartition("/")
    try:
        spelling = Credentials(site, company, "", "", "").connection
    except ValueError:
        raise CommandFailed(f"{connection} is no connection: {site} is no host.") from None
    if connection != spelling:
        raise CommandFailed(f"Imports know the connection {connection} as {spelling}: name it so.")


def _check(file: Path, wanted_type: str, loaded: Loaded) -> int:
    """Read the file through and return how many records are wanted."""
    problems: list[str] = []
    payment_ids: dict[str, int] = {}
    total = 0
    for record in _read(file):
        if record.type_name.casefold() != wanted_type.casefold():
            loaded.other_types[record.type_name] += 1
            continue
        total += 1
        loaded.unreadable_times += record.unreadable_time
        problems += [f"line {record.line}: {problem}" for problem in record.problems]
        first = payment_ids.setdefault(record.external_id, record.payment_id)
        if first != record.payment_id and not record.problems:
            problems.append(
                f"line {record.line}: external id {record.external_id} is payment "
                f"{record.payment_id} here, but payment {first} further up."
            )
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
        shown = "\n".join(problems[:_SHOWN])
        raise CommandFailed(f"{file} was not loaded, nothing was written:\n{shown}{more}")
    if not total and loaded.other_types:
        types = ", ".join(sorted(loaded.other_types))
        raise CommandFailed(
            f"{file} has no records of type {wanted_type}, but {types}. If these are invoice "
            "payments, name their type with --type."
        )
    return total


def _wanted(file: Path, wanted_type: str) -> Iterator[ZynkRecord]:
    for record in _read(file):
        if record.type_name.casefold() == wanted_type.casefold():
            yield record


def _read(file: Path) -> Iterator[ZynkRecord]:
    try:
        with file.open("rb") as content:
            yield from read_truth_xml(content)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error


def _to_write(
    truth: StoredTruth,
    file: Path,
    part: list[ZynkRecord],
    overwrite: bool,
    loaded: Loaded,
) -> list[tuple[TruthRecord, TruthRecord | None]]:
    """Return the records of a part that are to be written, each with what the table has now."""
    known = truth.table.find(record.external_id for record in part)
    new: list[tuple[TruthRecord, TruthRecord | None]] = []
    for record in part:
        present = known.get(record.external_id)
        if present is not None and present.payment_id == record.payment_id:
            loaded.present += 1
            continue
        if present is not None:
            loaded.conflicts.append(
                f"external id {record.external_id} is payment {present.payment_id} in the table, "
                f"payment {record.payment_id} in the file"
            )
            if not overwrite:
                continue
        new.append((_truth_record(record, file), present))
        known[record.external_id] = new[-1][0]
    return new


def _truth_record(record: ZynkRecord, file: Path) -> TruthRecord:
    now = iso(SystemClock().time())
    return TruthRecord(
        record.external_id,
        record.payment_id,
        record.invoice_id,
        created=record.created or record.modified or now,
        modified=record.modified or record.created or now,
        key=as_text(file.name),
    )
