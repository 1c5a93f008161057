"""Send on the files that have fallen out of their way to the function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from payments.command.deployment import Deployment
from payments.command.letters import messages_in
from payments.command.problem import CommandFailed

_GROUP = "files"  # of all messages: one file at a time, as the template has it
_HIDDEN_SECONDS = 300
_LONGEST_POLL_SECONDS = 2
_MOST_AT_ONCE = 10

_Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many files are on their way again.

    `dead_letters` could not be imported for days, `undelivered` never came into the queue.
    """

    dead_letters: int = 0
    undelivered: int = 0

    def told(self, status: str) -> str:
        """Return what an operator is to know of it; `status` is the command for that."""
        if not self.dead_letters and not self.undelivered:
            return (
                "Nothing to send on: no file is kept that could not be imported or queued. One "
                f"that `{status}` does not name has to be uploaded again."
            )
        return (
            f"{self.dead_letters} file(s) that could not be imported and {self.undelivered} that "
            "could not be queued go on, behind those that wait already. If a file among those "
            f"corrected one of them, upload it again. `{status}` shows how they go on."
        )


def redrive(deployment: Deployment) -> Redriven:
    """Send dead letters and undelivered files to the queue; the cause must be mended before.

    Raises CommandFailed if that ends midway: nothing is lost then, and it can be run again.
    """
    return Redriven(_move_dead_letters(deployment), _send_on_undelivered(deployment))


def _move_dead_letters(deployment: Deployment) -> int:
    """Have SQS move the dead letters, which it does by itself from then on."""
    sqs, url = deployment.client("sqs"), deployment.outputs["DeadLetterQueueUrl"]
    count = messages_in(deployment, url)
    if not count:
        return 0
    source = deployment.queue_arn(url)
    tasks = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", ())
    if not any(task["Status"] == "RUNNING" for task in tasks):
        sqs.start_message_move_task(SourceArn=source)
    return count


def _send_on_undelivered(deployment: Deployment) -> int:
    """Send what EventBridge has kept: SQS moves nothing that others than itself have put there.

    In the order of the uploads, which the queue does not keep: the later of two files is to win.
    """
    sqs, source = deployment.client("sqs"), deployment.outputs["UndeliveredEventsQueueUrl"]
    kept = sorted(_received(sqs, source), key=lambda message: _arrival(message["Body"]))
    for sent, message in enumerate(kept):
        try:
            sqs.send_message(
                QueueUrl=deployment.outputs["QueueUrl"],
                MessageBody=message["Body"],
                MessageGroupId=_GROUP,
            )
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError) as error:
            raise CommandFailed(
                f"Of {len(kept)} files that could not be queued {sent} go on, then AWS refused: "
                f"{error} The others are kept. Mend that, and run "
                f"`{deployment.command('redrive')}` again in {_HIDDEN_SECONDS // 60} minutes."
            ) from error
    return len(kept)


def _received(sqs: Any, url: str) -> list[_Message]:
    """Receive all messages, which then are hidden for a while."""
    received: list[_Message] = []
    while True:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_MOST_AT_ONCE,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=_LONGEST_POLL_SECONDS,
        )
        if not answer.get("Messages"):
            return received
        received += answer["Messages"]


def _arrival(body: str) -> str:
    """Return when the file of an event was uploaded; what is no event comes first."""
    try:
        return str(json.loads(body)["time"])
    except (ValueError, KeyError, TypeError):
        return ""
