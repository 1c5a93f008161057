"""Threads that do jobs, and tell when one has ended; passed in, so that they can be others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended: what it was started with, and what came of it."""

    tag: Any
    result: Any = None
    error: BaseException | None = None


class Workers(Protocol):
    """Do jobs at the same time, as many as there are workers; further ones wait their turn."""

    def start(self, tag: Any, job: Callable[[], Any]) -> None:
        """Do `job` as soon as a worker is free."""

    def next_ended(self, timeout_seconds: float) -> Ended | None:
        """Return a job that has ended, None if none does within that time."""

    def close(self) -> None:
        """Wait for the jobs that are being done, and drop those that are not begun."""


class ThreadWorkers:
    """Workers that are threads of this process."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self._ended: SimpleQueue[Ended] = SimpleQueue()

    def start(self, tag: Any, job: Callable[[], Any]) -> None:
        self._pool.submit(self._do, tag, job)

    def next_ended(self, timeout_seconds: float) -> Ended | None:
        try:
            return self._ended.get(timeout=max(timeout_seconds, 0.0))
        except Empty:
            return None

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _do(self, tag: Any, job: Callable[[], Any]) -> None:
        try:
            ended = Ended(tag, job())
        except BaseException as error:  # noqa: BLE001 # whoever asks for the result gets it
            ended = Ended(tag, error=error)
        self._ended.put(ended)
