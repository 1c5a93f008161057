"""Holding the queue, and letting it go on."""

# ruff: noqa: N803 # boto3's names of arguments

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fakes.dynamodb import FakeDynamoDb, FakeTable, client_error
from payments.command.deployment import Deployment
from payments.command.pausing import Switched, pause, paused, resume
from payments.command.problem import CommandFailed
from unit.operated import deployment_with


class FakeSqs:
    """A client that knows the queue's ARN."""

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn:files"}}


@dataclass(slots=True)
class FakeLambda:
    """A client for one event source mapping, which takes some looks to change its state."""

    state: str = "Enabled"
    takes: int = 0
    busy: bool = False
    updates: list[bool] = field(default_factory=list)
    waited: int = 0
    _coming: str = "Enabled"

    def list_event_source_mappings(self, FunctionName: str, EventSourceArn: str) -> dict[str, Any]:
        assert (FunctionName, EventSourceArn) == ("importer", "arn:files")
        return {"EventSourceMappings": [{"UUID": "u", "State": self.state}] if self.state else []}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> None:
        if self.busy:
            raise client_error("ResourceInUseException")
        assert UUID == "u"
        self.updates.append(Enabled)
        self.state, self._coming = ("Enabling", "Enabled") if Enabled else ("Disabling", "Disabled")
        self._arrive()

    def wait(self) -> None:
        self.waited += 1
        self._arrive()

    def _arrive(self) -> None:
        if self.waited >= self.takes:
            self.state = self._coming


def deployed(mapping: FakeLambda, *rows: dict[str, Any]) -> Deployment:
    imports = FakeTable(("importId",))
    for row in rows:
        imports.put(row)
    clients: dict[str, Any] = {"lambda": mapping, "sqs": FakeSqs()}
    deployment = deployment_with(dynamodb=FakeDynamoDb({"imports": imports}), **clients)
    outputs = {**deployment.outputs, "FunctionName": "importer", "QueueUrl": "files"}
    return replace(deployment, outputs=outputs)


def test_what_is_paused_is_held_until_it_is_resumed() -> None:
    mapping = FakeLambda()
    deployment = deployed(mapping)
    assert not paused(deployment)
    assert pause(deployment, mapping.wait).state == "Disabled"
    assert paused(deployment)
    assert resume(deployment, mapping.wait).state == "Enabled"
    assert not paused(deployment)
    assert mapping.updates == [False, True]


def test_twice_is_as_well_as_once() -> None:
    mapping = FakeLambda()
    deployment = deployed(mapping)
    for _ in range(2):
        pause(deployment, mapping.wait)
    for _ in range(2):
        resume(deployment, mapping.wait)
    assert mapping.updates == [False, True]


def test_it_is_waited_for() -> None:
    mapping = FakeLambda(takes=3)
    assert pause(deployed(mapping), mapping.wait).state == "Disabled"
    assert mapping.waited == 3


def test_what_takes_longer_is_said_and_counts_as_paused() -> None:
    mapping = FakeLambda(takes=1000)
    deployment = deployed(mapping)
    assert "(Disabling)" in pause(deployment, mapping.wait).told("")
    assert paused(deployment)


def test_what_was_not_waited_for_is_not_asked_for_again() -> None:
    mapping = FakeLambda(takes=1000)
    deployment = deployed(mapping)
    pause(deployment, mapping.wait)
    pause(deployment, mapping.wait)
    assert mapping.updates == [False]


def test_whoever_pauses_hears_what_is_under_way_and_what_comes_next() -> None:
    mapping = FakeLambda()
    running = {"importId": "1", "key": "incoming/a.xml", "status": "Running"}
    ended = {"importId": "2", "key": "incoming/b.xml", "status": "Succeeded"}
    stopped = {**running, "importId": "3", "key": "incoming/c.xml", "stopAsked": "me"}
    switched = pause(deployed(mapping, running, ended, stopped), mapping.wait)
    assert switched.under_way == ("incoming/a.xml",)
    assert switched.told("payments resume").startswith("Paused: until `payments resume`, ")
    assert "14 days from its upload" in switched.told("")
    assert "Under way: incoming/a.xml. A run that is at work" in switched.told("")


def test_where_nothing_is_under_way_nothing_is_said_of_it() -> None:
    assert "Under way" not in Switched("Disabled").told("")


def test_a_change_that_aws_is_still_at_work_on_is_told() -> None:
    with pytest.raises(CommandFailed, match="again in a minute"):
        pause(deployed(FakeLambda(busy=True)))


def test_without_a_mapping_it_is_said_what_is_wrong() -> None:
    with pytest.raises(CommandFailed, match="Deploy the stack anew"):
        paused(deployed(FakeLambda(state="")))
