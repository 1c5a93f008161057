"""Workers without threads: a seed decides in which order jobs are done."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from fakes.clock import VirtualClock
from payments.workers import Ended


class SeededWorkers:
    """Do one job at a time, in the thread that waits for one; any of the first `count`."""

    def __init__(self, clock: VirtualClock, random: Random, count: int) -> None:
        self._clock = clock
        self._random = random
        self._count = count
        self._jobs: list[tuple[Any, Callable[[], Any]]] = []

    def start(self, tag: Any, job: Callable[[], Any]) -> None:
        self._jobs.append((tag, job))

    def next_ended(self, timeout_seconds: float) -> Ended | None:
        if not self._jobs:
            self._clock.sleep(timeout_seconds)
            return None
        tag, job = self._jobs.pop(self._random.randrange(min(self._count, len(self._jobs))))
        try:
            return Ended(tag, job())
        except Exception as error:  # noqa: BLE001 # whoever asks for the result gets it
            return Ended(tag, error=error)

    def close(self) -> None:
        self._jobs.clear()
