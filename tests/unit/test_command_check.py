"""What `check` says of whom alarms reach."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from payments.command.check import Verdict, subscribers_check

TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"


class FakeSns:
    """A client for one topic; each subscription is on a page of its own."""

    def __init__(self, *subscriptions: tuple[str, str], denied: bool = False) -> None:
        self._subscriptions = subscriptions
        self._denied = denied

    def get_paginator(self, operation: str) -> "FakeSns":
        assert operation == "list_subscriptions_by_topic"
        return self

    def paginate(self, TopicArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert TopicArn == TOPIC
        if self._denied:
            error = {"Code": "AuthorizationError", "Message": "not authorized"}
            raise ClientError({"Error": error}, "ListSubscriptionsByTopic")
        for endpoint, arn in self._subscriptions:
            yield {"Subscriptions": [{"Endpoint": endpoint, "SubscriptionArn": arn}]}


def test_somebody_who_has_confirmed_is_told() -> None:
    check = subscribers_check(FakeSns(("books@example.com", f"{TOPIC}:1")), TOPIC)
    assert (check.verdict, check.remark) == (Verdict.GOOD, "1 subscribed")


def test_whoever_has_not_confirmed_is_named() -> None:
    """An alarm would reach nobody there."""
    subscriptions = ("it@example.com", f"{TOPIC}:1"), ("books@example.com", "PendingConfirmation")
    check = subscribers_check(FakeSns(*subscriptions), TOPIC)
    assert check.verdict.bad
    assert check.remark.startswith("books@example.com has yet to confirm")


def test_a_deleted_subscription_is_nobody() -> None:
    check = subscribers_check(FakeSns(("books@example.com", "Deleted")), TOPIC)
    assert check.verdict is Verdict.NOTE


def test_a_topic_without_subscribers_is_noted() -> None:
    check = subscribers_check(FakeSns(), TOPIC)
    assert check.verdict is Verdict.NOTE
    assert not check.verdict.bad
    assert "ReportEmail" in check.remark


def test_an_operator_who_may_not_look_is_told_so() -> None:
    check = subscribers_check(FakeSns(denied=True), TOPIC)
    assert check.verdict is Verdict.UNKNOWN
    assert "not authorized" in check.remark
