"""How many calls at once, how fast, and when none at all."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import AccessRefused, ConnectWiseDown, OutOfTime
from payments.connectwise.pace import DEFAULT_SILENCE_SECONDS, MAX_DEFAULT_SILENCE_SECONDS, Gate, Pace
from simulator.settings import Budget
from unit.budgets import minute_under

# Long enough never to be waited for where all is well.
PATIENCE_SECONDS = 20.0
FAR = float("inf")


# The rate


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


# The gate


class Clock:
    """A clock that a test sets; `read` is released each time that it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0
        self.read = threading.Semaphore(0)

    def __call__(self) -> float:
        self.read.release()
        return self.now


@contextmanager
def threads(gate: Gate, number: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads for calls; those that still wait in the end are called off."""
    with ThreadPoolExecutor(number) as pool:
        try:
            yield pool
        finally:
            gate.close(ConnectWiseDown("the test is over"))


def one_call(gate: Gate) -> None:
    with gate.call():
        pass


def raised_by(call: Future[None]) -> BaseException | None:
    """Return what a call in a thread has raised; fails if it has not ended."""
    return call.exception(PATIENCE_SECONDS)


def delay_of(call: Callable[[], object]) -> float:
    """Return the delay with which a call is put off to the next run."""
    with pytest.raises(OutOfTime) as out_of_time:
        call()
    return out_of_time.value.delay_seconds


@pytest.mark.parametrize("connections", [1, 3])
def test_just_so_many_calls_are_made_at_once(connections: int) -> None:
    gate = Gate(connections, FAR)
    all_at_once = threading.Barrier(connections)
    lock = threading.Lock()
    in_flight: list[int] = []
    counts: list[int] = []

    def call() -> None:
        with gate.call():
            with lock:
                in_flight.append(1)
                counts.append(len(in_flight))
            all_at_once.wait(PATIENCE_SECONDS)
            with lock:
                in_flight.pop()

    with threads(gate, connections * 3) as pool:
        calls = [pool.submit(call) for _ in range(connections * 3)]
        assert [raised_by(each) for each in calls] == [None] * len(calls)
    assert max(counts) == connections


def test_a_call_that_fails_makes_room_for_the_next() -> None:
    gate = Gate(1, FAR)
    with pytest.raises(ZeroDivisionError), gate.call():
        _ = 1 / 0
    one_call(gate)


def test_nobody_calls_while_connectwise_wants_silence() -> None:
    gate = Gate(4, FAR)
    throttled = monotonic()
    gate.throttled(0.2)
    gate.throttled(0.01)
    with threads(gate, 4) as pool:

        def call() -> float:
            with gate.call():
                return monotonic()

        started = [pool.submit(call) for _ in range(4)]
        gate.accepted()
        assert min(each.result(PATIENCE_SECONDS) for each in started) >= throttled + 0.2


def test_after_a_silence_the_calls_come_back_one_by_one() -> None:
    connections = 4
    gate = Gate(connections, FAR)
    gate.throttled(0.0)
    lock = threading.Lock()
    in_flight = accepted = 0
    seen: list[tuple[int, int]] = []

    def call() -> None:
        nonlocal in_flight, accepted
        with gate.call():
            with lock:
                in_flight += 1
                seen.append((in_flight, accepted))
            with lock:
                in_flight -= 1
        with lock:
            accepted += 1
        gate.accepted()

    with threads(gate, 8) as pool:
        calls = [pool.submit(call) for _ in range(40)]
        assert [raised_by(each) for each in calls] == [None] * len(calls)
        assert all(at_once <= 1 + accepted_before for at_once, accepted_before in seen)
        all_at_once = threading.Barrier(connections)

        def meet() -> None:
            with gate.call():
                all_at_once.wait(PATIENCE_SECONDS)

        meetings = [pool.submit(meet) for _ in range(connections)]
        assert [raised_by(each) for each in meetings] == [None] * connections


def test_no_call_starts_at_the_deadline_or_later() -> None:
    clock = Clock()
    gate = Gate(2, 100.0, clock)
    clock.now = 99.9
    one_call(gate)
    clock.now = 100.0
    assert delay_of(lambda: one_call(gate)) == 0


def test_a_silence_beyond_the_deadline_is_left_to_the_next_run() -> None:
    clock = Clock()
    gate = Gate(2, 100.0, clock)
    clock.now = 90.0
    gate.throttled(60.0)
    assert delay_of(lambda: one_call(gate)) == 60.0
    clock.now = 95.0
    assert delay_of(lambda: one_call(gate)) == 55.0


def looks(clock: Clock, times: int) -> None:
    """Wait until the clock has been looked at that often; then somebody waits for the gate."""
    for _ in range(times):
        assert clock.read.acquire(timeout=PATIENCE_SECONDS)


def end_of(call: Future[None]) -> str:
    """Return how a call in a thread has ended, if it has."""
    try:
        error = call.exception(2.0)
    except TimeoutError:
        return "still waits"
    return "was made" if error is None else type(error).__name__


def test_all_calls_that_wait_for_another_give_up_at_the_deadline() -> None:
    """One that did not would keep its run from ending in good order."""
    clock = Clock()
    gate = Gate(3, 100.0, clock)
    gate.throttled(0.0)
    with threads(gate, 2) as pool:
        with gate.call():
            clock.read = threading.Semaphore(0)
            waiting = [pool.submit(one_call, gate) for _ in range(2)]
            looks(clock, 2)
            clock.now = 101.0
        assert [end_of(each) for each in waiting] == ["OutOfTime", "OutOfTime"]


def test_however_many_calls_are_accepted_there_are_never_more_at_once() -> None:
    clock = Clock()
    gate = Gate(1, 100.0, clock)
    for _ in range(10):
        gate.accepted()
    with threads(gate, 1) as pool:
        with gate.call():
            clock.read = threading.Semaphore(0)
            waiting = pool.submit(one_call, gate)
            looks(clock, 1)
            clock.now = 101.0
        assert end_of(waiting) == "OutOfTime"


def test_somebody_who_sleeps_does_not_keep_others_from_calling() -> None:
    clock = Clock()
    gate = Gate(3, FAR, clock)
    gate.throttled(0.0)
    with threads(gate, 2) as pool:
        with gate.call():
            clock.read = threading.Semaphore(0)
            pool.submit(gate.sleep, 3600.0)
            looks(clock, 2)
            waiting = pool.submit(one_call, gate)
            looks(clock, 1)
        assert end_of(waiting) == "was made"


def test_a_sleep_that_would_reach_the_deadline_is_left_to_the_next_run() -> None:
    clock = Clock()
    gate = Gate(2, 100.0, clock)
    clock.now = 90.0
    assert delay_of(lambda: gate.sleep(10.0)) == 0


def test_a_sleep_is_not_cut_short() -> None:
    gate = Gate(1, FAR)
    began = monotonic()
    gate.sleep(0.05)
    assert monotonic() >= began + 0.05


SILENCES = [5.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0]


def silences(gate: Gate, clock: Clock, number: int) -> list[float]:
    """Return how long ConnectWise is left alone if it only ever says that it is too much."""
    found = []
    for _ in range(number):
        gate.throttled(None)
        found.append(delay_of(lambda: one_call(gate)))
        clock.now += found[-1]
    return found


def test_without_a_time_the_silence_grows_to_a_limit() -> None:
    clock = Clock()
    assert silences(Gate(2, 0.0, clock), clock, len(SILENCES)) == SILENCES
    assert SILENCES[0] == DEFAULT_SILENCE_SECONDS
    assert SILENCES[-1] == MAX_DEFAULT_SILENCE_SECONDS


def test_a_call_that_is_accepted_makes_the_next_silence_short_again() -> None:
    clock = Clock()
    gate = Gate(2, 0.0, clock)
    silences(gate, clock, 3)
    gate.accepted()
    assert silences(gate, clock, 1) == [DEFAULT_SILENCE_SECONDS]


def test_calls_that_are_throttled_together_count_once() -> None:
    clock = Clock()
    gate = Gate(8, 0.0, clock)
    for _ in range(8):
        gate.throttled(None)
    assert delay_of(lambda: one_call(gate)) == DEFAULT_SILENCE_SECONDS


def test_the_longest_silence_that_was_asked_for_is_kept() -> None:
    gate = Gate(8, 0.0, Clock())
    for seconds in (3.0, 30.0, 10.0, 0.0):
        gate.throttled(seconds)
    assert delay_of(lambda: one_call(gate)) == 30.0


def test_a_learned_rate_spreads_the_calls() -> None:
    clock = Clock()
    gate = Gate(8, 60.0, clock)
    one_call(gate)
    for _ in range(10):
        gate.accepted()
    clock.now = 58.0
    gate.throttled(0.0)
    clock.now = 59.0
    one_call(gate)
    assert delay_of(lambda: one_call(gate)) == 0  # one call in 5 seconds: beyond the deadline


def test_a_closed_gate_raises_its_first_reason_for_everybody() -> None:
    gate = Gate(2, FAR)
    reason = AccessRefused("no")
    gate.close(reason)
    gate.close(ConnectWiseDown("later"))
    for _ in range(2):
        with pytest.raises(AccessRefused) as refused:
            one_call(gate)
        assert refused.value is reason
    with pytest.raises(AccessRefused):
        gate.sleep(0.0)


def test_closing_wakes_whoever_waits_for_whatever() -> None:
    gate = Gate(2, FAR)
    reason = AccessRefused("no")
    with threads(gate, 4) as pool, gate.call():
        gate.throttled(3600.0)
        waiting = [pool.submit(one_call, gate) for _ in range(3)]
        waiting.append(pool.submit(gate.sleep, 3600.0))
        gate.close(reason)
        assert [raised_by(each) for each in waiting] == [reason] * 4
