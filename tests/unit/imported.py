"""A bucket whose files are imported at once, as the operator's command sees it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, BinaryIO

from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.s3 import FakeBucket, FakeS3
from payments.command.deployment import Deployment
from payments.importer import import_id
from payments.models import SourceFile
from unit.operated import deployment_with

SUCCEEDED = "Succeeded"
COMPLETED_WITH_FAILURES = "CompletedWithFailures"
FAILED = "Failed"
RUNNING = "Running"
EMPTY = b"<InvoicePayments/>"


class Imports(FakeS3):
    """boto3's client of S3: a file of which an end is told has it as soon as it is uploaded.

    One of which `None` is told is not seen by anybody.
    """

    def __init__(self, **ends: str | None) -> None:
        super().__init__(FakeBucket())
        self.table = FakeTable(("importId",))
        self.uploaded: list[str] = []
        self.sends: list[Callable[..., None]] = []
        self.meta = SimpleNamespace(events=self)
        self.held = self.rule_off = False
        self._ends = ends

    def register(self, _event: str, handler: Callable[..., None]) -> None:
        self.sends.append(handler)

    def unregister(self, _event: str, handler: Callable[..., None]) -> None:
        self.sends.remove(handler)

    def put_object(self, *, Key: str, Body: bytes | BinaryIO, **options: Any) -> dict[str, Any]:  # noqa: N803
        for handler in self.sends:
            handler()
        answer = super().put_object(Key=Key, Body=Body, **options)
        name = Key.removeprefix("incoming/")
        self.uploaded.append(name)
        end = self._ends.get(name.removesuffix(".xml"), SUCCEEDED)
        if end is not None:
            self._begin(Key, name, answer["VersionId"], end)
        return answer

    def deployment(self) -> Deployment:
        """The stack whose bucket this is."""
        others: dict[str, Any] = dict.fromkeys(("lambda", "sqs", "cloudformation", "events"), self)
        return deployment_with(s3=self, dynamodb=FakeDynamoDb({"imports": self.table}), **others)

    # boto3's clients of SQS, Lambda, CloudFormation and EventBridge

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn:queue"}}

    def list_event_source_mappings(self, **_: Any) -> dict[str, Any]:
        return {"EventSourceMappings": [{"State": "Disabled" if self.held else "Enabled"}]}

    def describe_stack_resources(self, **_: Any) -> dict[str, Any]:
        there = {"LogicalResourceId": "FileArrivedRule", "PhysicalResourceId": "rule"}
        return {"StackResources": [there]}

    def describe_rule(self, **_: Any) -> dict[str, Any]:
        return {"State": "DISABLED" if self.rule_off else "ENABLED"}

    def _begin(self, key: str, name: str, version: str, status: str) -> None:
        of_it = import_id(SourceFile("bucket", key, version))
        row = {"bucket": "bucket", "key": key, "versionId": version, "status": status}
        self.table.put({"importId": of_it, **row, "error": "It is no XML."})
        for folder in ("success/", "fail/"):
            self.bucket.put(folder + name, EMPTY, {"import-id": of_it})
