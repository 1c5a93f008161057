"""A run that is killed at any point: the next one goes on, and it ends as if nothing had been."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from resilience.effort import some
from resilience.invariants import Ending, check, check_same, check_settled, ending
from resilience.points import Plan
from resilience.scenario import FILE, uninterrupted, world
from resilience.world import Settings

ALL_SETTINGS = [
    Settings(prevent_reprocessing=prevent, connections=connections)
    for prevent, connections in product((False, True), (1, 3))
]
PAIRS = 30  # of each setting's; all of them take half an hour


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=str)
def test_killed_at_any_point_an_import_ends_as_if_it_had_not_been(
    tmp_path: Path, settings: Settings
) -> None:
    """Before and after every call and every write."""
    run, expected = uninterrupted(tmp_path, settings)
    for point in range(1, len(run.points) + 1):
        interrupted(tmp_path / str(point), settings, expected, point)


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=str)
def test_killed_at_any_two_points_an_import_ends_as_if_it_had_not_been(
    tmp_path: Path, settings: Settings
) -> None:
    """The run that follows a killed one is killed too."""
    run, expected = uninterrupted(tmp_path, settings)
    points = range(1, len(run.points) + 1)
    for first, second in some(product(points, repeat=2), PAIRS):
        interrupted(tmp_path / f"{first}-{second}", settings, expected, first, second)


def interrupted(disk: Path, settings: Settings, expected: Ending, *points: int) -> None:
    new = world(disk, settings)
    source = new.upload(FILE)
    new.deliver(source, *(Plan(kill_at=point) for point in points))
    check(new, source, FILE)
    check_same(ending(new, source), expected)
    check_settled(new, source)
