"""The import report: an e-mail about one file, for whoever has to do something about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from payments.stores.imports_table import Counts, Status
from payments.files.output import Failure

logger = Logger(child=True)

_MAX_SUBJECT_CHARACTERS = 100  # SNS's limit, of ASCII without line breaks
# SNS takes 256 KiB. A record may have any number of errors, and a reason what a file has in it.
_MAX_REASON_CHARACTERS = 500
_MAX_REASONS = 5


class ReportOn(StrEnum):
    """For which files a report is sent."""

    NEVER = "Never"
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What there is to say about a finished import; keys are S3 keys in `bucket`.

    Times are ISO 8601 UTC.
    """

    bucket: str
    key: str
    success_key: str
    fail_key: str
    status: Status
    total: int | None
    counts: Counts
    failures: tuple[Failure, ...]
    error: str | None
    started_at: str
    finished_at: str


def is_wanted(report: ImportReport, report_on: ReportOn) -> bool:
    """Tell whether the report is to be sent."""
    if report_on is ReportOn.ON_FAILURE:
        return report.status is not Status.SUCCEEDED
    return report_on is ReportOn.ALWAYS


def subject(report: ImportReport) -> str:
    """Return the e-mail's subject."""
    name = report.key.rpartition("/")[2].encode("ascii", "replace").decode()
    failed = report.counts.failed
    text = {
        Status.SUCCEEDED: "Payments imported",
        Status.COMPLETED_WITH_FAILURES: f"{failed} payment{'s'[: failed != 1]} not imported",
        Status.FAILED: "Payment file not imported",
    }[report.status]
    return "".join(c if c.isprintable() else "?" for c in f"{text}: {name}")[
        :_MAX_SUBJECT_CHARACTERS
    ]


def body(report: ImportReport) -> str:
    """Return the e-mail's text."""
    counts = report.counts
    lines = [f"File: s3://{report.bucket}/{report.key}"]
    lines += [f"Started: {_time(report.started_at)}, finished: {_time(report.finished_at)}", ""]
    if report.error:
        lines += [_reason(report.error), ""]
    lines += [
        f"Records in the file: {'not counted' if report.total is None else report.total}",
        f"Created: {counts.created}",
        f"Updated: {counts.updated}",
        f"Skipped, processed before: {counts.skipped}",
        f"Failed: {counts.failed}",
    ]
    if report.failures:
        lines += ["", _heading(report)]
        lines += [f"- record {failure.record}: {_reasons(failure)}" for failure in report.failures]
    lines += [
        "",
        f"Success file: s3://{report.bucket}/{report.success_key}",
        f"Fail file: s3://{report.bucket}/{report.fail_key}",
    ]
    if report.status is not Status.SUCCEEDED:
        lines += ["", *_what_to_do(report)]
    return "\n".join(lines)


def _time(moment: str) -> str:
    return moment.replace("T", " ").replace("Z", " UTC")


def _heading(report: ImportReport) -> str:
    shown, there = len(report.failures), report.counts.failed + report.counts.skipped
    return (
        f"The first {shown} of {there} records in the fail file:"
        if shown < there
        else ("Records in the fail file:")
    )


def _reasons(failure: Failure) -> str:
    shown = [_reason(message) for message in failure.messages[:_MAX_REASONS]]
    more = len(failure.messages) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _reason(text: str) -> str:
    shortened = text if len(text) <= _MAX_REASON_CHARACTERS else f"{text[:_MAX_REASON_CHARACTERS]}…"
    return " ".join(shortened.split())


def _what_to_do(report: ImportReport) -> list[str]:
    if report.status is Status.FAILED and not report.counts.done:
        return ["Nothing was sent to ConnectWise. Correct the file and upload it again."]
    fail_file = f"s3://{report.bucket}/{report.fail_key}"
    return [
        "What to do: correct the records in the fail file and upload that file as it is, under "
        "any name. Its error messages are ignored, and the payments that succeeded are not in it.",
        "",
        f"  aws s3 cp {shlex.quote(fail_file)} corrected.xml",
        f"  aws s3 cp corrected.xml {shlex.quote(_upload_address(report))}",
    ]


def _upload_address(report: ImportReport) -> str:
    folder, _, name = report.key.rpartition("/")
    return f"s3://{report.bucket}/{folder}/corrected-{name}"


class Reporter:
    """Send wanted reports to the topic. `sns` makes a boto3 client when it is needed."""

    def __init__(self, sns: Callable[[], Any], topic_arn: str, report_on: ReportOn) -> None:
        self._sns = sns
        self._topic_arn = topic_arn
        self._report_on = report_on

    def send(self, report: ImportReport) -> None:
        """Send the report if it is wanted; an import never fails because that does."""
        if not is_wanted(report, self._report_on):
            return
        try:
            self._sns().publish(
                TopicArn=self._topic_arn, Subject=subject(report), Message=body(report)
            )
        except (BotoCoreError, ClientError) as error:
            logger.error("Report not sent", key=report.key, reason=str(error))  # noqa: TRY400
