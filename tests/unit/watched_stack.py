"""A stack whose imports are looked at: its bucket, its imports table and its queues, in memory."""

# ruff: noqa: N803 # boto3's names of arguments

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fakes.dynamodb import FakeDynamoDb, FakeTable, client_error
from fakes.s3 import FakeBucket, FakeS3
from payments.command.deployment import Deployment
from payments.importer import import_id
from payments.models import SourceFile
from unit.operated import deployment_with


@dataclass(slots=True)
class WatchedStack:
    """The stack. `denied` are the operations that the operator may not call."""

    bucket: FakeBucket = field(default_factory=FakeBucket)
    imports: FakeTable = field(default_factory=lambda: FakeTable(("importId",)))
    queues: dict[str, list[str]] = field(
        default_factory=lambda: {"queue": [], "dead": [], "undelivered": []}
    )
    held: bool = False
    rule: str | None = "ENABLED"
    denied: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    @property
    def deployment(self) -> Deployment:
        """The stack as the command finds it."""
        services: dict[str, Any] = {
            "s3": FakeS3(self.bucket, self._way),
            "sqs": self,
            "lambda": self,
            "cloudformation": self,
            "events": self,
        }
        dynamodb = FakeDynamoDb({"imports": self.imports}, self._way)
        return deployment_with(dynamodb=dynamodb, **services)

    def upload(self, name: str, content: bytes = b"<a/>") -> str:
        """Upload a file; return its import's id."""
        version = self.bucket.put(f"incoming/{name}", content)
        return self.id_of(name, version)

    def id_of(self, name: str, version: str) -> str:
        """Return the id of the import of a version."""
        return import_id(SourceFile("bucket", f"incoming/{name}", version))

    def begin(self, id_: str, name: str, **more: Any) -> None:
        """Let the imports table know an import."""
        known = {"status": "Running", "startedAt": "2026-01-02T03:04:05Z"}
        self.imports.put({"importId": id_, "key": f"incoming/{name}", **known, **more})

    def announce(self, queue: str, name: str, version: str) -> None:
        """Put the event of an upload into a queue."""
        found = {"key": f"incoming/{name}", "version-id": version}
        detail = {"bucket": {"name": "bucket"}, "object": found}
        self.queues[queue].append(json.dumps({"detail-type": "Object Created", "detail": detail}))

    # boto3's clients of SQS, Lambda, CloudFormation and EventBridge

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        counts = dict.fromkeys(AttributeNames, "0")
        counts["ApproximateNumberOfMessages"] = str(len(self.queues[QueueUrl]))
        counts["QueueArn"] = f"arn:{QueueUrl}"
        return self._answer("GetQueueAttributes", {"Attributes": counts})

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int
    ) -> dict[str, Any]:
        assert QueueUrl != "queue", "it would be taken from the function"
        assert VisibilityTimeout == 0, "nobody else would see it"
        shown = [{"Body": body} for body in self.queues[QueueUrl][:MaxNumberOfMessages]]
        return self._answer("ReceiveMessage", {"Messages": shown})

    def list_event_source_mappings(
        self, *, FunctionName: str, EventSourceArn: str
    ) -> dict[str, Any]:
        assert EventSourceArn == "arn:queue"
        state = "Disabled" if self.held else "Enabled"
        found = {"EventSourceMappings": [{"State": state}]}
        return self._answer("ListEventSourceMappings", found)

    def describe_stack_resources(self, **_: Any) -> dict[str, Any]:
        there = {"LogicalResourceId": "FileArrivedRule", "PhysicalResourceId": "rule"}
        return self._answer("DescribeStackResources", {"StackResources": [there]})

    def describe_rule(self, *, Name: str) -> dict[str, Any]:
        assert self.rule is not None
        return self._answer("DescribeRule", {"State": self.rule})

    def _answer(self, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
        self._way(operation, answer, lambda: answer)
        return answer

    def _way(self, operation: str, request: Any, effect: Callable[[], Any]) -> Any:
        self.calls.append(operation)
        if operation in self.denied:
            raise client_error("AccessDenied", operation)
        return effect()
