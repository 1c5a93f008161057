"""The whole program as it is deployed, over fakes: one queue, one process, one thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from e2e.payment_xml import Record, payment_file, read_records
from fakes.clock import VirtualClock
from fakes.connectwise import FakeConnectWise, FakeInvoice
from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.mishaps import Killed, Mishaps
from fakes.s3 import FakeBucket, FakeS3
from fakes.sqs import FakeQueue
from fakes.way import Way
from fakes.workers import SeededWorkers
from payments.bootstrap import World, event_handler_in
from payments.connectwise.api import CallCounts
from payments.handler import EventHandler
from payments.import_state import Status, Tally
from payments.models import SecondPayment
from payments.pipeline import Bounds
from payments.report import ReportOn
from payments.settings import Settings

RUN_SECONDS = 900.0
SMALL = Bounds(chunk_records=2, chunks=4)
FINISHED, PUT_BACK, KILLED = "finished", "put back", "killed"


@dataclass(slots=True)
class Published:
    """What was published of imports."""

    files: list[Status] = field(default_factory=list)
    delays: int = 0
    tally: Tally = field(default_factory=Tally)

    def records(self, tally: Tally) -> None:
        self.tally += tally

    def calls(self, counts: CallCounts) -> None: ...

    def file(self, status: Status) -> None:
        self.files.append(status)

    def delayed(self) -> None:
        self.delays += 1


class FakeTopic:
    """An SNS client that keeps what is mailed."""

    def __init__(self, way: Way) -> None:
        self.mails: list[tuple[str, str]] = []
        self._way = way

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            self.mails.append((Subject, Message))
            return {}

        return self._way("Publish", {"Subject": Subject}, effect)

    @property
    def subjects(self) -> list[str]:
        """The subjects of all mails."""
        return [subject for subject, _ in self.mails]


class Deployment:
    """A deployment, whose calls go the way that `mishaps` has planned."""

    def __init__(
        self,
        disk: Path,
        *invoices: FakeInvoice,
        second_payment: SecondPayment = SecondPayment.REPLACE,
        prevent_reprocessing: bool = False,
        bounds: Bounds = SMALL,
        **tenant: bool,
    ) -> None:
        self.clock, self.mishaps = VirtualClock(), Mishaps()
        shelf = invoices or tuple(map(FakeInvoice, range(1, 21)))
        self.connectwise = FakeConnectWise(*shelf, way=self.mishaps, **tenant)
        self.bucket = FakeBucket()
        self.truth, self.imports = FakeTable(("externalId", "connection")), FakeTable(("importId",))
        self.ledger = FakeTable(("invoiceId", "connection"))
        self.queue = FakeQueue(self.clock.time, way=self.mishaps)
        self.topic = FakeTopic(self.mishaps)
        self.published = Published()
        self.secret = {
            "site": "na.example.com",
            "company": "acme",
            "publicKey": "key",
            "privateKey": "secret",
            "clientId": "client",
        }
        self._handler: EventHandler | None = None
        self._disk, self._bounds = disk, bounds
        self._settings = Settings(
            secret_name="secret",
            truth_table_name="truth",
            ledger_table_name="ledger",
            imports_table_name="imports",
            queue_url="queue",
            prevent_reprocessing=prevent_reprocessing,
            second_payment=second_payment,
            incoming_prefix="incoming/",
            success_prefix="success/",
            fail_prefix="fail/",
            report_prefix="reports/",
            connections=3,
            api_version="2024.1",
            report_on=ReportOn.ALWAYS,
            report_topic_arn="topic",
            region="eu-west-1",
        )

    def switch(self, second_payment: SecondPayment) -> None:
        """Deploy again with another setting."""
        self._settings = replace(self._settings, second_payment=second_payment)
        self._handler = None

    def upload(self, *records: str, name: str = "a") -> str:
        """Upload a file of these records; return its version."""
        return self.upload_content(payment_file(*records), name)

    def upload_content(self, content: bytes, name: str = "a") -> str:
        """Upload a file and announce it; return its version."""
        key = f"incoming/{name}.xml"
        version = self.bucket.put(key, content)
        found = {"key": key, "version-id": version}
        detail = {"bucket": {"name": "bucket"}, "object": found}
        self.queue.send(json.dumps({"detail-type": "Object Created", "detail": detail}))
        return version

    def run(self, seconds: float = RUN_SECONDS) -> str:
        """Let the next message be delivered, as soon as it may be; return how that ended."""
        visible_at = self.queue.next_visible()
        assert visible_at is not None, "there is no message"
        self.clock.sleep(visible_at - self.clock.time())
        message = self.queue.receive()
        assert message is not None
        sent = {
            "eventSource": "aws:sqs",
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
        }
        self._handler = self._handler or self._process()
        try:
            answer = self._handler.handle({"Records": [sent]}, seconds)
        except Killed:
            self._handler = None
            return KILLED
        if answer["batchItemFailures"]:
            return PUT_BACK
        self.queue.delete(message)
        return FINISHED

    def to_end(self, most_runs: int = 50) -> int:
        """Let everything be delivered until it is done with; return how many runs it took."""
        for number in range(1, most_runs + 1):
            self.run()
            if not self.queue.messages:
                return number
        raise AssertionError(f"not ended after {most_runs} runs: {self.row()}")

    def delay(self) -> float:
        """Return in how many seconds the message comes again."""
        return (self.queue.next_visible() or 0.0) - self.clock.time()

    def row(self) -> dict[str, Any]:
        """Return the imports table's only row."""
        (row,) = self.imports.all()
        return row

    def success(self, name: str = "a") -> list[Record]:
        """Return the records of the success file."""
        return read_records(self.bucket.read(f"success/{name}.xml"))

    def fail(self, name: str = "a") -> list[Record]:
        """Return the records of the fail file."""
        return read_records(self.bucket.read(f"fail/{name}.xml"))

    def errors(self, name: str = "a") -> list[str]:
        """Return all error messages of the fail file's records, in order."""
        return [error for record in self.fail(name) for error in record.errors]

    def _process(self) -> EventHandler:
        tables = {"truth": self.truth, "ledger": self.ledger, "imports": self.imports}
        world = World(
            s3=FakeS3(self.bucket, self.mishaps),
            dynamodb=FakeDynamoDb(tables, self.mishaps),
            sqs=self.queue,
            sns=lambda: self.topic,
            read_secret=lambda: json.dumps(self.secret),
            wire=lambda _: self.connectwise,
            telemetry=self.published,
            disk=self._disk,
            clock=self.clock,
            workers=lambda count: SeededWorkers(self.clock, Random(1), count),
            random=Random(1),
            bounds=self._bounds,
        )
        return event_handler_in(world, self._settings)


Deploy = Callable[..., Deployment]
"""Deploys it with some invoices and settings."""
