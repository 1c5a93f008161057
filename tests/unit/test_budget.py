"""The known budget of calls: never exceeded, however ConnectWise counts, and used to the full."""

from __future__ import annotations

import heapq
from collections import deque
from random import Random

import pytest

from payments.connectwise.budget import CLOUD_CALLS_PER_MINUTE, Budget


def arrivals(budget: Budget, seconds: float, connections: int, random: Random) -> list[float]:
    """Return when calls arrive that are made as early as the budget lets them be."""
    now, arrived, ends = 0.0, [], list[float]()
    while now < seconds:
        while ends and ends[0] <= now:
            budget.ended(heapq.heappop(ends))
        start = budget.next_call(now)
        if len(ends) == connections or start > now:
            now = min([*ends[:1], *([start] if start > now else [])])
            continue
        budget.called()
        there = now + random.uniform(0.0, 3.0)
        arrived.append(there)
        heapq.heappush(ends, there + random.uniform(0.0, 3.0))
    return sorted(arrived)


def most_in_any_minute(arrived: list[float]) -> int:
    window: deque[float] = deque()
    most = 0
    for at in arrived:
        window.append(at)
        while window[0] <= at - 60.0:
            window.popleft()
        most = max(most, len(window))
    return most


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("calls", [1, 7, 100])
def test_no_minute_sees_more_calls_however_long_each_is_under_way(calls: int, seed: int) -> None:
    arrived = arrivals(Budget(calls), 600.0, 16, Random(seed))
    assert most_in_any_minute(arrived) == calls


def test_the_budget_is_used_to_the_full() -> None:
    """But for what the last calls of a burst take, when those before them may come again."""
    arrived = arrivals(Budget(100), 600.0, 16, Random(1))
    assert len(arrived) > 0.9 * 1000


def test_a_small_file_is_not_slowed_down() -> None:
    budget = Budget(100)
    for _ in range(100):
        assert budget.next_call(5.0) == 5.0
        budget.called()
    assert budget.next_call(5.0) > 5.0


@pytest.mark.parametrize(
    ("given", "is_cloud", "most"),
    [(None, True, CLOUD_CALLS_PER_MINUTE), (5, True, 5), (5, False, 5), (None, False, 5000)],
)
def test_without_a_setting_the_cloud_has_its_own_limit(
    given: int | None, is_cloud: bool, most: int
) -> None:
    """A server of one's own has none."""
    budget = Budget.of(given, is_cloud=is_cloud)
    made = 0
    while made < 5000 and budget.next_call(0.0) <= 0.0:
        budget.called()
        made += 1
    assert made == most
