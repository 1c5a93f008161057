"""One gate for every call to ConnectWise: how many at once, how fast, and when none at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from payments.errors import ImportStopped, OutOfTime

DEFAULT_SILENCE_SECONDS = 5.0
MAX_DEFAULT_SILENCE_SECONDS = 120.0


class Pace:
    """Learn from throttling how many calls a second ConnectWise accepts, and keep below it.

    Without throttling there is no limit. From one throttling to the next, silence included,
    ConnectWise has accepted what its budget is; that becomes the rate. After a while without
    throttling the rate grows again: it was measured too low if part of the budget was lost in a
    silence, and the budget may have grown. Times are in seconds.
    """

    HOLD_SECONDS = 2.0
    GROWTH_PER_SECOND = 1.05
    CUT = 0.9
    MOST_ABOVE_MEASURED = 1.25
    SLOWEST_RATE = 0.2

    def __init__(self) -> None:
        self._rate: float | None = None
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

    def accepted(self) -> None:
        """Note that ConnectWise has accepted a call."""
        self._accepted += 1

    def throttled(self, now: float) -> None:
        """Note that ConnectWise has asked for silence, and learn the rate."""
        if self._cycle_start is not None and not self._accepted:
            return  # called again too early: nothing learnt, the cycle goes on
        if self._cycle_start is not None:
            measured = self._accepted / max(now - self._cycle_start, 1.0)
            if self._rate is not None and now > self._learned_at + self.HOLD_SECONDS:
                # Grown just beyond the budget; what was measured is also what we have held back.
                grown = self._rate_at(now) * self.CUT
                measured = min(max(measured, grown), measured * self.MOST_ABOVE_MEASURED)
            self._rate = max(measured, self.SLOWEST_RATE)
            self._learned_at = now
        self._cycle_start = now
        self._accepted = 0

    def _rate_at(self, now: float) -> float:
        assert self._rate is not None
        growing_for = min(max(now - self._learned_at - self.HOLD_SECONDS, 0.0), 300.0)
        return self._rate * float(self.GROWTH_PER_SECOND**growing_for)


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
                self._pace.throttled(now)
                if retry_after_seconds is None:
                    retry_after_seconds = self._default_silence
                    self._default_silence = min(
                        self._default_silence * 2, MAX_DEFAULT_SILENCE_SECONDS
                    )
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
