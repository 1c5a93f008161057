"""A queue that is subscribed to one of a stack's topics, in the place of a mailbox."""

import json
from dataclasses import dataclass, field
from typing import Any

from local_stack import Stack, wait_for


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What the topic has sent since `subscribed`."""

    url: str
    sqs: Any
    mails: list[dict[str, str]] = field(default_factory=list)

    def mail(self, subject: str) -> dict[str, str]:
        """Wait for a mail whose subject has this in it, and return the first."""
        return wait_for(lambda: self._found(subject), description=f"a mail: {subject}")[0]

    def subjects(self) -> list[str]:
        """The subjects of what is there now."""
        self._receive()
        return [mail["Subject"] for mail in self.mails]

    def _found(self, subject: str) -> list[dict[str, str]]:
        self._receive()
        return [mail for mail in self.mails if subject in mail["Subject"]]

    def _receive(self) -> None:
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            self.mails.append(json.loads(message["Body"]))


def subscribed(stack: Stack, output: str) -> Mailbox:
    """Subscribe a queue to the topic whose ARN is this output of the stack."""
    sqs, topic = stack.client("sqs"), stack.outputs[output]
    url: str = sqs.create_queue(QueueName=f"mailbox-{output}-{stack.name}")["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Mailbox(url, sqs)
