"""Load truth records from Zynk's file, while imports may go on writing theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from payments.clock import SystemClock, iso
from payments.command.loaded_receipts import LoadedReceipts
from payments.command.names import as_text
from payments.command.problem import CommandFailed
from payments.command.progress import SayDone, say_nothing
from payments.command.truth import StoredTruth, parts
from payments.command.truth_xml import TYPE, ZynkRecord, read_truth_xml
from payments.command.unchanged import Unchanged
from payments.connectwise.credentials import Credentials
from payments.errors import AwsDown
from payments.files.record import ReadingRules
from payments.models import TruthRecord

_SHOWN = 10
# As many as a boto3 client keeps connections for.
_WRITES_AT_ONCE = 10


@dataclass(slots=True)
class Loaded:
    """What became of the records of a file that was loaded.

    `changed` were changed by somebody else between reading and writing, and left alone. `sums` are
    the invoices whose receipts were written.
    """

    written: int = 0
    present: int = 0
    changed: int = 0
    conflicts: list[str] = field(default_factory=list)
    other_types: Counter[str] = field(default_factory=Counter)
    unreadable_times: int = 0
    sums: int = 0


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, which of its records are wanted, and how their values are read."""

    file: Path
    wanted_type: str
    rules: ReadingRules

    @property
    def name(self) -> str:
        return as_text(self.file.name)

    def records(self) -> Iterator[ZynkRecord]:
        try:
            with self.file.open("rb") as content:
                yield from read_truth_xml(content, self.rules)
        except OSError as error:
            raise CommandFailed(f"{self.file} cannot be read: {error.strerror}.") from error

    def wanted(self) -> Iterator[ZynkRecord]:
        return filter(self.is_wanted, self.records())

    def is_wanted(self, record: ZynkRecord) -> bool:
        return record.type_name.casefold() == self.wanted_type.casefold()


def load(
    truth: StoredTruth,
    file: Path,
    wanted_type: str = TYPE,
    overwrite: bool = False,
    say_done: SayDone = say_nothing,
) -> Loaded:
    """Write the records of the file that are not there yet, and receipts that nobody knows.

    The whole file is checked first: raises CommandFailed, with nothing written, if anything in it
    is wrong. A record of the table that names another payment stays, unless `overwrite`.
    """
    _check_connection(truth.connection)
    today = datetime.fromtimestamp(SystemClock().time(), UTC).date()
    rules = ReadingRules(truth.deployment.currency_decimals, today, refunds=True)
    source = _Source(file, wanted_type, rules)
    loaded = Loaded()
    total = _check(source, loaded)
    loading = _Loading(truth, source.name, overwrite, loaded)
    done = 0
    try:
        with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
            for part in parts(source.wanted()):
                loading.write(part, pool)
                done += len(part)
                say_done(done, total)
            loading.write_receipts(pool)
    except (AwsDown, BotoCoreError, ClientError) as error:
        raise CommandFailed(
            f"{error} Of {total} records {loaded.written} have been written. Load the file again: "
            "it goes on with those that are missing."
        ) from error
    return loaded


class _Loading:
    """Write the records of one file, which is called `name`."""

    def __init__(self, truth: StoredTruth, name: str, overwrite: bool, loaded: Loaded) -> None:
        self._truth = truth
        self._name = name
        self._overwrite = overwrite
        self._loaded = loaded
        self._receipts = LoadedReceipts(truth)

    def write(self, part: list[ZynkRecord], pool: Executor) -> None:
        """Write what of a part of the file is to be written."""
        through = Unchanged(self._truth.client, "externalId")
        table = self._truth.table_through(through)
        known = table.find(record.external_id for record in part)
        kept = self._kept(part, known)
        new = [record for name, record in kept.items() if record is not known.get(name)]
        for _ in pool.map(lambda record: table.store([record]), new):
            self._loaded.written += 1
        self._loaded.written -= len(through.changed)
        self._loaded.changed += len(through.changed)
        self._receipts.add(it for name, it in kept.items() if name not in through.changed)

    def write_receipts(self, pool: Executor) -> None:
        """Write the sums of all receipts that were kept."""
        self._loaded.sums = self._receipts.write(pool)

    def _kept(
        self, part: list[ZynkRecord], known: Mapping[str, TruthRecord]
    ) -> dict[str, TruthRecord]:
        """Return what the table is to have of a part: its own records, where they agree."""
        kept: dict[str, TruthRecord] = {}
        for record in part:
            name = record.external_id
            present = kept.get(name) or known.get(name)
            if present is not None and present.payment_id == record.payment_id:
                self._loaded.present += 1
                kept[name] = present
                continue
            if present is not None:
                self._loaded.conflicts.append(
                    f"external id {name} is payment {present.payment_id} in the table, payment "
                    f"{record.payment_id} in the file"
                )
                if not self._overwrite:
                    continue
            kept[name] = _truth_record(record, self._name)
        return kept


def _check_connection(connection: str) -> None:
    """Refuse a spelling under which no import would ever look: there is one of each."""
    site, _, company = connection.rpartition("/")
    try:
        spelling = Credentials(site, company, "", "", "").connection
    except ValueError:
        raise CommandFailed(f"{connection} is no connection: {site} is no host.") from None
    if connection != spelling:
        raise CommandFailed(f"Imports know the connection {connection} as {spelling}: name it so.")


def _check(source: _Source, loaded: Loaded) -> int:
    """Read the file through and return how many records are wanted."""
    problems: list[str] = []
    payment_ids: dict[str, int] = {}
    total = 0
    for record in source.records():
        if not source.is_wanted(record):
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
        raise CommandFailed(f"{source.file} was not loaded, nothing was written:\n{shown}{more}")
    if not total and loaded.other_types:
        types = ", ".join(sorted(loaded.other_types))
        raise CommandFailed(
            f"{source.file} has no records of type {source.wanted_type}, but {types}. If these are "
            "invoice payments, name their type with --type."
        )
    return total


def _truth_record(record: ZynkRecord, name: str) -> TruthRecord:
    now = iso(SystemClock().time())
    return TruthRecord(
        record.external_id,
        record.payment_id,
        record.invoice_id,
        created=record.created or record.modified or now,
        modified=record.modified or record.created or now,
        import_id=record.import_id,
        key=record.key or name,
        accepted=record.accepted,
        amount=record.amount,
        day=record.day,
    )
