"""Send the mails about files to their topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from payments import report, waiting
from payments.report import ImportReport, ReportOn, Where
from payments.waiting import Waiting

logger = Logger(child=True)


class Reporter:
    """Send wanted mails, each of which says `where` it comes from.

    `sns` makes a boto3 client when it is needed. `behind` tells how many files wait in the queue,
    None if that is not known.
    """

    def __init__(
        self,
        sns: Callable[[], Any],
        topic_arn: str,
        report_on: ReportOn,
        where: Where,
        behind: Callable[[], int | None],
    ) -> None:
        self._sns = sns
        self._topic_arn = topic_arn
        self._report_on = report_on
        self._where = where
        self._behind = behind

    def finished(self, told: ImportReport) -> None:
        """Send the report of a finished import if it is wanted."""
        if report.is_wanted(told, self._report_on):
            self._send(told.key, lambda: (report.subject(told), report.body(told, self._where)))

    def waits(self, told: Waiting) -> None:
        """Say that a file has waited for long, if reports are wanted at all."""
        if self._report_on is not ReportOn.NEVER:
            behind, stack = self._behind(), self._where.stack
            self._send(told.key, lambda: (waiting.subject(told), waiting.body(told, behind, stack)))

    def _send(self, key: str, written: Callable[[], tuple[str, str]]) -> None:
        """Send a mail; an import never fails because that does.

        Where the answer is lost the SDK sends it again: rather that than none for a fault that
        passes.
        """
        try:
            subject, text = written()
            self._sns().publish(TopicArn=self._topic_arn, Subject=subject, Message=text)
        except Exception as fault:  # noqa: BLE001
            # Only AWS's own words: anything else may quote what the mail says.
            reason = str(fault) if isinstance(fault, ClientError) else type(fault).__name__
            logger.error("Report not sent", key=key, reason=reason)  # noqa: TRY400


def files_in_queue(sqs: Any, queue_url: str) -> int | None:
    """Return how many files are in the queue beside the one at work, None if it does not say."""
    name = "ApproximateNumberOfMessages"
    try:
        answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
        return int(answer["Attributes"][name])
    except Exception as fault:  # noqa: BLE001
        logger.warning("Queue not counted", reason=type(fault).__name__)
        return None
