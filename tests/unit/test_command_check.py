"""What `check` says of ConnectWise, and of whom alarms reach."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fakes.connectwise import FakeConnectWise, FakeInvoice, answer, error, page_of_html
from payments.command.check import Verdict, connectwise_checks, subscribers_check
from payments.errors import NoAnswer
from unit.operated import access_through, ending

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


# ---- ConnectWise ---------------------------------------------------------------------------------


def checked(connectwise: FakeConnectWise) -> dict[str, tuple[Verdict, str]]:
    """What is said of each thing."""
    access = access_through(connectwise)
    return {
        check.name: (check.verdict, check.remark)
        for check in connectwise_checks(access.api, access.clock)
    }


@pytest.fixture
def connectwise() -> FakeConnectWise:
    return FakeConnectWise(FakeInvoice(7))


def test_where_nothing_is_missing_all_is_well(connectwise: FakeConnectWise) -> None:
    """An invoice that there is, is asked for its payments."""
    verdicts = {name: verdict for name, (verdict, _) in checked(connectwise).items()}
    assert verdicts.pop("Create and update payments") is Verdict.UNKNOWN
    assert set(verdicts.values()) == {Verdict.GOOD}
    assert [call.invoice_id for call in connectwise.calls if call.kind == "payments"] == [7]


def test_a_permission_that_is_missing_is_named(connectwise: FakeConnectWise) -> None:
    connectwise.way = ending("payments", error(403, "Forbidden", "No."))
    verdict, remark = checked(connectwise)["Read payments"]
    assert verdict is Verdict.MISSING
    assert "security role" in remark
    assert "Accounting Interface: add, edit, delete and inquire All" in remark
    assert "Invoicing: edit, delete and inquire All" in remark


def test_what_fails_once_is_asked_again(connectwise: FakeConnectWise) -> None:
    lost = NoAnswer("ReadTimeout")
    connectwise.way = ending("invoices", lost, lost, lost, None)
    assert checked(connectwise)["Site, company and keys"][0] is Verdict.FAILED
    assert checked(connectwise)["Site, company and keys"][0] is Verdict.GOOD


ODD: list[Any] = [None, {}, "text", [None], [{}], [{"id": "1"}], [{"id": True}], [{"id": 2**31}]]
NO_LISTS = ODD[:3]


@pytest.mark.parametrize("kind", ["invoices", "payments"])
@pytest.mark.parametrize("body", ODD, ids=str)
def test_an_odd_answer_is_no_traceback(connectwise: FakeConnectWise, kind: str, body: Any) -> None:
    connectwise.way = ending(kind, answer(200, body))
    said = checked(connectwise)
    if kind == "payments":
        assert said["Read payments"][0] is Verdict.FAILED
    elif body in NO_LISTS:
        verdict, remark = said["Site, company and keys"]
        assert verdict is Verdict.FAILED
        assert remark.startswith("ConnectWise does not answer as it should: ")


def test_a_page_of_something_in_between_is_no_traceback(connectwise: FakeConnectWise) -> None:
    connectwise.way = ending("invoices", page_of_html(451))
    assert checked(connectwise)["Site, company and keys"][0] is Verdict.FAILED


# ---- Alarms --------------------------------------------------------------------------------------


def test_somebody_who_has_confirmed_is_told() -> None:
    check = subscribers_check(FakeSns(("books@example.com", f"{TOPIC}:1")), TOPIC, "Alarm")
    assert (check.verdict, check.remark) == (Verdict.GOOD, "1 subscribed")


def test_whoever_has_not_confirmed_is_named() -> None:
    """An alarm would reach nobody there."""
    subscriptions = ("it@example.com", f"{TOPIC}:1"), ("books@example.com", "PendingConfirmation")
    check = subscribers_check(FakeSns(*subscriptions), TOPIC, "Alarm")
    assert check.verdict.bad
    assert check.remark.startswith("books@example.com has yet to confirm")


def test_a_deleted_subscription_is_nobody() -> None:
    check = subscribers_check(FakeSns(("books@example.com", "Deleted")), TOPIC, "Alarm")
    assert check.verdict is Verdict.NOTE


@pytest.mark.parametrize("whom", ["Alarm", "Report"])
def test_a_topic_without_subscribers_is_noted(whom: str) -> None:
    check = subscribers_check(FakeSns(), TOPIC, whom)
    assert check.name == f"{whom}s reach somebody"
    assert check.verdict is Verdict.NOTE
    assert not check.verdict.bad
    assert f"{whom}Email" in check.remark


def test_an_operator_who_may_not_look_is_told_so() -> None:
    check = subscribers_check(FakeSns(denied=True), TOPIC, "Alarm")
    assert check.verdict is Verdict.UNKNOWN
    assert "not authorized" in check.remark
