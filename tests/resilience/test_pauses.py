"""A run is frozen, another one finishes the file, and the first wakes up: it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from payments.models import SourceFile
from resilience.effort import some
from resilience.invariants import check, check_same, check_settled, ending
from resilience.points import Plan
from resilience.scenario import FILE, file_of, uninterrupted, world
from resilience.world import RUN_SECONDS, Settings, World

LATER = file_of(
    "<invoice><id>1</id></invoice><amount>90</amount>",
    "<invoice><id>17</id></invoice><amount>91</amount>",
    "<invoice><id>3</id></invoice><externalId>E3</externalId><amount>92</amount>",
)
ALL_SETTINGS = [
    Settings(connections=connections, several_payments=several)
    for connections, several in ((1, True), (3, False))
]
POINTS = 40  # of about 130


def freeze(world: World, source: SourceFile, point: int, *others: Callable[[], object]) -> None:
    """Freeze a run at a point until its time is over, which is when its message comes again."""

    def meanwhile() -> None:
        world.clock.now += RUN_SECONDS
        for other in others:
            other()

    world.run(source, Plan(pause_at=point, meanwhile=meanwhile))


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=str)
def test_a_frozen_run_that_wakes_up_after_its_time_changes_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    """Another one has finished the file."""
    run, expected = uninterrupted(tmp_path, settings)
    for point in some(range(1, len(run.points) + 1), POINTS):
        new = world(tmp_path / str(point), settings)
        source = new.upload(FILE)
        freeze(new, source, point, partial(new.deliver, source))
        check(new, source, FILE)
        check_same(ending(new, source), expected)
        check_settled(new, source)


def test_a_frozen_run_does_not_undo_a_later_file(tmp_path: Path) -> None:
    """That was imported while it slept."""
    settings = ALL_SETTINGS[1]
    run, _ = uninterrupted(tmp_path, settings)
    for point in some(range(1, len(run.points) + 1), POINTS):
        new = world(tmp_path / str(point), settings)
        source, later = new.upload(FILE), new.upload(LATER, "incoming/later.xml")
        freeze(new, source, point, partial(new.deliver, source), partial(new.deliver, later))
        check(new, later, LATER)
        assert [new.connectwise.paid(n) for n in (1, 17, 3)] == [90, 91, 92]


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=str)
def test_the_run_that_follows_a_frozen_one_may_be_killed(
    tmp_path: Path, settings: Settings
) -> None:
    """A third finishes the file after both."""
    run, expected = uninterrupted(tmp_path, settings)
    for point in some(range(1, len(run.points) + 1), POINTS):
        new = world(tmp_path / str(point), settings)
        source = new.upload(FILE)
        kill = Plan(kill_at=len(run.points) - point)
        freeze(new, source, point, partial(new.run, source, kill))
        new.deliver(source)
        check(new, source, FILE)
        check_same(ending(new, source), expected)
