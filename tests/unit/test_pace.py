"""How many calls at once, how fast, and when none at all."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import AccessRefused, ConnectWiseDown, OutOfTime
from payments.pace import DEFAULT_SILENCE_SECONDS, MAX_DEFAULT_SILENCE_SECONDS, Gate, Pace

# Long enough never to be waited for where all is well.
PATIENCE_SECONDS = 20.0
FAR = float("inf")


# The rate


def throttled_at(*cycles: tuple[float, int]) -> Pace:
    """Return a pace that was throttled at these times, having accepted so many calls before."""
    pace = Pace()
    for now, accepted in cycles:
        for _ in range(accepted):
            pace.accepted()
        pace.throttled(now)
    return pace


def gap(pace: Pace, now: float) -> float:
    """Return how long after one call the next may be made."""
    pace.called(now)
    return pace.next_call(now) - now


@given(st.floats(0, 1e6), st.integers(0, 50))
def test_without_throttling_there_is_no_limit(now: float, accepted: int) -> None:
    pace = Pace()
    for _ in range(accepted):
        pace.accepted()
    assert gap(pace, now) == 0


def test_the_first_throttling_teaches_no_rate_yet() -> None:
    """What went before it may have been a burst, or nothing."""
    assert gap(throttled_at((10, 500)), 11) == 0


def test_from_one_throttling_to_the_next_the_rate_is_learned() -> None:
    pace = throttled_at((0, 0), (60, 600))
    assert gap(pace, 61) == pytest.approx(0.1)


def test_the_latest_cycle_counts() -> None:
    pace = throttled_at((0, 0), (60, 600), (120, 1200))
    # 20 calls a second were measured; as the rate had grown meanwhile, it may be a little more.
    assert 1 / 20 / Pace.MOST_ABOVE_MEASURED <= gap(pace, 121) <= 1 / 20


def test_being_throttled_again_with_nothing_accepted_teaches_nothing() -> None:
    assert gap(throttled_at((0, 0), (60, 0)), 61) == 0


def test_a_budget_of_next_to_nothing_still_lets_a_call_through_now_and_then() -> None:
    assert gap(throttled_at((0, 0), (600, 1)), 601) == pytest.approx(1 / Pace.SLOWEST_RATE)


def test_two_throttlings_at_once_do_not_make_the_rate_endless() -> None:
    assert gap(throttled_at((0, 0), (0, 4)), 0) == pytest.approx(1 / 4)


def test_the_rate_is_held_for_a_while_and_then_grows() -> None:
    pace = throttled_at((0, 0), (60, 600))
    held = gap(pace, 60 + Pace.HOLD_SECONDS)
    assert held == pytest.approx(0.1)
    gaps = [gap(pace, 60 + Pace.HOLD_SECONDS + seconds) for seconds in (1, 10, 60, 300)]
    assert held > gaps[0] > gaps[1] > gaps[2] > gaps[3] > 0


def test_a_rate_that_has_grown_for_a_day_is_still_a_number() -> None:
    assert gap(throttled_at((0, 0), (60, 600)), 86_400) >= 0


def test_the_next_call_is_not_counted_from_what_is_long_past() -> None:
    pace = throttled_at((0, 0), (60, 600))
    pace.called(61)
    assert pace.next_call(70) <= 70


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
    gate.throttled(0.0)
    for _ in range(10):
        gate.accepted()
    clock.now = 50.0
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
