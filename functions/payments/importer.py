"""Import one file: the use case, from the event's object version to the success and fail files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Protocol

from aws_lambda_powertools import Logger

from payments.clock import utc_now
from payments.errors import (
    AwsDown,
    FileRefused,
    ImportStopped,
    OutOfTime,
    ServerFault,
    Superseded,
    TryLater,
)
from payments.stores.imports_table import Counts, ImportLog, ImportState, Status
from payments.connectwise.invoices import InvoiceLookup
from payments.models import Outcome, PaymentRecord, SourceFile
from payments.connectwise.pace import Gate
from payments.files.reader import check_file, read_records
from payments.files.record import read_record
from payments.pipeline import CHUNK_RECORDS, Pipeline, Truth, take_chunk
from payments.report import ImportReport
from payments.files.output import actions_of_part, join_parts, write_part
from payments.rules import Policy, failed
from payments.sender import Sender
from payments.stores.bucket import WORK_PREFIX, Storage
from payments.connectwise.transport import CallCounts

logger = Logger(child=True)

MAX_TRIES = 3
# Runs that only move what remains of a given-up file to its fail file.
_MAX_TRIES_TO_GIVE_UP = 3
_AT_ONCE_SECONDS = 2
_FIRST_WAIT_SECONDS = 60
_LONGEST_WAIT_SECONDS = 900
_FAULTS_UNTIL_BLAMED = 5  # 1 + 2 + 4 + 8 + 15 minutes
_FAULTS_UNTIL_BLAMED_WITHOUT_OTHERS = 19  # 14 times 15 minutes more: four hours
_JOINED_PER_SECOND = 5000


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What the deployment has decided about imports."""

    incoming_prefix: str = "incoming/"
    success_prefix: str = "success/"
    fail_prefix: str = "fail/"
    prevent_reprocessing: bool = False
    connections: int = 8
    chunk_records: int = CHUNK_RECORDS


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything between this run and one ConnectWise company."""

    gate: Gate
    sender: Sender
    lookup: InvoiceLookup
    truth: Truth
    counts: CallCounts


class Telemetry(Protocol):
    """Where counts are published."""

    def records(self, counts: Counts) -> None: ...
    def file(self, status: Status) -> None: ...
    def delayed(self) -> None: ...
    def calls(self, counts: CallCounts) -> None: ...


@dataclass(frozen=True, slots=True)
class Finished:
    """The import is closed; its message is done with."""

    state: ImportState


@dataclass(frozen=True, slots=True)
class PutBack:
    """The import goes on later: its message is to come again after `delay_seconds`.

    The `reason` may be logged.
    """

    delay_seconds: int
    reason: str


Result = Finished | PutBack


class Importer:
    """Import files, one run at a time.

    `connect` opens a connection that makes no call after a `monotonic` time; it raises
    SecretUnusable.
    """

    def __init__(
        self,
        log: ImportLog,
        storage: Storage,
        connect: Callable[[float], Connection],
        telemetry: Telemetry,
        settings: ImportSettings,
        report: Callable[[ImportReport], None] = lambda _: None,
    ) -> None:
        self.log = log
        self.storage = storage
        self.connect = connect
        self.telemetry = telemetry
        self.settings = settings
        self.report = report

    def run(self, source: SourceFile, deadline: float) -> Result:
        """Import the file, or as much of it as can be before the `monotonic` time `deadline`."""
        try:
            state = self.log.begin(import_id(source), source)
        except AwsDown as reason:
            return self.wait(source.key, reason, _FIRST_WAIT_SECONDS)
        if state.finished:
            logger.info("Already finished", import_id=state.import_id, status=state.status)
            return Finished(state)
        return _Run(self, state, source, deadline).result()

    def wait(self, key: str, reason: TryLater, delay_seconds: int) -> PutBack:
        """Put the file back until what is down may be up again."""
        logger.warning(
            "Trying again later", key=key, reason=reason.for_log, delay_seconds=delay_seconds
        )
        self.telemetry.delayed()
        return PutBack(delay_seconds, reason.for_log)


class _Run:
    """One run of one import."""

    def __init__(
        self, importer: Importer, state: ImportState, source: SourceFile, deadline: float
    ) -> None:
        self._importer = importer
        self._log = importer.log
        self._storage = importer.storage
        self._telemetry = importer.telemetry
        self._settings = importer.settings
        self._state = state
        self._source = source
        self._deadline = deadline
        self._began_at = state.done
        self._in_doubt = state.in_doubt

    def result(self) -> Result:
        """Do what can be done now, and say what comes next."""
        try:
            try:
                return self._import()
            except FileRefused as refusal:
                return self._close(Status.FAILED, str(refusal))
        except OutOfTime as pause:
            return self._pause(pause)
        except Superseded as reason:
            return PutBack(_AT_ONCE_SECONDS, reason.for_log)
        except TryLater as reason:
            return self._wait(reason)

    def _import(self) -> Result:
        if self._state.run > 1:
            self._adopt_stored_outcomes()
        if self._state.tries >= MAX_TRIES:
            self._forgive_runs_that_were_put_back()
        if self._state.tries > MAX_TRIES and self._state.given_up_at is None:
            self._state = self._log.give_up(self._state)
        if self._state.given_up_at is not None:
            return self._give_up(self._state.given_up_at)
        if self._state.total is None or self._state.done < self._state.total:
            self._apply()
        counts = self._state.counts
        status = Status.COMPLETED_WITH_FAILURES if counts.failed else Status.SUCCEEDED
        return self._close(status)

    def _adopt_stored_outcomes(self) -> None:
        """Move the checkpoint behind outcomes that a killed run has stored already."""
        import_id, bucket = self._state.import_id, self._source.bucket
        while (part := self._storage.part(bucket, import_id, self._state.done)) is not None:
            self._checkpoint(Counts.of(actions_of_part(part)))

    def _forgive_runs_that_were_put_back(self) -> None:
        """Count no run as killed that has put its file back, though the table did not note it."""
        put_back = self._storage.last_put_back(self._source.bucket, self._state.import_id)
        tries = min(self._state.tries, self._state.run - put_back)
        self._state = replace(self._state, tries=tries)

    def _apply(self) -> None:
        path = self._storage.fetch(self._source)
        if self._state.total is None:
            self._state = self._log.checked(self._state, check_file(path))
        if self._state.done == self._state.total:
            return
        # Two chunks at most are under way at once.
        reach = 2 * self._settings.chunk_records
        doubtful_until = self._state.done + reach if self._state.in_doubt else 0
        connection = self._importer.connect(self._deadline)
        policy = self._policy(doubtful_until)
        pipelines = [self._pipeline(connection, policy)]
        records = self._records(path)
        try:
            if self._state.tries == MAX_TRIES:
                # The last try: it stops exactly at the record that ends the runs.
                pipelines.append(self._pipeline(connection, policy, one_by_one=True))
                pipelines[-1].apply(islice(records, reach))
            pipelines[0].apply(records)
        finally:
            in_doubt = any(pipeline.in_doubt for pipeline in pipelines)
            self._in_doubt = in_doubt or self._state.done < doubtful_until
            self._telemetry.calls(connection.counts)

    def _pipeline(
        self, connection: Connection, policy: Policy, *, one_by_one: bool = False
    ) -> Pipeline:
        return Pipeline(
            connection.sender,
            connection.lookup,
            connection.truth,
            connection.gate,
            policy,
            self._source.key,
            connections=1 if one_by_one else self._settings.connections,
            store_outcomes=self._store_outcomes,
            chunk_records=1 if one_by_one else self._settings.chunk_records,
            overlapping=not one_by_one,
        )

    def _policy(self, doubtful_until: int) -> Policy:
        return Policy(
            self._state.import_id,
            self._settings.prevent_reprocessing,
            in_doubt_until=doubtful_until,
            blamed=self._state.done + 1 if self._is_blamed() else None,
        )

    def _is_blamed(self) -> bool:
        """Tell whether server errors are the next record's own, and not an outage.

        Without others to compare with, patience is longer.
        """
        alone = self._state.fault_alone
        enough = _FAULTS_UNTIL_BLAMED if alone else _FAULTS_UNTIL_BLAMED_WITHOUT_OTHERS
        return self._state.faults >= enough

    def _records(self, path: Path) -> Iterator[PaymentRecord]:
        return (read_record(raw) for raw in read_records(path, after=self._state.done))

    def _store_outcomes(self, outcomes: list[Outcome]) -> None:
        """Store outcomes for good, then move the checkpoint behind them."""
        part = write_part(outcomes)
        import_id, bucket = self._state.import_id, self._source.bucket
        self._storage.store_part(bucket, import_id, self._state.done, part)
        self._checkpoint(Counts.of([outcome.action for outcome in outcomes]))

    def _checkpoint(self, new: Counts) -> None:
        self._state = self._log.checkpoint(self._state, self._state.counts + new)
        self._telemetry.records(new)

    def _close(self, status: Status, error: str | None = None) -> Finished:
        """Write the success and fail files, then close the import."""
        seconds = self._state.done / _JOINED_PER_SECOND
        if self._state.done > self._began_at and monotonic() + seconds > self._deadline:
            raise OutOfTime
        success, fail = self._storage.local("success.xml"), self._storage.local("fail.xml")
        bucket, import_id = self._source.bucket, self._state.import_id
        parts = self._storage.parts(bucket, import_id, self._state.done)
        failures = join_parts(self._state.root, parts, success, fail, error)
        name = self._source.key.removeprefix(self._settings.incoming_prefix)
        success_key = self._settings.success_prefix + name
        fail_key = self._settings.fail_prefix + name
        self._storage.publish(bucket, success_key, success, self._metadata())
        self._storage.publish(bucket, fail_key, fail, self._metadata())
        self._importer.report(
            ImportReport(
                bucket=bucket,
                key=self._source.key,
                success_key=success_key,
                fail_key=fail_key,
                status=status,
                total=self._state.total,
                counts=self._state.counts,
                failures=failures,
                error=error,
                started_at=self._state.started_at,
                finished_at=utc_now(),
            )
        )
        self._state = self._log.finish(self._state, status, error)
        self._telemetry.file(status)
        logger.info("Finished", import_id=import_id, key=self._source.key, status=status)
        return Finished(self._state)

    def _metadata(self) -> dict[str, str]:
        counts = self._state.counts
        return {
            "import-id": self._state.import_id,
            "total": str(self._state.total or 0),
            "created": str(counts.created),
            "updated": str(counts.updated),
            "skipped": str(counts.skipped),
            "failed": str(counts.failed),
        }

    def _give_up(self, place: int) -> Finished:
        """Close a file that has stopped its run again and again at the same place."""
        error = (
            f"The import was given up: {MAX_TRIES} runs ended without a word at record {place}. "
            "Look into the function's log for the reason, then upload the fail file again."
        )
        logger.error(
            "Given up", import_id=self._state.import_id, key=self._source.key, record=place
        )
        if self._state.tries > MAX_TRIES + _MAX_TRIES_TO_GIVE_UP:
            return self._close_without_files(error)
        self._fail_remaining(place)
        return self._close(Status.FAILED, error)

    def _close_without_files(self, error: str) -> Finished:
        """Let the queue go on, though not even the success and fail files could be written."""
        outcomes = f"{WORK_PREFIX}{self._state.import_id}/"
        error = f"{error} There are no success and fail files; the outcomes are in {outcomes}."
        self._state = self._log.finish(self._state, Status.FAILED, error)
        self._telemetry.file(Status.FAILED)
        return Finished(self._state)

    def _fail_remaining(self, place: int) -> None:
        if self._state.total is None:  # the file itself could not be read to its end
            return
        doubtful_until = place - 1 + 2 * self._settings.chunk_records
        records = self._records(self._storage.fetch(self._source))
        while chunk := take_chunk(records, self._settings.chunk_records):
            self._store_outcomes(
                [failed(record, _given_up(record.number <= doubtful_until)) for record in chunk]
            )

    def _wait(self, reason: TryLater) -> PutBack:
        """Put the file back for longer each time that nothing has come of it."""
        delay = min(_FIRST_WAIT_SECONDS * 2**self._state.waits, _LONGEST_WAIT_SECONDS)
        self._put_back(delay, reason, error=str(reason), is_down=True)
        return self._importer.wait(self._source.key, reason, delay)

    def _pause(self, pause: OutOfTime) -> PutBack:
        """Put the file back for the next run, or for as long as ConnectWise wants silence."""
        delay = max(_AT_ONCE_SECONDS, ceil(pause.delay_seconds))
        if delay <= _FIRST_WAIT_SECONDS:
            return self._put_back(delay, pause)
        self._telemetry.delayed()
        error = f"ConnectWise throttles, and has asked for {delay} seconds of silence."
        return self._put_back(delay, pause, error)

    def _put_back(
        self,
        delay: int,
        reason: ImportStopped,
        error: str | None = None,
        *,
        is_down: bool = False,
    ) -> PutBack:
        fault = reason if isinstance(reason, ServerFault) else None
        try:
            self._log.put_back(self._state, self._in_doubt, error, is_down=is_down, fault=fault)
        except Superseded as failure:
            logger.warning("Not noted", key=self._source.key, reason=str(failure))
        except AwsDown as failure:
            logger.warning("Not noted in the table", key=self._source.key, reason=str(failure))
            self._note_put_back_elsewhere()
        return PutBack(delay, reason.for_log)

    def _note_put_back_elsewhere(self) -> None:
        state = self._state
        try:
            self._storage.note_put_back(self._source.bucket, state.import_id, state.run)
        except AwsDown as failure:
            logger.warning("Not noted anywhere", key=self._source.key, reason=str(failure))


def import_id(source: SourceFile) -> str:
    """Return the id of the import of exactly this object version.

    However often its event is delivered, it is the same. An unversioned object is told from a
    later one with the same content by the event's sequencer.
    """
    version = source.version_id or [source.etag, source.sequencer]
    name = json.dumps([source.bucket, source.key, version])
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _given_up(in_doubt: bool) -> str:
    if in_doubt:
        return (
            "The import was given up near this record: it is not known whether ConnectWise has "
            "recorded this payment. Uploading it again is safe: it finds the payment if there is "
            "one."
        )
    return "Not sent: the import was given up before this record. Upload it again."
