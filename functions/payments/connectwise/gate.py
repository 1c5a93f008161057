"""One gate for every call to ConnectWise: how many at once, how fast, and when none at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from payments.clock import Clock
from payments.connectwise.budget import Budget
from payments.connectwise.pace import Pace
from payments.errors import ImportStopped, OutOfTime

# Where no Retry-After is given, ConnectWise's developer guide waits 30, 60 and 120 seconds.
DEFAULT_SILENCE_SECONDS = 30.0
MAX_DEFAULT_SILENCE_SECONDS = 120.0
# Who waits looks this often whether the gate was closed, and whether there is room for one more.
_LONGEST_SLEEP_SECONDS = 0.25
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.002, 0.05


class Gate:
    """Let calls through: at most `connections` at once, none while ConnectWise wants silence.

    After a silence the calls come back gradually: one at a time first, one more with each that
    is accepted. `deadline` is the `monotonic` time after which no call may start, `budget` may be
    another gate's before. The lock is never held while somebody waits.
    """

    def __init__(
        self, connections: int, deadline: float, clock: Clock, budget: Budget | None = None
    ) -> None:
        self._connections = connections
        self._budget = budget or Budget(None)
        self._deadline = deadline
        self._clock = clock
        self._lock = threading.Lock()
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
        looks_seconds = _FIRST_LOOK_SECONDS
        while (wait_seconds := self._enter()) is not None:
            self._clock.sleep(min(wait_seconds or looks_seconds, _LONGEST_SLEEP_SECONDS))
            looks_seconds = min(looks_seconds * 2, _LONGEST_LOOK_SECONDS)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1
                self._budget.ended(self._clock.monotonic())

    def accepted(self) -> None:
        """Note that ConnectWise has not throttled a call."""
        with self._lock:
            if self._clock.monotonic() < self._silent_until:
                return  # a call from before the silence says nothing about the time after it
            self._pace.accepted()
            self._default_silence = DEFAULT_SILENCE_SECONDS
            self._allowed = min(self._allowed + 1, self._connections)

    def throttled(self, retry_after_seconds: float | None) -> None:
        """Stop all calls for as long as ConnectWise asks, or for a growing default."""
        with self._lock:
            now = self._clock.monotonic()
            if now >= self._silent_until:  # the first of the calls that were in flight together
                if retry_after_seconds is None:
                    retry_after_seconds = self._default_silence
                    self._default_silence = min(
                        self._default_silence * 2, MAX_DEFAULT_SILENCE_SECONDS
                    )
                self._pace.throttled(now, retry_after_seconds)
            self._silent_until = max(self._silent_until, now + (retry_after_seconds or 0.0))
            self._allowed = 1

    def close(self, reason: ImportStopped) -> None:
        """Let no further call through: `reason` is raised where one would be made."""
        with self._lock:
            self._closed_by = self._closed_by or reason

    def _enter(self) -> float | None:
        """Take permission, and return None; else how long to wait, 0 if only for another call."""
        with self._lock:
            now = self._clock.monotonic()
            start = max(self._silent_until, self._pace.next_call(now), self._budget.next_call(now))
            self._refuse(start, now)
            if start > now:
                return start - now
            if self._in_flight >= self._allowed:
                return 0.0
            self._pace.called(now)
            self._budget.called()
            self._in_flight += 1
            return None

    def _refuse(self, start: float, now: float) -> None:
        """Raise if a call that starts at `start` must not be made."""
        if self._closed_by is not None:
            raise self._closed_by
        if start >= self._deadline:
            raise OutOfTime(delay_seconds=max(0.0, self._silent_until - now))
