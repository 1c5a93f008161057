"""Time that passes only while somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

EPOCH = 1_750_000_000.0
"""When it begins, in seconds since 1970."""


class VirtualClock:
    """The time of a single thread; what was planned happens on the way."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH + self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + max(seconds, 0.0)
        assert until < float("inf"), "nobody would ever go on"
        while self._planned and self._planned[0][0] <= until:
            at, _, action = heappop(self._planned)
            self.now = max(self.now, at)
            action()
        self.now = max(self.now, until)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Plan something for that much later."""
        heappush(self._planned, (self.now + seconds, next(self._numbers), action))
