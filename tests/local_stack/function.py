"""What tests ask of a Lambda function: its log, its metrics, its processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_cloudwatch.emf import Metric, parse_metrics


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function of the deployed stack."""

    name: str
    server_directory: Path
    lambda_client: Any
    logs_client: Any

    def invoke(self, event: Any) -> Any:
        """Invoke the function and return its answer, or AWS's description of its error."""
        answer = self.lambda_client.invoke(FunctionName=self.name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def logs(self) -> list[str]:
        """The lines written so far; a run's lines arrive when the run has ended."""
        pages = self.logs_client.get_paginator("filter_log_events").paginate(
            logGroupName=self._log_group()
        )
        try:
            return [event["message"] for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []  # never run, and the log group is not part of the template
            raise

    def metrics(self) -> list[Metric]:
        """The metrics in the lines written so far."""
        return list(parse_metrics(self.logs()))

    def worker_pids(self) -> list[int]:
        """The processes that run the function now, or wait for its next invocation."""
        directory = f"{self.server_directory}/ministack-lambda-{self.name}-"
        return [pid for pid, command in _processes() if directory in command]

    def _log_group(self) -> str:
        configuration = self.lambda_client.get_function_configuration(FunctionName=self.name)
        group: str | None = configuration.get("LoggingConfig", {}).get("LogGroup")
        return group or f"/aws/lambda/{self.name}"


def _processes() -> Iterator[tuple[int, str]]:
    """Every process id with its command line."""
    if sys.platform == "linux":  # slim images have no ps
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:
                continue  # ended meanwhile
            yield int(directory.name), command.decode(errors="replace")
        return
    listing = subprocess.run(
        ["ps", "-axwwo", "pid=,command="], capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command
