"""The import report: an e-mail about one file, for whoever has to do something about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from unicodedata import category

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from payments.files.output import StoredOutcome
from payments.import_state import Status, Tally
from payments.stores.result_files import MAX_NAMED
from payments.wording import money

logger = Logger(child=True)

_MAX_SUBJECT_CHARACTERS = 100  # SNS's limit, of ASCII without line breaks
# SNS takes 256 KiB. A record may have any number of errors, and a reason what a file has in it.
_MAX_REASON_CHARACTERS = 500
_MAX_REASONS = 5
_MAX_NAME_CHARACTERS = 100
_MAX_KEY_CHARACTERS = 1024


NOT_IN_IT = "without failed records whose amount cannot be read"
ABOUT_REPLACED = (
    "What to do about what was replaced: nothing, if it was corrected. If both amounts were paid, "
    "upload one record with the sum of all that was paid as its <amount>, and the payment's <id>. "
    "The stack's parameter SecondPayment decides what becomes of such records from now on."
)


class ReportOn(StrEnum):
    """For which files a report is sent."""

    NEVER = "Never"
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What there is to say about a finished import; keys are S3 keys in `bucket`.

    `failures` are the first records of the fail file, `replaced` the first that changed a payment
    which they had not made. Times are ISO 8601 UTC.
    """

    bucket: str
    key: str
    success_key: str
    fail_key: str
    status: Status
    total: int | None
    tally: Tally
    failures: tuple[StoredOutcome, ...]
    error: str | None
    started_at: str
    finished_at: str
    replaced: tuple[StoredOutcome, ...] = ()

    @property
    def needs_a_look(self) -> bool:
        """Whether somebody has to know of it."""
        return self.status is not Status.SUCCEEDED or self.tally.replaced > 0


def is_wanted(report: ImportReport, report_on: ReportOn) -> bool:
    """Tell whether the report is to be sent."""
    if report_on is ReportOn.ON_FAILURE:
        return report.needs_a_look
    return report_on is ReportOn.ALWAYS


def harmless(text: str, most_characters: int) -> str:
    """Return a text that nothing chokes on: bounded, in one line, of characters that can be seen.

    What ConnectWise or a file says may hold half a surrogate pair, which no encoding takes,
    anything that steers a terminal or a mail program, and megabytes.
    """
    shortened = text if len(text) <= most_characters else f"{text[:most_characters]}…"
    return "".join(map(_seen, shortened))


def _seen(character: str) -> str:
    if character.isprintable() or category(character) == "Zs":
        return character
    return " " if character.isspace() else "\ufffd"


def subject(report: ImportReport) -> str:
    """Return the e-mail's subject."""
    name = harmless(report.key.rpartition("/")[2], _MAX_SUBJECT_CHARACTERS)
    failed = report.tally.failed
    replaced = f", {report.tally.replaced} replaced" if report.tally.replaced else ""
    text = {
        Status.SUCCEEDED: f"Payments imported{replaced}",
        Status.COMPLETED_WITH_FAILURES: f"{failed} payment{'s'[: failed != 1]} not imported",
        Status.FAILED: "Payment file not imported",
    }[report.status]
    return f"{text}: {name.encode('ascii', 'replace').decode()}"[:_MAX_SUBJECT_CHARACTERS]


def body(report: ImportReport) -> str:
    """Return the e-mail's text."""
    tally = report.tally
    lines = [f"File: {_address(report, report.key)}"]
    lines += [f"Started: {_time(report.started_at)}, finished: {_time(report.finished_at)}", ""]
    if report.error:
        lines += [_reason(report.error), ""]
    lines += [
        f"Records in the file: {'not counted' if report.total is None else report.total}",
        f"Created: {tally.created}",
        f"Updated: {tally.updated}",
        *_if(tally.replaced, f"  of them replaced what others had made: {tally.replaced}"),
        f"Skipped, processed before: {tally.skipped}",
        f"Failed: {tally.failed}",
        *_amounts(tally),
    ]
    if report.failures:
        there = tally.failed + tally.skipped
        lines += ["", *_list("records in the fail file", report.failures, there, failure)]
    if report.replaced:
        title = "payments that others had made, and that were replaced"
        lines += ["", *_list(title, report.replaced, tally.replaced, replacement)]
    lines += [
        "",
        f"Success file: {_address(report, report.success_key)}",
        f"Fail file: {_address(report, report.fail_key)}",
    ]
    if report.status is not Status.SUCCEEDED:
        lines += ["", *_what_to_do(report)]
    if report.tally.replaced:
        lines += ["", ABOUT_REPLACED]
    return "\n".join(lines)


