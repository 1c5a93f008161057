"""Keep to a known budget of calls in any minute. Pure: whoever calls says what time it is."""

from __future__ import annotations

from collections import deque

CLOUD_CALLS_PER_MINUTE = 1000
"""What ConnectWise's cloud takes; above it one "will likely" be limited (its developer guide)."""

_SECONDS = 60.0
_A_MOMENT_SECONDS = 0.05


class Budget:
    """At most `calls` calls in any 60 seconds, however ConnectWise counts them; None for no limit.

    A call counts until 60 seconds after its answer: somewhere before that it has arrived there, and
    one that is made then arrives later. Times are in seconds.
    """

    def __init__(self, calls: int | None) -> None:
        self._calls = calls
        self._in_flight = 0
        self._ended: deque[float] = deque()

    @classmethod
    def of(cls, calls_per_minute: int | None, *, is_cloud: bool) -> Budget:
        """Return the budget of a deployment: as it is set, or else as the cloud has it."""
        return cls(calls_per_minute or (CLOUD_CALLS_PER_MINUTE if is_cloud else None))

    def next_call(self, now: float) -> float:
        """Return the time from which the next call may be made."""
        while self._ended and self._ended[0] + _SECONDS <= now:
            self._ended.popleft()
        if self._calls is None or self._in_flight + len(self._ended) < self._calls:
            return now
        return self._ended[0] + _SECONDS if self._ended else now + _A_MOMENT_SECONDS

    def called(self) -> None:
        """Note that a call is made."""
        self._in_flight += 1

    def ended(self, now: float) -> None:
        """Note that a call has been answered, or never will be."""
        self._in_flight -= 1
        if self._calls is not None:
            self._ended.append(now)
