"""What a deployed dashboard shows: its body, and the data that its widgets ask for."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dashboard.insights import Event, Query
from local_stack import Stack


@dataclass(frozen=True, slots=True)
class Span:
    """What of the time is shown, and how many seconds a data point is for."""

    start: datetime
    end: datetime
    period_seconds: int


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart."""

    label: str
    color: str
    points: dict[datetime, float]


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget, its place on the grid, and what it shows."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    title: str
    series: list[Series] = field(default_factory=list)
    alarms: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)


def read_dashboard(stack: Stack, span: Span) -> list[Widget]:
    """Return the widgets of the stack's dashboard with their data."""
    name = stack.outputs["DashboardName"]
    body = stack.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    return [_widget(stack, span, each) for each in json.loads(body)["widgets"]]


def _widget(stack: Stack, span: Span, widget: dict[str, Any]) -> Widget:
    properties = widget["properties"]
    x, y, width, height = (widget[name] for name in ("x", "y", "width", "height"))
    shown = Widget(widget["type"], x, y, width, height, properties["title"])
    match widget["type"]:
        case "metric":
            for metric in properties["metrics"]:
                shown.series.append(_series(stack, span, metric, properties["stat"]))
        case "alarm":
            shown.alarms.update(_alarms(stack, properties["alarms"]))
        case "log":
            query = Query(properties["query"])
            shown.columns.extend(query.columns)
            shown.rows.extend(query.rows(_events(stack, query.log_group)))
    return shown


def _series(stack: Stack, span: Span, metric: list[Any], statistic: str) -> Series:
    namespace, name, *dimensions, options = metric
    pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
    answer = stack.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in pairs],
        StartTime=span.start,
        EndTime=span.end,
        Period=span.period_seconds,
        Statistics=[statistic],
    )
    points = {point["Timestamp"]: point[statistic] for point in answer["Datapoints"]}
    return Series(options["label"], options["color"], points)


def _alarms(stack: Stack, arns: list[str]) -> dict[str, str]:
    found = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    states = {alarm["AlarmArn"]: alarm["StateValue"] for alarm in found}
    names = {arn: arn.rpartition(":")[2].split("-")[-2] for arn in arns}
    return {names[arn].removesuffix("Alarm"): states[arn] for arn in arns}


def _events(stack: Stack, log_group: str) -> list[Event]:
    pages = stack.client("logs").get_paginator("filter_log_events")
    return [
        Event(event["timestamp"], event["message"])
        for page in pages.paginate(logGroupName=log_group)
        for event in page["events"]
    ]


def now() -> datetime:
    """Return the time that data points are dated with."""
    return datetime.now(UTC)
