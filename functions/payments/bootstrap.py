"""Build the program out of its parts: the one place that does, for Lambda and for tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import boto3
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config

from payments.clock import Clock, SystemClock
from payments.closing import Folders
from payments.connectwise.api import Api
from payments.connectwise.budget import Budget
from payments.connectwise.credentials import Credentials, read_credentials
from payments.connectwise.finance import Finance
from payments.connectwise.gate import Gate
from payments.connectwise.login import Login
from payments.connectwise.wire import HttpWire, Wire
from payments.errors import SecretUnusable
from payments.handler import EventHandler
from payments.importer import Importer
from payments.kinds import KINDS
from payments.parts import Connection, ImportSettings, Parts, Telemetry
from payments.pipeline import Bounds
from payments.report import Where
from payments.reporter import Reporter, files_in_queue
from payments.settings import Settings, read_settings
from payments.stores.bucket import Bucket
from payments.stores.imports_table import ImportsTable
from payments.stores.ledger import Ledger
from payments.stores.truth_table import TruthTable
from payments.telemetry import NAMESPACE, CloudWatchTelemetry
from payments.workers import ThreadWorkers, Workers

_AWS = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    # Reading the parts of the two files ahead.
    max_pool_connections=20,
    # The services check what they are sent; checking each truth record here as well is a good part
    # of what a payment costs in CPU.
    parameter_validation=False,
)
# Somebody waits for the answer, and no queue tries again.
_AWS_OF_SAM_LOCAL = _AWS.merge(
    Config(retries={"mode": "standard", "max_attempts": 1}, connect_timeout=2)
)

_FOLDER = "connectwise-payments-"


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside the program, and what makes it behave by chance.

    `s3`, `dynamodb` and `sqs` are boto3 clients, `sns` makes one when it is needed. `read_secret`
    returns the secret's text, and raises SecretUnusable. `disk` is a folder of the program's own.
    """

    s3: Any
    dynamodb: Any
    sqs: Any
    sns: Callable[[], Any]
    read_secret: Callable[[], str]
    wire: Callable[[Credentials], Wire]
    telemetry: Telemetry
    disk: Path
    clock: Clock = field(default_factory=SystemClock)
    workers: Callable[[int], Workers] = ThreadWorkers
    random: Random = field(default_factory=Random)
    bounds: Bounds = Bounds()


@cache
def event_handler() -> EventHandler:
    """Return the program in AWS's world, configured from the environment, once for each process."""
    settings = read_settings(os.environ)
    return event_handler_in(_aws(settings), settings)


def event_handler_in(world: World, settings: Settings) -> EventHandler:
    """Return the program in any world."""
    parts = Parts(
        table=ImportsTable(world.dynamodb, settings.imports_table_name),
        bucket=Bucket(world.s3, world.disk),
        connect=_Connector(world, settings).connect,
        telemetry=world.telemetry,
        kinds=KINDS,
        clock=world.clock,
        workers=world.workers,
        mail=_reporter(world, settings),
        random=world.random,
    )
    importer = Importer(
        parts,
        ImportSettings(
            Folders(
                settings.incoming_prefix,
                settings.success_prefix,
                settings.fail_prefix,
                settings.report_prefix,
            ),
            settings.prevent_reprocessing,
            settings.second_payment,
            settings.currency_decimals,
            settings.connections,
            world.bounds,
        ),
    )
    return EventHandler(
        importer,
        world.sqs,
        settings.queue_url,
        settings.incoming_prefix,
        world.clock,
        settings.bucket_name,
    )


def _reporter(world: World, settings: Settings) -> Reporter:
    return Reporter(
        world.sns,
        settings.report_topic_arn,
        settings.report_on,
        Where(settings.stack, settings.region),
        partial(files_in_queue, world.sqs, settings.queue_url),
    )


class _Connector:
    """Open connections to ConnectWise that share login and sockets."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._login = Login(self._credentials)
        self._wire_of: tuple[Credentials, Wire] | None = None
        self._budget_of: tuple[Credentials, Budget] | None = None

    def connect(self, deadline: float) -> Connection:
        """Return a connection that makes no call after the `monotonic` time `deadline`."""
        credentials = self._login.credentials()
        budget = self._budget(credentials)
        gate = Gate(self._settings.connections, deadline, self._world.clock, budget)
        wire = self._wire(credentials)
        api = Api(wire, self._login, gate, self._settings.api_version, self._world.clock)
        name, clock = credentials.connection, self._world.clock
        dynamodb, settings = self._world.dynamodb, self._settings
        return Connection(
            name,
            gate,
            Finance(api),
            api.log_in,
            api.answers,
            TruthTable(dynamodb, settings.truth_table_name, name, clock),
            Ledger(dynamodb, settings.ledger_table_name, name, clock),
            api.counts,
        )

    def _credentials(self) -> Credentials:
        return read_credentials(self._world.read_secret(), self._settings.secret_name)

    def _budget(self, credentials: Credentials) -> Budget:
        """Return the budget, which lives as long as the secret stays what it is."""
        if self._budget_of is None or self._budget_of[0] != credentials:
            budget = Budget.of(self._settings.calls_per_minute, is_cloud=credentials.is_cloud)
            self._budget_of = (credentials, budget)
        return self._budget_of[1]

    def _wire(self, credentials: Credentials) -> Wire:
        """Return the sockets, which live as long as the secret stays what it is."""
        if self._wire_of is None or self._wire_of[0] != credentials:
            self._wire_of = (credentials, self._world.wire(credentials))
        return self._wire_of[1]


def _aws(settings: Settings) -> World:
    client = partial(boto3.client, config=_AWS_OF_SAM_LOCAL if settings.sam_local else _AWS)
    return World(
        s3=client("s3"),
        dynamodb=client("dynamodb"),
        sqs=client("sqs"),
        sns=lambda: client("sns"),
        # Our client: the provider's own would load botocore's data once more, at each cold start.
        read_secret=_secret_reader(settings.secret_name, client("secretsmanager")),
        wire=lambda credentials: HttpWire(settings.connections, credentials.ca_certificates),
        telemetry=CloudWatchTelemetry(Metrics(namespace=NAMESPACE)),
        disk=_own_folder(Path(tempfile.gettempdir())),
    )


def _own_folder(temporary: Path) -> Path:
    """Return a folder for this process, and remove those of processes that are gone.

    Lambda keeps its disk when it begins a process anew after a kill.
    """
    for folder in temporary.glob(f"{_FOLDER}*"):
        number = folder.name.removeprefix(_FOLDER)
        if number.isdecimal() and not _is_alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)
    return temporary / f"{_FOLDER}{os.getpid()}"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _secret_reader(name: str, client: Any) -> Callable[[], str]:
    provider = SecretsProvider(boto3_client=client)

    def read() -> str:
        try:
            return str(provider.get(name, force_fetch=True))
        except GetParameterError as error:
            raise SecretUnusable(
                f"Secret {name} cannot be read. Is there one with this name in this region? {error}"
            ) from error

    return read
