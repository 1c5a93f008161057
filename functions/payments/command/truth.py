"""What an operator does with the truth table: list, find, delete, export and load records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import BotoCoreError, ClientError

from payments.clock import utc_now
from payments.command.connectwise_access import credentials
from payments.command.deployment import Deployment
from payments.command.imports import scan
from payments.command.problem import CommandFailed
from payments.command.progress import SayDone
from payments.command.truth_xml import TYPE, ZynkRecord, read_truth_xml, truth_xml
from payments.errors import AwsDown
from payments.models import TruthRecord
from payments.stores.truth_table import TruthTable

_SHOWN = 10
_AT_ONCE = 100

_Row = TypeVar("_Row")


def _say_nothing(_done: int, _total: int | None) -> None:
    """Leave it at the result."""


@dataclass(slots=True)
class Loaded:
    """What became of the records of a file that was loaded."""

    written: int = 0
    present: int = 0
    conflicts: list[str] = field(default_factory=list)
    other_types: Counter[str] = field(default_factory=Counter)
    unreadable_times: int = 0


@dataclass(frozen=True, slots=True)
class StoredTruth:
    """The truth records of one connection in the table of a deployment."""

    deployment: Deployment
    connection: str

    @classmethod
    def of(cls, deployment: Deployment, connection: str | None) -> StoredTruth:
        """Return those of `connection`, by default of the one in the secret."""
        if connection is None:
            return cls(deployment, credentials(deployment).connection)
        site, _, company = connection.partition("/")
        if not site or not company:
            raise CommandFailed(
                f"{connection} is no connection: give site/company, for example "
                "na.myconnectwise.net/acme."
            )
        return cls(deployment, connection)

    @property
    def table(self) -> TruthTable:
        """The truth table as the import uses it."""
        name = self.deployment.truth_table_name
        return TruthTable(self.deployment.client("dynamodb"), name, self.connection)

    def records(self) -> Iterator[TruthRecord]:
        """Yield all records, in no order."""
        items = scan(
            self._dynamodb_table(),
            FilterExpression=Attr("connection").eq(self.connection),
            ProjectionExpression="externalId",
        )
        for part in _parts(items):
            yield from self.table.find(str(item["externalId"]) for item in part).values()

    def find(self, external_id: str) -> TruthRecord:
        """Return one record; raises CommandFailed if there is none."""
        found = self.table.find([external_id]).get(external_id)
        if found is None:
            raise CommandFailed(
                f"The truth table has no external id {external_id} for {self.connection}."
            )
        return found

    def delete(self, record: TruthRecord) -> None:
        """Delete a record, unless it has been changed since it was read."""
        key = {"externalId": record.external_id, "connection": self.connection}
        try:
            self._dynamodb_table().delete_item(
                Key=key, ConditionExpression=Attr("paymentId").eq(record.payment_id)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise CommandFailed("An import has changed the record meanwhile: look again.") from None

    def _dynamodb_table(self) -> Any:
        return self.deployment.dynamodb.Table(self.deployment.truth_table_name)


def export(truth: StoredTruth, file: Path, say_done: SayDone = _say_nothing) -> int:
    """Write all records to a file and return how many; an unfinished file is not left behind."""
    written = 0

    def counted() -> Iterator[TruthRecord]:
        nonlocal written
        for record in truth.records():
            written += 1
            say_done(written, None)
            yield record

    unfinished = file.with_name(f".{file.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as target:
            target.writelines(truth_xml(counted()))
        unfinished.replace(file)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def load(
    truth: StoredTruth,
    file: Path,
    wanted_type: str = TYPE,
    overwrite: bool = False,
    say_done: SayDone = _say_nothing,
) -> Loaded:
    """Write the records of Zynk's file that are not there yet.

    The whole file is checked first: raises CommandFailed, with nothing written, if anything in it
    is wrong. A record of the table that names another payment stays, unless `overwrite`.
    """
    loaded = Loaded()
    total = _check(file, wanted_type, loaded)
    done = 0
    for part in _parts(_wanted(file, wanted_type)):
        try:
            _load_part(truth, file, part, overwrite, loaded)
        except (AwsDown, BotoCoreError, ClientError) as error:
            raise CommandFailed(
                f"{error} Of {total} records {loaded.written} have been written. Load the file "
                "again: it goes on with those that are missing."
            ) from error
        done += len(part)
        say_done(done, total)
    return loaded


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


def _load_part(
    truth: StoredTruth,
    file: Path,
    part: list[ZynkRecord],
    overwrite: bool,
    loaded: Loaded,
) -> None:
    known = truth.table.find(record.external_id for record in part)
    new: list[TruthRecord] = []
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
        new.append(_truth_record(record, file))
        known[record.external_id] = new[-1]
    truth.table.store(new)
    loaded.written += len(new)


def _truth_record(record: ZynkRecord, file: Path) -> TruthRecord:
    now = utc_now()
    return TruthRecord(
        record.external_id,
        record.payment_id,
        record.invoice_id,
        created=record.created or record.modified or now,
        modified=record.modified or record.created or now,
        key=file.name,
    )


def _parts(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    remaining = iter(rows)
    while part := list(islice(remaining, _AT_ONCE)):
        yield part
