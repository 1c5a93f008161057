"""The e-mail about an import: whether it is sent, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from payments.stores.imports_table import Counts, Status
from payments.report import ImportReport, Reporter, ReportOn, body, is_wanted, subject
from payments.files.output import MAX_FAILURES_NAMED, Failure

TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"
SUCCEEDED = ImportReport(
    bucket="bucket",
    key="incoming/october.xml",
    success_key="success/october.xml",
    fail_key="fail/october.xml",
    status=Status.SUCCEEDED,
    total=3,
    counts=Counts(created=2, updated=1),
    failures=(),
    error=None,
    started_at="2026-11-25T08:00:21Z",
    finished_at="2026-11-25T08:04:02Z",
)
WITH_FAILURES = replace(
    SUCCEEDED,
    status=Status.COMPLETED_WITH_FAILURES,
    counts=Counts(created=1, skipped=1, failed=1),
    failures=(Failure(2, ("<ammount> is not known.", "Give <invoice>.")),),
)
REFUSED = replace(
    SUCCEEDED,
    status=Status.FAILED,
    total=None,
    counts=Counts(),
    error="line 1, column 12: DTDs are not allowed.",
)


class FakeSns:
    """Keeps what is published, or refuses it."""

    def __init__(self, refuses: bool = False) -> None:
        self.published: list[dict[str, Any]] = []
        self._refuses = refuses

    def publish(self, **message: Any) -> None:
        if self._refuses:
            raise ClientError({"Error": {"Code": "AuthorizationError"}}, "Publish")
        self.published.append(message)


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


def test_skipped_records_alone_are_no_failure() -> None:
    skipped = replace(SUCCEEDED, counts=Counts(skipped=3))
    assert not is_wanted(skipped, ReportOn.ON_FAILURE)


def test_the_subject_says_what_happened_to_which_file() -> None:
    assert subject(SUCCEEDED) == "Payments imported: october.xml"
    assert subject(WITH_FAILURES) == "1 payment not imported: october.xml"
    several = replace(WITH_FAILURES, counts=Counts(failed=2))
    assert subject(several) == "2 payments not imported: october.xml"
    assert subject(REFUSED) == "Payment file not imported: october.xml"


@pytest.mark.parametrize("name", ["x" * 500, "añb\n\x00c.xml"])
def test_the_subject_is_one_that_sns_takes(name: str) -> None:
    """At most 100 printable ASCII characters."""
    text = subject(replace(SUCCEEDED, key=f"incoming/{name}"))
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 100


def test_the_text_has_the_counts_the_files_and_the_first_failures() -> None:
    text = body(WITH_FAILURES)
    for expected in (
        "s3://bucket/incoming/october.xml",
        "Started: 2026-11-25 08:00:21 UTC, finished: 2026-11-25 08:04:02 UTC",
        "Records in the file: 3",
        "Created: 1",
        "Skipped, processed before: 1",
        "Failed: 1",
        "The first 1 of 2 records in the fail file:",
        "- record 2: <ammount> is not known.; Give <invoice>.",
        "s3://bucket/success/october.xml",
        "s3://bucket/fail/october.xml",
        "upload that file as it is",
    ):
        assert expected in text


def test_the_text_does_not_speak_of_the_first_records_if_those_are_all() -> None:
    all_of_them = replace(WITH_FAILURES, counts=Counts(failed=1))
    assert "\nRecords in the fail file:\n- record 2" in body(all_of_them)


@pytest.mark.parametrize(
    ("key", "quoted"),
    [
        ("incoming/a/october.xml", "s3://bucket/incoming/a/corrected-october.xml"),
        ("incoming/a b's.xml", """'s3://bucket/incoming/corrected-a b'"'"'s.xml'"""),
    ],
)
def test_the_text_has_the_commands_to_correct_and_upload(key: str, quoted: str) -> None:
    """A shell takes them as they are, whatever the file is called."""
    text = body(replace(WITH_FAILURES, key=key))
    assert "  aws s3 cp s3://bucket/fail/october.xml corrected.xml\n" in text
    assert f"  aws s3 cp corrected.xml {quoted}" in text


def test_the_text_has_no_amount_and_no_name_that_the_fail_file_has_not() -> None:
    """Records come by their number; only reasons are taken over."""
    assert set(ImportReport.__slots__) == {
        *("bucket", "key", "success_key", "fail_key", "status", "total", "counts", "failures"),
        *("error", "started_at", "finished_at"),
    }
    assert set(Failure.__slots__) == {"record", "messages"}


@pytest.mark.parametrize("letter", ["x", "€", "\N{MONEY BAG}"])
def test_the_text_is_never_too_long_for_sns(letter: str) -> None:
    """256 KiB in UTF-8, however many errors a record has and whatever is in them."""
    record = Failure(1, (letter * 1_000_000, *["Wrong."] * 10_000))
    worst = replace(
        WITH_FAILURES,
        key=f"incoming/{letter * 250}.xml",
        failures=(record,) * MAX_FAILURES_NAMED,
        error=letter * 1_000_000,
    )
    text = body(worst)
    assert len(text.encode()) < 200_000
    assert "; and 9996 more" in text


def test_a_reason_is_one_line() -> None:
    failure = Failure(2, ("ConnectWise: not\n- record 3: like this",))
    assert "- record 2: ConnectWise: not - record 3: like this\n" in body(
        replace(WITH_FAILURES, failures=(failure,))
    )


def test_a_refused_file_is_to_be_corrected_as_a_whole() -> None:
    text = body(REFUSED)
    assert "line 1, column 12: DTDs are not allowed." in text
    assert "Nothing was sent to ConnectWise" in text
    assert "Records in the file: not counted" in text


def test_a_success_asks_for_nothing() -> None:
    assert "What to do" not in body(SUCCEEDED)


def test_a_wanted_report_goes_to_the_topic() -> None:
    sns = FakeSns()
    Reporter(lambda: sns, TOPIC, ReportOn.ON_FAILURE).send(WITH_FAILURES)
    (message,) = sns.published
    assert message["TopicArn"] == TOPIC
    assert message["Subject"] == subject(WITH_FAILURES)
    assert message["Message"] == body(WITH_FAILURES)


def test_an_unwanted_report_does_not_even_make_a_client() -> None:
    def sns() -> FakeSns:
        raise AssertionError

    Reporter(sns, TOPIC, ReportOn.NEVER).send(WITH_FAILURES)


def test_a_report_that_cannot_be_sent_does_not_fail_the_import() -> None:
    Reporter(lambda: FakeSns(refuses=True), TOPIC, ReportOn.ALWAYS).send(REFUSED)
