"""Whole files through the deployed program: who is told of them by mail, and how often."""

from collections.abc import Callable
from typing import Any

import pytest

from e2e.payment_xml import payment
from fakes.connectwise import error
from fakes.deployment import FINISHED, KILLED, PUT_BACK, Deploy, Deployment
from fakes.dynamodb import client_error
from fakes.mishaps import Mishap, answering, kill, kill_after, raising, slow

ALWAYS = float("inf")
REPORT, WAITS = "1 payment not imported: a.xml", "Payment file waits: a.xml"
NO_KEYS = answering(error(401, "Unauthorized", "No."))
DOWN = answering(error(503, "Down", "No."))
RECORDS = [payment(invoice=n, amount=10, external_id=f"R-{n}") for n in (1, 2, 99)]
ABOUT_AN_HOUR = 8  # runs: after 1, 2, 4, 8, and then every 15 minutes


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    return deploy()


def run_until_told(deployment: Deployment) -> None:
    for _ in range(ABOUT_AN_HOUR):
        assert deployment.run() == PUT_BACK
        if WAITS in deployment.topic.subjects:
            return
    raise AssertionError("nobody is told")


# The report


def test_a_report_names_its_failures_and_where_they_are(deployment: Deployment) -> None:
    deployment.upload(*RECORDS)
    assert deployment.run() == FINISHED
    [(subject, text)] = deployment.topic.mails
    assert subject == REPORT
    assert "\n- R-99, invoice 99, 10.00: " in text
    assert "region=eu-west-1&prefix=fail%2Fa.xml" in text


@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_wherever_runs_are_killed_no_file_is_reported_twice(deploy: Deploy, mishap: Mishap) -> None:
    """At every single call; nobody is told only if it is between closing the import and sending."""
    told: list[int] = []
    for place in range(200):
        deployment = deploy()
        deployment.upload(*RECORDS)
        deployment.mishaps.plan("any", mishap, skip=place)
        runs = deployment.to_end()
        assert deployment.row()["status"] == "CompletedWithFailures"
        told.append(deployment.topic.subjects.count(REPORT))
        if runs == 1:
            break
    assert 25 < len(told) < 200
    assert sorted(told) == [0] + [1] * (len(told) - 1)


def no_answer(effect: Callable[[], Any]) -> Any:
    """Let the call take effect, and its answer be an error."""
    effect()
    raise client_error("InternalError")


def test_a_closing_write_whose_answer_is_lost_is_found_and_reported(deployment: Deployment) -> None:
    """By the run that has closed the import: it looks."""
    deployment.upload(*RECORDS)
    deployment.mishaps.plan("UpdateItem", no_answer, about="CompletedWithFailures")
    assert deployment.run() == FINISHED
    assert deployment.row()["status"] == "CompletedWithFailures"
    assert deployment.topic.subjects == [REPORT]
    assert deployment.published.files == ["CompletedWithFailures"]


def test_a_closing_write_that_has_not_arrived_is_made_and_reported_by_the_next_run(
    deployment: Deployment,
) -> None:
    deployment.upload(*RECORDS)
    failing = raising(client_error("InternalError"))
    deployment.mishaps.plan("UpdateItem", failing, about="CompletedWithFailures")
    assert [deployment.run(), deployment.run()] == [PUT_BACK, FINISHED]
    assert deployment.topic.subjects == [REPORT]
    assert deployment.published.files == ["CompletedWithFailures"]


@pytest.mark.parametrize("more", [{}, {"stopAsked": "alice"}], ids=["", "with a stop"])
def test_an_import_that_is_closed_stays_so_whatever_its_run_knows(
    deployment: Deployment, more: dict[str, str]
) -> None:
    """The answer of the closing write is lost, and the row cannot be read either."""

    def closed(effect: Callable[[], Any]) -> Any:
        effect()
        deployment.imports.put({**deployment.row(), **more})
        raise client_error("InternalError")

    deployment.upload(*RECORDS)
    deployment.mishaps.plan("UpdateItem", closed, about="CompletedWithFailures")
    deployment.mishaps.plan("GetItem", raising(client_error("InternalError")), skip=1)
    assert deployment.run() == PUT_BACK
    row = deployment.row()
    assert row["status"] == "CompletedWithFailures"
    assert deployment.run() == FINISHED
    assert deployment.row() == row
    assert deployment.published.files == []


