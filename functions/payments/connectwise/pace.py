"""Learn how many calls a second ConnectWise accepts. Pure: whoever calls says what time it is."""

from __future__ import annotations

from math import exp, expm1


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
            self._ceiling = max(self._rate_at(now), self.SLOWEST_RATE)
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
        rate = start - (goal - start) * expm1(-seconds / self.APPROACH_SECONDS)
        return self._grown(rate, self.GROWTH_ABOVE_CEILING, max(seconds - self.HOLD_SECONDS, 0.0))

    def _grown(self, rate: float, growth: float, seconds: float) -> float:
        return rate * exp(min(growth * seconds**2, self._MOST_GROWTH))
