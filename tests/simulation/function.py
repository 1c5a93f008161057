"""Lambda and its queue: who is invoked when, with what time, and killed when."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from fakes.sqs import FakeQueue, QueuedMessage
from payments.handler import EventHandler
from simulation.mishaps import Mishaps
from simulation.network import Network
from simulation.scheduler import Process, Scheduler

TIMEOUT_SECONDS = 900.0
"""The template's, as the queue's numbers are."""


class Crashed(Exception):
    """The function has ended with an error, or in disorder."""


class Function:
    """Invoke the program for each message, one after another, as Lambda does for a FIFO queue.

    `build` makes the program in a new process. Each invocation is in the process of the one before
    it, unless that was killed, or chance wants another.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        queue: FakeQueue,
        network: Network,
        mishaps: Mishaps,
        random: Random,
        build: Callable[[Process], EventHandler],
    ) -> None:
        self._scheduler = scheduler
        self._queue = queue
        self._network = network
        self._mishaps = mishaps
        self._random = random
        self._build = build
        self._warm: tuple[Process, EventHandler] | None = None
        self._busy = False
        self.runs = 0
        self.kills = 0

    def poll(self) -> None:
        """Invoke the function if a message is visible; else look again when one is."""
        if self._busy:
            return
        message = self._queue.receive()
        if message is not None:
            self._invoke(message)
        elif (visible_at := self._queue.next_visible()) is not None:
            self._scheduler.at(visible_at, self.poll)

    def _invoke(self, message: QueuedMessage) -> None:
        self._busy = True
        slices, kills = self._mishaps.slices, self._mishaps.kills
        seconds = (slices[self.runs] if self.runs < len(slices) else None) or TIMEOUT_SECONDS
        planned = kills[self.runs] if self.runs < len(kills) else None
        self.runs += 1
        process = self._process()
        ended: list[bool] = []
        left = [planned.call if planned else 0]

        def kill() -> None:
            if not ended:
                ended.append(True)
                self._kill(process)
                if self._mishaps.comes_soon:
                    message.visible_at = self._scheduler.now + self._random.uniform(0.1, 30.0)

        def step(writes: bool) -> None:
            if planned is not None and (writes or not planned.is_write):
                left[0] -= 1
                if left[0] == 0:
                    self._network.hold_up(planned.holds_up)
                    self._scheduler.after(planned.later, kill)

        def run() -> None:
            answer = self._handle(process, message, seconds)
            if not ended:
                ended.append(True)
                self._end(process, message, answer)

        process.step = step
        self._scheduler.start(process, run)
        self._scheduler.after(seconds, kill)

    def _process(self) -> Process:
        if self._warm is not None and self._random.random() >= self._mishaps.cold_starts:
            return self._warm[0]
        self._warm = None
        return Process(f"run {self.runs}")

    def _handle(self, process: Process, message: QueuedMessage, seconds: float) -> Any:
        if self._warm is None:
            self._warm = (process, self._build(process))
        record = {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "eventSource": "aws:sqs",
            "body": message.body,
        }
        try:
            return self._warm[1].handle({"Records": [record]}, seconds)
        except Exception as error:  # noqa: BLE001 # told in the hub, where nobody can catch it
            return error

    def _end(self, process: Process, message: QueuedMessage, answer: Any) -> None:
        if isinstance(answer, Exception):
            self._scheduler.fail(Crashed(repr(answer)))
        elif len(process.tasks) > 1:
            self._scheduler.fail(Crashed(f"{process.name} ends, but not all of its workers"))
        elif not answer["batchItemFailures"]:
            self._queue.delete(message)
        self._next()

    def _kill(self, process: Process) -> None:
        self.kills += 1
        self._network.note("killed", process.name)
        self._network.lose(process)
        self._scheduler.kill(process)
        self._warm = None
        self._next()

    def _next(self) -> None:
        self._busy = False
        self._scheduler.after(self._random.uniform(0.01, 0.5), self.poll)


def announcement(key: str, version: dict[str, str]) -> str:
    """Return the event of an upload as EventBridge words it."""
    return json.dumps(
        {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {
                "bucket": {"name": "bucket"},
                "object": {"key": key, "size": 5, **version},
                "reason": "PutObject",
            },
        }
    )
