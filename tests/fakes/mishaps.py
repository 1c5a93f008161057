"""What happens to calls on their way to the fakes, planned call by call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakes.clock import VirtualClock
from payments.connectwise.wire import Response
from payments.errors import NoAnswer
from payments.quiet import CALL_SECONDS

Effect = Callable[[], Any]
Mishap = Callable[[Effect], Any]


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class _Plan:
    operation: str
    mishap: Mishap
    times: float
    skip: int
    about: str

    def strikes(self, operation: str, request: Any) -> bool:
        if self.operation not in ("any", operation) or self.times < 1:
            return False
        if self.about and self.about not in str(request):
            return False
        self.skip -= 1
        self.times -= self.skip < 0
        return self.skip < 0


class Mishaps:
    """A way that lets calls through, but those for which something is planned."""

    def __init__(self) -> None:
        self._plans: list[_Plan] = []

    def plan(
        self, operation: str, mishap: Mishap, *, about: str = "", times: float = 1, skip: int = 0
    ) -> None:
        """Let it happen to the next `times` calls that have `about` in their request.

        The operation may be `any`; the first `skip` of such calls go through.
        """
        self._plans.append(_Plan(operation, mishap, times, skip, about))

    def end(self) -> None:
        """Let everything through from now on."""
        self._plans.clear()

    def __call__(self, operation: str, request: Any, effect: Effect) -> Any:
        for plan in self._plans:
            if plan.strikes(operation, request):
                return plan.mishap(effect)
        return effect()


def kill(effect: Effect) -> Any:
    """End the process before the call arrives."""
    raise Killed


def kill_after(effect: Effect) -> Any:
    """End the process when the call has taken effect, or was refused."""
    try:
        effect()
    finally:
        raise Killed


def raising(error: Exception) -> Mishap:
    """Let the call fail instead of arriving."""

    def mishap(effect: Effect) -> Any:
        raise error

    return mishap


def slow(clock: VirtualClock, seconds: float) -> Mishap:
    """Let the call take so long."""

    def mishap(effect: Effect) -> Any:
        clock.sleep(seconds)
        return effect()

    return mishap


def answering(response: Response) -> Mishap:
    """Let something else answer, so that the call does not arrive."""
    return lambda effect: response


def lost(clock: VirtualClock, arrives_after: float | None = None) -> Mishap:
    """Let the sender wait in vain; the call arrives that much later, or never."""

    def mishap(effect: Effect) -> Any:
        if arrives_after is not None:
            clock.after(arrives_after, effect)
        clock.sleep(CALL_SECONDS)
        raise NoAnswer("timeout")

    return mishap
