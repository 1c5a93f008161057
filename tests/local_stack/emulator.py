"""The built artifact under AWS's own Lambda Runtime Interface Emulator, without containers.

The emulator comes inside SAM CLI. It takes one invocation at a time.
"""

from __future__ import annotations

import json
import os
import platform
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from local_stack.guarded import new_directory, start_guarded
from local_stack.server import free_ports
from local_stack.waiting import wait_for

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_INVOCATIONS = "/2015-03-31/functions/function/invocations"


def emulator_binary(sam_environment: Path) -> Path:
    """Return the emulator for this machine out of the environment that holds SAM CLI."""
    name = f"aws-lambda-rie-{_MACHINES[platform.machine().lower()]}"
    return next(sam_environment.glob(f"lib/python*/site-packages/samcli/local/rapid/{name}"))


class RuntimeEmulator:
    """Run a function's built code with `python`, which has awslambdaric, under the emulator."""

    def __init__(
        self,
        binary: Path,
        python: Path,
        function: Path,
        layer: Path,
        handler: str,
        environment: Mapping[str, str],
    ) -> None:
        self._port, runtime_port = free_ports(2)
        addresses = (
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{self._port}",
            "--runtime-api-address",
            f"127.0.0.1:{runtime_port}",
        )
        # As in Lambda: the function's code first, then the layer.
        paths = f"{function}:{layer / 'python'}"
        self._process = start_guarded(
            [binary, *addresses, python, "-P", "-m", "awslambdaric", handler],
            new_directory("emulator"),
            {**environment, "PYTHONPATH": paths, "PATH": os.defpath},
            function,
        )

    def __enter__(self) -> RuntimeEmulator:
        try:
            wait_for(self._listens, 60, "the emulator listens")
        except BaseException:
            self._process.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.close()

    def invoke(self, event: Any, timeout_seconds: float = 60) -> Any:
        """Return the function's answer, or its error as Lambda describes it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{_INVOCATIONS}", data=json.dumps(event).encode()
        )
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
            return json.loads(answer.read() or b"null")

    def log(self) -> str:
        """Return what the emulator and the function have written so far."""
        return self._process.log()

    def _listens(self) -> bool:
        if self._process.has_ended():
            raise RuntimeError(f"The emulator has ended: {self.log()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=1):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
