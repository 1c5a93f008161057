"""Somebody who runs the operator's command for a deployment."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from demo.aws import environment
from e2e.deployed import Deployment
from payments.command.app import app


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    exit_code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who runs the command for a deployment, in a folder of their own."""

    deployment: Deployment
    folder: Path
    _runner: CliRunner = field(default_factory=CliRunner)

    def runs(self, *arguments: object, stdin: str = "") -> Ran:
        """Run the command."""
        ran = self._runner.invoke(
            app, [str(argument) for argument in arguments], input=stdin, env=self.environment()
        )
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    def environment(self) -> dict[str, str]:
        """The variables that say where: as for the AWS CLI, and the stack."""
        stack = {"PAYMENTS_STACK": self.deployment.stack.name, "COLUMNS": "300"}
        return environment(self.deployment.local_stack) | stack

    def has(self, name: str, content: bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def previews(self, file: Path) -> list[dict[str, Any]]:
        """What `preview --json` says of each record."""
        ran = self.runs("preview", file, "--json")
        assert not ran.errors
        return [json.loads(line) for line in ran.output.splitlines()]
