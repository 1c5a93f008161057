"""The import report: an e-mail about one file, for whoever has to do something about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from payments.advice import what_to_do
from payments.console import object_page
from payments.files.output import StoredOutcome
from payments.import_state import Ending, Status, Tally
from payments.stores.result_files import MAX_NAMED
from payments.wording import (
    ABOUT_REPLACED,
    MAX_REASON_CHARACTERS,
    NOT_IN_IT,
    command,
    first_reasons,
    harmless,
    moment,
    money,
    s3_address,
)

_MAX_SUBJECT_CHARACTERS = 100  # SNS's limit, of ASCII without line breaks
# SNS takes 256 KiB, and a character may have four bytes: 20 records with `first_reasons` and their
# names come to 170 KB.
_MAX_NAME_CHARACTERS = 100
_MAX_KEY_CHARACTERS = 1024
_MAY_STAY = "They are in the fail file too, and may stay in it."


class ReportOn(StrEnum):
    """For which files a report is sent."""

    NEVER = "Never"
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What there is to say about a finished import; keys are S3 keys in `bucket`.

    `failures` are the first records that failed, `replaced` the first that changed a payment which
    they had not made. `page_key` is the report as a page. Times are ISO 8601 UTC.
    """

    bucket: str
    key: str
    success_key: str
    fail_key: str
    page_key: str
    status: Status
    total: int | None
    tally: Tally
    failures: tuple[StoredOutcome, ...]
    error: str | None
    started_at: str
    finished_at: str
    replaced: tuple[StoredOutcome, ...] = ()
    ending: Ending = Ending.COMPLETE

    @property
    def needs_a_look(self) -> bool:
        """Whether somebody has to know of it."""
        return self.status is not Status.SUCCEEDED or self.tally.replaced > 0


def is_wanted(report: ImportReport, report_on: ReportOn) -> bool:
    """Tell whether the report is to be sent."""
    if report_on is ReportOn.ON_FAILURE:
        return report.needs_a_look
    return report_on is ReportOn.ALWAYS


def subject(report: ImportReport) -> str:
    """Return the e-mail's subject."""
    tally = report.tally
    replaced = f", {tally.replaced} replaced" if tally.replaced else ""
    recorded = f"{tally.created + tally.updated} of {_payments(tally.done)} imported"
    text = {
        Status.SUCCEEDED: "Payments imported",
        Status.COMPLETED_WITH_FAILURES: f"{_payments(tally.failed)} not imported",
        Status.FAILED: f"{recorded}, then {report.ending}",
    }[report.status]
    if report.status is Status.FAILED and not tally.done:
        is_stopped = report.ending is Ending.STOPPED
        text = f"Payment file {'stopped' if is_stopped else 'not imported'}"
    return subject_line(f"{text}{replaced}", report.key)


def _payments(count: int) -> str:
    return f"{count} payment{'s'[: count != 1]}"


def subject_line(text: str, key: str) -> str:
    """Return a subject about a file that SNS takes."""
    name = harmless(key.rpartition("/")[2], _MAX_SUBJECT_CHARACTERS)
    return f"{text}: {name.encode('ascii', 'replace').decode()}"[:_MAX_SUBJECT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Where:
    """Which stack it is that reports, and in which region."""

    stack: str
    region: str


def body(report: ImportReport, where: Where) -> str:
    """Return the e-mail's text."""
    lines = [f"File: {s3_address(report.bucket, report.key)}"]
    lines += [f"Started: {moment(report.started_at)}, finished: {moment(report.finished_at)}", ""]
    if report.error:
        lines += [one_line(report.error), ""]
    lines += [*_links(report, where.region), "", *_counts(report)]
    if report.failures:
        lines += ["", *_list("failed", report.failures, report.tally.failed, failure)]
    if report.tally.skipped:
        lines += ["", f"{report.tally.skipped} skipped: accepted before. {_MAY_STAY}"]
    if report.replaced:
        title = "replaced, of what others had made"
        lines += ["", *_list(title, report.replaced, report.tally.replaced, replacement)]
    if report.status is not Status.SUCCEEDED:
        lines += ["", *_what_to_do(report)]
    if report.tally.replaced:
        lines += ["", ABOUT_REPLACED]
    return "\n".join([*lines, "", about_status(report.key, where.stack)])


def _links(report: ImportReport, region: str) -> list[str]:
    """Return where the results are shown: in the console, whose user may read the bucket."""
    places = {
        "Report as a page": report.page_key,
        "Success file": report.success_key,
        "Fail file": report.fail_key,
    }
    return [f"{name}: {object_page(region, report.bucket, key)}" for name, key in places.items()]


def _counts(report: ImportReport) -> list[str]:
    tally = report.tally
    return [
        f"Records in the file: {'not counted' if report.total is None else report.total}",
        f"Created: {tally.created}",
        f"Updated: {tally.updated}",
        f"Skipped, accepted before: {tally.skipped}",
        f"Failed: {tally.failed}",
        *_if(tally.replaced, f"Replaced what others had made: {tally.replaced}"),
        *_amounts(tally),
    ]


def about_status(key: str, stack: str) -> str:
    """Return the operator's command that says how the file stands."""
    return f"More: {command(stack, 'status', harmless(key, _MAX_KEY_CHARACTERS))}"


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
    return f"{_name(outcome)}: {_reasons(outcome.messages)}"


def replacement(outcome: StoredOutcome) -> str:
    """Return in one line which record it is, and what it has replaced."""
    replaced = outcome.result.replaced
    assert replaced is not None, "it is in that list"
    return f"{_name(outcome)}: {one_line(replaced.told(outcome.payment_id))}"


def _name(outcome: StoredOutcome) -> str:
    """Name a record as its sender knows it; by its place in the file only if that is all."""
    known = [
        outcome.external_id,
        outcome.invoice and f"invoice {outcome.invoice}",
        None if outcome.result.amount is None else _money(outcome.result.amount),
    ]
    names = [harmless(name, _MAX_NAME_CHARACTERS) for name in known if name]
    return ", ".join(names) or f"record {outcome.number}"


def _reasons(messages: tuple[str, ...]) -> str:
    return "; ".join(first_reasons([_unbroken(message) for message in messages]))


def one_line(text: str) -> str:
    """Return a reason, bounded, in one line."""
    return harmless(_unbroken(text), MAX_REASON_CHARACTERS)


def _unbroken(text: str) -> str:
    return " ".join(text[: 2 * MAX_REASON_CHARACTERS].split())


def _what_to_do(report: ImportReport) -> list[str]:
    told = what_to_do(report.ending, report.tally)
    if report.ending is Ending.STOPPED or not report.tally.done:
        return [told]
    folder, _, name = report.key.rpartition("/")
    corrected = s3_address(report.bucket, f"{folder}/corrected-{name}")
    return [
        told,
        "",
        f"  aws s3 cp {shlex.quote(s3_address(report.bucket, report.fail_key))} corrected.xml",
        f"  aws s3 cp corrected.xml {shlex.quote(corrected)}",
    ]
