"""One gate for every call to ConnectWise: how many at once, how fast, and when none at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import exp
from time import monotonic

from payments.errors import ImportStopped, OutOfTime

DEFAULT_SILENCE_SECONDS = 5.0
MAX_DEFAULT_SILENCE_SECONDS = 120.0


class Pace:
    """Learn from throttling how many calls a second ConnectWise accepts, and keep just below it.

    Until the first throttling there is no limit. A cycle goes from the end of one silence to the
    end of the next. What was accepted in it, silence included, ConnectWise surely accepts; the
    pace at which it throttled is surely too much. After a silence the pace goes from the one to
    just below the other, and stays there. While no ceiling is known, and again after a long time
    below it (the budget may have grown), it grows faster and faster, carefully at first. Times are
    in seconds.
    """

    BELOW_CEILING = 0.94
    APPROACH_SECONDS = 2.5
    HOLD_SECONDS = 40.0
    GROWTH = 0.18
    GROWTH_ABOVE_CEILING = 0.005
    SLOWEST_RATE = 0.2
    _MOST_GROWTH = 15.0  # a factor of three million: keeps the number finite

    def __init__(self) -> None:
        self._rate: float | None = None
        self._ceiling: float | None = None
        self._learned_at = 0.0
        self._cycle_start: float | None = None
        self._accepted = 0
        self._last_call = float("-inf")

    def next_call(self, now: float) -> float:
        """Return the time from which the next call may be made."""
        return now if self._rate is None else self._last_call + 1 / self._rate_at(now)

    def called(self, now: float) -> None:
        """Note that a call is made now."""
        self._last_call = now
        if self._cycle_start is None:
            self._cycle_start = now

    def accepted(self) -> None:
        """Note that ConnectWise has accepted a call."""
        self._accepted += 1

    def throttled(self, now: float, silence_seconds: float) -> None:
        """Note that ConnectWise has asked for silence, and learn from the cycle that it ends."""
        if not self._accepted or self._cycle_start is None:
            return  # called again too early: nothing learnt, the cycle goes on
        end = now + silence_seconds
        if self._rate is not None:
            self._ceiling = self._rate_at(now)
        self._rate = max(self._accepted / max(end - self._cycle_start, 1.0), self.SLOWEST_RATE)
        self._learned_at = self._cycle_start = end
        self._accepted = 0

    def _rate_at(self, now: float) -> float:
        assert self._rate is not None
        seconds = max(now - self._learned_at, 0.0)
        if self._ceiling is None:
            return self._grown(self._rate, self.GROWTH, seconds)
        goal = self._ceiling * self.BELOW_CEILING
        start = min(self._rate, goal)
        rate = goal - (goal - start) * exp(-seconds / self.APPROACH_SECONDS)
        return self._grown(rate, self.GROWTH_ABOVE_CEILING, max(seconds - self.HOLD_SECONDS, 0.0))

    def _grown(self, rate: float, growth: float, seconds: float) -> float:
        return rate * exp(min(growth * seconds**2, self._MOST_GROWTH))


class Gate:
    """Let calls through: at most `connections` at once, none while ConnectWise wants silence.

    After a silence the calls come back gradually: one at a time first, one more with each that
    is accepted. `deadline` is the `monotonic` time after which no call may start.
    """

    def __init__(
        self, connections: int, deadline: float, now: Callable[[], float] = monotonic
    ) -> None:
        self._connections = connections
        self._deadline = deadline
        self._now = now
        self._changed = threading.Condition()
        self._pace = Pace()
        self._allowed = connections
        self._in_flight = 0
        self._silent_until = float("-inf")
        self._default_silence = DEFAULT_SILENCE_SECONDS
        self._closed_by: ImportStopped | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Wait for permission to make one call, and hold it while the call is made.

        Raises OutOfTime if that would be after the deadline, and what the gate was closed with.
        """
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def accepted(self) -> None:
        """Note that ConnectWise has not throttled a call."""
        with self._changed:
            if self._now() < self._silent_until:
                return  # a call from before the silence says nothing about the time after it
            self._pace.accepted()
            self._default_silence = DEFAULT_SILENCE_SECONDS
            if self._allowed < self._connections:
                self._allowed += 1
                self._changed.notify_all()

    def throttled(self, retry_after_seconds: float | None) -> None:
        """Stop all calls for as long as ConnectWise asks, or for a growing default."""
        with self._changed:
            now = self._now()
            if now >= self._silent_until:  # the first of the calls that were in flight together
                if retry_after_seconds is None:
                    retry_after_seconds = self._default_silence
                    self._default_silence = min(
                        self._default_silence * 2, MAX_DEFAULT_SILENCE_SECONDS
                    )
                self._pace.throttled(now, retry_after_seconds)
            self._silent_until = max(self._silent_until, now + (retry_after_seconds or 0.0))
            self._allowed = 1

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the deadline, nor once the gate is closed."""
        until = self._now() + seconds
        with self._changed:
            while (now := self._now()) < until:
                self._refuse(until)
                self._changed.wait(until - now)
            self._refuse(until)

    def close(self, reason: ImportStopped) -> None:
        """Let no further call through: `reason` is raised where one would be made."""
        with self._changed:
            self._closed_by = self._closed_by or reason
            self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            while True:
                now = self._now()
                start = max(now, self._silent_until, self._pace.next_call(now))
                self._refuse(start)
                if start <= now and self._in_flight < self._allowed:
                    break
                self._changed.wait(start - now if start > now else None)
            self._pace.called(now)
            self._in_flight += 1

    def _refuse(self, start: float) -> None:
        """Raise if a call that starts at `start` must not be made."""
        if self._closed_by is not None:
            raise self._closed_by
        if start >= self._deadline:
            raise OutOfTime(delay_seconds=max(0.0, self._silent_until - self._now()))
