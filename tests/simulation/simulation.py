"""One seed: build its world, let everything happen, check."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, cast

from fakes.connectwise import FakeConnectWise
from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.s3 import FakeBucket, FakeS3
from fakes.sqs import FakeQueue
from fakes.way import Way
from payments.bootstrap import World, event_handler_in
from payments.errors import SecretUnusable
from payments.handler import EventHandler
from payments.pipeline import Bounds
from payments.settings import Settings, read_settings
from simulation.closing import Broken
from simulation.function import Function, announcement
from simulation.invariants import CONNECTION, IMPORTS, LEDGER, TRUTH, Watchman
from simulation.mishaps import HOUR
from simulation.network import Network, Watch
from simulation.oracle import Books
from simulation.scenario import Scenario, Upload
from simulation.scheduler import Process, Scheduler, SimClock, SimWorkers
from simulation.trouble import Trouble

SECRET = json.dumps(
    {
        "site": "na.myconnectwise.net",
        "company": "acme",
        "publicKey": "public",
        "privateKey": "private",
        "clientId": "client",
    }
)
BOUND_SECONDS = 4 * HOUR
POISONED_BOUND_SECONDS = 24 * HOUR

Change = Callable[[World], World]


def unchanged(world: World) -> World:
    """Leave the program's world as it is."""
    return world


@dataclass(frozen=True, slots=True)
class Ending:
    """What a seed came to."""

    trace_hash: str
    events: int
    runs: int
    closed: int


class SeedFailed(Exception):
    """A seed does not hold what must hold; `trace` is what happened until then."""

    def __init__(self, of: Scenario, problem: Exception, trace: list[tuple[Any, ...]]) -> None:
        super().__init__(of, problem, trace)
        self.scenario = of
        self.problem = problem
        self.trace = trace

    def __str__(self) -> str:
        of = self.scenario
        return f"seed {of.seed} ({of.mode}): {type(self.problem).__name__}: {self.problem}"


class NoTelemetry:
    """Nobody counts here."""

    def records(self, tally: Any) -> None:
        pass

    def file(self, status: Any) -> None:
        pass

    def delayed(self) -> None:
        pass

    def calls(self, counts: Any) -> None:
        pass


