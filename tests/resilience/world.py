"""Everything that outlives a run, and how a run is started in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from payments import importer as importer_module
from payments import pipeline as pipeline_module
from payments.stores.imports_table import Counts, ImportLog, Status
from payments.importer import Connection, Finished, Importer, ImportSettings, PutBack, import_id
from payments.connectwise.invoices import InvoiceLookup
from payments.models import SourceFile
from payments.connectwise.pace import Gate
from payments.sender import Sender
from payments.stores.bucket import Storage
from payments.connectwise.transport import CallCounts
from payments.stores.truth_table import TruthTable
from resilience.clock import Clock
from resilience.fake_connectwise import FakeApi, FakeConnectWise, FakeInvoice
from resilience.fake_dynamodb import FakeDynamoDb, FakeTable
from resilience.fake_s3 import FakeBucket, FakeS3
from resilience.points import UNDISTURBED, Killed, Plan, Points, Trouble, no_trouble
from resilience.schedule import Schedule, ScheduledExecutor, scheduled_wait

BUCKET = "bucket"
CONNECTION = "na.myconnectwise.net/acme"
TRUTH, IMPORTS = "truth", "imports"
RUN_SECONDS = 100_000.0
_MAX_RUNS = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """How the importer is deployed, and what kind of ConnectWise it meets."""

    prevent_reprocessing: bool = False
    connections: int = 3
    chunk_records: int = 3
    several_payments: bool = False
    seed: int = 0


@dataclass(slots=True)
class FakeTelemetry:
    """The counts of all runs together."""

    counts: Counts = field(default_factory=Counts)
    files: list[Status] = field(default_factory=list)
    delays: int = 0

    def records(self, counts: Counts) -> None:
        self.counts += counts

    def file(self, status: Status) -> None:
        self.files.append(status)

    def delayed(self) -> None:
        self.delays += 1

    def calls(self, counts: CallCounts) -> None:
        """Nothing here counts on them."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run: its result, None if it was killed, and the points that it passed."""

    result: Finished | PutBack | None
    points: list[str]


class World:
    """S3, DynamoDB, ConnectWise and the queue, as far as an import sees them.

    `build` makes the importer of a run; broken variants of the importer have their own.
    """

    def __init__(
        self,
        disk: Path,
        invoices: Iterable[FakeInvoice],
        settings: Settings,
        build: Callable[..., Importer] = Importer,
    ) -> None:
        self.settings = settings
        self.clock = Clock()
        self.bucket = FakeBucket()
        self.truth = FakeTable(("externalId", "connection"))
        self.imports = FakeTable(("importId",))
        self.connectwise = FakeConnectWise(
            {invoice.id: invoice for invoice in invoices}, settings.several_payments
        )
        self.telemetry = FakeTelemetry()
        self.trouble_connecting: Exception | None = None
        self.aws_trouble: Trouble = no_trouble
        self.last_points: list[str] = []
        self._disk = disk
        self._build = build
        self._runs = 0

    def know(self, external_id: str, invoice_id: int, payment_id: int) -> None:
        """Put an entry of an earlier import into the truth table."""
        times = dict.fromkeys(("created", "modified"), "2020-01-01T00:00:00Z")
        item = {"externalId": external_id, "connection": CONNECTION, **times}
        self.truth.put({**item, "invoiceId": invoice_id, "paymentId": payment_id, "key": "old.xml"})

    def upload(self, content: bytes, key: str = "incoming/a.xml") -> SourceFile:
        """Put a file into the bucket; return what the event says of it."""
        version = self.bucket.put(key, content)
        found = self.bucket.latest(key)
        assert found is not None
        return SourceFile(BUCKET, key, version, found.etag.strip('"'), sequencer=version)

    def run(
        self, source: SourceFile, plan: Plan = UNDISTURBED, run_seconds: float = RUN_SECONDS
    ) -> Run:
        """Deliver the file's event once."""
        self._runs += 1
        schedule = Schedule(self.settings.seed * 1000 + self._runs)
        points = Points(schedule, self.clock, plan, self.aws_trouble)
        self.last_points = points.passed
        deadline = self.clock.now + run_seconds
        with _in_turns(schedule, self.clock):
            try:
                result = self._importer(points, deadline).run(source, deadline)
            except Killed:
                result = None
        return Run(result, points.passed)

    def deliver(
        self, source: SourceFile, *plans: Plan, run_seconds: float = RUN_SECONDS
    ) -> list[Run]:
        """Deliver the event until the import is finished; the first runs have these plans."""
        runs = [self.run(source, plan, run_seconds) for plan in plans]
        while not (runs and isinstance(runs[-1].result, Finished)):
            assert len(runs) < _MAX_RUNS, f"not finished after {_MAX_RUNS} runs: {runs[-1].result}"
            runs.append(self.run(source, run_seconds=run_seconds))
        return runs

    def import_row(self, source: SourceFile) -> dict[str, Any]:
        """Return the file's row of the imports table."""
        return self.imports.items[import_id(source),]

    def everything(self) -> Any:
        """Return a copy of all that is stored anywhere."""
        return deepcopy(
            (
                self.bucket.versions,
                self.truth.items,
                self.imports.items,
                self.connectwise.held,
                self.connectwise.calls,
            )
        )

    def _importer(self, points: Points, deadline: float) -> Importer:
        disk = self._disk / f"run {self._runs}"
        disk.mkdir(parents=True)
        return self._build(
            ImportLog(FakeDynamoDb({IMPORTS: self.imports}, points), IMPORTS),
            Storage(FakeS3(self.bucket, points), disk),
            lambda deadline: self._connect(points, deadline),
            self.telemetry,
            ImportSettings(
                prevent_reprocessing=self.settings.prevent_reprocessing,
                connections=self.settings.connections,
                chunk_records=self.settings.chunk_records,
            ),
        )

    def _connect(self, points: Points, deadline: float) -> Connection:
        if self.trouble_connecting is not None:
            raise self.trouble_connecting
        gate = Gate(self.settings.connections, deadline, self.clock)
        api = FakeApi(self.connectwise, points, gate)
        truth = TruthTable(FakeDynamoDb({TRUTH: self.truth}, points), TRUTH, CONNECTION)
        return Connection(gate, Sender(api), InvoiceLookup(api), truth, CallCounts())


@contextmanager
def _in_turns(schedule: Schedule, clock: Clock) -> Iterator[None]:
    """Let the importer's threads take turns, and its time be the clock's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pipeline_module,
            "ThreadPoolExecutor",
            lambda workers: ScheduledExecutor(schedule, workers),
        )
        patch.setattr(pipeline_module, "wait", scheduled_wait)
        patch.setattr(pipeline_module, "monotonic", clock)
        patch.setattr(importer_module, "monotonic", clock)
        yield