def _address(report: ImportReport, key: str) -> str:
    return f"s3://{report.bucket}/{harmless(key, _MAX_KEY_CHARACTERS)}"


def _time(moment: str) -> str:
    return moment.replace("T", " ").replace("Z", " UTC")


def _amounts(tally: Tally) -> list[str]:
    """Return what the records come to, nothing if none has an amount."""
    if not any((tally.recorded_amount, tally.skipped_amount, tally.failed_amount)):
        return []
    return [
        "",
        f"Amount of all records: {_money(tally.total_amount)}",
        *_if(tally.failed, f"  {NOT_IN_IT}"),
        f"Amount recorded: {_money(tally.recorded_amount)}",
        f"Amount skipped: {_money(tally.skipped_amount)}",
        f"Amount failed: {_money(tally.failed_amount)}",
        *_if(tally.replaced, f"Amount replaced: {_money(tally.replaced_amount)}"),
    ]


def _money(amount: Decimal) -> str:
    return harmless(money(amount, thousands=True), _MAX_NAME_CHARACTERS)


def _list(
    title: str,
    outcomes: tuple[StoredOutcome, ...],
    there: int,
    line: Callable[[StoredOutcome], str],
) -> list[str]:
    """Return the first records of a kind, and that there are more."""
    shown = outcomes[:MAX_NAMED]
    heading = f"The first {len(shown)} of {there} {title}" if len(shown) < there else title
    return [f"{heading[0].upper()}{heading[1:]}:", *(f"- {line(it)}" for it in shown)]


def _if(count: int, line: str) -> list[str]:
    return [line] if count else []


def failure(outcome: StoredOutcome) -> str:
    """Return in one line which record of the fail file it is, and why it is there."""
    return f"record {outcome.number}{_about(outcome)}: {_reasons(outcome.messages)}"


def replacement(outcome: StoredOutcome) -> str:
    """Return in one line which record it is, and what it has replaced."""
    there = _reason(f"{outcome.result.replaced}")
    return f"record {outcome.number}{_about(outcome)}: payment {outcome.payment_id} held {there}"


def _about(outcome: StoredOutcome) -> str:
    """Name a record as its sender knows it, as far as that is known."""
    known = [
        outcome.external_id,
        outcome.invoice and f"invoice {outcome.invoice}",
        None if outcome.result.amount is None else _money(outcome.result.amount),
    ]
    names = [harmless(name, _MAX_NAME_CHARACTERS) for name in known if name]
    return f" ({', '.join(names)})" if names else ""


def _reasons(messages: tuple[str, ...]) -> str:
    shown = [_reason(message) for message in messages[:_MAX_REASONS]]
    more = len(messages) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _reason(text: str) -> str:
    return harmless(" ".join(text[: 2 * _MAX_REASON_CHARACTERS].split()), _MAX_REASON_CHARACTERS)


def _what_to_do(report: ImportReport) -> list[str]:
    if report.status is Status.FAILED and not report.tally.done:
        return ["Nothing was sent to ConnectWise. Correct the file and upload it again."]
    folder, _, name = report.key.rpartition("/")
    corrected = _address(report, f"{folder}/corrected-{name}")
    return [
        "What to do: correct the records in the fail file and upload that file as it is, under "
        "any name. Its error messages are ignored, and the payments that succeeded are not in it.",
        "",
        f"  aws s3 cp {shlex.quote(_address(report, report.fail_key))} corrected.xml",
        f"  aws s3 cp corrected.xml {shlex.quote(corrected)}",
    ]


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
        except Exception as fault:  # noqa: BLE001
            # Only AWS's own words: anything else may quote what the report says.
            reason = str(fault) if isinstance(fault, ClientError) else type(fault).__name__
            logger.error("Report not sent", key=report.key, reason=reason)  # noqa: TRY400
