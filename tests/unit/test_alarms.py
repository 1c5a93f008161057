"""What the template's alarms make of failures that come again: rung once, not again and again."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse
from typer.main import get_group

from local_cloudwatch.alarms import alarm_state
from payments.command.app import app

RESOURCES: dict[str, dict[str, Any]] = yaml_parse(
    (Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8")
)["Resources"]
MINUTE = 60.0
A_DAY = 24 * 60
LONGEST_RUN_MINUTES = 15
VISIBILITY_MINUTES = RESOURCES["FilesQueue"]["Properties"]["VisibilityTimeout"] / MINUTE
LONGEST_WAIT_MINUTES = 15


def alarm(name: str, **changes: Any) -> dict[str, Any]:
    properties: dict[str, Any] = RESOURCES[name]["Properties"]
    return properties | changes


def changes(alarm: dict[str, Any], minutes: Iterable[float]) -> list[tuple[int, str]]:
    """Return when the alarm changes, looked at every minute, if 1 is measured in these minutes."""
    points = [(minute * MINUTE, 1.0) for minute in minutes]
    found: list[tuple[int, str]] = [(0, "OK")]
    for minute in range(1, A_DAY):
        known = [point for point in points if point[0] <= minute * MINUTE]
        state = alarm_state(alarm, known, minute * MINUTE)
        if state != found[-1][1]:
            found.append((minute, state))
    return found[1:]


def outage(hours: float, run_minutes: float) -> list[float]:
    """Return when a file is put back: tried again after 1, 2, 4, 8, then every 15 minutes."""
    moments, now, wait = [], run_minutes, 1.0
    while now < hours * 60:
        moments.append(now)
        now += wait + run_minutes
        wait = min(2 * wait, LONGEST_WAIT_MINUTES)
    return moments


@pytest.mark.parametrize("run_minutes", [0.0, 1.0, 5.0, 14.0])
def test_an_outage_of_hours_rings_once_and_is_told_to_be_over_once(run_minutes: float) -> None:
    """However long each run tries before it puts the file back."""
    moments = outage(6, run_minutes)
    assert changes(alarm("FilesDelayedAlarm"), moments) == [
        (max(1, round(moments[0])), "ALARM"),
        (round(moments[-1]) + 30, "OK"),
    ]


def test_five_minutes_alone_would_ring_with_nearly_every_try() -> None:
    """Why the alarm looks back for half an hour."""
    short = alarm("FilesDelayedAlarm", EvaluationPeriods=1)
    assert len(changes(short, outage(6, 1.0))) > 20


def test_runs_that_are_killed_again_and_again_ring_once() -> None:
    """Each comes back when the queue's visibility timeout is over."""
    kills = [number * VISIBILITY_MINUTES + 1 for number in range(3)]
    assert [state for _, state in changes(alarm("FunctionErrorsAlarm"), kills)] == ["ALARM", "OK"]


@pytest.mark.parametrize("name", ["FunctionErrorsAlarm", "LongRunAlarm"])
def test_a_long_run_is_noticed_though_it_is_dated_with_its_start(name: str) -> None:
    """As Lambda does; what it tells of it is known only at the end."""
    value = alarm(name)["Threshold"]
    assert alarm_state(alarm(name), [(0.0, value)], LONGEST_RUN_MINUTES * MINUTE) == "ALARM"
    in_vain = alarm(name, EvaluationPeriods=1)
    assert alarm_state(in_vain, [(0.0, value)], LONGEST_RUN_MINUTES * MINUTE) == "OK"


def test_a_large_file_with_a_failed_payment_now_and_then_rings_once() -> None:
    """Failed payments are counted at each checkpoint, over the hours that the file takes."""
    assert len(changes(alarm("PaymentsFailedAlarm"), range(1, 200, 20))) == 2


def test_the_next_refused_file_rings_again() -> None:
    """Each has to be corrected, and no other alarm tells of it."""
    states = [state for _, state in changes(alarm("FilesFailedAlarm"), [1, 20])]
    assert states == ["ALARM", "OK", "ALARM", "OK"]


def test_a_sum_is_over_one_period_and_a_maximum_is_not_a_sum() -> None:
    """The rules of CloudWatch that the other tests rely on."""
    two_errors = alarm("FunctionErrorsAlarm", Threshold=2)
    assert alarm_state(two_errors, [(1.0, 1.0), (2.0, 1.0)], 10.0) == "ALARM"
    assert alarm_state(two_errors, [(1.0, 1.0), (601.0, 1.0)], 610.0) == "OK"
    old_file = alarm("OldFileAlarm")
    assert alarm_state(old_file, [(1.0, 14399.0), (2.0, 14399.0)], 10.0) == "OK"
    assert alarm_state(old_file, [(1.0, 14399.0), (2.0, 14400.0)], 10.0) == "ALARM"


def test_so_many_periods_have_to_breach_as_the_alarm_says() -> None:
    """Of the last ones; what is older does not count."""
    two_of_three = alarm("FunctionErrorsAlarm", EvaluationPeriods=3, DatapointsToAlarm=2)
    assert alarm_state(two_of_three, [(100.0, 1.0), (700.0, 1.0)], 800.0) == "ALARM"
    assert alarm_state(two_of_three, [(100.0, 1.0), (700.0, 1.0)], 1001.0) == "OK"


# What they say


ALARMS = [name for name, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm"]


def described(name: str) -> str:
    return " ".join(RESOURCES[name]["Properties"]["AlarmDescription"].split())


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_says_what_has_happened_and_what_to_do(name: str) -> None:
    happened, to_do, done = described(name).partition(" To do: ")
    assert happened
    assert to_do
    assert done


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_names_subcommands_that_there_are_and_no_insides(name: str) -> None:
    """Who is woken by it knows neither tables nor attributes."""
    commands = re.findall(r"`(.*?)`", described(name))
    assert commands
    there = {f"payments {subcommand}" for subcommand in get_group(app).commands}
    assert set(commands) <= there
    assert not re.search("table|attribute", described(name))


def test_what_is_not_known_of_cloudwatch_here_is_not_guessed() -> None:
    """The local stack leaves such an alarm alone."""
    with pytest.raises(ValueError, match="missing"):
        alarm_state(alarm("OldFileAlarm", TreatMissingData="missing"), [], 0.0)
