"""What tests ask of a Lambda function: its log, its metrics, its processes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_cloudwatch.emf import Metric, parse_metrics
from local_stack.guardian import processes


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
        return [each.pid for each in processes() if directory in each.command]

    def _log_group(self) -> str:
        configuration = self.lambda_client.get_function_configuration(FunctionName=self.name)
        group: str | None = configuration.get("LoggingConfig", {}).get("LogGroup")
        return group or f"/aws/lambda/{self.name}"