class Simulation:
    """A world, and the program in it. `change` puts something else in the place of its parts."""

    def __init__(self, of: Scenario, disk: Path, change: Change = unchanged) -> None:
        self.scenario = of
        self._disk = disk
        self._change = change
        self.scheduler = Scheduler(of.seed)
        self.watch = Watch()
        self._trouble = Trouble(of.mishaps, Random(f"trouble {of.seed}"))
        self.network = Network(self.scheduler, self._trouble, self.watch)
        self.connectwise = self._connectwise()
        self.bucket = FakeBucket()
        self.tables = {
            TRUTH: FakeTable(("externalId", "connection")),
            LEDGER: FakeTable(("invoiceId", "connection")),
            IMPORTS: FakeTable(("importId",)),
        }
        self._fill_truth_table()
        self.mails: Counter[tuple[str, bool]] = Counter()
        self.queue = FakeQueue(lambda: self.scheduler.now, way=self.network.aws("sqs"))
        self.watchman = Watchman(
            of,
            books(of, self.connectwise),
            self.scheduler,
            self.connectwise,
            self.bucket,
            self.tables,
        )
        self.watch.sends = self.watchman.sends
        self.watch.arrives = self.watchman.arrives
        self.watch.done = self.watchman.done
        self.function = Function(
            self.scheduler,
            self.queue,
            self.network,
            of.mishaps,
            Random(f"function {of.seed}"),
            self._program,
        )

    def run(self) -> None:
        """Let everything happen that the scenario has; raises if something does not hold."""
        for upload in self.scenario.uploads:
            self._plan(upload)
        mishaps = self.scenario.mishaps
        bound = POISONED_BOUND_SECONDS if mishaps.poisoned else BOUND_SECONDS
        alive = self.scenario.mode != "safety"
        self.scheduler.run(until=mishaps.ends + bound if alive else mishaps.ends)
        if alive and self.watchman.open_files:
            raise Broken(f"still open at {self.scheduler.now:.0f} s: {self.watchman.open_files}")
        if alive and self.queue.messages:
            raise Broken(f"{len(self.queue.messages)} messages are still in the queue")
        if self.queue.dead:
            raise Broken("a message has gone to the dead letters")
        if twice := [mail for mail, count in self.mails.items() if count > 1]:
            raise Broken(f"mails of one kind about one file came twice: {twice}")

    def _plan(self, upload: Upload) -> None:
        def put() -> None:
            version_id = self.bucket.put(upload.key, upload.content)
            if upload.deleted_at is not None:
                self.scheduler.at(
                    upload.deleted_at, lambda: self.bucket.erase(upload.key, version_id)
                )
            found = self.bucket.latest(upload.key)
            assert found is not None
            about = {"etag": found.etag.strip('"'), "sequencer": version_id}
            if upload.overwritten_at is None:
                about["version-id"] = version_id
            else:
                self.scheduler.at(
                    upload.overwritten_at,
                    lambda: self._overwrite(upload.key),
                )
            for _ in range(upload.announced):
                self.queue.send(announcement(upload.key, about))
            self.function.poll()

        self.scheduler.at(upload.at, put)

    def _overwrite(self, key: str) -> None:
        self.bucket.put(key, b"<InvoicePayments/>")

    def _connectwise(self) -> FakeConnectWise:
        of = self.scenario
        connectwise = FakeConnectWise(
            *(replace(invoice) for invoice in of.invoices),
            takes_second_payment=of.takes_second_payment,
            cuts_overpayments=of.cuts_overpayments,
            way=cast("Way", self.network.connectwise),
        )
        for invoice_id, row in of.held:
            connectwise.add_payment(invoice_id, **row)
        for payment_id in of.removed:
            connectwise.remove_payment(payment_id)
        return connectwise

    def _fill_truth_table(self) -> None:
        for external_id, entry in self.scenario.truth.items():
            item = {
                "externalId": external_id,
                "connection": CONNECTION,
                "paymentId": entry.payment_id,
                "invoiceId": entry.invoice_id,
                "created": "2020-01-01T00:00:00Z",
                "modified": "2020-01-01T00:00:00Z",
                "accepted": entry.accepted,
                "amount": None if entry.amount is None else str(entry.amount),
            }
            self.tables[TRUTH].put({name: v for name, v in item.items() if v is not None})

    def _program(self, process: Process) -> EventHandler:
        """Return the program in a new process."""
        of, network = self.scenario, self.network
        secret = network.aws("secret")

        def read_secret() -> str:
            try:
                return secret("GetSecretValue", {}, lambda: SECRET)
            except Exception as error:
                raise SecretUnusable(f"The secret cannot be read: {error}") from error

        disk = self._disk / process.name
        world = World(
            s3=FakeS3(self.bucket, network.aws("s3"), keys_a_page=3),
            dynamodb=FakeDynamoDb(
                self.tables, network.aws("dynamodb"), at_once=self._trouble.at_once
            ),
            sqs=self.queue,
            sns=lambda: FakeTopic(network, self.mails),
            read_secret=read_secret,
            wire=lambda _: self.connectwise,
            telemetry=NoTelemetry(),
            disk=disk,
            clock=SimClock(self.scheduler, self.scheduler.now - 1.0),
            workers=lambda count: SimWorkers(self.scheduler, count),
            random=Random(f"program {of.seed} {process.name}"),
            bounds=Bounds(of.chunk_records, 3),
        )
        return event_handler_in(self._change(world), self._settings())

    def _settings(self) -> Settings:
        of = self.scenario
        return read_settings(
            {
                "CONNECTWISE_SECRET_NAME": "secret",
                "TRUTH_TABLE_NAME": TRUTH,
                "LEDGER_TABLE_NAME": LEDGER,
                "IMPORTS_TABLE_NAME": IMPORTS,
                "QUEUE_URL": "queue",
                "PREVENT_REPROCESSING": str(of.prevents_reprocessing).lower(),
                "INCOMING_PREFIX": "incoming/",
                "SUCCESS_PREFIX": "success/",
                "FAIL_PREFIX": "fail/",
                "REPORT_PREFIX": "reports/",
                "MAX_CONNECTIONS": str(of.connections),
                "CONNECTWISE_API_VERSION": "2025.1",
                "REPORT_ON": "Always",
                "REPORT_TOPIC_ARN": "topic",
                "AWS_REGION": "eu-west-1",
                "CURRENCY_DECIMALS": "2",
                "SECOND_PAYMENT": of.second,
            }
        )


class FakeTopic:
    """An SNS client whose e-mails are counted: by their first line, the file, and their kind.

    Each counts once, however often the SDK repeats the call.
    """

    def __init__(self, network: Network, mails: Counter[tuple[str, bool]]) -> None:
        self._way = network.aws("sns")
        self._mails = mails

    def publish(self, **request: Any) -> dict[str, Any]:
        file, waits = request["Message"].partition("\n")[0], "waits" in request["Subject"]
        self._mails[file, waits] += 1
        return self._way("Publish", {"Subject": request["Subject"]}, dict)


def books(of: Scenario, connectwise: FakeConnectWise) -> Books:
    """Return what the oracle begins with."""
    balances = {i.id: i.total - i.credits for i in of.invoices} if of.cuts_overpayments else {}
    return Books(
        numbers={invoice.id: invoice.number for invoice in of.invoices},
        held=deepcopy(connectwise.held),
        truth=dict(of.truth),
        prevents_reprocessing=of.prevents_reprocessing,
        second=of.second,
        balances=balances,
        poisoned=frozenset() if of.mishaps.poison_works else of.mishaps.poisoned,
        poisons_reads=of.mishaps.poisons_reads,
        counted={i: sum(n == i for n, _ in of.held) for i in connectwise.invoices},
    )


def simulate(of: Scenario, change: Change = unchanged) -> Ending:
    """Run a scenario; raises SeedFailed."""
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(of, Path(folder), change)
        try:
            simulation.run()
        except Exception as problem:
            raise SeedFailed(of, problem, simulation.watch.trace) from problem
        finally:
            simulation.scheduler.abandon()
    told = "\n".join(map(repr, simulation.watch.trace))
    return Ending(
        hashlib.sha256(told.encode()).hexdigest()[:16],
        simulation.scheduler.events,
        simulation.function.runs,
        len(of.uploads) - len(simulation.watchman.open_files),
    )
