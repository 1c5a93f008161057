"""The deployed template with ConnectWise behind it, as its users see it: files in, files out."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from e2e.payment_xml import Record, file_errors, payment_file, read_records
from local_stack import Bucket, LocalStack, Queue, Stack
from simulator.control import Simulator

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
SECRET_NAME = "connectwise-payments"
FIRST_INVOICE = 1_000_000
INVOICE_NUMBER = "INV-{id}"
INVOICE_TOTAL = "1000.00"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The two files that came back for one upload."""

    success: bytes
    fail: bytes
    metadata: dict[str, str]

    @property
    def succeeded(self) -> list[Record]:
        """The records of the success file."""
        return read_records(self.success)

    @property
    def failed(self) -> list[Record]:
        """The records of the fail file."""
        return read_records(self.fail)

    @property
    def errors(self) -> list[str]:
        """The error messages of all records, in order."""
        return [error for record in self.failed for error in record.errors]

    @property
    def file_errors(self) -> list[str]:
        """Why the file was refused as a whole, if it was."""
        return file_errors(self.fail)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed stack and the ConnectWise that its secret names."""

    local_stack: LocalStack
    stack: Stack
    connectwise: Simulator
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def bucket(self) -> Bucket:
        return self.stack.bucket(self.stack.outputs["BucketName"])

    @property
    def queue(self) -> Queue:
        return self.stack.queue(self.stack.outputs["QueueUrl"])

    def updated(self, **parameters: str) -> "Deployment":
        """Deploy again with these parameters."""
        deployed = deploy(self.local_stack, self.connectwise, self.stack.name, parameters)
        return replace(self, stack=deployed.stack)

    def upload(self, content: bytes, name: str) -> str:
        """Upload `incoming/{name}` and return its version."""
        version = self.bucket.upload(f"incoming/{name}", content)
        assert version is not None, "the template's bucket is versioned"
        return version

    def import_file(self, content: bytes, name: str | None = None) -> Outcome:
        """Upload a file under a name of its own and wait for what comes back."""
        name = name or self.new_name()
        times = self.versions(f"fail/{name}") + 1
        self.upload(content, name)
        return self.outcome(name, times)

    def import_records(self, *records: str) -> Outcome:
        """Import a file of these records."""
        return self.import_file(payment_file(*records))

    def new_name(self) -> str:
        """A file name that no other test uses."""
        return f"{next(self._numbers):04}.xml"

    def outcome(self, name: str, times: int = 1) -> Outcome:
        """Wait until success and fail file have been written so often, and return the newest."""
        fail = f"fail/{name}"  # it is written after the other
        self.stack.wait_for(lambda: self.versions(fail) >= times, description=fail)
        bucket = self.bucket
        success = bucket.read(f"success/{name}")
        return Outcome(success, bucket.read(fail), bucket.metadata(fail))

    def versions(self, key: str) -> int:
        """How often an object has been written."""
        found = self.bucket.s3.list_object_versions(Bucket=self.bucket.name, Prefix=key)
        return sum(version["Key"] == key for version in found.get("Versions", []))

    def wait_until_idle(self) -> None:
        """Wait until no file waits and no run is under way."""
        self.stack.wait_for(self.queue.is_empty, description="an empty queue")

    def import_of(self, name: str, version: str | None = None) -> dict[str, Any]:
        """The imports table's entry of an upload, `{}` if there is none."""
        table = self.stack.outputs["ImportsTableName"]
        for entry in _entries(self.stack.client("dynamodb"), table):
            if entry["key"] == f"incoming/{name}" and version in (None, entry["versionId"]):
                return entry
        return {}

    def finished_import(self, name: str) -> dict[str, Any]:
        """The imports table's entry, once the import is closed."""
        self.stack.wait_for(lambda: "finishedAt" in self.import_of(name), description=name)
        return self.import_of(name)

    def truth(self, external_id: str) -> dict[str, Any]:
        """The truth table's entry of an external id, `{}` if there is none."""
        table = self.stack.outputs["TruthTableName"]
        entries = _entries(self.stack.client("dynamodb"), table)
        return next((each for each in entries if each["externalId"] == external_id), {})

    def object_created(self, name: str, version: str) -> dict[str, Any]:
        """The SQS event of an upload, in the shape of `events/sqs-eventbridge.json`."""
        event: dict[str, Any] = json.loads((EVENTS / "sqs-eventbridge.json").read_text())
        [record] = event["Records"]
        body = json.loads(record["body"])
        body["detail"]["bucket"]["name"] = self.bucket.name
        body["detail"]["object"].update({"key": f"incoming/{name}", "version-id": version})
        record["body"] = json.dumps(body)
        return event

    def deliver(self, name: str, version: str, queue: Queue | None = None) -> None:
        """Put the event of an upload into the queue, or another, once more."""
        queue = queue or self.queue
        queue.sqs.send_message(
            QueueUrl=queue.url,
            MessageBody=self.object_created(name, version)["Records"][0]["body"],
            MessageGroupId="files",
            MessageDeduplicationId=str(uuid.uuid4()),
        )

    def deliver_instead_of_waiting(self, name: str, version: str) -> None:
        """Have a file that was put back for a minute or more come again at once.

        SQS lets nobody but its receiver shorten that time.
        """
        self.queue.sqs.purge_queue(QueueUrl=self.queue.url)
        self.deliver(name, version)

    def let_it_have_waited(self, name: str, since: str = "2020-01-01T00:00:00Z") -> None:
        """Have the imports table say that a file that was put back waits since then."""
        self.stack.client("dynamodb").update_item(
            TableName=self.stack.outputs["ImportsTableName"],
            Key={"importId": {"S": self.import_of(name)["importId"]}},
            UpdateExpression="SET waitingSince = :since",
            ExpressionAttributeValues={":since": {"S": since}},
        )

    def settled(self, name: str, run: int = 1) -> dict[str, Any]:
        """Wait until that run has closed the import or put the file back; return the entry."""

        def is_settled() -> bool:
            entry = self.import_of(name)
            return entry.get("run") == run and not entry["atWork"]

        self.stack.wait_for(is_settled, description=f"run {run} of {name}")
        return self.import_of(name)

    def wait_until_put_back(self, name: str, run: int = 1) -> str:
        """Wait until that run has put the file back, and return the reason."""
        entry = self.settled(name, run)
        assert entry["status"] == "Running"
        assert self.queue.in_flight() == 1
        return str(entry["error"])


Deploy = Callable[..., Deployment]
"""Deploy the template with these parameters, as a stack of its own."""


def invoice_number(invoice_id: int) -> str:
    """The number that an invoice of the tests has."""
    return INVOICE_NUMBER.format(id=invoice_id)


def deploy(
    local_stack: LocalStack, connectwise: Simulator, name: str, parameters: Mapping[str, str]
) -> Deployment:
    """Deploy the product's template."""
    stack = local_stack.deploy(ROOT / "template.yaml", parameters, name)
    return Deployment(local_stack, stack, connectwise)


def _entries(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    return [
        {name: _plain(value) for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def _plain(value: dict[str, Any]) -> Any:
    [(kind, content)] = value.items()
    if kind == "N":
        return Decimal(content) if "." in content else int(content)
    if kind == "NULL":
        return None
    return [_plain(each) for each in content] if kind == "L" else content
