"""Which mails about files are sent, and that no import fails because one is not."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from fakes.dynamodb import client_error
from fakes.mishaps import Mishaps, raising
from fakes.sqs import FakeQueue
from payments import report, waiting
from payments.report import ReportOn, Where
from payments.reporter import Reporter, files_in_queue
from unit.test_report import REFUSED, SUCCEEDED, WITH_FAILURES
from unit.test_waiting import WAITING

TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"
WHERE = Where("connectwise-payments", "eu-west-1")


class FakeSns:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **message: Any) -> None:
        self.published.append(message)


def sender(sns: Callable[[], Any], report_on: ReportOn = ReportOn.ALWAYS) -> Reporter:
    return Reporter(sns, TOPIC, report_on, WHERE, lambda: 3)


def test_a_wanted_report_goes_to_the_topic() -> None:
    sns = FakeSns()
    sender(lambda: sns, ReportOn.ON_FAILURE).finished(WITH_FAILURES)
    text = report.body(WITH_FAILURES, WHERE)
    assert sns.published == [
        {"TopicArn": TOPIC, "Subject": report.subject(WITH_FAILURES), "Message": text}
    ]


@pytest.mark.parametrize("report_on", [ReportOn.ALWAYS, ReportOn.ON_FAILURE])
def test_a_file_that_waits_is_told_of_if_reports_are_wanted_at_all(report_on: ReportOn) -> None:
    """With how many files wait behind it."""
    sns = FakeSns()
    sender(lambda: sns, report_on).waits(WAITING)
    text = waiting.body(WAITING, 3, WHERE.stack)
    assert sns.published == [
        {"TopicArn": TOPIC, "Subject": waiting.subject(WAITING), "Message": text}
    ]


def test_what_is_not_wanted_does_not_even_make_a_client() -> None:
    def sns() -> FakeSns:
        raise AssertionError

    sender(sns, ReportOn.NEVER).finished(WITH_FAILURES)
    sender(sns, ReportOn.NEVER).waits(WAITING)
    sender(sns, ReportOn.ON_FAILURE).finished(SUCCEEDED)


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "AuthorizationError"}}, "Publish"),
        BotoCoreError(),
        UnicodeEncodeError("utf-8", "73519.26 \ud800", 9, 10, "surrogates not allowed"),
        ValueError("73519.26"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_whatever_becomes_of_a_mail_the_import_goes_on(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has what AWS says, and nothing that a client may quote of the mail."""

    def sns() -> FakeSns:
        raise fault

    sender(sns).finished(REFUSED)
    sender(sns).waits(WAITING)
    for logged in [vars(record) for record in caplog.records]:
        if isinstance(fault, ClientError):
            assert "Authorization" in logged["reason"]
        else:
            assert logged["reason"] == type(fault).__name__
    assert len(caplog.records) == 2


# ---- how many files wait -------------------------------------------------------------------------


def test_files_in_the_queue_are_counted_beside_the_one_at_work() -> None:
    queue = FakeQueue(lambda: 0.0)
    for body in "abc":
        queue.send(body)
    queue.receive()
    assert files_in_queue(queue, "queue") == 2


def test_a_queue_that_cannot_be_counted_is_no_reason_to_say_nothing() -> None:
    mishaps = Mishaps()
    mishaps.plan("GetQueueAttributes", raising(client_error("AccessDenied")))
    assert files_in_queue(FakeQueue(lambda: 0.0, way=mishaps), "queue") is None
