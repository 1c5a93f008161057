"""Greenlets that take turns under virtual time; a seeded chance decides ties."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from payments.workers import Ended

EPOCH = 1_750_000_000.0
"""When virtual time begins, in seconds since 1970."""

LEAST_SECONDS = 1e-6
"""No wait is shorter: between two looks at a clock some time passes."""

MOST_EVENTS = 100_000


class Killed(BaseException):
    """The process is dead: nothing that it still tries has an effect."""


class Stuck(Exception):
    """Virtual time does not get further."""


@dataclass(eq=False, slots=True)
class Process:
    """Tasks that live and die together; `step` is told of each of their calls, and whether
    it is a write to a payment.
    """

    name: str
    step: Callable[[bool], None] = lambda _: None
    dead: bool = False
    tasks: dict[Task, None] = field(default_factory=dict)


class Task(greenlet):
    """A greenlet of a process."""

    def __init__(self, process: Process, work: Callable[[Any], None], hub: greenlet) -> None:
        super().__init__(work, hub)
        self.process = process
        self.waits = 0


class Waiting:
    """A task that waits for one answer: the first that comes."""

    __slots__ = ("_task", "_ticket")

    def __init__(self, task: Task) -> None:
        self._task = task
        self._ticket = task.waits

    def is_over(self) -> bool:
        """Tell whether the task waits no more for this."""
        return self._task.waits != self._ticket or self._task.process.dead

    def wake(self, answer: Any = None) -> None:
        """Let the task go on with the answer; call it from the hub."""
        if not self.is_over():
            self._task.waits += 1
            self._task.switch(answer)


class Scheduler:
    """Virtual time, and what happens when. Tasks only switch to the hub, never to each other."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.events = 0
        self._heap: list[tuple[float, float, int, Callable[[], None]]] = []
        self._numbered = 0
        self._hub = getcurrent()
        self._processes: dict[Process, None] = {}
        self._ends = False

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Do something in the hub at that time; of the same time, in a random order."""
        self._numbered += 1
        heappush(self._heap, (time, self.random.random(), self._numbered, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something in the hub that much later."""
        self.at(self.now + seconds, action)

    def run(self, until: float = float("inf")) -> None:
        """Let everything happen until that time, or until `stop`."""
        heap = self._heap
        self._ends = False
        while heap and heap[0][0] <= until and not self._ends:
            self.events += 1
            if self.events > MOST_EVENTS:
                raise Stuck(f"more than {MOST_EVENTS} events until {self.now:.0f} s")
            time, _, _, action = heappop(heap)
            self.now = max(self.now, time)
            action()

    def stop(self) -> None:
        """Let nothing happen any more."""
        self._ends = True

    def abandon(self) -> None:
        """Throw everything away."""
        self._heap.clear()
        for process in self._processes:
            self.kill(process)

    def fail(self, problem: Exception) -> None:
        """Raise from the hub, where nobody can catch it."""

        def throw() -> None:
            raise problem

        self.at(-1.0, throw)

    def start(self, process: Process, work: Callable[[], None]) -> None:
        """Begin a task now, but not before others that are to go on now as well."""

        def live(_: None) -> None:
            try:
                work()
            except Killed:
                pass
            finally:
                process.tasks.pop(task, None)

        task = Task(process, live, self._hub)
        process.tasks[task] = None
        self._processes[process] = None
        self.after(0.0, Waiting(task).wake)

    def kill(self, process: Process) -> None:
        """Throw away everything that the process does; call it from the hub."""
        process.dead = True
        for task in list(process.tasks):
            if task:  # it has begun
                task.throw(Killed)
                assert task.dead, "a killed task has gone on"
        process.tasks.clear()

    def wait(self, prepare: Callable[[Waiting], None]) -> Any:
        """Let the others go on until what `prepare` has been given is woken; return the answer."""
        task = getcurrent()
        assert isinstance(task, Task), "only tasks can wait"
        if task.process.dead:
            raise Killed
        prepare(Waiting(task))
        answer = self._hub.switch()
        if task.process.dead:
            raise Killed
        return answer

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass for the current task."""
        self.wait(lambda waiting: self.after(max(seconds, LEAST_SECONDS), waiting.wake))

    def process(self) -> Process:
        """Return the process of the current task; raises Killed if it is dead."""
        task = getcurrent()
        assert isinstance(task, Task), "only tasks have a process"
        if task.process.dead:
            raise Killed
        return task.process


@dataclass(frozen=True, slots=True)
class SimClock:
    """The time as one process sees it."""

    scheduler: Scheduler
    started_at: float = 0.0

    def monotonic(self) -> float:
        return self.scheduler.now - self.started_at

    def time(self) -> float:
        return EPOCH + self.scheduler.now

    def sleep(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)


class SimWorkers:
    """Workers that are greenlets of the process that has made them."""

    def __init__(self, scheduler: Scheduler, count: int) -> None:
        self._scheduler = scheduler
        self._process = scheduler.process()
        self._count = count
        self._busy = 0
        self._jobs: deque[tuple[Any, Callable[[], Any]]] = deque()
        self._ended: deque[Ended] = deque()
        self._waiting: Waiting | None = None

    def start(self, tag: Any, job: Callable[[], Any]) -> None:
        self._jobs.append((tag, job))
        if self._busy < self._count:
            self._busy += 1
            self._scheduler.start(self._process, self._work)

    def next_ended(self, timeout_seconds: float) -> Ended | None:
        if not self._ended:
            self._wait(timeout_seconds)
        return self._ended.popleft() if self._ended else None

    def close(self) -> None:
        self._jobs.clear()
        while self._busy:
            self._wait(float("inf"))

    def _wait(self, seconds: float) -> None:
        def prepare(waiting: Waiting) -> None:
            self._waiting = waiting
            if seconds != float("inf"):
                self._scheduler.after(max(seconds, LEAST_SECONDS), waiting.wake)

        self._scheduler.wait(prepare)

    def _work(self) -> None:
        while self._jobs:
            tag, job = self._jobs.popleft()
            try:
                ended = Ended(tag, job())
            except Exception as error:  # noqa: BLE001 # whoever asks for the result gets it
                ended = Ended(tag, error=error)
            self._ended.append(ended)
            self._tell()
        self._busy -= 1
        self._tell()

    def _tell(self) -> None:
        if self._waiting is not None:
            self._scheduler.after(0.0, self._waiting.wake)
