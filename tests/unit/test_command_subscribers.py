"""Whom alarms and reports reach, and the command for whom they do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fakes.dynamodb import client_error
from payments.command.deployment import Deployment
from payments.command.finding import Check, Verdict
from payments.command.subscribers import Topic, subscriber_checks, subscribers_check, topics_of
from unit.operated import deployment_with

ARN = "arn:aws:sns:eu-west-1:123456789012:topic"
ADDRESS = "books@example.com"
TOPIC = Topic(ARN, "Reports", "ReportEmail", ADDRESS, "eu-west-1")
SUBSCRIBE = (
    f"aws sns subscribe --topic-arn {ARN} --protocol email "
    f"--notification-endpoint {ADDRESS} --region eu-west-1"
)


class FakeSns:
    """A client for one topic; each subscription is on a page of its own."""

    def __init__(self, *subscriptions: tuple[str, str], denied: bool = False) -> None:
        self._subscriptions = subscriptions
        self._denied = denied

    def get_paginator(self, operation: str) -> FakeSns:
        assert operation == "list_subscriptions_by_topic"
        return self

    def paginate(self, TopicArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert TopicArn == ARN
        if self._denied:
            raise client_error("AuthorizationError", "ListSubscriptionsByTopic")
        for endpoint, arn in self._subscriptions:
            yield {"Subscriptions": [{"Endpoint": endpoint, "SubscriptionArn": arn}]}


def checked(*subscriptions: tuple[str, str], address: str = ADDRESS) -> Check:
    return subscribers_check(FakeSns(*subscriptions), replace(TOPIC, address=address))


def deployed(sns: FakeSns | None = None) -> Deployment:
    found = deployment_with(sns=sns)
    addresses = {"ReportEmail": ADDRESS, "AlarmEmail": "it@example.com"}
    return replace(
        found,
        outputs={
            **found.outputs,
            "NotificationTopicArn": ARN,
            "ReportTopicArn": f"{ARN}-2",
        },
        parameters={**found.parameters, **addresses},
    )


def test_an_address_that_has_confirmed_is_told() -> None:
    check = checked(("Books@Example.com", f"{ARN}:1"))
    assert (check.verdict, check.remark) == (Verdict.GOOD, "1 subscribed")


def test_an_address_that_is_not_subscribed_any_more_is_a_finding_with_the_command() -> None:
    """Though others are: it is the one that somebody wanted."""
    check = checked(("it@example.com", f"{ARN}:1"), (ADDRESS, "Deleted"))
    assert check.verdict is Verdict.MISSING
    assert check.remark.startswith(f"ReportEmail {ADDRESS} is not subscribed")
    assert check.command == SUBSCRIBE


def test_an_address_that_has_yet_to_confirm_is_a_finding_with_the_command() -> None:
    check = checked(("it@example.com", f"{ARN}:1"), (ADDRESS, "PendingConfirmation"))
    assert check.verdict is Verdict.MISSING
    assert check.remark.startswith(f"{ADDRESS} has yet to confirm")
    assert check.command == SUBSCRIBE


def test_somebody_else_who_has_yet_to_confirm_is_named_too() -> None:
    pending = ("it@example.com", "pending confirmation")
    check = checked((ADDRESS, f"{ARN}:1"), pending)
    assert check.verdict.bad
    assert "--notification-endpoint it@example.com" in check.command


def test_a_topic_without_address_and_subscribers_is_noted() -> None:
    check = checked(address="")
    assert check.verdict is Verdict.NOTE
    assert not check.verdict.bad
    assert "--notification-endpoint ADDRESS" in check.command


def test_an_address_is_one_word_for_the_shell() -> None:
    assert "--notification-endpoint 'a;b@example.com'" in checked(address="a;b@example.com").command


def test_alarms_and_reports_have_an_address_each() -> None:
    alarms, reports = topics_of(deployed())
    assert (alarms.parameter, alarms.address) == ("AlarmEmail", "it@example.com")
    assert (reports.arn, reports.address) == (f"{ARN}-2", ADDRESS)


def test_an_operator_who_may_not_look_is_told_so() -> None:
    check = next(subscriber_checks(deployed(FakeSns(denied=True))))
    assert check.verdict is Verdict.UNKNOWN
    assert "sns:ListSubscriptionsByTopic" in check.remark
