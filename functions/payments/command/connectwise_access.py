"""Reach ConnectWise with the credentials of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from payments.command.deployment import Deployment
from payments.connectwise.credentials import Credentials, read_credentials
from payments.errors import SecretUnusable
from payments.connectwise.login import Login
from payments.connectwise.pace import Gate
from payments.connectwise.transport import Retries, Transport, new_adapter


@dataclass(frozen=True, slots=True)
class Access:
    """What calls to ConnectWise go through."""

    transport: Transport
    gate: Gate


def open_access(
    deployment: Deployment, retries: Retries | None = None, deadline: float = inf
) -> Access:
    """Prepare calls as the function makes them; nothing is called yet.

    No call is made after the `monotonic` time `deadline`.
    """
    gate = Gate(deployment.connections, deadline)
    login = Login(lambda: credentials(deployment))
    api_version = deployment.parameters["ConnectWiseApiVersion"]
    adapter = new_adapter(deployment.connections)
    return Access(Transport(adapter, login, gate, api_version, retries or Retries()), gate)


def credentials(deployment: Deployment) -> Credentials:
    """Return what the secret holds; raises SecretUnusable."""
    name = deployment.secret_name
    try:
        answer: Any = deployment.client("secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise SecretUnusable(f"Secret {name} cannot be read: {error}") from error
    return read_credentials(answer.get("SecretString", ""), name)
