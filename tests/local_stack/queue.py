"""What tests do with an SQS queue."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue of the deployed stack."""

    url: str
    sqs: Any

    def set_visibility_timeout(self, seconds: int) -> None:
        """Let messages that nobody finished come back sooner than deployed.

        Counts for messages received from now on; one in flight keeps its own.
        """
        self.sqs.set_queue_attributes(
            QueueUrl=self.url, Attributes={"VisibilityTimeout": str(seconds)}
        )

    def visible(self) -> int:
        """How many messages wait to be received."""
        return self._count("ApproximateNumberOfMessages")

    def in_flight(self) -> int:
        """How many messages were received but neither deleted nor put back."""
        return self._count("ApproximateNumberOfMessagesNotVisible")

    def is_empty(self) -> bool:
        """Say whether no message waits and none is being handled."""
        return self.visible() == 0 and self.in_flight() == 0

    def _count(self, attribute: str) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[attribute])
        return int(answer["Attributes"][attribute])
