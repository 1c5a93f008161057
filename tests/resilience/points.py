"""The one place that every input and output of a run passes, before and after its effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from resilience.clock import Clock
from resilience.schedule import Schedule


class Killed(BaseException):
    """The run is dead: nothing that it still tries has an effect."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a run, at which of its points, counted from 1.

    `kill_where` is a pattern for points instead: something there ends every run.
    `meanwhile` is what others do while the run is frozen at `pause_at`.
    """

    kill_at: int | None = None
    kill_where: str | None = None
    pause_at: int | None = None
    meanwhile: Callable[[], None] | None = None

    def kills_at(self, number: int, where: str) -> bool:
        """Tell whether the run ends at this point."""
        return number == self.kill_at or bool(self.kill_where and re.search(self.kill_where, where))


UNDISTURBED = Plan()

Trouble = Callable[[str, bool], None]
"""Is told of each call before its effect (True) and after it (False), and may raise."""


def no_trouble(_call: str, _before: bool) -> None:
    """Let everything work."""


class Points:
    """Count the points of one run, and do there what its plan says."""

    def __init__(
        self, schedule: Schedule, clock: Clock, plan: Plan, aws_trouble: Trouble = no_trouble
    ) -> None:
        self.passed: list[str] = []
        self._aws_trouble = aws_trouble
        self._schedule = schedule
        self._clock = clock
        self._plan = plan
        self._killed = False

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """Surround the effect of a call.

        Of the calls that were under way when the run was killed, some arrive all the same.
        """
        self._pass(f"before {what}", may_land=True)
        yield
        self._pass(f"after {what}")

    @contextmanager
    def around_aws(self, what: str) -> Iterator[None]:
        """Surround the effect of a call to AWS, which may be in trouble."""
        with self.around(what):
            self._aws_trouble(what, True)
            yield
            self._aws_trouble(what, False)

    def shuffle(self, several: list[Any]) -> None:
        """Put what happens in no particular order into one."""
        self._schedule.random.shuffle(several)

    def _pass(self, where: str, may_land: bool = False) -> None:
        if self._killed:
            raise Killed
        self._clock.tick()
        self.passed.append(where)
        if self._plan.kills_at(len(self.passed), where):
            self._killed = True
            raise Killed
        if len(self.passed) == self._plan.pause_at and self._plan.meanwhile:
            self._plan.meanwhile()
        self._schedule.switch()
        if self._killed and not (may_land and self._schedule.random.random() < 0.5):
            raise Killed
