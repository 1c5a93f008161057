"""Sending on what has fallen out of its way to the function."""

# ruff: noqa: N803 # boto3's names of arguments

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fakes.dynamodb import client_error
from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed
from payments.command.redrive import Redriven, redrive
from unit.operated import deployment_with

FILES, DEAD, UNDELIVERED = "files", "dead", "undelivered"


@dataclass(slots=True)
class FakeSqs:
    """A client for three queues; of the standard one a call receives one message."""

    dead: int = 0
    undelivered: list[str] = field(default_factory=list)
    running: bool = False
    most_sent: int = 99
    sent: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    hidden: int = 0

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        if AttributeNames == ["QueueArn"]:
            return {"Attributes": {"QueueArn": f"arn:{QueueUrl}"}}
        assert QueueUrl == DEAD
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {AttributeNames[0]: self.dead}}

    def list_message_move_tasks(self, SourceArn: str, MaxResults: int) -> dict[str, Any]:
        assert (SourceArn, MaxResults) == ("arn:dead", 1)
        return {"Results": [{"Status": "RUNNING" if self.running else "COMPLETED"}]}

    def start_message_move_task(self, SourceArn: str) -> None:
        self.tasks.append(SourceArn)

    def receive_message(self, QueueUrl: str, **_: Any) -> dict[str, Any]:
        assert QueueUrl == UNDELIVERED
        if self.hidden == len(self.undelivered):
            return {}
        self.hidden += 1
        body = self.undelivered[self.hidden - 1]
        return {"Messages": [{"Body": body, "ReceiptHandle": body}]}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageGroupId: str) -> None:
        assert (QueueUrl, MessageGroupId) == (FILES, "files")
        if len(self.sent) == self.most_sent:
            raise client_error("KMS.AccessDeniedException")
        self.sent.append(MessageBody)

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:
        assert QueueUrl == UNDELIVERED
        assert ReceiptHandle in self.sent, "deleted before it was sent on"
        self.undelivered.remove(ReceiptHandle)
        self.hidden -= 1


def deployed(sqs: FakeSqs) -> Deployment:
    deployment = deployment_with(sqs=sqs)
    urls = {
        "QueueUrl": FILES,
        "DeadLetterQueueUrl": DEAD,
        "UndeliveredEventsQueueUrl": UNDELIVERED,
    }
    return replace(deployment, outputs={**deployment.outputs, **urls})


def event(day: int) -> str:
    return json.dumps({"time": f"2026-01-{day:02}T00:00:00Z"})


def test_dead_letters_are_moved_by_sqs_itself() -> None:
    sqs = FakeSqs(dead=3)
    assert redrive(deployed(sqs)) == Redriven(dead_letters=3)
    assert sqs.tasks == ["arn:dead"]


def test_dead_letters_that_are_being_moved_are_not_moved_twice() -> None:
    """SQS takes one task at a time."""
    sqs = FakeSqs(dead=3, running=True)
    assert redrive(deployed(sqs)) == Redriven(dead_letters=3)
    assert sqs.tasks == []


def test_undelivered_files_go_on_in_the_order_of_their_upload_and_are_kept_no_longer() -> None:
    sqs = FakeSqs(undelivered=[event(3), event(1), event(2)])
    assert redrive(deployed(sqs)) == Redriven(undelivered=3)
    assert sqs.sent == [event(1), event(2), event(3)]
    assert sqs.undelivered == []


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "null", "{}"])
def test_what_is_no_event_goes_on_too(body: str) -> None:
    """The function drops it, with an error in the log."""
    sqs = FakeSqs(undelivered=[event(1), body])
    assert redrive(deployed(sqs)) == Redriven(undelivered=2)
    assert sqs.sent == [body, event(1)]


def test_what_cannot_be_sent_is_kept_and_told() -> None:
    sqs = FakeSqs(undelivered=[event(1), event(2), event(3)], most_sent=1)
    with pytest.raises(
        CommandFailed, match="Of 3 files that could not be queued 1 go on"
    ) as failed:
        redrive(deployed(sqs))
    assert "KMS.AccessDenied" in str(failed.value)
    assert "The others are kept" in str(failed.value)
    assert sqs.undelivered == [event(2), event(3)]


def test_where_nothing_is_kept_it_is_said_what_that_means() -> None:
    assert redrive(deployed(FakeSqs())) == Redriven()
    assert "has to be uploaded again" in Redriven().told("")


def test_it_is_said_how_many_go_on_and_what_may_have_to_be_corrected() -> None:
    told = Redriven(2, 1).told("")
    assert told.startswith("2 file(s) that could not be imported and 1 that could not be queued")
    assert "upload it again" in told
