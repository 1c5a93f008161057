"""What has been done is recognised, by whichever run it was done."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from payments.pipeline import _Learned
from resilience.effort import some
from resilience.invariants import check
from resilience.points import Plan
from resilience.scenario import file_of, world
from resilience.world import Settings

SEEDS = range(10)


def points_of(settings: Settings, tmp_path: Path, content: bytes) -> Iterator[int]:
    """Yield every point that the import of a file passes."""
    new = world(tmp_path / "uninterrupted", settings)
    [run] = new.deliver(new.upload(content))
    yield from range(1, len(run.points) + 1)


@pytest.mark.parametrize("prevent", [False, True])
def test_of_two_records_for_one_payment_the_later_wins_after_a_kill(
    tmp_path: Path, prevent: bool
) -> None:
    """Even if only the later is known to the truth table: the earlier is sent again."""
    content = file_of(
        "<invoice><id>2</id></invoice><amount>20</amount>",
        "<invoice><id>2</id></invoice><externalId>A</externalId><amount>25</amount>",
    )
    settings = Settings(prevent_reprocessing=prevent)
    for point in points_of(settings, tmp_path, content):
        new = world(tmp_path / str(point), settings)
        source = new.upload(content)
        new.deliver(source, Plan(kill_at=point))
        check(new, source, content)
        assert new.connectwise.held[2][201]["amount"] == Decimal(25), f"killed at {point}"


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_records_for_one_payment_the_later_wins_after_a_time_slice(
    tmp_path: Path, seed: int
) -> None:
    """Records before them are still on their way when the time is over."""
    content = file_of(
        *["<invoice><id>1</id></invoice><amount>10</amount>"] * 4,
        "<invoice><id>2</id></invoice><amount>20</amount>",
        "<invoice><id>2</id></invoice><externalId>A</externalId><amount>25</amount>",
    )
    for seconds in range(10, 30):
        new = world(tmp_path / str(seconds), Settings(chunk_records=6, seed=seed))
        source = new.upload(content)
        new.run(source, run_seconds=seconds)
        new.deliver(source)
        check(new, source, content)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_repeated_external_id_is_skipped_however_far_away_it_is(
    tmp_path: Path, seed: int
) -> None:
    """Prevent Reprocessing, without any interruption, over chunks of three records."""
    again = "<invoice><id>20</id></invoice><externalId>A</externalId><amount>10</amount>"
    others = [f"<invoice><id>{n}</id></invoice><amount>{n}</amount>" for n in range(1, 13)]
    for distance in range(len(others)):
        content = file_of(again, *others[:distance], again, *others[distance:])
        settings = Settings(True, connections=1, seed=seed)
        new = world(tmp_path / str(distance), settings)
        source = new.upload(content)
        new.deliver(source)
        assert new.telemetry.counts.skipped == 1, f"{distance} records apart"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_repeated_invoice_gets_one_payment_however_far_away_it_is(
    tmp_path: Path, seed: int
) -> None:
    """Without any interruption, and even if ConnectWise would take several."""
    again = "<invoice><id>20</id></invoice><amount>10</amount>"
    others = [f"<invoice><id>{n}</id></invoice><amount>{n}</amount>" for n in range(1, 13)]
    for distance in range(len(others)):
        content = file_of(again, *others[:distance], again, *others[distance:])
        settings = Settings(several_payments=True, seed=seed)
        new = world(tmp_path / str(distance), settings)
        source = new.upload(content)
        new.deliver(source)
        assert new.connectwise.creates[20] == 1, f"{distance} records apart"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("prevent", [False, True])
def test_no_record_is_taken_for_the_repetition_of_a_later_one(
    tmp_path: Path, prevent: bool, seed: int
) -> None:
    """Prevent Reprocessing skips none that this import has sent; no earlier one finds a payment."""
    content = file_of(
        "<externalId>A</externalId><amount>20</amount>",
        "<invoice><id>1</id></invoice><externalId>A</externalId><amount>10</amount>",
    )
    settings = Settings(prevent_reprocessing=prevent, seed=seed)
    for point in points_of(settings, tmp_path, content):
        new = world(tmp_path / str(point), settings)
        source = new.upload(content)
        new.deliver(source, Plan(kill_at=point))
        check(new, source, content)
        success = new.bucket.read("success/a.xml")
        assert b'n="2"' in success, f"killed at {point}"
        assert b'n="1"' not in success, f"killed at {point}"


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_kill_what_may_have_been_sent_is_looked_for_until_it_is_passed(
    tmp_path: Path, seed: int
) -> None:
    """A further run in between that gets less far ends in good order, but settles nothing.

    ConnectWise takes several payments here, and its invoices do not show a payment at once.
    """
    content = file_of(
        *(f"<invoice><id>{n}</id></invoice><amount>{n}</amount>" for n in (1, 2, 3, 9, 10))
    )
    settings = Settings(connections=1, chunk_records=2, several_payments=True, seed=seed)
    for point in points_of(settings, tmp_path, content):
        for seconds in some(range(5, 25, 2), 3):
            new = world(tmp_path / f"{point}-{seconds}", settings)
            new.connectwise.late_sums = True
            source = new.upload(content)
            new.run(source, Plan(kill_at=point))
            new.run(source, run_seconds=seconds)
            new.deliver(source)
            check(new, source, content)


def test_a_start_that_the_sdk_repeats_counts_once(tmp_path: Path) -> None:
    """A write can take effect although its answer is lost; boto3 then sends it again."""
    content = file_of("<invoice><id>1</id></invoice><amount>10</amount>")
    new = world(tmp_path, Settings())
    new.imports.attempts = 5
    source = new.upload(content)
    new.deliver(source)
    assert new.import_row(source)["status"] == "Succeeded"
    assert new.import_row(source)["run"] == 1


def test_what_a_run_has_learned_can_be_read_while_a_chunk_begins() -> None:
    """The threads of one chunk look into it while the next chunk begins."""
    learned = _Learned()
    for _ in range(2):
        learned.begin_chunk()

    class Interrupted(str):
        __slots__ = ()

        def __hash__(self) -> int:
            learned.begin_chunk()  # where another thread may come in
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            return super().__eq__(other)

    assert learned.truth(Interrupted("A")) is None
