"""A caller that keeps the pace, under a request budget, in time that passes only here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush

from payments.connectwise.pace import Pace
from simulator.budget import Limiter
from simulator.settings import Budget

CONNECTIONS = 16
LATENCY_SECONDS = 0.05
THROTTLED_SECONDS = 0.005  # a refusal comes back sooner
MINUTE_SECONDS = 60.0


@dataclass(slots=True)
class Used:
    """How much of a budget was used; `last_rate` is that of the last five seconds."""

    useful: int = 0
    silences: int = 0
    last_rate: float = 0.0


def minute_under(budget: Budget, then: Budget | None = None) -> Used:
    """Call for a minute, as fast as the pace allows; for a second one under `then`, if given."""
    caller = _Caller(budget)
    caller.call_until(MINUTE_SECONDS)
    if then is not None:
        caller.limiter = Limiter(then, caller.clock)
        caller.call_until(2 * MINUTE_SECONDS)
    recent = [time for time in caller.accepted_at if time > caller.now - 5]
    return Used(len(caller.accepted_at), caller.silences, len(recent) / 5)


class _Caller:
    """Calls in flight, as the gate lets them through: fewer after a silence, then one more each."""

    def __init__(self, budget: Budget) -> None:
        self.now = 0.0
        self.limiter = Limiter(budget, self.clock)
        self.accepted_at: list[float] = []
        self.silences = 0
        self._pace = Pace()
        self._allowed = CONNECTIONS
        self._silent_until = 0.0
        self._in_flight: list[tuple[float, int, float]] = []
        self._calls = 0

    def clock(self) -> float:
        return self.now

    def call_until(self, end: float) -> None:
        while self.now < end:
            start = max(self.now, self._silent_until, self._pace.next_call(self.now))
            answered = self._in_flight[0][0] if self._in_flight else math.inf
            if len(self._in_flight) < self._allowed and start <= answered:
                self.now = start
                self._call()
            else:
                self._answer()

    def _call(self) -> None:
        self._pace.called(self.now)
        wait = math.ceil(self.limiter.wait_seconds())
        takes = THROTTLED_SECONDS if wait else LATENCY_SECONDS
        self._calls += 1
        heappush(self._in_flight, (self.now + takes, self._calls, wait))

    def _answer(self) -> None:
        self.now, _, wait = heappop(self._in_flight)
        if wait:
            if self.now >= self._silent_until:
                self.silences += 1
                self._pace.throttled(self.now, wait)
            self._silent_until = max(self._silent_until, self.now + wait)
            self._allowed = 1
            return
        self.accepted_at.append(self.now)
        if self.now >= self._silent_until:
            self._pace.accepted()
            self._allowed = min(self._allowed + 1, CONNECTIONS)
