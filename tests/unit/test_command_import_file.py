"""What the command says about an import."""

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from payments.command.import_file import (
    Imported,
    exit_code,
    object_key,
    result,
    summary,
)
from payments.command.imports import ImportRow
from payments.command.problem import CommandFailed
from payments.command.results import Copies
from payments.import_state import Status, Tally
from payments.wording import ABOUT_REPLACED


def ended(status: Status, tally: Tally, total: int | None, error: str | None = None) -> ImportRow:
    return ImportRow("id", "incoming/p.xml", status, tally, total, error=error)


@pytest.mark.parametrize("name", ["a.xml", "b/c.xml", "D.XML", "E.Xml", "a+b c.xml", "a..b.xml"])
def test_a_file_goes_into_the_incoming_folder(name: str) -> None:
    assert object_key("incoming/", name) == f"incoming/{name}"


def test_a_key_may_be_given_with_the_folder() -> None:
    assert object_key("incoming/", "incoming/a.xml") == "incoming/a.xml"


@pytest.mark.parametrize("name", ["a.txt", "a.xMl", "xml", "a.xml.gz", ""])
def test_a_name_that_the_rule_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(
        CommandFailed, match=r"would not be imported\. Only names that end with \.xml are"
    ):
        object_key("incoming/", name)


@pytest.mark.parametrize("name", ["../a.xml", "b/../a.xml", "./a.xml", "incoming/../a.xml"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(CommandFailed, match="leave out"):
        object_key("incoming/", name)


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    """Keys are text; a local file's name is any bytes."""
    with pytest.raises(CommandFailed, match=r"it is not UTF-8\. Give another with --key"):
        object_key("incoming/", os.fsdecode(b"Z\xfcrich.xml"))


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.SUCCEEDED, 0), (Status.COMPLETED_WITH_FAILURES, 1), (Status.FAILED, 2)],
)
def test_the_exit_code_tells_how_it_ended(status: Status, code: int) -> None:
    assert exit_code(status) == code


def test_the_summary_counts_every_record() -> None:
    row = ended(Status.COMPLETED_WITH_FAILURES, Tally(4, 3, 2, 1), 10)
    assert summary(row) == "10 records: 4 created, 3 updated, 2 skipped, 1 failed."


def test_of_a_refused_file_nothing_was_sent() -> None:
    row = ended(Status.FAILED, Tally(), None, "line 1: no.")
    assert summary(row) == "Not imported: line 1: no. No payment was sent."


def test_of_a_file_that_was_given_up_some_may_have_been_sent() -> None:
    row = ended(Status.FAILED, Tally(created=3, failed=7), 10, "Given up.")
    assert "Until then: 3 created" in summary(row)
    assert "No payment was sent" not in summary(row)


def test_what_a_stop_has_kept_from_being_sent_is_not_told_as_failed() -> None:
    tally = Tally(3, 1, 1, 5, Decimal(40), failed_amount=Decimal(50))
    lines = ("R-6, invoice I: no", *(f"R-{number}: Not sent: Stopped by me." for number in "789"))
    stopped = ended(Status.FAILED, tally, 10, "Stopped by me.")
    row = replace(stopped, reach=6, first_failures=lines)
    assert result(Imported(row, Copies.named(Path(), "a")), 10) == [
        "Not imported: Stopped by me. Until then: 3 created, 1 updated, 1 skipped, 1 failed; "
        "4 not sent.",
        "90.00 in all, without failed records whose amount cannot be read: 40.00 recorded, 50.00 "
        "failed or not sent.",
        "  R-6, invoice I: no",
    ]


def test_the_summary_says_what_was_replaced_and_what_it_comes_to() -> None:
    tally = Tally(4, 3, 2, 3, Decimal(1000), Decimal(20), Decimal("0.50"), 2, Decimal(400))
    row = replace(
        ended(Status.COMPLETED_WITH_FAILURES, tally, 10),
        first_failures=("R-1, invoice INV-1: one; two", "R-2: three"),
        first_replaced=("record 2: held 400.00",),
    )
    done = Imported(row, Copies.named(Path(), "a"))
    assert result(done, 1) == [
        "10 records: 4 created, 3 updated (2 replaced), 2 skipped, 3 failed.",
        "1,020.50 in all, without failed records whose amount cannot be read: 1,000.00 recorded, "
        "20.00 skipped, 0.50 failed.",
        "  R-1, invoice INV-1: one; two",
        "  … and 2 more in the fail file.",
        "Replaced, of what others had made:",
        "  record 2: held 400.00",
        "  … and 1 more in the report.",
        ABOUT_REPLACED,
    ]
