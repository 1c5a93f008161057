"""Ending an import, and keeping one from beginning."""

# ruff: noqa: N803 # boto3's names of arguments

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fakes.dynamodb import client_error
from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed
from payments.command.stop import stop_import
from payments.importer import import_id
from payments.models import SourceFile
from unit.operated import OUTPUTS, PARAMETERS

KEY = "incoming/wrong.xml"
NEWEST = import_id(SourceFile("bucket", KEY, "v2"))


class Imports(dict[str, dict[str, Any]]):
    """The imports table, as boto3's resource; `meanwhile` happens before a write."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def scan(self) -> dict[str, Any]:
        return {"Items": [*self.values()]}

    def get_item(self, Key: dict[str, str], **_: Any) -> dict[str, Any]:
        found = self.get(Key["importId"])
        return {"Item": found} if found else {}

    def update_item(self, Key: dict[str, str], **request: Any) -> None:
        self.meanwhile()
        row = self[Key["importId"]]
        if row["status"] != "Running":
            raise client_error("ConditionalCheckFailedException")
        row["stopAsked"] = request["ExpressionAttributeValues"][":asked"]

    def put_item(self, Item: dict[str, Any], **_: Any) -> None:
        self.meanwhile()
        if Item["importId"] in self:
            raise client_error("ConditionalCheckFailedException")
        self[Item["importId"]] = Item

    def add(self, name: str, status: str, key: str = KEY) -> None:
        self[name] = {"importId": name, "key": key, "status": status}


@dataclass(frozen=True, slots=True)
class FakeS3:
    """A client for a bucket with one file."""

    version: str = "v2"

    def head_object(self, Bucket: str, Key: str) -> dict[str, str]:
        if (Bucket, Key) != ("bucket", KEY):
            raise client_error("404")
        return {"VersionId": self.version}


@dataclass(frozen=True, slots=True)
class FakeSqs:
    """A client for a queue that holds so many files."""

    files: int = 1

    def get_queue_attributes(self, AttributeNames: list[str], **_: Any) -> dict[str, Any]:
        return {"Attributes": dict.fromkeys(AttributeNames, 0) | {AttributeNames[0]: self.files}}


@dataclass(frozen=True, slots=True)
class FakeSession:
    """A boto3 session for these, whose resource DynamoDB has one table."""

    imports: Imports
    clients: dict[str, Any]

    def client(self, service: str, **_: Any) -> Any:
        return self.clients[service]

    def resource(self, _: str, **__: Any) -> "FakeSession":
        return self

    def Table(self, _: str) -> Imports:  # noqa: N802 # boto3's
        return self.imports


@pytest.fixture
def imports() -> Imports:
    return Imports()


def deployed(imports: Imports, s3: FakeS3 = FakeS3(), sqs: FakeSqs = FakeSqs()) -> Deployment:
    session: Any = FakeSession(imports, {"s3": s3, "sqs": sqs})
    return Deployment("stack", {**OUTPUTS, "QueueUrl": "files"}, PARAMETERS, session)


def stopped(imports: Imports) -> set[str]:
    return {name for name, row in imports.items() if "stopAsked" in row}


def test_a_running_import_is_asked_to_end(imports: Imports) -> None:
    imports.add("running", "Running")
    imports.add("another", "Running", key="incoming/other.xml")
    imports.add("earlier", "Succeeded")
    assert "will end soon" in stop_import(deployed(imports), KEY)
    assert stopped(imports) == {"running"}


def test_one_that_has_just_ended_is_told_so(imports: Imports) -> None:
    imports.add("running", "Running")
    imports.meanwhile = lambda: imports.add("running", "Succeeded")
    with pytest.raises(CommandFailed, match="has just ended"):
        stop_import(deployed(imports), KEY)


def test_a_file_that_waits_is_kept_from_beginning(imports: Imports) -> None:
    """Its newest version: an earlier one has been imported."""
    imports.add("earlier", "Succeeded")
    assert "has not begun" in stop_import(deployed(imports), KEY)
    assert stopped(imports) == {NEWEST}
    assert imports[NEWEST]["versionId"] == "v2"


def test_one_that_has_begun_meanwhile_is_to_be_stopped_again(imports: Imports) -> None:
    """So that what is said is true of what is stopped."""
    imports.meanwhile = lambda: imports.add(NEWEST, "Running")
    with pytest.raises(CommandFailed, match="has just begun"):
        stop_import(deployed(imports), KEY)


def test_what_has_ended_is_told_so(imports: Imports) -> None:
    imports.add(NEWEST, "Succeeded")
    with pytest.raises(CommandFailed, match="it has ended"):
        stop_import(deployed(imports), KEY)


def test_where_nothing_waits_nothing_is_noted(imports: Imports) -> None:
    """A note that no run ever finds would look like a running import for good."""
    with pytest.raises(CommandFailed, match="no file waits"):
        stop_import(deployed(imports, sqs=FakeSqs(0)), KEY)
    assert not imports


def test_a_file_that_is_not_there_is_told_so(imports: Imports) -> None:
    with pytest.raises(CommandFailed, match="There is no file s3://bucket/incoming/none"):
        stop_import(deployed(imports), "incoming/none.xml")


def test_without_versions_it_is_not_known_which_file_is_meant(imports: Imports) -> None:
    with pytest.raises(CommandFailed, match="keeps no versions"):
        stop_import(deployed(imports, s3=FakeS3("null")), KEY)
