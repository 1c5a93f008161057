"""The local stack as a context manager."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local_stack.artifacts import ArtifactBuilder
from local_stack.clients import Clients
from local_stack.deployment import deploy_template
from local_stack.server import Server, start_server
from local_stack.stack import Stack

_BUILD = Path(__file__).resolve().parents[2] / ".build"


class LocalStack:
    """MiniStack, running from entry to exit; nothing of it is left afterwards.

    The functions run on `runtime_python`, an interpreter whose environment holds what Lambda's
    Python runtime holds: boto3, and nothing else.
    """

    def __init__(self, runtime_python: Path | None = None, cache: Path | None = None) -> None:
        self._runtime_python = runtime_python or _BUILD / "runtime" / "bin" / "python"
        self._cache = cache or _BUILD / "artifacts"
        self._server: Server | None = None
        self._clients: Clients | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start MiniStack and wait until it answers."""
        if not self._runtime_python.exists():
            raise FileNotFoundError(
                f"no Python with boto3 for the functions: {self._runtime_python}"
            )
        self._server = start_server(self._runtime_python)
        self._clients = Clients(self._server)

    def close(self) -> None:
        """End every process and remove every file; closing twice is fine."""
        server, self._server = self._server, None
        if server:
            server.close()

    @property
    def server(self) -> Server:
        """The running MiniStack process."""
        if self._server is None:
            raise RuntimeError("the local stack is not running")
        return self._server

    @property
    def clients(self) -> Clients:
        """boto3 clients by service name."""
        if self._server is None or self._clients is None:
            raise RuntimeError("the local stack is not running")
        return self._clients

    @property
    def builder(self) -> ArtifactBuilder:
        """Builds what the template names, as `sam build` does."""
        return ArtifactBuilder(self._runtime_python, self._cache)

    def client(self, service: str) -> Any:
        """A boto3 client with administrator's rights."""
        return self.clients(service)

    def deploy(
        self,
        template_path: Path,
        parameters: Mapping[str, str] | None = None,
        stack_name: str = "local",
    ) -> Stack:
        """Deploy a SAM template, or update the stack that an earlier call deployed."""
        deploy_template(self.clients, self.builder, template_path, parameters or {}, stack_name)
        stacks = self.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
        outputs = {
            output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])
        }
        return Stack(stack_name, outputs, self.server, self.clients)

    def put_secret(self, name: str, value: Mapping[str, str] | str) -> None:
        """Create the secret, or give it a new value; a mapping is stored as JSON."""
        text = value if isinstance(value, str) else json.dumps(dict(value))
        secrets = self.client("secretsmanager")
        try:
            secrets.create_secret(Name=name, SecretString=text)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, SecretString=text)
