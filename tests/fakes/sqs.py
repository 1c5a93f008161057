"""An SQS FIFO queue of one message group, and the client that puts a message back."""

# ruff: noqa: N803 # boto3's names of arguments

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakes.dynamodb import client_error
from fakes.way import Way, straight

LONGEST_INVISIBLE_SECONDS = 12 * 3600


@dataclass(slots=True)
class QueuedMessage:
    """A message; while it is in flight, no other one of its group is."""

    id: str
    body: str
    receives: int = 0
    received_at: float = 0.0
    visible_at: float = 0.0

    @property
    def receipt(self) -> str:
        """What the one who received it last calls it."""
        return f"{self.id}/{self.receives}"


class FakeQueue:
    """The queue. `now` tells the time in seconds; numbers are the template's."""

    def __init__(
        self,
        now: Callable[[], float],
        visibility_seconds: float = 960.0,
        most_receives: int = 1000,
        way: Way = straight,
    ) -> None:
        self.messages: list[QueuedMessage] = []
        self.dead: list[QueuedMessage] = []
        self.way = way
        self._now = now
        self._visibility_seconds = visibility_seconds
        self._most_receives = most_receives
        self._sent = 0

    def send(self, body: str) -> None:
        """Put a message at the end of the queue."""
        self._sent += 1
        self.messages.append(QueuedMessage(f"m{self._sent}", body))

    def receive(self) -> QueuedMessage | None:
        """Return the first message if it is visible, and hide it."""
        while self.messages and self.messages[0].visible_at <= self._now():
            first = self.messages[0]
            if first.receives < self._most_receives:
                first.receives += 1
                first.received_at = self._now()
                first.visible_at = self._now() + self._visibility_seconds
                return first
            self.dead.append(self.messages.pop(0))
        return None

    def next_visible(self) -> float | None:
        """Return when there will be something to receive, None if nothing is there."""
        return self.messages[0].visible_at if self.messages else None

    def delete(self, message: QueuedMessage) -> None:
        """Let a message be done with."""
        self.messages.remove(message)

    # boto3's client

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            visible = sum(message.visible_at <= self._now() for message in self.messages)
            counts = {"ApproximateNumberOfMessages": str(visible)}
            return {"Attributes": {name: counts[name] for name in AttributeNames}}

        return self.way("GetQueueAttributes", {}, effect)

    def change_message_visibility(
        self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = [m for m in self.messages if m.receipt == ReceiptHandle]
            if not found:
                raise client_error("ReceiptHandleIsInvalid")
            (message,) = found
            if message.visible_at <= self._now():
                raise client_error("MessageNotInflight")
            until = self._now() + VisibilityTimeout
            if until > message.received_at + LONGEST_INVISIBLE_SECONDS or VisibilityTimeout < 0:
                raise client_error("InvalidParameterValue")
            message.visible_at = until
            return {}

        return self.way("ChangeMessageVisibility", {"VisibilityTimeout": VisibilityTimeout}, effect)
