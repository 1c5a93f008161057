"""Reach ConnectWise with the credentials of a deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from payments.clock import Clock, SystemClock
from payments.command.deployment import Deployment
from payments.connectwise.api import Api
from payments.connectwise.budget import Budget
from payments.connectwise.credentials import Credentials, read_credentials
from payments.connectwise.finance import Finance
from payments.connectwise.gate import Gate
from payments.connectwise.login import Login
from payments.connectwise.wire import HttpWire
from payments.errors import SecretUnusable
from payments.workers import ThreadWorkers, Workers

_WEEK_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Access:
    """What calls to ConnectWise go through, until the `monotonic` time `deadline`.

    `workers` makes that many workers.
    """

    api: Api
    finance: Finance
    gate: Gate
    clock: Clock
    deadline: float
    workers: Callable[[int], Workers] = ThreadWorkers


def open_access(deployment: Deployment, seconds: float = _WEEK_SECONDS) -> Access:
    """Prepare calls as the function makes them; nothing is called yet. Raises SecretUnusable."""
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    login = Login(lambda: credentials(deployment))
    secret = login.credentials()
    budget = Budget.of(deployment.calls_per_minute, is_cloud=secret.is_cloud)
    gate = Gate(deployment.connections, deadline, clock, budget)
    wire = HttpWire(deployment.connections, secret.ca_certificates)
    api = Api(wire, login, gate, deployment.parameters["ConnectWiseApiVersion"], clock)
    return Access(api, Finance(api), gate, clock, deadline)


def credentials(deployment: Deployment) -> Credentials:
    """Return what the secret holds; raises SecretUnusable."""
    name = deployment.secret_name
    try:
        answer: Any = deployment.client("secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise SecretUnusable(f"Secret {name} cannot be read: {error}") from error
    return read_credentials(answer.get("SecretString", ""), name)
