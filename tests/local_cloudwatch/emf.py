"""Metrics in log lines: the embedded metric format (EMF)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one embedded-metric-format (EMF) log line."""

    namespace: str
    name: str
    unit: str
    values: tuple[float, ...]
    dimensions: dict[str, str]
    timestamp: float
    """Seconds since 1970."""

    @property
    def total(self) -> float:
        """The sum of the values, CloudWatch's `Sum`."""
        return sum(self.values)


def parse_metrics(lines: Iterable[str]) -> Iterator[Metric]:
    """Read the metrics out of EMF lines, as CloudWatch does on AWS and MiniStack does not."""
    for line in lines:
        if not line.startswith("{") or '"CloudWatchMetrics"' not in line:
            continue
        record = json.loads(line)
        for directive in record["_aws"]["CloudWatchMetrics"]:
            yield from _metrics_of(record, directive)


def _metrics_of(record: dict[str, Any], directive: dict[str, Any]) -> Iterator[Metric]:
    names = {name for names in directive.get("Dimensions", []) for name in names}
    dimensions = {name: str(record[name]) for name in sorted(names)}
    for metric in directive["Metrics"]:
        value = record[metric["Name"]]
        yield Metric(
            namespace=directive["Namespace"],
            name=metric["Name"],
            unit=metric.get("Unit", "None"),
            values=tuple(value) if isinstance(value, list) else (value,),
            dimensions=dimensions,
            timestamp=record["_aws"]["Timestamp"] / 1000,
        )
