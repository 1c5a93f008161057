"""A deployment and its ConnectWise as the operator's command finds them, in memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from fakes.dynamodb import FakeTable
from fakes.way import Answer, Way, straight
from payments.command.connectwise_access import Access
from payments.command.deployment import Deployment
from payments.connectwise.api import Api
from payments.connectwise.credentials import Credentials
from payments.connectwise.finance import Finance
from payments.connectwise.gate import Gate
from payments.connectwise.login import Login
from payments.connectwise.wire import Wire
from payments.models import SecondPayment
from payments.workers import Ended

CREDENTIALS = Credentials("na.myconnectwise.net", "acme", "public", "private", "client")
STACK = "payments-uk"
OUTPUTS = {
    "TruthTableName": "truth",
    "LedgerTableName": "ledger",
    "ImportsTableName": "imports",
    "BucketName": "bucket",
    "FunctionName": "function",
    "QueueUrl": "queue",
    "DeadLetterQueueUrl": "dead",
    "UndeliveredEventsQueueUrl": "undelivered",
}
PARAMETERS = {
    "ConnectWiseSecretName": "secret",
    "MaxConnections": "8",
    "CallsPerMinute": "",
    "CurrencyDecimals": "2",
    "IncomingPrefix": "incoming/",
    "SuccessPrefix": "success/",
    "FailPrefix": "fail/",
    "ReportPrefix": "reports/",
    "Enabled": "true",
}


class HastyClock:
    """A clock that goes on by itself whenever somebody waits."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0
        self._later: list[tuple[float, Callable[[], Any]]] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def later(self, seconds: float, effect: Callable[[], Any]) -> None:
        """Let something happen so much later, as soon as somebody looks."""
        self._later.append((self.now + seconds, effect))

    def let_happen(self) -> None:
        """Let happen what is due."""
        due = [effect for at, effect in self._later if at <= self.now]
        self._later = [(at, effect) for at, effect in self._later if at > self.now]
        for effect in due:
            effect()


class InTurn:
    """Workers that do one job after another, whenever somebody waits for one to end."""

    def __init__(self, clock: HastyClock) -> None:
        self._clock = clock
        self._jobs: deque[tuple[Any, Callable[[], Any]]] = deque()

    def start(self, tag: Any, job: Callable[[], Any]) -> None:
        self._jobs.append((tag, job))

    def next_ended(self, timeout_seconds: float) -> Ended | None:
        if not self._jobs:
            self._clock.sleep(timeout_seconds)
            return None
        tag, job = self._jobs.popleft()
        try:
            return Ended(tag, job())
        except Exception as error:  # noqa: BLE001
            return Ended(tag, error=error)

    def close(self) -> None:
        self._jobs.clear()


def access_through(wire: Wire) -> Access:
    """Return calls to ConnectWise that go through this wire, in time that costs none."""
    clock = HastyClock()
    deadline = clock.monotonic() + 7 * 86_400
    gate = Gate(8, deadline, clock)
    api = Api(wire, Login(lambda: CREDENTIALS), gate, "2026.1", clock)
    return Access(api, Finance(api), gate, clock, deadline, lambda _: InTurn(clock))


class Session:
    """A boto3 session that has these clients."""

    region_name = "eu-west-1"

    def __init__(self, **clients: Any) -> None:
        self._clients = clients

    def client(self, service: str, **_: Any) -> Any:
        return self._clients[service]

    def resource(self, service: str, **_: Any) -> Any:
        assert service == "dynamodb"
        return Resource(self._clients[service])


class Resource:
    """boto3's resource DynamoDB: tables that are read."""

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb

    def Table(self, name: str) -> ReadTable:  # noqa: N802 # boto3's
        return ReadTable(self._dynamodb.tables[name], self._dynamodb.way)


class ReadTable:
    """A table as boto3's resource shows it."""

    def __init__(self, table: FakeTable, way: Way = straight) -> None:
        self._table = table
        self._way = way

    def scan(self, **request: Any) -> dict[str, Any]:
        return self._way("Scan", request, lambda: {"Items": self._table.all()})

    def update_item(self, **request: Any) -> None:
        """Set what `truth delete` sets."""
        found = self._table.get(*request["Key"].values())
        assert found is not None
        self._table.put({**found, "accepted": request["ExpressionAttributeValues"][":no"]})

    def get_item(self, Key: Mapping[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803 # boto3's
        found = self._table.get(*Key.values())
        return self._way("GetItem", Key, lambda: {} if found is None else {"Item": found})


class Secrets:
    """boto3's client of Secrets Manager, with the secret of `CREDENTIALS`."""

    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        named = {"site": CREDENTIALS.site, "company": CREDENTIALS.company, "clientId": "client"}
        return {
            "SecretString": json.dumps({**named, "publicKey": "public", "privateKey": "private"})
        }


def deployment_with(
    second_payment: SecondPayment = SecondPayment.REPLACE, **clients: Any
) -> Deployment:
    """Return a stack whose services are these clients."""
    parameters = {**PARAMETERS, "SecondPayment": second_payment}
    return Deployment(STACK, OUTPUTS, parameters, Session(**clients))


def ending(kind: str, *ends: Any) -> Way:
    """Let calls of this kind end otherwise: with these one after another, the last for good.

    An end is an answer, an error to be raised, or None: let the call pass.
    """
    left = list(ends)

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        end: Any = None
        if operation == kind:
            end = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(end, Exception):
            raise end
        return end or effect()

    return way
