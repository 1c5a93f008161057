"""The state of a metric alarm at a moment, by CloudWatch's rules as far as the template uses them.

The last `EvaluationPeriods` periods are looked at, counted back from now. Each has the statistic of
its data points; `DatapointsToAlarm` of them have to breach. A period without data does not breach.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Point = tuple[float, float]
"""A moment in seconds, and a value."""

_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max}
_SUPPORTED = {
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


def alarm_state(alarm: Mapping[str, Any], points: Iterable[Point], now: float) -> str:
    """Return OK or ALARM; `alarm` has the names of PutMetricAlarm, which are the template's."""
    for name, supported in _SUPPORTED.items():
        if alarm[name] != supported:
            raise ValueError(f"{name} {alarm[name]}")
    periods: int = alarm["EvaluationPeriods"]
    values: list[list[float]] = [[] for _ in range(periods)]
    for moment, value in points:
        age = int((now - moment) // alarm["Period"])
        if 0 <= age < periods:
            values[age].append(value)
    breaching = sum(_breaches(alarm, each) for each in values)
    return "ALARM" if breaching >= (alarm.get("DatapointsToAlarm") or periods) else "OK"


def _breaches(alarm: Mapping[str, Any], values: Sequence[float]) -> bool:
    statistic = _STATISTICS[alarm["Statistic"]]
    return bool(values) and statistic(values) >= float(alarm["Threshold"])
