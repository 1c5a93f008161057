"""What is down or refused delays a file: no record fails for it, and it goes on by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from payments.errors import (
    AccessRefused,
    ConnectWiseDown,
    NotPermitted,
    OutOfTime,
    SecretUnusable,
)
from payments.importer import PutBack
from resilience.fake_connectwise import lost
from resilience.invariants import check, check_same, check_settled, ending
from resilience.points import Trouble, no_trouble
from resilience.scenario import FILE, file_of, uninterrupted, world
from resilience.world import Run, Settings

SETTINGS = Settings()
Calls = Iterator[int]
TWO_HOURS = [60, 120, 240, 480, *[900] * 7]


def down_from(first: int, before: bool, error: Exception) -> Trouble:
    """ConnectWise does not answer any more from its call number `first` on."""
    numbers = count(1)
    reached = False

    def trouble(call: str, is_before: bool) -> None:
        nonlocal reached
        if is_before is before:
            reached = reached or next(numbers) == first
        if reached:
            raise lost(call) if call.startswith("POST") else error

    return trouble


def failing_once(at: int, before: bool) -> Trouble:
    """One call to AWS, number `at`, fails, in spite of the SDK's retries."""
    numbers = count(1)

    def trouble(call: str, is_before: bool) -> None:
        if is_before is before and next(numbers) == at:
            raise unavailable(call)

    return trouble


def unavailable(call: str) -> ClientError:
    return ClientError({"Error": {"Code": "InternalError", "Message": "sorry"}}, call)


def delay(run: Run) -> int:
    assert isinstance(run.result, PutBack)
    return run.result.delay_seconds


@pytest.mark.parametrize("before", [True, False], ids=["not arrived", "arrived"])
@pytest.mark.parametrize("connections", [1, 3])
def test_wherever_connectwise_goes_down_the_file_ends_as_if_it_had_not(
    tmp_path: Path, before: bool, connections: int
) -> None:
    """Nor does it matter whether the first call without an answer has arrived."""
    settings = Settings(connections=connections)
    run, expected = uninterrupted(tmp_path, settings)
    calls = sum(point.startswith(("before GET", "before PO", "before PA")) for point in run.points)
    for first in range(1, calls + 1):
        new = world(tmp_path / str(first), settings)
        source = new.upload(FILE)
        new.connectwise.trouble = down_from(first, before, ConnectWiseDown("no answer"))
        assert delay(new.run(source)) == 60
        assert delay(new.run(source)) in (60, 120)  # it may have stored what had been sent
        new.connectwise.trouble = no_trouble
        new.deliver(source)
        check(new, source, FILE)
        check_same(ending(new, source), expected)
        check_settled(new, source)


