"""Import reports reach the topic, from where SNS mails them; alarms reach it too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.deployed import SECRET_NAME, Deploy, Deployment
from e2e.payment_xml import payment, payment_file
from local_stack import wait_for
from simulator.control import Simulator

pytestmark = pytest.mark.e2e


def listening(deployment: Deployment) -> str:
    """Subscribe a queue to the topic, in the place of a mailbox."""
    stack = deployment.stack
    sqs, topic = stack.client("sqs"), stack.outputs["NotificationTopicArn"]
    url: str = sqs.create_queue(QueueName=f"mailbox-{stack.name}")["QueueUrl"]
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
    return url


def next_mail(deployment: Deployment, mailbox: str) -> dict[str, Any]:
    sqs = deployment.stack.client("sqs")

    def receive() -> list[Any]:
        answer = sqs.receive_message(QueueUrl=mailbox, MaxNumberOfMessages=1)
        messages: list[Any] = answer.get("Messages", [])
        return messages

    (message,) = wait_for(receive, 20, "a mail")
    sqs.delete_message(QueueUrl=mailbox, ReceiptHandle=message["ReceiptHandle"])
    mail: dict[str, Any] = json.loads(message["Body"])
    return mail


def test_a_file_with_failures_is_reported_and_one_without_is_not(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """By default, with only what the role and the topic's key allow."""
    deployment = deploy_once()
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    mailbox = listening(deployment)
    good = payment(invoice=invoice, amount="1.00")
    deployment.import_file(payment_file(good), "good.xml")
    deployment.import_file(payment_file(good, payment(invoice=invoice)), "bad.xml")
    mail = next_mail(deployment, mailbox)
    assert mail["Subject"] == "1 payments not imported: bad.xml"
    assert "- record 2: There is nothing to send" in mail["Message"]


def test_an_alarm_says_what_to_look_at(deploy_once: Deploy, connectwise: Simulator) -> None:
    """Only that it is connected to the topic: no metrics are evaluated here, as AWS does."""
    deployment = deploy_once()
    mailbox = listening(deployment)
    cloudwatch = deployment.stack.client("cloudwatch")
    prefix = deployment.stack.name
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    (delayed,) = [
        alarm
        for alarm in alarms
        if alarm["AlarmName"].startswith(prefix) and alarm["MetricName"] == "FilesDelayed"
    ]
    cloudwatch.set_alarm_state(
        AlarmName=delayed["AlarmName"], StateValue="ALARM", StateReason="tried"
    )
    mail = next_mail(deployment, mailbox)
    assert "FilesDelayed" in mail["Message"]
    assert "The error attribute in the imports table says which" in mail["Message"]
