"""How many calls at once, and when none at all; in one thread, in time that passes only here."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from payments.connectwise.budget import Budget
from payments.connectwise.gate import (
    DEFAULT_SILENCE_SECONDS,
    MAX_DEFAULT_SILENCE_SECONDS,
    Gate,
)
from payments.errors import AccessRefused, ConnectWiseDown, OutOfTime

FAR = float("inf")


class Clock:
    """A clock that passes while somebody sleeps; what else happens then is up to a test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def one_call(gate: Gate) -> None:
    with gate.call():
        pass


def delay_of(call: Callable[[], object]) -> float:
    """Return the delay with which a call is put off to the next run."""
    with pytest.raises(OutOfTime) as out_of_time:
        call()
    return out_of_time.value.delay_seconds


def most_at_once(gate: Gate, clock: Clock) -> int:
    """Return how many calls can be made before one has to wait; they end then."""

    def waits() -> None:
        raise BlockingIOError

    clock.meanwhile = waits
    made = 0
    with ExitStack() as calls:
        while True:
            try:
                calls.enter_context(gate.call())
            except BlockingIOError:
                clock.meanwhile = lambda: None
                return made
            made += 1


@pytest.mark.parametrize("connections", [1, 3])
def test_just_so_many_calls_are_made_at_once(clock: Clock, connections: int) -> None:
    gate = Gate(connections, FAR, clock)
    for _ in range(5):
        assert most_at_once(gate, clock) == connections
        gate.accepted()


def test_who_waits_for_another_call_goes_on_soon_after_it(clock: Clock) -> None:
    gate = Gate(1, FAR, clock)
    with ExitStack() as other:
        other.enter_context(gate.call())
        clock.meanwhile = lambda: other.close() if clock.now > 1.0 else None
        one_call(gate)
    assert 1.0 < clock.now < 1.1


def test_a_call_that_fails_makes_room_for_the_next(clock: Clock) -> None:
    gate = Gate(1, FAR, clock)
    with pytest.raises(ZeroDivisionError), gate.call():
        _ = 1 / 0
    one_call(gate)
    assert clock.slept == []


def test_nobody_calls_while_connectwise_wants_silence(clock: Clock) -> None:
    gate = Gate(4, FAR, clock)
    gate.throttled(2.0)
    gate.throttled(0.01)
    gate.accepted()
    one_call(gate)
    assert clock.now == 2.0
    assert max(clock.slept) <= 0.25, "so that closing is noticed"


def test_after_a_silence_the_calls_come_back_one_by_one(clock: Clock) -> None:
    gate = Gate(4, FAR, clock)
    gate.throttled(0.0)
    at_once = []
    for _ in range(6):
        at_once.append(most_at_once(gate, clock))
        gate.accepted()
    assert at_once == [1, 2, 3, 4, 4, 4]


def test_what_is_accepted_in_a_silence_says_nothing_about_the_time_after_it(clock: Clock) -> None:
    gate = Gate(4, FAR, clock)
    gate.throttled(1.0)
    gate.accepted()
    clock.now = 1.0
    assert most_at_once(gate, clock) == 1


def test_no_call_starts_at_the_deadline_or_later(clock: Clock) -> None:
    gate = Gate(2, 100.0, clock)
    clock.now = 99.9
    one_call(gate)
    clock.now = 100.0
    assert delay_of(lambda: one_call(gate)) == 0


def test_a_silence_beyond_the_deadline_is_left_to_the_next_run(clock: Clock) -> None:
    gate = Gate(2, 100.0, clock)
    clock.now = 90.0
    gate.throttled(60.0)
    assert delay_of(lambda: one_call(gate)) == 60.0
    clock.now = 95.0
    assert delay_of(lambda: one_call(gate)) == 55.0


def test_who_waits_for_another_call_gives_up_at_the_deadline(clock: Clock) -> None:
    """One that did not would keep its run from ending in good order."""
    gate = Gate(1, 100.0, clock)
    with gate.call():
        assert delay_of(lambda: one_call(gate)) == 0
    assert 100.0 <= clock.now < 100.3


SILENCES = [30.0, 60.0, 120.0, 120.0]


def silences(gate: Gate, clock: Clock, number: int) -> list[float]:
    """Return how long ConnectWise is left alone if it only ever says that it is too much."""
    found = []
    for _ in range(number):
        gate.throttled(None)
        found.append(delay_of(lambda: one_call(gate)))
        clock.now += found[-1]
    return found


def test_without_a_time_the_silence_grows_to_a_limit(clock: Clock) -> None:
    assert silences(Gate(2, 0.0, clock), clock, len(SILENCES)) == SILENCES
    assert SILENCES[0] == DEFAULT_SILENCE_SECONDS
    assert SILENCES[-1] == MAX_DEFAULT_SILENCE_SECONDS


def test_a_call_that_is_accepted_makes_the_next_silence_short_again(clock: Clock) -> None:
    gate = Gate(2, 0.0, clock)
    silences(gate, clock, 3)
    gate.accepted()
    assert silences(gate, clock, 1) == [DEFAULT_SILENCE_SECONDS]


def test_calls_that_are_throttled_together_count_once(clock: Clock) -> None:
    gate = Gate(8, 0.0, clock)
    for _ in range(8):
        gate.throttled(None)
    assert delay_of(lambda: one_call(gate)) == DEFAULT_SILENCE_SECONDS


def test_the_longest_silence_that_was_asked_for_is_kept(clock: Clock) -> None:
    gate = Gate(8, 0.0, clock)
    for seconds in (3.0, 30.0, 10.0, 0.0):
        gate.throttled(seconds)
    assert delay_of(lambda: one_call(gate)) == 30.0


def test_a_learned_rate_spreads_the_calls(clock: Clock) -> None:
    gate = Gate(8, FAR, clock)
    one_call(gate)
    for _ in range(10):
        gate.accepted()
    clock.now = 19.0
    gate.throttled(1.0)
    one_call(gate)
    assert clock.now == 20.0
    one_call(gate)
    assert clock.now > 21.0, "ten calls in 20 seconds: one in two, and growing"


def test_a_closed_gate_raises_its_first_reason_for_everybody(clock: Clock) -> None:
    gate = Gate(2, FAR, clock)
    reason = AccessRefused("no")
    gate.close(reason)
    gate.close(ConnectWiseDown("later"))
    for _ in range(2):
        with pytest.raises(AccessRefused) as refused:
            one_call(gate)
        assert refused.value is reason


@pytest.mark.parametrize("silence", [True, False])
def test_closing_is_noticed_by_whoever_waits_for_whatever(clock: Clock, *, silence: bool) -> None:
    gate = Gate(1, FAR, clock)
    reason = AccessRefused("no")
    with ExitStack() as other:
        if silence:
            gate.throttled(3600.0)
        else:
            other.enter_context(gate.call())
        clock.meanwhile = lambda: gate.close(reason) if clock.now > 1.0 else None
        with pytest.raises(AccessRefused):
            one_call(gate)
    assert clock.now < 1.5


def test_a_known_budget_is_kept_without_a_refusal(clock: Clock) -> None:
    """Also by the gates of later runs; a call counts for a minute from its answer on."""
    budget = Budget(3)
    for _ in range(4):
        one_call(Gate(8, FAR, clock, budget))
    assert clock.now == 60.0


def test_beyond_a_known_budget_calls_are_put_off_to_the_next_run(clock: Clock) -> None:
    gate = Gate(8, 30.0, clock, Budget(1))
    one_call(gate)
    assert delay_of(lambda: one_call(gate)) == 0.0
