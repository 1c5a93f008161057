"""New payments under a budget of calls a minute, in time that passes only here.

The program is the deployed one, from pipeline to gate; its workers are greenlets under the virtual
time of the simulation. What is simulated is how long calls take, and how ConnectWise counts them.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol, cast

from benchmarks.deployment import function_environment, notification
from benchmarks.forgetful_aws import ForgetfulDynamoDb, S3OnDisk
from benchmarks.scene import Payment, new_payments, write_payment_file
from fakes.connectwise import FakeConnectWise, FakeInvoice, answer
from fakes.way import Way
from payments.bootstrap import World, event_handler_in
from payments.connectwise.wire import Response
from payments.settings import read_settings
from simulation.scheduler import Process, Scheduler, SimClock, SimWorkers
from simulation.simulation import NoTelemetry
from simulator.budget import Limiter
from simulator.settings import Budget

CONNECTIONS = 16
CALLS = 1000
OTHERS_CALLS = 300
LEAST_SECONDS, MOST_SECONDS = 0.1, 0.2
_MINUTE = 60.0
_AWS_SECONDS = 0.02
_REMAINING_SECONDS = 100_000.0
# Not on the cloud, whose budget the program knows by itself.
_SECRET = {
    "site": "connectwise.example.com",
    "company": "acme",
    "publicKey": "public",
    "privateKey": "private",
    "clientId": "client",
}

Counts = Literal["sliding", "fixed"]
"""A minute that ends now, or one minute after another."""


@dataclass(frozen=True, slots=True)
class Case:
    """How ConnectWise counts, what it asks for, and what the program knows of that."""

    counts: Counts
    retry_after: int | None
    """None: until there is room again."""
    is_known: bool
    is_shared: bool
    """Whether another program makes calls as well."""


@dataclass(slots=True)
class Used:
    """What came of the calls; `others` are those of another program that were taken."""

    useful: int = 0
    refused: int = 0
    inside_silence: int = 0
    others: int = 0


def used(case: Case, minutes: int) -> Used:
    """Import for so many minutes, and return what came of the calls."""
    scheduler = Scheduler(seed=1)
    # More than the budget allows in that time: the import must not end before.
    payments = list(new_payments(CALLS * (minutes + 1)))
    tenant = _Tenant(scheduler, case, payments)
    with TemporaryDirectory(prefix="benchmarks-") as folder:
        incoming = Path(folder) / "payments.xml"
        write_payment_file(incoming, payments)
        scheduler.start(Process("import"), _import(scheduler, tenant, case, incoming))
        try:
            for minute in range(1, minutes + 1):
                scheduler.events = 0
                scheduler.run(until=minute * _MINUTE)
        finally:
            scheduler.abandon()
    return tenant.used


class _Counter(Protocol):
    def wait_seconds(self) -> float:
        """Count one call; return 0, or how long there is no room for it."""


class _SlidingWindow:
    """Take so many calls in any minute; refused ones do not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._taken: deque[float] = deque()

    def wait_seconds(self) -> float:
        now = self._clock()
        while self._taken and self._taken[0] + _MINUTE <= now:
            self._taken.popleft()
        if len(self._taken) >= CALLS:
            return self._taken[0] + _MINUTE - now
        self._taken.append(now)
        return 0.0


def _counter(case: Case, clock: Callable[[], float]) -> _Counter:
    if case.counts == "sliding":
        return _SlidingWindow(clock)
    return Limiter(Budget(CALLS, _MINUTE, kind="window"), clock)


class _Tenant:
    """ConnectWise with an invoice for each payment, and the way to it and back.

    The other program has a call to make every now and then, and repeats what is refused.
    """

    def __init__(self, scheduler: Scheduler, case: Case, payments: Iterable[Payment]) -> None:
        self.used = Used()
        invoices = (FakeInvoice(payment.invoice_id) for payment in payments)
        self.wire = FakeConnectWise(*invoices, way=cast("Way", self._carry))
        self._scheduler = scheduler
        self._retry_after = case.retry_after
        self._counter = _counter(case, lambda: scheduler.now)
        self._silent_until = 0.0
        self._others_waiting = 0
        if case.is_shared:
            scheduler.at(0.0, self._call_of_another)

    def _carry(self, _kind: str, _call: Any, effect: Callable[[], Response]) -> Response:
        self.used.inside_silence += self._scheduler.now < self._silent_until
        self._travel()
        response = self._answer(effect)
        self._travel()
        if response.status == 429:
            silent_until = self._scheduler.now + int(response.headers["Retry-After"])
            self._silent_until = max(self._silent_until, silent_until)
        return response

    def _travel(self) -> None:
        seconds = self._scheduler.random.uniform(LEAST_SECONDS, MOST_SECONDS)
        self._scheduler.sleep(seconds / 2)

    def _answer(self, effect: Callable[[], Response]) -> Response:
        wait_seconds = self._counter.wait_seconds()
        if not wait_seconds:
            self.used.useful += 1
            return effect()
        self.used.refused += 1
        seconds = self._retry_after or ceil(wait_seconds)
        return answer(429, {"message": "Too many requests."}, Retry_After=str(seconds))

    def _call_of_another(self) -> None:
        self._others_waiting += 1
        while self._others_waiting and not self._counter.wait_seconds():
            self._others_waiting -= 1
            self.used.others += 1
        self._scheduler.after(_MINUTE / OTHERS_CALLS, self._call_of_another)


class _Distant:
    """A client of AWS whose calls take a moment."""

    def __init__(self, scheduler: Scheduler, client: Any) -> None:
        self._scheduler = scheduler
        self._client = client

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self._scheduler.sleep(_AWS_SECONDS)
            return getattr(self._client, operation)(**request)

        return call


def _import(
    scheduler: Scheduler, tenant: _Tenant, case: Case, incoming: Path
) -> Callable[[], None]:
    """Return the import of a file."""
    world = World(
        s3=_Distant(scheduler, S3OnDisk(incoming, incoming.parent / "s3")),
        dynamodb=_Distant(scheduler, ForgetfulDynamoDb()),
        sqs=None,
        sns=lambda: None,
        read_secret=lambda: json.dumps(_SECRET),
        wire=lambda _: tenant.wire,
        telemetry=NoTelemetry(),
        disk=incoming.parent / "disk",
        clock=SimClock(scheduler),
        workers=lambda count: SimWorkers(scheduler, count),
        random=Random(1),
    )
    environment = function_environment(CONNECTIONS)
    if case.is_known:
        environment["CALLS_PER_MINUTE"] = str(CALLS)
    handler = event_handler_in(world, read_settings(environment))
    event = notification("payments", f"incoming/{incoming.name}", "1")

    def work() -> None:
        handler.handle(event, _REMAINING_SECONDS)
        raise RuntimeError("the import has ended before the time was over")

    return work
