"""Ending imports, and keeping them from beginning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fakes.dynamodb import client_error
from payments.command.problem import CommandFailed
from payments.command.stop import stop_imports
from payments.importer import import_id
from payments.models import SourceFile
from unit.operated import STACK, ReadTable
from unit.watched_stack import WatchedStack

KEY = "incoming/a.xml"


def nothing() -> None: ...


@dataclass(slots=True)
class Stack(WatchedStack):
    """A stack with a queue; `meanwhile` happens before the first write to its imports table."""

    meanwhile: Callable[[], None] = field(default=nothing)

    def waits(self) -> str:
        """Upload a file, and have it wait in the queue; return its import's id."""
        name = self.upload("a.xml")
        self.queues["queue"].append("{}")
        return name

    def runs(self, name: str) -> None:
        """Let an import be at work."""
        now = {"updatedAt": "2999-01-01T00:00:00Z", "atWork": True, "reach": 0, "run": 1}
        self.begin(name, "a.xml", **now)

    def ends(self, name: str) -> None:
        """Let an import end."""
        ended = {"status": "Succeeded", "finishedAt": "2026-01-02T03:05:00Z", "run": 1}
        self.begin(name, "a.xml", **ended)

    @property
    def stopped(self) -> set[str]:
        """The imports that are to end."""
        return {row["importId"] for row in self.imports.all() if "stopAsked" in row}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    deployed = Stack()

    def write(condition: Callable[[dict[str, Any] | None], bool], name: str, new: Any) -> None:
        meanwhile, deployed.meanwhile = deployed.meanwhile, nothing
        meanwhile()
        found = deployed.imports.get(name)
        if not condition(found):
            raise client_error("ConditionalCheckFailedException")
        deployed.imports.put({**(found or {}), "importId": name, **new})

    def update_item(_: Any, **request: Any) -> None:
        asked = {"stopAsked": request["ExpressionAttributeValues"][":asked"]}
        name = request["Key"]["importId"]
        write(lambda row: row is not None and row["status"] == "Running", name, asked)

    def put_item(_: Any, **request: Any) -> None:
        item = request["Item"]
        write(lambda row: row is None, item["importId"], item)

    monkeypatch.setattr(ReadTable, "update_item", update_item)
    monkeypatch.setattr(ReadTable, "put_item", put_item, raising=False)
    return deployed


def stop(stack: Stack) -> list[str]:
    return list(stop_imports(stack.deployment, KEY))


def test_a_running_import_is_asked_to_end(stack: Stack) -> None:
    stack.ends(stack.upload("a.xml"))
    running = stack.waits()
    stack.runs(running)
    stack.begin("another", "other.xml", updatedAt="2999-01-01T00:00:00Z")
    [told] = stop(stack)
    assert "will end soon" in told
    assert f"`payments --stack {STACK} status {KEY}`" in told
    assert stack.stopped == {running}


def test_one_that_has_just_ended_is_told_so(stack: Stack) -> None:
    running = stack.waits()
    stack.runs(running)
    stack.meanwhile = lambda: stack.ends(running)
    [told] = stop(stack)
    assert told.endswith("has just ended.")


def test_a_file_that_waits_is_kept_from_beginning(stack: Stack) -> None:
    stack.ends(stack.upload("a.xml"))
    waiting = stack.waits()
    [told] = stop(stack)
    assert "has not begun" in told
    assert stack.stopped == {waiting}
    row = stack.imports.get(waiting)
    assert row is not None
    assert row["versionId"] == "v2"


def test_every_version_that_waits_or_runs_is_stopped_and_named_by_its_time(stack: Stack) -> None:
    """Else the older, wrong one would be paid, and the correction closed."""
    running, wrong, correction = (stack.waits() for _ in range(3))
    stack.runs(running)
    told = stop(stack)
    assert stack.stopped == {running, wrong, correction}
    assert ["will end soon" in line for line in told] == [True, False, False]
    assert len({line.split(" UTC ")[0] for line in told}) == 3


def test_to_stop_twice_is_to_stop_the_same(stack: Stack) -> None:
    names = {stack.waits() for _ in range(2)}
    first = stop(stack)
    assert stop(stack) == first
    assert stack.stopped == names


def test_what_is_uploaded_later_is_not_stopped(stack: Stack) -> None:
    names = {stack.waits()}

    def upload() -> None:
        stack.waits()

    stack.meanwhile = upload
    stop(stack)
    assert stack.stopped == names


def test_a_dead_letter_is_stopped_for_when_it_is_redriven(stack: Stack) -> None:
    name = stack.upload("a.xml")
    stack.announce("dead", "a.xml", "v1")
    stop(stack)
    assert stack.stopped == {name}


def test_one_that_has_begun_meanwhile_is_asked_to_end(stack: Stack) -> None:
    """So that what is said is true of what is stopped."""
    name = stack.waits()
    stack.meanwhile = lambda: stack.runs(name)
    [told] = stop(stack)
    assert "will end soon" in told
    assert stack.stopped == {name}


def test_what_has_ended_is_told_so(stack: Stack) -> None:
    stack.ends(stack.upload("a.xml"))
    with pytest.raises(CommandFailed, match="runs or waits"):
        stop(stack)


def test_what_was_deleted_since_is_stopped_all_the_same(stack: Stack) -> None:
    """Each version is imported, also of a file that the console shows no more."""
    names = {stack.waits() for _ in range(2)}
    stack.bucket.put(KEY, None)
    assert len(stop(stack)) == 2
    assert stack.stopped == names


def test_what_is_probably_not_in_the_queue_is_stopped_all_the_same(stack: Stack) -> None:
    """It came while imports were being switched off: the queue's count may be late."""
    name = import_id(SourceFile("bucket", KEY, "v1"))
    switched_off = replace(
        stack.deployment, parameters={**stack.deployment.parameters, "Enabled": "false"}
    )
    stack.bucket.put(KEY, b"<a/>")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("payments.command.status.time.time", lambda: 10.0)
        list(stop_imports(switched_off, KEY))
    assert stack.stopped == {name}


def test_of_what_nothing_will_import_nothing_is_noted(stack: Stack) -> None:
    """A note that no run ever finds would look like a running import for good."""
    stack.bucket.put(KEY, b"<a/>")
    with pytest.raises(CommandFailed, match="runs or waits"):
        stop(stack)
    assert not stack.imports.all()


def test_a_file_that_is_not_there_is_told_so(stack: Stack) -> None:
    with pytest.raises(CommandFailed, match=r"Nothing of the name incoming/a\.xml was uploaded"):
        stop(stack)


def test_who_may_not_list_versions_hears_that_there_may_be_others(stack: Stack) -> None:
    stack.runs(stack.waits())
    stack.denied.add("ListObjectVersions")
    told = stop(stack)
    assert told[0].endswith("shows how it goes on.")
    assert told[1].startswith("Others may not be stopped. ")
    assert "s3:ListBucketVersions" in told[1]
