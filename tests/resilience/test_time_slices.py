"""Runs so short that each does a few records: the file is finished all the same, in order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from resilience.effort import some
from resilience.invariants import check, check_same, check_settled, ending
from resilience.scenario import FILE, file_of, uninterrupted, world
from resilience.world import Settings

SEEDS = range(6)
MANY = file_of(
    *(f"<invoice><id>{1 + n % 5}</id></invoice><amount>{n}</amount>" for n in range(1, 101))
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("prevent", [False, True])
def test_a_file_of_everything_is_finished_slice_by_slice_as_if_in_one_run(
    tmp_path: Path, seed: int, prevent: bool
) -> None:
    """Whatever the runs are long enough for."""
    settings = Settings(prevent, connections=1 + seed % 4, seed=seed)
    _, expected = uninterrupted(tmp_path, settings)
    for seconds in some(range(18, 100), 8):
        new = world(tmp_path / str(seconds), settings)
        source = new.upload(FILE)
        runs = new.deliver(source, run_seconds=seconds)
        assert len(runs) > 1
        check(new, source, FILE)
        check_same(ending(new, source), expected)
        check_settled(new, source)


def test_a_run_without_time_for_anything_loses_nothing(tmp_path: Path) -> None:
    """It does not count as one that ended without a word either."""
    _, expected = uninterrupted(tmp_path, Settings())
    new = world(tmp_path, Settings())
    source = new.upload(FILE)
    for _ in range(10):
        new.run(source, run_seconds=0)
    assert not new.connectwise.creates
    new.deliver(source)
    check_same(ending(new, source), expected)
    assert new.telemetry.delays == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_slice_has_sent_last_is_not_sent_again_by_the_next(
    tmp_path: Path, seed: int
) -> None:
    """ConnectWise takes several payments here, and its invoices do not show a payment at once."""
    content = file_of(
        *(f"<invoice><id>{n}</id></invoice><amount>{n}</amount>" for n in range(1, 16) if n != 7)
    )
    settings = Settings(connections=3, chunk_records=5, several_payments=True, seed=seed)
    for seconds in range(18, 50, 3):
        new = world(tmp_path / str(seconds), settings)
        new.connectwise.late_sums = True
        source = new.upload(content)
        new.deliver(source, run_seconds=seconds)
        check(new, source, content)


@pytest.mark.parametrize("seed", SEEDS)
def test_updates_of_one_payment_land_in_file_order_over_many_slices(
    tmp_path: Path, seed: int
) -> None:
    """Every invoice has twenty records, each five behind the one before it."""
    new = world(tmp_path, Settings(connections=4, chunk_records=7, seed=seed))
    source = new.upload(MANY)
    runs = new.deliver(source, run_seconds=90)
    assert len(runs) > 3
    check(new, source, MANY)
    last = {1 + n % 5: Decimal(n) for n in range(96, 101)}
    assert {n: new.connectwise.paid(n) for n in last} == last
