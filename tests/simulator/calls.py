"""The record of the calls: a log of the newest, and counts of all."""

import time
from asyncio import BaseTransport
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from weakref import WeakSet

from simulator.answers import Answer
from simulator.routes import Route
from simulator.settings import Settings

_MOST_KEPT = 100_000


@dataclass(slots=True)
class OpenCall:
    """A call as it goes along; moments are `time.monotonic()`."""

    method: str
    path: str
    query: str
    headers: dict[str, str | None]
    body: str
    route: Route
    received: float = field(default_factory=time.monotonic)
    number: int = 0
    in_flight: int = 0
    inside_silence: bool = False
    took_effect: float | None = None
    """None if it was refused, or has not been carried out."""
    answered: float | None = None
    status: int | None = None
    """None while it is open, and if the connection was cut instead of an answer."""

    def as_json(self) -> dict[str, Any]:
        """Return the call as the control API shows it."""
        return {
            "number": self.number,
            "received": self.received,
            "took_effect": self.took_effect,
            "answered": self.answered,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "kind": self.route.kind,
            "body": self.body,
            "status": self.status,
            "in_flight": self.in_flight,
            "inside_silence": self.inside_silence,
            "accept": self.headers["accept"],
            "content_type": self.headers["content_type"],
        }


class CallLog:
    """Every call that came in, but for the control API's."""

    def __init__(self) -> None:
        self._kept: deque[OpenCall] = deque(maxlen=_MOST_KEPT)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._statuses: Counter[int | None] = Counter()
        self._open: dict[int, BaseTransport] = {}
        self._silence = (0.0, 0.0)
        self._number = 0
        self._inside_silence = 0
        self._max_in_flight = 0
        self._seen: WeakSet[BaseTransport] = WeakSet()
        self._connections = 0

    def arrived(self, call: OpenCall, transport: BaseTransport) -> None:
        """Number and count a call that has come in."""
        self._number += 1
        call.number = self._number
        self._open[call.number] = transport
        call.in_flight = self._count_open()
        self._max_in_flight = max(self._max_in_flight, call.in_flight)
        start, end = self._silence
        call.inside_silence = start <= call.received < end
        self._inside_silence += call.inside_silence
        self._counts[call.method, call.route.kind] += 1
        self._count_connection(transport)

    def keep(self, call: OpenCall, settings: Settings) -> None:
        """Remember a call, if the settings want that."""
        if settings.log_calls:
            self._kept.append(call)

    def answered(self, call: OpenCall, answer: Answer | None, settings: Settings) -> None:
        """Note how a call ended; no answer means that the connection was cut."""
        call.answered = time.monotonic()
        call.status = answer.status if answer else None
        self._open.pop(call.number, None)
        self._statuses[call.status] += 1
        if answer and answer.status in (429, 503) and "Retry-After" in answer.headers:
            self._ask_for_silence(answer.headers["Retry-After"], settings.silence_grace_seconds)

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the calls after that number, as far as they are remembered."""
        return [call.as_json() for call in self._kept if call.number > number]

    def counts(self) -> dict[str, Any]:
        """Return the totals since the last clearing."""
        return {
            "calls": [[method, kind, n] for (method, kind), n in self._counts.items()],
            "statuses": [[status, n] for status, n in self._statuses.items()],
            "total": sum(self._counts.values()),
            "in_flight": self._count_open(),
            "max_in_flight": self._max_in_flight,
            "inside_silence": self._inside_silence,
            "connections": self._connections,
        }

    def clear(self) -> None:
        """Forget the calls that have been answered, and start the counts again."""
        self._kept = deque((call for call in self._kept if call.answered is None), _MOST_KEPT)
        self._counts.clear()
        self._statuses.clear()
        self._inside_silence = 0
        self._max_in_flight = self._count_open()
        self._connections = 0

    def _ask_for_silence(self, retry_after: str, grace_seconds: float) -> None:
        now = time.monotonic()
        start, end = self._silence
        if now >= end:
            start = now + grace_seconds
        self._silence = (start, max(end, now + _seconds(retry_after)))

    def _count_connection(self, transport: BaseTransport) -> None:
        if transport not in self._seen:
            self._seen.add(transport)
            self._connections += 1

    def _count_open(self) -> int:
        # Who has hung up waits no longer, even if the call is still being worked on.
        return sum(not transport.is_closing() for transport in self._open.values())


def _seconds(retry_after: str) -> float:
    if retry_after.isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        # Nonsense asks for nothing.
        return 0.0
    return (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
