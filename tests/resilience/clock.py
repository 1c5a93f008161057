"""A clock that stands still but for what happens."""

from __future__ import annotations

POINT_SECONDS = 1.0


class Clock:
    """Stand in for `monotonic`: every point that is passed takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        """Let the time of one call pass."""
        self.now += POINT_SECONDS
