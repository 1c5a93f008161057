"""The importer as it is deployed, its S3 and DynamoDB in memory, its ConnectWise the simulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from component.link import RUN_SECONDS, Link
from e2e.payment_xml import Record, payment_file, read_records
from payments.stores.imports_table import Counts, ImportLog, ImportState, Status
from payments.importer import Connection, Finished, Importer, ImportSettings, PutBack
from payments.connectwise.invoices import InvoiceLookup
from payments.models import SourceFile
from payments.pipeline import CHUNK_RECORDS
from payments.sender import Sender
from payments.stores.bucket import Storage
from payments.connectwise.transport import CallCounts
from payments.stores.truth_table import TruthTable
from resilience.clock import Clock
from resilience.fake_dynamodb import FakeDynamoDb, FakeTable
from resilience.fake_s3 import FakeBucket, FakeS3
from resilience.points import Plan, Points
from resilience.schedule import Schedule

BUCKET, KEY = "bucket", "incoming/a.xml"
TRUTH, IMPORTS = "truth", "imports"


class Writes(Points):
    """Note what is stored, in order, and let it happen."""

    def __init__(self) -> None:
        super().__init__(Schedule(0), Clock(), Plan())

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        self.passed.append(what)
        yield

    def shuffle(self, several: list[Any]) -> None:
        """Keep the order."""


class Silent:
    """Telemetry that nobody reads."""

    def records(self, counts: Counts) -> None: ...
    def file(self, status: Status) -> None: ...
    def delayed(self) -> None: ...
    def calls(self, counts: CallCounts) -> None: ...


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    state: ImportState
    succeeded: list[Record]
    failed: list[Record]

    @property
    def errors(self) -> list[str]:
        """All error messages, in order."""
        return [error for record in self.failed for error in record.errors]


class Office:
    """One deployment: the same process, tables and bucket for all its files."""

    def __init__(self, link: Link, disk: Path, chunk_records: int = CHUNK_RECORDS) -> None:
        self.link = link
        self.writes = Writes()
        self.bucket = FakeBucket()
        self.truth = FakeTable(("externalId", "connection"))
        settings = ImportSettings(connections=link.connections, chunk_records=chunk_records)
        imports = FakeDynamoDb({IMPORTS: FakeTable(("importId",))}, self.writes)
        self._importer = Importer(
            ImportLog(imports, IMPORTS),
            Storage(FakeS3(self.bucket, self.writes), disk),
            self._connect,
            Silent(),
            settings,
        )

    def run(self, source: SourceFile) -> Finished | PutBack:
        """Deliver the event of a file once."""
        return self._importer.run(source, monotonic() + RUN_SECONDS)

    def upload(self, *records: str) -> SourceFile:
        """Upload a file of these records."""
        return SourceFile(BUCKET, KEY, self.bucket.put(KEY, payment_file(*records)))

    def imported(self, *records: str) -> Imported:
        """Import a file of these records in one run."""
        result = self.run(self.upload(*records))
        assert isinstance(result, Finished), result.reason
        success, fail = (self.bucket.read(f"{folder}/a.xml") for folder in ("success", "fail"))
        return Imported(result.state, read_records(success), read_records(fail))

    def _connect(self, deadline: float) -> Connection:
        self.link.start(deadline - monotonic())
        credentials = self.link.login.credentials()
        dynamodb = FakeDynamoDb({TRUTH: self.truth}, self.writes)
        return Connection(
            self.link.gate,
            Sender(self.link.api),
            InvoiceLookup(self.link.api),
            TruthTable(dynamodb, TRUTH, credentials.connection),
            self.link.transport.counts,
        )
