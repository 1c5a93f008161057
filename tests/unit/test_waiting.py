"""The e-mail about a file that has waited for long."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import (
    AccessRefused,
    AwsDown,
    ConnectWiseDown,
    ImportStopped,
    NotPermitted,
    OutOfTime,
    RecordStuck,
    SecretUnusable,
)
from payments.waiting import Waiting, body, subject, what_to_do

KEY = "incoming/october.xml"
STACK = "b"
WAITING = Waiting(
    "bucket",
    KEY,
    "2026-11-25T08:00:21Z",
    "2026-11-25T09:15:21Z",
    "ConnectWise does not answer.",
    ConnectWiseDown(),
)


def test_the_subject_names_the_file() -> None:
    assert subject(WAITING) == "Payment file waits: october.xml"


def test_the_text_says_which_file_waits_since_when_why_and_for_whom() -> None:
    text = body(WAITING, 3, STACK)
    for expected in (
        "File: s3://bucket/incoming/october.xml\n",
        "Waiting since: 2026-11-25 08:00:21 UTC, next try: 2026-11-25 09:15:21 UTC\n",
        "Reason: ConnectWise does not answer.\n",
        "Files behind it: 3\n",
        "More: payments --stack b status incoming/october.xml",
    ):
        assert expected in text


def test_what_is_not_known_of_the_queue_is_left_out() -> None:
    assert "behind" not in body(WAITING, None, STACK)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (AccessRefused(), "run `payments --stack b check`"),
        (NotPermitted(), "run `payments --stack b check`"),
        (SecretUnusable(), "run `payments --stack b check`"),
        (ConnectWiseDown(), "Nothing to do"),
        (AwsDown(), "Nothing to do"),
        (OutOfTime(3600), "Nothing to do: it is tried again by itself, when ConnectWise lets it."),
        (RecordStuck("One record."), "`payments --stack b stop incoming/october.xml`"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_reason_has_its_cure(reason: ImportStopped, told: str) -> None:
    cure = what_to_do(reason, KEY, STACK)
    assert told in cure
    assert "tried again by itself" in cure


@given(st.text(st.characters(exclude_categories=())), st.text(), st.integers(0, 1000))
def test_every_text_is_one_that_sns_takes(key: str, error: str, times: int) -> None:
    odd = replace(WAITING, key=f"incoming/{key}", error=error * times)
    assert len(body(odd, 0, STACK).encode()) <= 256 * 1024
    assert len(subject(odd)) <= 100
    assert subject(odd).isascii()
    assert subject(odd).isprintable()
