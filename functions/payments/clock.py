"""The time, passed in wherever it is needed, so that it can be another one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tell the time and let it pass."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow, within one process."""

    def time(self) -> float:
        """Return seconds since 1970, alike in all processes."""

    def sleep(self, seconds: float) -> None:
        """Let the calling thread wait."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def iso(seconds: float) -> str:
    """Return a time since 1970 in ISO 8601 UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
