"""Whether alarms and import reports reach somebody."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from payments.command.deployment import Deployment
from payments.command.finding import Check, Verdict, if_permitted

# What SNS shows in place of the ARN of a subscription that nobody has confirmed (its API
# reference: Subscribe).
_UNCONFIRMED = ("PendingConfirmation", "pending confirmation")
_SOMEBODY = "ADDRESS"
_THEN = "then follow the link in the e-mail from AWS, within two days"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, what comes from it, and the address that is to have it, empty for none."""

    arn: str
    what: str
    parameter: str
    address: str
    region: str

    def subscribe(self, address: str) -> str:
        """Return the command that subscribes an address, also once more."""
        return (
            f"aws sns subscribe --topic-arn {self.arn} --protocol email "
            f"--notification-endpoint {shlex.quote(address)} --region {self.region}"
        )


def subscriber_checks(deployment: Deployment) -> Iterator[Check]:
    """Yield whether the addresses that were deployed are subscribed."""
    for topic in topics_of(deployment):
        permission = "sns:ListSubscriptionsByTopic"
        sns = deployment.client("sns")
        yield if_permitted(_name(topic), permission, lambda: subscribers_check(sns, topic))  # noqa: B023


def topics_of(deployment: Deployment) -> list[Topic]:
    """Return the stack's topics: for alarms and for reports."""
    return [
        Topic(
            deployment.outputs[output],
            what,
            parameter,
            deployment.parameters[parameter],
            deployment.region,
        )
        for output, what, parameter in (
            ("NotificationTopicArn", "Alarms", "AlarmEmail"),
            ("ReportTopicArn", "Reports", "ReportEmail"),
        )
    ]


def subscribers_check(sns: Any, topic: Topic) -> Check:
    """Tell whether somebody has subscribed to a topic, and confirmed; `sns` is a client."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic.arn)
    found = [row for page in pages for row in page["Subscriptions"]]
    confirmed = [row["Endpoint"] for row in found if row["SubscriptionArn"].startswith("arn:")]
    pending = [row["Endpoint"] for row in found if row["SubscriptionArn"] in _UNCONFIRMED]
    address = topic.address
    if address and not _is_among(address, confirmed) and not _is_among(address, pending):
        remark = (
            f"{topic.parameter} {address} is not subscribed, or not any more: programs that look "
            f"through mail follow its unsubscribe link. Subscribe it again, {_THEN}:"
        )
        return Check(_name(topic), Verdict.MISSING, remark, topic.subscribe(address))
    if pending:
        remark = f"{pending[0]} has yet to confirm: {_THEN}. This sends another:"
        return Check(_name(topic), Verdict.MISSING, remark, topic.subscribe(pending[0]))
    if not confirmed:
        remark = f"Nobody has subscribed. If somebody is to know of them, subscribe, {_THEN}:"
        return Check(_name(topic), Verdict.NOTE, remark, topic.subscribe(_SOMEBODY))
    return Check(_name(topic), Verdict.GOOD, f"{len(confirmed)} subscribed")


def _name(topic: Topic) -> str:
    return f"{topic.what} reach somebody"


def _is_among(address: str, others: list[str]) -> bool:
    return address.lower() in (other.lower() for other in others)
