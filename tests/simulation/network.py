"""The way of each call: it travels, takes effect, and its answer travels back, or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fakes.connectwise import Call
from fakes.s3 import FakeBody
from fakes.way import Way
from payments.connectwise.wire import Response
from payments.errors import NoAnswer
from simulation.scheduler import Process, Scheduler, Waiting
from simulation.trouble import AwsFate, Fate, Trouble

Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class Message:
    """A call to ConnectWise on its way.

    `lost_at` is when its sender knew that there is no answer, or was killed; `arrived_at` when it
    took effect.
    """

    call: Call
    sender: Process
    sent_at: float
    lost_at: float | None = None
    arrived_at: float | None = None
    ended: bool = False
    killed: bool = False


@dataclass(slots=True)
class Watch:
    """Who is told of what happens; each may raise."""

    sends: Callable[[Message], None] = lambda _: None
    arrives: Callable[[Message, Response], None] = lambda *_: None
    done: Callable[[str, Any], None] = lambda *_: None
    trace: list[tuple[Any, ...]] = field(default_factory=list)


class Network:
    """Carry calls under virtual time, with what `trouble` does to them."""

    def __init__(self, scheduler: Scheduler, trouble: Trouble, watch: Watch) -> None:
        self._scheduler = scheduler
        self._trouble = trouble
        self._watch = watch
        self._sent: list[Message] = []

    def connectwise(self, kind: str, call: Call, effect: Callable[[], Response]) -> Response:
        """Carry a call to ConnectWise; raises NoAnswer."""
        scheduler, process = self._scheduler, self._scheduler.process()
        process.step(call.writes)
        fate = self._trouble.fate(call, scheduler.now)
        message = Message(call, process, scheduler.now)
        self.note("sends", process.name, call)
        try:
            self._watch.sends(message)
        except Exception as problem:  # noqa: BLE001 # raised where nobody can catch it
            scheduler.fail(problem)
        self._sent.append(message)
        own: list[Response] = []

        def arrive() -> None:
            message.arrived_at = scheduler.now
            own.append(effect())
            late = " late" if message.lost_at is not None else ""
            self.note(f"arrives{late}", process.name, call, own[0].status)
            self._watch.arrives(message, own[0])

        def send(waiting: Waiting) -> None:
            if fate.arrives is not None:
                scheduler.after(fate.arrives, arrive)
            scheduler.after(fate.heard, waiting.wake)

        scheduler.wait(send)
        message.ended = True
        return self._heard(message, fate, own)

    def _heard(self, message: Message, fate: Fate, own: list[Response]) -> Response:
        if fate.loses:
            message.lost_at = self._scheduler.now
        if isinstance(fate.instead, str):
            self.note("no answer", message.sender.name, message.call)
            raise NoAnswer(fate.instead)
        answer = fate.instead or own[0]
        self.note("answered", message.sender.name, message.call, answer.status)
        return answer

    def hold_up(self, holds_up: bool) -> None:
        """Let the call that is about to be made take a while, if it is one to ConnectWise."""
        self._trouble.holds_up = holds_up

    def lose(self, process: Process) -> None:
        """Note that whoever waits for answers has been killed."""
        for message in self._sent:
            if message.sender is process and not message.ended:
                message.lost_at = self._scheduler.now
                message.killed = True

    def aws(self, service: str) -> Way:
        """Return the way to a service of AWS."""

        def carry(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
            process = self._scheduler.process()
            process.step(False)
            fate = self._trouble.aws_fate(service, operation, self._scheduler.now)
            outcome = self._travel(process, operation, request, effect, fate)
            if isinstance(outcome, Exception):
                self.note("fails", process.name, operation, repr(outcome))
                raise outcome
            return outcome

        return carry

    def _travel(
        self,
        process: Process,
        operation: str,
        request: Any,
        effect: Callable[[], Answer],
        fate: AwsFate,
    ) -> Answer | Exception:
        scheduler = self._scheduler

        def arrive(waiting: Waiting) -> None:
            outcome: Answer | Exception | None = fate.refused
            for _ in range(0 if outcome else 2 if fate.twice else 1):
                outcome = self._effect(operation, request, effect)
            if not isinstance(outcome, Exception):
                self.note("does", process.name, operation, _about(request))
            outcome = fate.refused_after or _broken(outcome, fate.body_breaks)
            scheduler.after(fate.back, lambda: waiting.wake(outcome))

        def send(waiting: Waiting) -> None:
            scheduler.after(fate.there, lambda: arrive(waiting))

        answer: Answer | Exception = scheduler.wait(send)
        return answer

    def _effect(
        self, operation: str, request: Any, effect: Callable[[], Answer]
    ) -> Answer | Exception:
        try:
            answer = effect()
        except Exception as error:  # noqa: BLE001 # what boto3 raises travels back
            return error
        self._watch.done(operation, request)
        return answer

    def note(self, *what: Any) -> None:
        self._watch.trace.append((self._scheduler.now, *what))


def _broken(outcome: Any, error: Exception | None) -> Any:
    body = outcome.get("Body") if isinstance(outcome, dict) else None
    if error is not None and isinstance(body, FakeBody):
        body.breaks_with = error
    return outcome


def _about(request: Any) -> str:
    """Return what is worth reading of a request to AWS."""
    if "Key" in request and isinstance(request["Key"], str):
        return str(request["Key"])
    names = request.get("ExpressionAttributeValues", {})
    shown = {
        name: names[name] for name in (":status", ":done", ":reach", ":quietUntil") if name in names
    }
    return str(shown or {name: request[name] for name in request if name != "Key"})
