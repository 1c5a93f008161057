"""Import one file: the use case, from the event's object version to the files that come back.

A run goes through the phases that remain: check the file, send its records, look once more at what
may have been sent twice, write the files. Each is stored when it is done, and goes on where it
stopped. The states in between are in `import_state`, and why doing things again is right in
`upsert`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger

from payments.clock import iso
from payments.closing import Closing
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.patience import Patience, drive
from payments.decisions import Policy
from payments.errors import (
    AccessRefused,
    AwsDown,
    FileRefused,
    ImportStopped,
    OutOfTime,
    RecordStuck,
    StopAsked,
    Superseded,
    TryLater,
)
from payments.files.output import read_part, write_part
from payments.files.reader import check_file, read_records
from payments.files.record import ReadingRules
from payments.import_state import MAX_KILLS, STOPPED, THROTTLED, ImportState, Tally
from payments.last_look import Look, Overruled, last_look
from payments.models import Outcome, Record, SecondPayment, SourceFile, There
from payments.parts import Connection, ImportSettings, Kind, Parts, ResumableWork
from payments.pipeline import ONE_BY_ONE, Bounds, Pipeline, Work, take_chunk
from payments.quiet import SETTLE_SECONDS, Quiet
from payments.rules import failed
from payments.stores.result_files import write_result_files
from payments.waiting import Waiting

logger = Logger(child=True)

_AT_ONCE_SECONDS = 2
_FIRST_WAIT_SECONDS = 60
_LONGEST_WAIT_SECONDS = 900
_READ_AHEAD = 16
_FAILED_AT_ONCE = 500
_MAX_ERROR_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Finished:
    """The import is closed, now or by an earlier run; its message is done with."""

    state: ImportState
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class PutBack:
    """The import goes on later: its message is to come again after `delay_seconds`.

    The `reason` may be logged.
    """

    delay_seconds: int
    reason: str


RunResult = Finished | PutBack


class Importer:
    """Import files, one run at a time."""

    def __init__(self, parts: Parts, settings: ImportSettings) -> None:
        self.parts = parts
        self.settings = settings

    def run(self, source: SourceFile, deadline: float) -> RunResult:
        """Import the file, or as much of it as can be before the `monotonic` time `deadline`."""
        try:
            state = self._begin(source)
        except (AwsDown, FileRefused) as reason:
            return self.wait(source.key, AwsDown(str(reason)), _FIRST_WAIT_SECONDS)
        except Superseded as reason:
            return PutBack(_AT_ONCE_SECONDS, reason.for_log)
        if state.finished:
            logger.info("Already finished", import_id=state.import_id, status=state.status)
            return Finished(state, earlier=True)
        return _Run(self, state, deadline).result()

    def wait(self, key: str, reason: TryLater, delay_seconds: int) -> PutBack:
        """Put the file back until what is down may be up again."""
        logger.warning(
            "Trying again later", key=key, reason=reason.for_log, delay_seconds=delay_seconds
        )
        self.parts.telemetry.delayed()
        return PutBack(delay_seconds, reason.for_log)

    def _begin(self, source: SourceFile) -> ImportState:
        """Begin a run; a finished import comes back as it is."""
        source, table = self.parts.bucket.pinned(source), self.parts.table
        before = table.load(import_id(source))
        if before is not None and before.finished:
            return before
        state = before or ImportState(import_id(source), source)
        state = state.begun(uuid4().hex, self.parts.clock.time(), SETTLE_SECONDS)
        try:
            table.begin(state, before)
        except AwsDown:  # it may have been stored all the same
            self.note_put_back(state)
            raise
        return state

    def note_put_back(self, state: ImportState) -> None:
        """Note where the table cannot that the run puts its file back: it was not killed."""
        try:
            self.parts.bucket.note_put_back(state.source.bucket, state.import_id, state.run)
        except (AwsDown, FileRefused) as failure:
            logger.warning("Not noted anywhere", key=state.source.key, reason=str(failure))


class _Run:
    """One run of one import."""

    def __init__(self, importer: Importer, state: ImportState, deadline: float) -> None:
        self._importer = importer
        self._parts = importer.parts
        self._settings = importer.settings
        self._clock = importer.parts.clock
        self._bucket = importer.parts.bucket
        self._state = state
        self._source = state.source
        self._deadline = deadline
        self._quiet = Quiet()
        self._begun: int | None = None
        self._connection: Connection | None = None
        self._reason: str | None = None

    def result(self) -> RunResult:
        """Do what can be done now, and say what comes next."""
        try:
            return self._import()
        except OutOfTime as pause:
            return self._pause(pause)
        except StopAsked as asked:
            return self._put_back(_AT_ONCE_SECONDS, asked)
        except Superseded as reason:
            return PutBack(_AT_ONCE_SECONDS, reason.for_log)
        except TryLater as reason:
            return self._wait(reason)
        except FileRefused as reason:  # while closing: it must not end without its files
            return self._wait(AwsDown(str(reason)))
        finally:
            if self._connection is not None:
                self._parts.telemetry.calls(self._connection.counts)

    def _import(self) -> RunResult:
        self._adopt_stored_outcomes()
        self._give_up_if_hopeless()
        if self._state.quiet_until > self._clock.time():
            return self._rest()
        if not self._state.is_stored:
            self._go_on()
        return self._close()

    def _go_on(self) -> None:
        """Send what is left, or end early."""
        if self._state.stop_asked is not None:
            self._cut(StopAsked(f"{STOPPED} {self._state.stop_asked}."))
        try:
            if self._state.cut_short is None:
                self._send_all()
        except FileRefused as refusal:
            self._cut(refusal)
        if self._state.cut_short is not None and self._state.total is not None:
            self._end_early(self._state.cut_short, self._state.total)

    # ---- Where earlier runs have left it ---------------------------------------------------------

    def _adopt_stored_outcomes(self) -> None:
        """Do again what follows from outcomes that a killed run has stored already."""
        if self._state.run == 1:
            return
        bucket, import_id = self._source.bucket, self._state.import_id
        while (part := self._bucket.part(bucket, import_id, self._state.done)) is not None:
            self._after_part(part)

    def _give_up_if_hopeless(self) -> None:
        """Send nothing any more if runs have been killed at this place too often."""
        state = self._state
        if state.kills < MAX_KILLS or state.given_up or state.is_stored:
            return
        # A run that has put its file back was not killed, though the table could not note it.
        put_back = self._bucket.last_put_back(self._source.bucket, self._state.import_id)
        if self._state.run - put_back <= MAX_KILLS:
            return
        place = self._state.done + 1
        logger.error(
            "Given up", import_id=self._state.import_id, key=self._source.key, record=place
        )
        where = f"at record {place}" if state.reach else "before anything was sent"
        reason = (
            f"The import was given up: {MAX_KILLS} runs ended without a word {where}. "
            "Look into the function's log for the reason."
        )
        self._reason = reason
        self._save(self._state.cut(reason, self._clock.time(), given_up=True))

    def _rest(self) -> PutBack:
        """Wait until what earlier runs have sent has arrived or cannot arrive any more."""
        delay = ceil(self._state.quiet_until - self._clock.time())
        self._save(self._state.rested(self._clock.time()))
        return PutBack(delay, "Waiting for messages that may still be under way.")

    # ---- Sending ---------------------------------------------------------------------------------

    def _send_all(self) -> None:
        path = self._bucket.fetch(self._source)
        checked = check_file(path) if self._state.total is None else None
        # The event's version may be deleted while payments are under way.
        self._bucket.keep(self._source, self._state.import_id)
        if checked is not None:
            second_payment = self._settings.second_payment
            self._save(self._state.checked(checked, second_payment, self._clock.time()))
        self._send(path, self._state.total or 0)

    def _send(self, path: Path, until: int) -> None:
        """Send what is left up to record number `until`."""
        if self._state.done >= until:
            return
        doubtful_until = self._begun = self._state.reach if self._state.in_doubt else 0
        connection = self._connected()
        # Before anything counts as sent: a company that is misspelt can be corrected.
        drive(self._patience(connection).patiently("log in", connection.log_in), self._clock)
        self._quiet = self._quiet.doubting(doubtful_until)
        work = self._work(connection)
        if doubtful_until > self._state.done:
            drive(work.resume([*self._records(path, doubtful_until)]), self._clock)
        if self._state.kills == MAX_KILLS - 1:
            # The last try: it stops exactly at the record that ends the runs.
            self._apply(connection, work, self._records(path, doubtful_until), ONE_BY_ONE)
        self._apply(connection, work, self._records(path, until), self._bounds)

    @property
    def _bounds(self) -> Bounds:
        """How far ahead of the checkpoint may be sent: not far while a record holds it up."""
        bounds = self._settings.bounds
        return replace(bounds, chunks=min(bounds.chunks, 2)) if self._state.stuck else bounds

    def _apply(
        self,
        connection: Connection,
        work: Work[Any, Any, Outcome],
        records: Iterator[Record],
        bounds: Bounds,
    ) -> None:
        workers = self._parts.workers(self._settings.connections)
        pipeline: Pipeline[Any, Any, Outcome] = Pipeline(
            work,
            workers,
            self._clock,
            self._deadline,
            reaching=self._reaching,
            commit=self._commit,
            close_gate=connection.gate.close,
            bounds=bounds,
        )
        try:
            pipeline.apply(records)
        finally:
            workers.close()
            self._begun = max(self._begun or 0, pipeline.begun)

    def _connected(self) -> Connection:
        """Connect to ConnectWise; an import belongs to the company that it began with."""
        if self._connection is None:
            connection = self._parts.connect(self._deadline)
            self._state = self._state.connected(connection.name)
            if self._state.connection != connection.name:
                raise AccessRefused(
                    f"The secret is now for {connection.name}, but this import has begun for "
                    f"{self._state.connection}. Put the former content back until it has ended."
                )
            self._connection = connection
        return self._connection

    @property
    def _kind(self) -> Kind:
        return self._parts.kinds[self._state.root.name]

    @property
    def _second_payment(self) -> SecondPayment:
        """What was set when the import began."""
        return self._state.second_payment or self._settings.second_payment

    def _work(self, connection: Connection) -> ResumableWork:
        policy = Policy(
            self._state.import_id,
            self._source.key,
            self._settings.prevent_reprocessing,
            self._second_payment,
        )
        patience = self._patience(connection)
        return self._kind.work(connection, patience, self._quiet, policy, self._clock)

    def _patience(self, connection: Connection) -> Patience:
        return Patience(
            self._clock,
            connection.answers,
            self._parts.random,
            self._settings.retries,
            self._state.stuck,
        )

    def _records(self, path: Path, until: int) -> Iterator[Record]:
        """Read what is left up to record number `until`."""
        today = datetime.fromtimestamp(self._clock.time(), UTC).date()
        adds_up = self._second_payment is SecondPayment.ADD
        rules = ReadingRules(self._settings.currency_decimals, today, refunds=adds_up)
        left = islice(read_records(path, after=self._state.done), max(until - self._state.done, 0))
        return (self._kind.read(raw, rules) for raw in left)

    # ---- The checkpoint --------------------------------------------------------------------------

    def _reaching(self, number: int) -> None:
        if number > self._state.reach:
            self._save(self._state.reaching(number, self._clock.time()))

    def _commit(self, outcomes: list[Outcome]) -> None:
        """Store outcomes for good: the part is what counts, everything else follows from it."""
        part = write_part(outcomes)
        self._bucket.store_part(self._source.bucket, self._state.import_id, self._state.done, part)
        self._after_part(part)

    def _after_part(self, part: bytes) -> None:
        """Let the truth table, the ledger and the checkpoint follow a stored part."""
        stored = read_part(part)
        learned = [outcome.learned for outcome in stored if outcome.learned is not None]
        recorded = [There(it.invoice_id, it) for outcome in stored for it in outcome.recorded]
        if learned:
            self._connected().truth.store(learned)
        if recorded:
            self._connected().ledger.store(recorded)
        new = Tally.of(outcome.result for outcome in stored)
        look_again = any(outcome.look_again is not None for outcome in stored)
        self._save(self._state.committed(new, self._clock.time(), look_again=look_again))
        self._parts.telemetry.records(new)

    def _save(self, state: ImportState) -> None:
        """Store the state; raises StopAsked, with the state cut short and stored."""
        try:
            self._parts.table.save(state)
        except StopAsked as asked:
            self._state = state.cut(str(asked), self._clock.time())
            self._parts.table.save(self._state)
            raise
        self._state = state

    # ---- Ending early ----------------------------------------------------------------------------

    def _cut(self, reason: ImportStopped) -> None:
        self._reason = reason.for_log
        told = str(reason)[:_MAX_ERROR_CHARACTERS]
        self._save(self._state.cut(told, self._clock.time()))

    def _end_early(self, reason: str, total: int) -> None:
        """Bring what may have been sent to its end, and the rest to the fail file."""
        path = self._bucket.fetch_kept(self._source.bucket, self._state.import_id)
        if not self._state.given_up:
            self._send(path, self._state.reach)
        told = self._given_up if self._state.given_up else (lambda _: f"Not sent: {reason}")
        records = self._records(path, total)
        while chunk := take_chunk(records, _FAILED_AT_ONCE):
            if self._clock.monotonic() >= self._deadline:
                raise OutOfTime
            self._commit([failed(record, told(record.number)) for record in chunk])

    def _given_up(self, number: int) -> str:
        if number <= self._state.reach:
            return (
                "The import was given up near this record: it is not known whether ConnectWise has "
                "recorded this payment. Look at its invoice there. If the payment is there, take "
                "this record out; if not, upload it again."
            )
        return "Not sent: the import was given up before this record. Upload it again."

    # ---- Closing ---------------------------------------------------------------------------------

    def _close(self) -> Finished:
        """Write the two files and the page, close the import, then send its report.

        Only who has closed it sends, so that it is sent once at most. Where a run is killed in
        between, or neither the write nor the look at what became of it is answered, there is no
        mail: the files, the page and the imports table have the outcome all the same, and an alarm
        tells of the kill, or that the file was put back.
        """
        self._wait_until_quiet()
        closing = Closing.of(
            self._state, self._last_look(), self._settings.folders, self._clock.time()
        )
        workers = self._parts.workers(_READ_AHEAD)
        try:
            written = write_result_files(closing.files, self._bucket, workers, self._is_out_of_time)
        finally:
            workers.close()
        self._save_closed(closing.finished(written))
        self._parts.telemetry.file(self._state.status)
        self._parts.mail.finished(closing.report(written))
        logger.info(
            "Finished",
            import_id=self._state.import_id,
            key=self._source.key,
            status=self._state.status,
            reason=self._why(),
        )
        return Finished(self._state)

    def _save_closed(self, state: ImportState) -> None:
        """Close the import; where the answer to that is lost, look whether it has."""
        try:
            self._save(state)
        except AwsDown:
            there = self._parts.table.load(state.import_id)
            if there is None or not there.finished or there.run_token != state.run_token:
                raise
            self._state = state

    def _why(self) -> str:
        """Say, for the log, why the import has ended as it has."""
        tally = self._state.tally
        if self._state.cut_short is not None:
            return self._reason or "Cut short by an earlier run: the imports table has the reason."
        if tally.failed:
            return f"{tally.failed} of {tally.done} records failed: the fail file says why."
        return "No record failed."

    def _is_out_of_time(self) -> bool:
        return self._clock.monotonic() >= self._deadline

    def _wait_until_quiet(self) -> None:
        """Let what is under way arrive before anything else is sent, by the next file too."""
        while (now := self._clock.monotonic()) < (ends := self._quiet.all_end()):
            if now >= self._deadline:
                raise OutOfTime
            self._clock.sleep(min(ends, self._deadline) - now)

    def _last_look(self) -> Overruled:
        """Return what the last look at payments that may be there twice overrules."""
        if not self._state.look_again:
            return {}
        connection = self._connected()
        patience = self._patience(connection)
        workers = self._parts.workers(self._settings.connections)
        look = Look(
            connection.truth,
            connection.finance.payments,
            InvoiceLookup(connection.finance, patience),
            patience,
            workers,
            self._clock,
            self._deadline,
        )
        try:
            return last_look(self._state, self._bucket, look)
        finally:
            workers.close()

    # ---- Putting back ----------------------------------------------------------------------------

    def _wait(self, reason: TryLater) -> PutBack:
        """Put the file back for longer each time that nothing has come of it."""
        is_stuck = isinstance(reason, RecordStuck)
        waits = self._state.stuck if is_stuck else self._state.waits
        delay = min(_FIRST_WAIT_SECONDS * 2 ** min(waits, 10), _LONGEST_WAIT_SECONDS)
        if isinstance(reason, RecordStuck) and reason.may_be_its_own:
            delay = _FIRST_WAIT_SECONDS
        error = str(reason)[:_MAX_ERROR_CHARACTERS]
        self._put_back(delay, reason, error, is_down=not is_stuck, is_stuck=is_stuck)
        return self._importer.wait(self._source.key, reason, delay)

    def _pause(self, pause: OutOfTime) -> PutBack:
        """Put the file back for the next run, or for as long as ConnectWise wants silence."""
        delay = max(_AT_ONCE_SECONDS, ceil(pause.delay_seconds))
        if delay <= _FIRST_WAIT_SECONDS:
            return self._put_back(delay, pause)
        self._parts.telemetry.delayed()
        error = f"{THROTTLED}, and has asked for {delay} seconds of silence."
        return self._put_back(delay, pause, error)

    def _put_back(
        self,
        delay: int,
        reason: ImportStopped,
        error: str | None = None,
        *,
        is_down: bool = False,
        is_stuck: bool = False,
    ) -> PutBack:
        before, now = self._state, self._clock.time()
        quiet_seconds = self._quiet.all_end() - self._clock.monotonic()
        state = before.put_back(
            now,
            now + max(quiet_seconds, 0.0),
            error,
            begun=self._begun,
            is_down=is_down,
            is_stuck=is_stuck,
        ).hidden(now + delay)
        self._save_put_back(state)
        if self._state.waiting_told and not before.waiting_told:
            self._tell(reason, now + delay)
        return PutBack(delay, reason.for_log)

    def _save_put_back(self, state: ImportState) -> None:
        try:
            self._save(state)
        except StopAsked:
            logger.info("Stopping", key=self._source.key)
        except Superseded as failure:
            logger.warning("Not noted", key=self._source.key, reason=str(failure))
        except (AwsDown, FileRefused) as failure:
            logger.warning("Not noted in the table", key=self._source.key, reason=str(failure))
            self._importer.note_put_back(self._state)

    def _tell(self, reason: ImportStopped, next_try: float) -> None:
        """Say that the file has waited for long; it is noted already that this is said."""
        state, key = self._state, self._source.key
        self._parts.mail.waits(
            Waiting(
                self._source.bucket,
                key,
                iso(state.waiting_since),
                iso(next_try),
                state.error or "",
                reason,
            )
        )


def import_id(source: SourceFile) -> str:
    """Return the id of the import of exactly this object version.

    However often its event is delivered, it is the same. An object without a version of its own
    ("null" where versioning is suspended) is told from a later one with the same content by the
    event's sequencer.
    """
    has_version = source.version_id not in (None, "", "null")
    version = source.version_id if has_version else [source.etag, source.sequencer]
    name = json.dumps([source.bucket, source.key, version])
    return hashlib.sha256(name.encode()).hexdigest()[:32]
