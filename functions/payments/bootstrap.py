"""Build the program out of its parts, once for each process."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import boto3
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config

from payments.connectwise.finance import ConnectWise
from payments.connectwise.credentials import Credentials, ReadCredentials, read_credentials
from payments.errors import SecretUnusable
from payments.handler import EventHandler
from payments.stores.imports_table import ImportLog
from payments.importer import Connection, Importer, ImportSettings
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.login import Login
from payments.connectwise.pace import Gate
from payments.report import Reporter
from payments.sender import Sender
from payments.settings import Settings, read_settings
from payments.stores.bucket import Storage
from payments.telemetry import NAMESPACE, CloudWatchTelemetry
from payments.connectwise.transport import Transport, new_adapter
from payments.stores.truth_table import TruthTable

_AWS = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    # The services check what they are sent; checking each truth record here as well is a good part
    # of what a payment costs in CPU.
    parameter_validation=False,
)


@cache
def event_handler() -> EventHandler:
    """Return the program, configured from the environment."""
    settings = read_settings(os.environ)
    dynamodb = boto3.client("dynamodb", config=_AWS)
    importer = Importer(
        ImportLog(dynamodb, settings.imports_table_name),
        Storage(boto3.client("s3", config=_AWS), Path(tempfile.mkdtemp())),
        _Connector(settings, dynamodb).connect,
        CloudWatchTelemetry(Metrics(namespace=NAMESPACE)),
        ImportSettings(
            settings.incoming_prefix,
            settings.success_prefix,
            settings.fail_prefix,
            settings.prevent_reprocessing,
            settings.connections,
        ),
        Reporter(
            lambda: boto3.client("sns", config=_AWS),
            settings.notification_topic_arn,
            settings.report_on,
        ).send,
    )
    sqs = boto3.client("sqs", config=_AWS)
    return EventHandler(importer, sqs, settings.queue_url, settings.incoming_prefix)


class _Connector:
    """Open connections to ConnectWise that share login and sockets."""

    def __init__(self, settings: Settings, dynamodb: object) -> None:
        self._settings = settings
        self._dynamodb = dynamodb
        self._login = Login(_secret_reader(settings.secret_name))
        self._adapter = new_adapter(settings.connections)

    def connect(self, deadline: float) -> Connection:
        credentials = self._login.credentials()
        gate = Gate(self._settings.connections, deadline)
        transport = Transport(self._adapter, self._login, gate, self._settings.api_version)
        connectwise = ConnectWise(transport)
        truth_table_name = self._settings.truth_table_name
        return Connection(
            gate,
            Sender(connectwise),
            InvoiceLookup(connectwise),
            TruthTable(self._dynamodb, truth_table_name, credentials.connection),
            transport.counts,
        )


def _secret_reader(name: str) -> ReadCredentials:
    # Our client: the provider's own would load botocore's data once more, at each cold start.
    provider = SecretsProvider(boto3_client=boto3.client("secretsmanager", config=_AWS))

    def read() -> Credentials:
        try:
            secret = provider.get(name, force_fetch=True)
        except GetParameterError as error:
            raise SecretUnusable(
                f"Secret {name} cannot be read. Is there one with this name in this region? {error}"
            ) from error
        return read_credentials(str(secret), name)

    return read
