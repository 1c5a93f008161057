"""Threads that take turns: one runs at a time, and a seeded choice says which goes on.

With it an import that uses several threads does the same each time, whatever the machine does,
and another seed is another interleaving.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

_Result = TypeVar("_Result")


@dataclass(eq=False, slots=True)
class _Turn:
    """A thread that waits for its turn, and whether it could go on."""

    ready: Callable[[], bool]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.lock.acquire()


class Schedule:
    """Say which of the threads goes on."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._turns: list[_Turn] = []

    def switch(self) -> None:
        """Let another thread go on, or this one."""
        self.wait_until(_always)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Let the others go on until `ready`, and as much longer as it happens."""
        turn = _Turn(ready)
        self._turns.append(turn)
        chosen = self._choose()
        if chosen is not turn:
            chosen.lock.release()
            turn.lock.acquire()

    def start(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread of its own, when it is its turn."""
        turn = _Turn(_always)

        def run() -> None:
            turn.lock.acquire()
            work()
            self._choose().lock.release()

        self._turns.append(turn)
        threading.Thread(target=run, daemon=True).start()

    def _choose(self) -> _Turn:
        able = [turn for turn in self._turns if turn.ready()]
        chosen = able[0] if len(able) == 1 else self.random.choice(able)
        self._turns.remove(chosen)
        return chosen


class ScheduledFuture(Future[_Result]):
    """A future whose result is waited for by letting the other threads go on."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def result(self, timeout: float | None = None) -> _Result:
        self.schedule.wait_until(self.done)
        return super().result(timeout)


class ScheduledExecutor:
    """What stands in for a ThreadPoolExecutor."""

    def __init__(self, schedule: Schedule, workers: int) -> None:
        self._schedule = schedule
        self._workers = workers
        self._busy = 0
        self._waiting: deque[tuple[ScheduledFuture[Any], Callable[[], Any]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._schedule.wait_until(lambda: self._busy == 0)

    def submit(self, function: Callable[..., _Result], *args: Any) -> ScheduledFuture[_Result]:
        future: ScheduledFuture[_Result] = ScheduledFuture(self._schedule)
        self._waiting.append((future, lambda: function(*args)))
        if self._busy < self._workers:
            self._busy += 1
            self._schedule.start(self._work)
        return future

    def _work(self) -> None:
        while self._waiting:
            future, call = self._waiting.popleft()
            self._schedule.switch()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 # as ThreadPoolExecutor does
                future.set_exception(error)
            else:
                future.set_result(result)
        self._busy -= 1


_Futures = set[ScheduledFuture[Any]]


def scheduled_wait(
    futures: Collection[ScheduledFuture[Any]],
    timeout: float | None = None,
    return_when: str = "ALL_COMPLETED",
) -> tuple[_Futures, _Futures]:
    """Stand in for `concurrent.futures.wait`; a timeout passes whenever it happens to."""

    def ended() -> bool:
        if timeout is not None or all(future.done() for future in futures):
            return True
        return return_when == "FIRST_EXCEPTION" and any(_failed(future) for future in futures)

    for future in futures:
        future.schedule.wait_until(ended)
        break
    done = {future for future in futures if future.done()}
    return done, set(futures) - done


def _failed(future: ScheduledFuture[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None


def _always() -> bool:
    return True
