"""Counts for CloudWatch, written as metrics into the log (embedded metric format)."""

from __future__ import annotations

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from payments.connectwise.api import CallCounts
from payments.import_state import Status, Tally

NAMESPACE = "ConnectWisePayments"

_FILES = {
    Status.SUCCEEDED: "FilesSucceeded",
    Status.COMPLETED_WITH_FAILURES: "FilesWithFailures",
    Status.FAILED: "FilesFailed",
}


class CloudWatchTelemetry:
    """Publish each count at once, so that a kill loses none that came before it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def records(self, tally: Tally) -> None:
        """Publish what became of records."""
        self._publish(
            PaymentsCreated=tally.created,
            PaymentsUpdated=tally.updated,
            PaymentsReplaced=tally.replaced,
            PaymentsSkipped=tally.skipped,
            PaymentsFailed=tally.failed,
        )

    def file(self, status: Status) -> None:
        """Publish how an import ended."""
        self._publish(**{_FILES[status]: 1})

    def delayed(self) -> None:
        """Publish that a file was put back because something is down."""
        self._publish(FilesDelayed=1)

    def calls(self, counts: CallCounts) -> None:
        """Publish what was sent to ConnectWise."""
        self._publish(ApiCalls=counts.calls, ApiThrottled=counts.throttled)

    def _publish(self, **values: int) -> None:
        for name, value in values.items():
            if value:
                self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        if any(values.values()):
            self._metrics.flush_metrics()
