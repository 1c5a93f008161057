"""Look into the queues of what could not be delivered, without taking anything out.

A message that is received with a visibility timeout of 0 stays where it is, for everybody: nothing
consumes these queues, none of them counts how often a message is received, and a redrive goes on.
SQS shows ten messages at most of a queue in this way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from payments.command.deployment import Deployment
from payments.deliveries import deliveries
from payments.importer import import_id

_MOST_SHOWN = 10  # what SQS gives in one call


@dataclass(frozen=True, slots=True)
class Letters:
    """How many messages a queue holds, and the imports that the first of them are about."""

    count: int = 0
    import_ids: frozenset[str] = frozenset()

    @property
    def all_seen(self) -> bool:
        """Whether there are no others."""
        return self.count <= len(self.import_ids)


def messages_in(deployment: Deployment, queue_url: str) -> int:
    """Return how many messages a queue holds, in flight or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs = deployment.client("sqs")
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def dead_letters(deployment: Deployment) -> Letters:
    """Return the files that could not be imported for days."""
    return _letters(deployment, deployment.outputs["DeadLetterQueueUrl"])


def undelivered_events(deployment: Deployment) -> Letters:
    """Return the files whose events EventBridge could not put into the queue."""
    return _letters(deployment, deployment.outputs["UndeliveredEventsQueueUrl"])


def _letters(deployment: Deployment, queue_url: str) -> Letters:
    count = messages_in(deployment, queue_url)
    if not count:
        return Letters()
    answer: Any = deployment.client("sqs").receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=_MOST_SHOWN, VisibilityTimeout=0
    )
    bodies = [message["Body"] for message in answer.get("Messages", ())]
    return Letters(count, frozenset(found for body in bodies for found in _import_ids(body)))


def _import_ids(body: str) -> list[str]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [import_id(file) for delivery in deliveries(event) for file in delivery.files]
