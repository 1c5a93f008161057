"""The dashboard: that CloudWatch accepts it, and that its last errors are all there are."""

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from dashboard.insights import Event, Query

TEMPLATE: dict[str, Any] = yaml_parse(
    (Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8")
)
BODY: str = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
WIDGETS: list[dict[str, Any]] = json.loads(BODY)["widgets"]
COLUMNS = 24

# CloudWatch's API reference, "Dashboard body structure and syntax".
PROPERTIES = {
    "metric": {
        *("accountId", "annotations", "labels", "legend", "liveData", "metrics", "period"),
        *("region", "setPeriodToTimeRange", "sparkline", "stacked", "stat", "table", "timezone"),
        *("title", "view", "yAxis"),
    },
    "log": {"accountId", "query", "region", "stacked", "title", "view"},
    "alarm": {"alarms", "sortBy", "states", "title"},
}
REQUIRED = {"metric": {"metrics", "region"}, "log": {"query", "region"}, "alarm": {"alarms"}}
METRIC_OPTIONS = {"color", "expression", "id", "label", "period", "region", "stat", "visible"}


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget["properties"]["title"])
def test_every_widget_has_only_what_cloudwatch_knows(widget: dict[str, Any]) -> None:
    """And all that it must have."""
    properties = widget["properties"]
    assert set(properties) <= PROPERTIES[widget["type"]]
    assert set(properties) >= REQUIRED[widget["type"]]
    for metric in properties.get("metrics", []):
        *names, options = metric
        assert len(names) == 4
        assert set(options) <= METRIC_OPTIONS


def test_widgets_lie_on_the_grid_and_not_on_each_other() -> None:
    """Two in one place push each other away."""
    taken: set[tuple[int, int]] = set()
    for widget in WIDGETS:
        x, y = widget["x"], widget["y"]
        cells = {(x + n, y + m) for n in range(widget["width"]) for m in range(widget["height"])}
        assert x + widget["width"] <= COLUMNS
        assert not cells & taken
        taken |= cells


def test_every_alarm_is_on_the_dashboard() -> None:
    """By its ARN."""
    (widget,) = [each for each in WIDGETS if each["type"] == "alarm"]
    resources = TEMPLATE["Resources"].items()
    alarms = {name for name, each in resources if each["Type"] == "AWS::CloudWatch::Alarm"}
    assert sorted(widget["properties"]["alarms"]) == sorted(f"${{{name}.Arn}}" for name in alarms)


def last_errors() -> Query:
    (widget,) = [each for each in WIDGETS if each["type"] == "log"]
    return Query(widget["properties"]["query"])


def test_the_last_errors_are_looked_for_in_the_functions_own_log() -> None:
    assert last_errors().log_group == "${ImportPaymentsLogGroup}"


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"ERROR","message":"Given up","record":7}',
        '{"level":"WARNING","message":"Trying again later","reason":"down"}',
        "[ERROR] SettingsInvalid: TRUTH_TABLE_NAME is missing.",
        "2026-01-01T00:00:00.000Z 0ce52f5e Task timed out after 900.00 seconds",
        "RequestId: 0ce52f5e Error: Runtime exited with error: signal: killed",
    ],
)
def test_the_last_errors_are_ours_and_those_of_lambda(line: str) -> None:
    """Whatever form a line has, it says what happened."""
    query = last_errors()
    [row] = query.rows([Event(1, line)])
    what = row[query.columns.index("what")]
    assert what == (json.loads(line)["message"] if line.startswith("{") else line)


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"INFO","message":"Finished","status":"Succeeded"}',
        '{"level":"WARNING","message":"Refused","status":400}',
        '{"level":"WARNING","message":"Throttled","status":429}',
        '{"level":"WARNING","message":"No answer","reason":"ReadTimeout"}',
        '{"_aws":{"CloudWatchMetrics":[]},"FilesFailed":[1.0]}',
        "START RequestId: 0ce52f5e Version: $LATEST",
        "REPORT RequestId: 0ce52f5e Duration: 51 ms",
    ],
)
def test_what_went_well_and_single_calls_are_not_among_the_last_errors(line: str) -> None:
    """An outage would fill the table with its calls, and hide what was made of it."""
    assert last_errors().rows([Event(1, line)]) == []


def test_the_newest_errors_come_first_and_not_all_of_them() -> None:
    query = last_errors()
    line = '{"level":"ERROR","message":"Given up"}'
    rows = query.rows([Event(number, line) for number in range(100)])
    assert [row[0] for row in rows] == list(range(99, 49, -1))
