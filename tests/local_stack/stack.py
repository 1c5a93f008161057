"""A deployed CloudFormation stack and what tests ask of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from local_cloudwatch.emf import Metric
from local_stack.bucket import Bucket
from local_stack.clients import Clients
from local_stack.function import Function
from local_stack.queue import Queue
from local_stack.server import Server
from local_stack.waiting import PATIENCE_SECONDS, wait_for

_Value = TypeVar("_Value")

_DELETE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack; `outputs` are those of its template."""

    name: str
    outputs: dict[str, str]
    server: Server
    clients: Clients

    def client(self, service: str) -> Any:
        """A boto3 client with administrator's rights."""
        return self.clients(service)

    def resources(self, resource_type: str) -> dict[str, str]:
        """Physical ids by logical id, of the resources of one type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == resource_type
        }

    def bucket(self, name: str) -> Bucket:
        """An S3 bucket, by name."""
        return Bucket(name, self.client("s3"))

    def queue(self, url: str) -> Queue:
        """An SQS queue, by address."""
        return Queue(url, self.client("sqs"))

    def function(self, name: str) -> Function:
        """A Lambda function, by name."""
        return Function(name, self.server.directory, self.client("lambda"), self.client("logs"))

    def functions(self) -> list[Function]:
        """Every Lambda function of the stack."""
        names = self.resources("AWS::Lambda::Function").values()
        return [self.function(name) for name in names]

    def function_logs(self) -> list[str]:
        """The log lines of every function; a run's lines arrive when the run has ended."""
        return [line for function in self.functions() for line in function.logs()]

    def metrics(self) -> list[Metric]:
        """The metrics that the functions have written to their logs."""
        return [metric for function in self.functions() for metric in function.metrics()]

    def worker_pids(self) -> list[int]:
        """The processes that run the functions now, or wait for their next invocation."""
        return [pid for function in self.functions() for pid in function.worker_pids()]

    def wait_for(
        self,
        what: Callable[[], _Value],
        timeout_seconds: float = PATIENCE_SECONDS,
        description: str = "",
    ) -> _Value:
        """Ask until the answer is true; when it never is, show what the functions logged."""
        try:
            return wait_for(what, timeout_seconds, description)
        except TimeoutError as error:
            logged = "\n".join(self.function_logs()[-20:])
            raise TimeoutError(f"{error}; the functions' last log lines:\n{logged}") from None

    def delete(self) -> None:
        """Delete the stack; what the template retains stays, as on AWS."""
        # With the stack alone, MiniStack would let the functions' processes and folders stay.
        for function in self.functions():
            self.client("lambda").delete_function(FunctionName=function.name)
        cloudformation = self.client("cloudformation")
        cloudformation.delete_stack(StackName=self.name)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": int(_DELETE_SECONDS)}
        )