def test_a_run_that_knows_a_file_from_before_it_was_closed_does_not_open_it_again(
    deployment: Deployment,
) -> None:
    """It has read the state, and another run closes the import before it writes that it begins."""
    deployment.upload(*RECORDS)
    deployment.mishaps.plan("create", kill)
    assert deployment.run() == KILLED

    def closed_meanwhile(effect: Callable[[], Any]) -> Any:
        deployment.imports.put({**deployment.row(), "status": "Succeeded"})
        return effect()

    deployment.mishaps.plan("UpdateItem", closed_meanwhile)
    assert deployment.run() == PUT_BACK
    assert deployment.run() == FINISHED
    assert deployment.row()["status"] == "Succeeded"
    assert deployment.topic.mails == []


# A file that waits


@pytest.mark.parametrize(
    ("mishap", "cure"), [(NO_KEYS, "run `payments check`"), (DOWN, "Nothing to do")]
)
def test_a_file_that_has_waited_for_an_hour_says_so_once(
    deployment: Deployment, mishap: Mishap, cure: str
) -> None:
    """Why, since when, and with how many behind it; in the end it is reported as any other."""
    deployment.upload(*RECORDS)
    deployment.upload(*RECORDS, name="b")
    deployment.mishaps.plan("create", mishap, times=ALWAYS)
    run_until_told(deployment)
    [(_, text)] = deployment.topic.mails
    row = next(row for row in deployment.imports.all() if row["key"] == "incoming/a.xml")
    assert cure in text
    assert row["waitingSince"].replace("T", " ").replace("Z", " UTC") in text
    assert " ".join(row["error"].split()) in text
    assert "Files behind it: 1" in text
    for _ in range(ABOUT_AN_HOUR):
        deployment.run()
    deployment.mishaps.end()
    deployment.run()
    assert deployment.topic.subjects == [WAITS, REPORT]


def test_a_file_that_waits_for_less_than_an_hour_says_nothing(deployment: Deployment) -> None:
    deployment.upload(*RECORDS)
    deployment.mishaps.plan("create", DOWN, times=ALWAYS)
    while deployment.clock.now + deployment.delay() < 3600:
        assert deployment.run() == PUT_BACK
    assert deployment.topic.mails == []


def test_a_large_file_that_takes_hours_does_not_wait(deployment: Deployment) -> None:
    deployment.upload(*(payment(invoice=n, amount=n) for n in range(1, 21)))
    deployment.mishaps.plan("create", slow(deployment.clock, 400.0), times=ALWAYS)
    assert deployment.to_end() > 4
    assert deployment.clock.now > 2 * 3600
    assert WAITS not in deployment.topic.subjects


def test_a_file_that_has_said_that_it_waits_does_not_say_it_anew(deployment: Deployment) -> None:
    """Not even if it has gone on in between."""
    deployment.upload(*RECORDS)
    deployment.mishaps.plan("create", DOWN, times=ALWAYS)
    run_until_told(deployment)
    deployment.imports.put({**deployment.row(), "waitingSince": None})
    for _ in range(ABOUT_AN_HOUR):
        deployment.run()
    assert deployment.topic.subjects == [WAITS]


@pytest.mark.parametrize("mishap", [kill, kill_after])
@pytest.mark.parametrize("operation", ["UpdateItem", "Publish", "GetQueueAttributes"])
def test_wherever_runs_are_killed_no_file_says_twice_that_it_waits(
    deployment: Deployment, operation: str, mishap: Mishap
) -> None:
    about = "waitingTold" if operation == "UpdateItem" else ""
    deployment.upload(*RECORDS)
    deployment.mishaps.plan("create", DOWN, times=ALWAYS)
    deployment.mishaps.plan(operation, mishap, about=about)
    for _ in range(2 * ABOUT_AN_HOUR):
        deployment.run()
    assert deployment.topic.subjects.count(WAITS) <= 1


def test_what_could_not_be_noted_is_not_said(deployment: Deployment) -> None:
    """Said unnoted, it would be said again every 15 minutes."""
    failing = raising(client_error("InternalError"))
    deployment.upload(*RECORDS)
    deployment.mishaps.plan("create", DOWN, times=ALWAYS)
    for _ in range(2):
        deployment.run()
    deployment.mishaps.plan("UpdateItem", failing, about="':waitingTold'", times=ALWAYS)
    for _ in range(ABOUT_AN_HOUR):
        deployment.run()
    assert deployment.topic.mails == []
