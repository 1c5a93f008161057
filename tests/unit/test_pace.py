"""How fast ConnectWise is called: learned from throttling."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectwise.pace import Pace
from simulator.settings import Budget
from unit.budgets import minute_under

SECOND = 1.0


def paced(*cycles: tuple[float, int]) -> Pace:
    """Return a pace that began at 0 and was throttled for a second at these times.

    With each time goes how many calls had been accepted since the silence before.
    """
    pace = Pace()
    pace.called(0.0)
    for now, accepted in cycles:
        for _ in range(accepted):
            pace.accepted()
        pace.throttled(now, SECOND)
    return pace


def rate(pace: Pace, now: float) -> float:
    """Return how many calls a second may be made at that time."""
    pace.called(now)
    return 1 / (pace.next_call(now) - now)


@given(st.floats(0, 1e6), st.integers(0, 50))
def test_without_throttling_there_is_no_limit(now: float, accepted: int) -> None:
    pace = Pace()
    for _ in range(accepted):
        pace.accepted()
    pace.called(now)
    assert pace.next_call(now) == now


def test_what_was_accepted_until_the_end_of_the_silence_is_the_rate_to_go_on_with() -> None:
    assert rate(paced((59, 600)), 60) == pytest.approx(10)


def test_the_latest_cycle_counts() -> None:
    assert rate(paced((59, 600), (119, 1200)), 120) == pytest.approx(20)


def test_being_throttled_with_nothing_accepted_teaches_nothing() -> None:
    pace = paced((59, 0))
    pace.called(60)
    assert pace.next_call(60) == 60
    assert rate(paced((59, 600), (60, 0)), 60) == pytest.approx(10)


def test_a_budget_of_next_to_nothing_still_lets_a_call_through_now_and_then() -> None:
    assert rate(paced((600, 1)), 601) == pytest.approx(Pace.SLOWEST_RATE)


def test_a_cycle_of_no_time_does_not_make_the_rate_endless() -> None:
    pace = Pace()
    pace.called(0.0)
    pace.accepted()
    pace.throttled(0.0, 0.0)
    assert rate(pace, 0.0) == pytest.approx(1)


def test_while_no_ceiling_is_known_the_rate_grows_faster_and_faster() -> None:
    pace = paced((59, 600))
    rates = [rate(pace, 60 + seconds) for seconds in (0, 1, 2, 3, 4)]
    growth = [after / before for before, after in pairwise(rates)]
    assert growth == sorted(growth)
    assert 1.05 < growth[0] < 1.2
    assert rates[-1] > 5 * rates[0]


def test_the_rate_approaches_the_one_that_was_too_much_and_stays_below_it() -> None:
    pace = paced((59, 600), (65, 70))
    too_much = rate(paced((59, 600)), 65)
    rates = [rate(pace, 66 + seconds) for seconds in (0, 1, 3, 10, 20, 29)]
    assert rates[0] == pytest.approx(70 / 6)
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(too_much * Pace.BELOW_CEILING, rel=0.01)
    assert rates[-1] < too_much


def test_after_long_without_throttling_more_is_tried() -> None:
    pace = paced((59, 600), (65, 70))
    too_much = rate(paced((59, 600)), 65)
    assert rate(pace, 66 + Pace.HOLD_SECONDS) < too_much
    assert rate(pace, 66 + 2 * Pace.HOLD_SECONDS) > too_much


def test_a_rate_that_has_grown_for_a_day_is_still_a_number() -> None:
    assert rate(paced((59, 600)), 86_400) > 0
    assert rate(paced((59, 600), (65, 70)), 86_400) > 0


def test_the_next_call_is_not_counted_from_what_is_long_past() -> None:
    pace = paced((59, 600))
    pace.called(61)
    assert pace.next_call(70) <= 70


# The rate under a budget: useful calls of a minute, in the minute's own time


@pytest.mark.parametrize(
    ("budget", "most_silences", "least_useful"),
    [
        (Budget(requests=50, seconds=1, kind="bucket"), 12, 0.98),
        (Budget(requests=20, seconds=1, kind="bucket"), 16, 0.98),
        (Budget(requests=200, seconds=1, kind="bucket"), 14, 0.95),
        (Budget(requests=1000, seconds=60, kind="bucket"), 12, 0.95),
        (Budget(requests=500, seconds=10, kind="window"), 15, 0.90),
        # Each throttling costs a whole second of silence, of which the next window begins one.
        (Budget(requests=50, seconds=1, kind="window"), 10, 0.85),
        (Budget(requests=100, seconds=1, kind="window"), 10, 0.85),
    ],
    ids=str,
)
def test_most_of_a_budget_is_used_and_silence_is_seldom_asked_for(
    budget: Budget, most_silences: int, least_useful: float
) -> None:
    used = minute_under(budget)
    assert used.useful >= least_useful * 60 * budget.requests / budget.seconds
    assert used.silences <= most_silences


def test_a_budget_that_grows_is_found_out() -> None:
    before = Budget(requests=20, seconds=1, kind="bucket")
    after = Budget(requests=100, seconds=1, kind="bucket")
    used = minute_under(before, then=after)
    assert used.last_rate > 90


def test_a_budget_that_shrinks_is_found_out() -> None:
    before = Budget(requests=100, seconds=1, kind="bucket")
    after = Budget(requests=20, seconds=1, kind="bucket")
    used = minute_under(before, then=after)
    assert 15 < used.last_rate < 25


@pytest.mark.parametrize("seconds_between", [0.5, 3600.0])
def test_however_often_it_is_throttled_calls_go_on_slowly(seconds_between: float) -> None:
    """A ceiling may have come down to next to nothing, or gone up beyond all measure."""
    pace, now = Pace(), 0.0
    for _ in range(2_000):
        now = max(now, pace.next_call(now))
        pace.called(now)
        pace.accepted()
        pace.throttled(now, 0.5)
        now += seconds_between
    assert pace.next_call(now) - now <= 2 / Pace.SLOWEST_RATE
    pace.throttled(now, 0.5)
    assert pace.next_call(now) - now <= 2 / Pace.SLOWEST_RATE
