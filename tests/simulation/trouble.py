"""What happens to each call: how long it takes, whether it arrives, what comes back."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from fakes.connectwise import Call, answer, error, page_of_html
from fakes.dynamodb import client_error
from payments.connectwise.wire import Response
from payments.quiet import CALL_SECONDS, SETTLE_SECONDS
from simulation.mishaps import SINGLE, Form, Mishaps, Outage

NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one call to ConnectWise.

    It takes effect `arrives` seconds after it was sent, or never. The caller hears something after
    `heard` seconds: the answer, or `instead` of it another one, or that there is none. `loses`:
    that does not tell whether the call has taken effect.
    """

    arrives: float | None
    heard: float
    instead: Response | str | None = None
    loses: bool = False


@dataclass(frozen=True, slots=True)
class AwsFate:
    """What happens to one call to AWS: refused before or after its effect, or made twice."""

    there: float
    back: float
    refused: Exception | None = None
    refused_after: Exception | None = None
    twice: bool = False
    body_breaks: Exception | None = None


class Trouble:
    """Say what happens to each call; `holds_up`: the next one to ConnectWise takes a while."""

    def __init__(self, mishaps: Mishaps, random: Random) -> None:
        self.mishaps = mishaps
        self.holds_up = False
        self._random = random

    def fate(self, call: Call, now: float) -> Fate:
        """Return what happens to a call to ConnectWise."""
        fate = self._normal()
        if self._is_poisoned(call):
            arrives = fate.arrives if self.mishaps.poison_works else None
            return Fate(
                arrives, fate.heard, error(500, "InternalError", "Object reference not set")
            )
        if self.holds_up:
            self.holds_up = False
            arrives = self._random.uniform(0.1, SETTLE_SECONDS)
            return Fate(arrives, CALL_SECONDS, NO_ANSWER, loses=True)
        form = self._form(call, now)
        return fate if form is None else self._failing(form, fate)

    def aws_fate(self, service: str, operation: str, now: float) -> AwsFate:
        """Return what happens to a call to AWS."""
        random, mishaps = self._random, self.mishaps
        there, back = random.uniform(0.002, 0.03), random.uniform(0.002, 0.03)
        outage = self._outage(service, operation, None, now)
        chance = outage.share if outage else mishaps.aws if now < mishaps.ends else 0.0
        if random.random() >= chance:
            return AwsFate(there, back)
        refusal = random.choice(_REFUSALS)(operation)
        if outage or random.random() < 0.4:
            return AwsFate(there, back, refused=refusal)
        kind = random.random()
        if operation == "GetObject" and kind < 0.5:
            return AwsFate(there, back, body_breaks=random.choice(_BREAKS)())
        if kind < 0.7:
            return AwsFate(there, back, refused_after=random.choice(_REFUSALS_AFTER)(operation))
        return AwsFate(there, back, twice=True)

    def at_once(self) -> int:
        """Return how many items of a batch DynamoDB processes."""
        return self._random.choice((1, 100)) if self.mishaps.aws else 100

    def _is_poisoned(self, call: Call) -> bool:
        mishaps = self.mishaps
        return call.invoice_id in mishaps.poisoned and (call.writes or mishaps.poisons_reads)

    def _form(self, call: Call, now: float) -> Form | None:
        outage = self._outage("connectwise", call.kind, call.invoice_id, now)
        if outage is not None and self._random.random() < outage.share:
            return outage.form
        if now >= self.mishaps.ends:
            return None
        chance = self._random.random()
        if call.writes and chance < self.mishaps.busy:
            return Form.BUSY
        return self._random.choice(SINGLE) if chance < self.mishaps.lost else None

    def _outage(self, service: str, kind: str, invoice_id: int | None, now: float) -> Outage | None:
        for outage in self.mishaps.outages:
            if outage.strikes(service, kind, invoice_id, now):
                return outage
        return None

    def _normal(self) -> Fate:
        random = self._random
        arrives = random.uniform(0.02, 0.3)
        if random.random() < 0.02:
            arrives = random.uniform(1.0, 20.0)
        return Fate(arrives, arrives + random.uniform(0.02, 0.2))

    def _failing(self, form: Form, fate: Fate) -> Fate:
        random = self._random
        if form in (Form.RESET, Form.TIMEOUT):
            heard = CALL_SECONDS if form is Form.TIMEOUT else random.uniform(0.05, 3.0)
            return Fate(self._late(heard), heard, NO_ANSWER, loses=True)
        if form is Form.NO_CONNECTION:
            return Fate(None, random.uniform(0.01, 5.0), NO_ANSWER, loses=True)
        if form is Form.UNREADABLE:
            return Fate(fate.arrives, fate.heard, random.choice(_ODD)())
        if form in _MAY_ARRIVE:
            return Fate(self._late(fate.heard), fate.heard, _ANSWERS[form](random), loses=True)
        loses = form in (Form.UNAVAILABLE, Form.OTHER_PAGE)
        return Fate(None, fate.heard, _ANSWERS[form](random), loses)

    def _late(self, heard: float) -> float | None:
        """Return when a message without an answer arrives: never, now, later or much later."""
        random = self._random
        if random.random() < 0.3:
            return None
        if random.random() < 0.4:
            return random.uniform(0.01, heard)
        if random.random() >= self.mishaps.late:
            return heard + random.choice((random.uniform(0.1, 3.0), random.uniform(3.0, 29.5)))
        return (
            heard
            + SETTLE_SECONDS
            + random.choice((10.0, 60.0, 60.0, 600.0, 7200.0)) * random.random()
        )


_MAY_ARRIVE = frozenset((Form.GATEWAY, Form.SERVER_ERROR_PAGE))

_ANSWERS: dict[Form, Callable[[Random], Response]] = {
    Form.GATEWAY: lambda random: page_of_html(random.choice((502, 504))),
    Form.UNAVAILABLE: lambda _: page_of_html(503),
    Form.SERVER_ERROR_PAGE: lambda _: page_of_html(500),
    Form.OTHER_PAGE: lambda random: page_of_html(random.choice((400, 405, 409, 421, 499))),
    Form.BUSY: lambda _: error(409, "Conflict", "The record is in use"),
    Form.UNAUTHORIZED: lambda random: error(random.choice((401, 403)), "Unauthorized", "No"),
    Form.THROTTLED: lambda random: answer(
        429,
        {"code": "TooManyRequests", "message": "Slow down"},
        **random.choice(({}, {"Retry_After": str(random.randint(1, 40))})),
    ),
}
_ODD: Sequence[Callable[[], Response]] = (
    lambda: answer(200, {}),
    lambda: answer(200, None),
    lambda: page_of_html(200),
    lambda: answer(200, "é" * 100),
)


def _endpoint(kind: Any) -> Callable[[str], Exception]:
    return lambda _: kind(endpoint_url="https://aws")


_REFUSALS: Sequence[Callable[[str], Exception]] = (
    lambda operation: client_error("InternalServerError", operation),
    lambda operation: client_error("SlowDown", operation),
    lambda operation: client_error("ThrottlingException", operation),
    lambda operation: client_error("ServiceUnavailable", operation),
    _endpoint(EndpointConnectionError),
)
_REFUSALS_AFTER: Sequence[Callable[[str], Exception]] = (
    lambda operation: client_error("InternalServerError", operation),
    _endpoint(ReadTimeoutError),
    _endpoint(ConnectionClosedError),
)
_BREAKS: Sequence[Callable[[], Exception]] = (
    lambda: ResponseStreamingError(error="broken"),
    lambda: ssl.SSLError("bad record"),
    lambda: ReadTimeoutError(endpoint_url="https://aws"),
)
