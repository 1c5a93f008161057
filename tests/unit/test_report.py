"""The e-mail about an import: whether it is sent, and what it says."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.files.output import StoredOutcome
from payments.import_state import Ending, Result, Status, Tally
from payments.models import Action, Replaced
from payments.report import (
    ImportReport,
    ReportOn,
    Where,
    body,
    is_wanted,
    subject,
)
from payments.stores.result_files import MAX_NAMED
from payments.wording import harmless


def failure(
    number: int,
    *messages: str,
    external_id: str | None = None,
    invoice: str | None = None,
    amount: Decimal | None = None,
) -> StoredOutcome:
    """A record of the fail file."""
    result = Result(Action.FAILED, amount)
    return StoredOutcome(number, result, None, messages, None, None, b"", external_id, invoice)


SUCCEEDED = ImportReport(
    bucket="bucket",
    key="incoming/october.xml",
    success_key="success/october.xml",
    fail_key="fail/october.xml",
    page_key="reports/october.html",
    status=Status.SUCCEEDED,
    total=3,
    tally=Tally(created=2, updated=1),
    failures=(),
    error=None,
    started_at="2026-11-25T08:00:21Z",
    finished_at="2026-11-25T08:04:02Z",
)
WITH_FAILURES = replace(
    SUCCEEDED,
    status=Status.COMPLETED_WITH_FAILURES,
    tally=Tally(created=1, skipped=1, failed=1),
    failures=(failure(2, "<ammount> is not known.", "Give <invoice>."),),
)
REFUSED = replace(
    SUCCEEDED,
    status=Status.FAILED,
    total=None,
    tally=Tally(),
    error="line 1, column 12: DTDs are not allowed.",
    ending=Ending.REFUSED,
)
STOPPED = replace(
    REFUSED,
    total=4,
    tally=Tally(created=1, updated=1, failed=2),
    failures=(failure(3, "Not sent: Stopped by kim."),),
    error="Stopped by kim.",
    ending=Ending.STOPPED,
)
GIVEN_UP = replace(STOPPED, error="The import was given up.", ending=Ending.GIVEN_UP)


def assert_sns_takes(report: ImportReport) -> None:
    written, named = text_of(report), subject(report)
    assert len(written.encode()) <= 256 * 1024
    assert 0 < len(named) <= 100
    assert named.isascii()
    assert named.isprintable()


def text_of(report: ImportReport) -> str:
    return body(report, Where("connectwise-payments-b", "eu-west-1"))


def with_failure(outcome: StoredOutcome) -> str:
    return text_of(replace(WITH_FAILURES, failures=(outcome,)))


# ---- whether it is sent --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report_on", "wanted"),
    [
        (ReportOn.NEVER, [False, False, False]),
        (ReportOn.ALWAYS, [True, True, True]),
        (ReportOn.ON_FAILURE, [False, True, True]),
    ],
)
def test_the_setting_decides_for_which_files_a_report_is_sent(
    report_on: ReportOn, wanted: list[bool]
) -> None:
    reports = (SUCCEEDED, WITH_FAILURES, REFUSED)
    assert [is_wanted(report, report_on) for report in reports] == wanted


# ---- what it says --------------------------------------------------------------------------------


def test_the_subject_says_what_happened_to_which_file() -> None:
    assert subject(SUCCEEDED) == "Payments imported: october.xml"
    assert subject(WITH_FAILURES) == "1 payment not imported: october.xml"
    several = replace(WITH_FAILURES, tally=Tally(failed=2))
    assert subject(several) == "2 payments not imported: october.xml"
    assert subject(REFUSED) == "Payment file not imported: october.xml"


def test_the_subject_of_an_import_that_ended_early_says_how_far_it_came() -> None:
    assert subject(STOPPED) == "2 of 4 payments imported, then stopped: october.xml"
    assert subject(GIVEN_UP) == "2 of 4 payments imported, then given up: october.xml"
    assert subject(replace(STOPPED, tally=Tally())) == "Payment file stopped: october.xml"


@pytest.mark.parametrize("report", [WITH_FAILURES, GIVEN_UP], ids=lambda it: it.status)
def test_the_subject_tells_what_was_replaced_whatever_failed(report: ImportReport) -> None:
    told = replace(report, tally=replace(report.tally, replaced=3))
    assert ", 3 replaced: october.xml" in subject(told)


def test_who_has_stopped_an_import_is_not_asked_to_correct_it() -> None:
    text = text_of(STOPPED)
    assert "Stopped by kim." in text
    assert "2 payments were recorded before it was stopped; the rest is in the fail file." in text
    assert "If they are to be imported after all, upload the fail file, under another name." in text
    before = text_of(replace(STOPPED, total=None, tally=Tally(), failures=()))
    assert "It was stopped before it began. Nothing was sent, and the original file has" in before
    for told in (text, before):
        assert "orrect" not in told
        assert "aws s3 cp" not in told


def test_of_an_import_that_was_given_up_it_is_told_what_to_look_at_first() -> None:
    text = text_of(GIVEN_UP)
    assert "first look at those of which it is not known whether ConnectWise has recorded" in text
    assert "aws s3 cp" in text


def test_what_was_replaced_and_failed_is_not_said_to_be_updated() -> None:
    """ConnectWise may have cut the amount that replaced another."""
    counted = text_of(replace(WITH_FAILURES, tally=Tally(updated=3, failed=1, replaced=4)))
    assert "\nUpdated: 3\n" in counted
    assert "\nReplaced what others had made: 4\n" in counted


def test_the_text_has_the_counts_the_files_and_the_first_failures() -> None:
    text = text_of(WITH_FAILURES)
    for expected in (
        "s3://bucket/incoming/october.xml",
        "Started: 2026-11-25 08:00:21 UTC, finished: 2026-11-25 08:04:02 UTC",
        "Records in the file: 3",
        "Created: 1",
        "Skipped, accepted before: 1",
        "Failed: 1",
        "\nFailed:\n- record 2: <ammount> is not known.; Give <invoice>.",
        "Success file: https://eu-west-1.console.aws.amazon.com/s3/object/bucket",
        "prefix=fail%2Foctober.xml",
        "1 skipped: accepted before. They are in the fail file too",
        "upload that as it is, under another name",
    ):
        assert expected in text


def test_the_page_is_the_first_link() -> None:
    """In the console, whatever the key has in it."""
    page = "reports/a b&c/ü.html"
    [first, *_] = re.findall("(.*): https://(.*)", text_of(replace(WITH_FAILURES, page_key=page)))
    encoded = "region=eu-west-1&prefix=reports%2Fa%20b%26c%2F%C3%BC.html"
    console = "eu-west-1.console.aws.amazon.com/s3/object/bucket"
    assert first == ("Report as a page", f"{console}?{encoded}")


def test_the_text_names_the_command_that_says_more() -> None:
    key = "incoming/a  b's.xml"
    command = text_of(replace(SUCCEEDED, key=key)).rpartition("More: ")[2]
    assert shlex.split(command) == ["payments", "--stack", "connectwise-payments-b", "status", key]


def test_the_text_has_the_money() -> None:
    tally = Tally(
        2, 1, 1, 1, Decimal("1234567.80"), skipped_amount=Decimal(10), failed_amount=Decimal("0.2")
    )
    assert (
        "\nAmount of all records: 1,234,578.00\n"
        "  without failed records whose amount cannot be read\n"
        "Amount recorded: 1,234,567.80\nAmount skipped: 10.00\nAmount failed: 0.20\n"
    ) in text_of(replace(WITH_FAILURES, tally=tally))
    assert "cannot be read" not in text_of(replace(SUCCEEDED, tally=replace(tally, failed=0)))


def test_whoever_hears_that_something_was_replaced_hears_what_to_do() -> None:
    tally = Tally(
        updated=1, recorded_amount=Decimal(9), replaced=1, replaced_amount=Decimal("40.5")
    )
    text = text_of(replace(SUCCEEDED, tally=tally))
    assert "Amount replaced: 40.50" in text
    assert "upload one record with the sum of all that was paid" in text
    assert "What to do" not in text_of(SUCCEEDED)


def test_without_amounts_the_text_has_no_money() -> None:
    assert "Amount" not in text_of(SUCCEEDED)


@pytest.mark.parametrize(
    ("known", "named"),
    [
        ({}, "- record 2: No."),
        ({"external_id": "R-7"}, "- R-7: No."),
        ({"invoice": "INV-1", "amount": Decimal("5.00")}, "- invoice INV-1, 5.00: No."),
    ],
)
def test_a_failure_is_named_as_its_sender_knows_it(known: dict[str, Any], named: str) -> None:
    """Its place in the file is only told where there is nothing else."""
    assert f"\n{named}\n" in with_failure(failure(2, "No.", **known))


def test_the_text_speaks_of_the_first_records_if_those_are_not_all() -> None:
    of_two = replace(WITH_FAILURES, tally=Tally(failed=2))
    assert "\nThe first 1 of 2 failed:\n- record 2" in text_of(of_two)


@pytest.mark.parametrize(
    ("key", "quoted"),
    [
        ("incoming/a/october.xml", "s3://bucket/incoming/a/corrected-october.xml"),
        ("incoming/a  b's.xml", """'s3://bucket/incoming/corrected-a  b'"'"'s.xml'"""),
    ],
)
def test_the_text_has_the_commands_to_correct_and_upload(key: str, quoted: str) -> None:
    """A shell takes them as they are, whatever the file is called."""
    text = text_of(replace(WITH_FAILURES, key=key))
    assert "  aws s3 cp s3://bucket/fail/october.xml corrected.xml\n" in text
    assert f"  aws s3 cp corrected.xml {quoted}" in text


def test_a_reason_is_one_line() -> None:
    text = with_failure(failure(2, "ConnectWise: not\n\n- record 3: like this"))
    assert "- record 2: ConnectWise: not - record 3: like this\n" in text


def test_a_refused_file_is_to_be_corrected_as_a_whole() -> None:
    text = text_of(REFUSED)
    assert "line 1, column 12: DTDs are not allowed." in text
    assert "Nothing was sent to ConnectWise" in text
    assert "Records in the file: not counted" in text


def test_a_success_asks_for_nothing() -> None:
    assert "What to do" not in text_of(SUCCEEDED)


# ---- whatever is said ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ("half \ud800 pair", "half \ufffd pair"),
        ("\x00\x1b[31m\u202e", "\ufffd\ufffd[31m\ufffd"),
        ("a\r\n\tb\u2028c\xa0d", "a   b c\xa0d"),
        ("[/red] {x} %s )]}", "[/red] {x} %s )]}"),
        ("x" * 101, "x" * 100 + "…"),
    ],
)
def test_a_text_becomes_harmless(odd: str, shown: str) -> None:
    assert harmless(odd, 100) == shown


LETTERS = ["x", "€", "\N{MONEY BAG}", "\ud800", "\x00", " ", "["]


@pytest.mark.parametrize("letter", LETTERS)
def test_the_largest_report_is_one_that_sns_takes(letter: str) -> None:
    long = letter * 1_000_000
    worst = failure(
        1, long, long, *["Wrong."] * 9_999, external_id=long, invoice=long, amount=Decimal("1e5000")
    )
    there = Replaced(Decimal(1), long, long, long)
    report = replace(
        WITH_FAILURES,
        key=f"incoming/{long}.xml",
        failures=(worst,) * 1000,
        error=long,
        tally=Tally(failed=1000, replaced=1000),
        replaced=(replace(worst, result=Result(Action.UPDATED, None, there)),) * 1000,
    )
    assert_sns_takes(report)
    assert text_of(report).count("; and 9996 more") == MAX_NAMED


ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.decimals(), ANY_TEXT)
def test_every_report_is_one_that_sns_takes(
    name: str, error: str, message: str, amount: Decimal, named: str
) -> None:
    record = failure(2, message, external_id=named, invoice=named, amount=amount)
    report = replace(WITH_FAILURES, key=f"incoming/{name}", failures=(record,), error=error)
    assert_sns_takes(report)