@pytest.mark.parametrize("before", [True, False], ids=["not arrived", "arrived"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_create_whose_answer_is_lost_is_made_once(
    tmp_path: Path, before: bool, times: int
) -> None:
    """Even if ConnectWise would take a second payment, and whether or not it had arrived."""
    settings = Settings(connections=2, several_payments=True)
    _, expected = uninterrupted(tmp_path, settings)
    new = world(tmp_path, settings)
    source = new.upload(FILE)
    posts: Counter[str] = Counter()

    def trouble(call: str, is_before: bool) -> None:
        if call.startswith("POST") and is_before is before:
            posts[call] += 1
            if posts[call] <= times:
                raise lost(call)

    new.connectwise.trouble = trouble
    [_run] = new.deliver(source)
    check(new, source, FILE)
    check_same(ending(new, source), expected)


def test_an_abandoned_create_is_looked_for_by_the_next_run(tmp_path: Path) -> None:
    """It arrived, then ConnectWise went down; its invoices do not show the payment at once."""
    content = file_of(
        *(f"<invoice><id>{n}</id></invoice><amount>{n}</amount>" for n in (1, 2, 3, 5, 6))
    )
    for first in range(2, 8):
        new = world(tmp_path / str(first), Settings(connections=1, several_payments=True))
        new.connectwise.late_sums = True
        source = new.upload(content)
        new.connectwise.trouble = down_from(first, False, ConnectWiseDown("no answer"))
        new.run(source)
        new.connectwise.trouble = no_trouble
        new.deliver(source)
        check(new, source, content)


@pytest.mark.parametrize(
    "error",
    [
        ConnectWiseDown("no answer"),
        AccessRefused("ConnectWise does not accept the keys (401)."),
        NotPermitted("ConnectWise refuses the call (403)."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_delays_grow_while_it_lasts_and_the_imports_table_says_why(
    tmp_path: Path, error: Exception
) -> None:
    """Two hours of it."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    new = world(tmp_path, SETTINGS)
    source = new.upload(FILE)

    def trouble(_call: str, _before: bool) -> None:
        raise error

    new.connectwise.trouble = trouble
    assert [delay(new.run(source)) for _ in TWO_HOURS] == TWO_HOURS
    assert str(error) in new.import_row(source)["error"]
    assert new.import_row(source)["status"] == "Running"
    assert new.telemetry.delays == len(TWO_HOURS)
    assert not new.connectwise.creates
    new.connectwise.trouble = no_trouble
    new.deliver(source)
    check_same(ending(new, source), expected)
    assert "error" not in new.import_row(source)


def test_a_secret_that_cannot_be_used_stops_the_file_until_it_is_right(tmp_path: Path) -> None:
    """Without one call."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    new = world(tmp_path, SETTINGS)
    source = new.upload(FILE)
    new.trouble_connecting = SecretUnusable("Secret x lacks clientId")
    assert [delay(new.run(source)) for _ in TWO_HOURS] == TWO_HOURS
    assert new.import_row(source)["error"] == "Secret x lacks clientId"
    assert new.connectwise.calls == []
    new.trouble_connecting = None
    new.deliver(source)
    check_same(ending(new, source), expected)


@pytest.mark.parametrize(("silence", "is_told"), [(30, False), (3600, True)])
def test_a_long_silence_is_told_to_whoever_looks(
    tmp_path: Path, silence: int, is_told: bool
) -> None:
    """It is no outage: nothing grows, and no record is blamed for it."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    new = world(tmp_path, SETTINGS)
    source = new.upload(FILE)

    def silenced(_call: str, _before: bool) -> None:
        raise OutOfTime(delay_seconds=silence)

    new.connectwise.trouble = silenced
    assert [delay(new.run(source)) for _ in range(3)] == [silence] * 3
    row = new.import_row(source)
    assert (f"{silence} seconds of silence" in row.get("error", "")) is is_told
    assert new.telemetry.delays == 3 * is_told
    assert row["waits"] == 0
    new.connectwise.trouble = no_trouble
    new.deliver(source)
    assert "error" not in new.import_row(source)
    check_same(ending(new, source), expected)


def test_once_records_are_done_the_delays_begin_anew(tmp_path: Path) -> None:
    """An import that moves is not one that stands still."""
    new = world(tmp_path, SETTINGS)
    source = new.upload(FILE)
    new.connectwise.trouble = down_from(1, True, ConnectWiseDown("no answer"))
    assert [delay(new.run(source)) for _ in range(3)] == [60, 120, 240]
    new.connectwise.trouble = down_from(12, True, ConnectWiseDown("no answer"))
    assert delay(new.run(source)) == 60
    assert new.import_row(source)["done"] > 0


@pytest.mark.parametrize("before", [True, False], ids=["not done", "done"])
@pytest.mark.parametrize("connections", [1, 3])
def test_whichever_call_to_aws_fails_the_file_ends_as_if_it_had_not(
    tmp_path: Path, before: bool, connections: int
) -> None:
    """A call that fails may have taken effect."""
    settings = Settings(connections=connections)
    run, expected = uninterrupted(tmp_path, settings)
    aws = ("before get", "before put", "before update", "before batch")
    for at in range(1, sum(point.startswith(aws) for point in run.points) + 1):
        new = world(tmp_path / str(at), settings)
        source = new.upload(FILE)
        new.aws_trouble = failing_once(at, before)
        first, *_ = new.deliver(source)
        assert delay(first) == 60
        check(new, source, FILE)
        check_same(ending(new, source), expected)
        check_settled(new, source)


@pytest.mark.parametrize("service", ["get ", "put ", "update ", "batch "])
def test_while_an_aws_service_is_down_nothing_fails_and_nothing_is_given_up(
    tmp_path: Path, service: str
) -> None:
    """However much was done before it went down."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    for working in range(6):
        new = world(tmp_path / str(working), SETTINGS)
        source = new.upload(FILE)
        calls = count()

        def trouble(call: str, _before: bool, working: int = working, calls: Calls = calls) -> None:
            if call.startswith(service) and next(calls) >= working:
                raise unavailable(call)

        new.aws_trouble = trouble
        for _ in TWO_HOURS:
            assert delay(new.run(source)) >= 60
        new.aws_trouble = no_trouble
        new.deliver(source)
        check(new, source, FILE)
        check_same(ending(new, source), expected)
