"""Failures on demand: which calls they strike, and what happens to those."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulator.answers import JSON_TYPE, Answer


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure. A call is struck if everything that is given matches."""

    method: str | None = None
    path: str | None = None
    """A regular expression, searched for in path and query."""
    body: str | None = None
    """A regular expression, searched for in the call's body."""
    times: int | None = 1
    """How many calls are struck; None for all."""
    skip: int = 0
    """How many matching calls get through first."""
    probability: float = 1.0

    after: bool = False
    """Whether the call takes effect before it fails: a write is done, and its answer is lost."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    reset: bool = False
    """Cut the connection with a TCP reset."""
    hang_seconds: float = 0.0
    """Say nothing for so long, then cut the connection."""
    delay_seconds: float = 0.0
    """Wait before the call is handled: it takes effect late, and is answered."""
    appear: Mapping[str, Any] | None = None
    """A payment that somebody else records on the invoice just before the call is handled."""

    def cuts(self) -> bool:
        """Tell whether the connection is cut instead of an answer."""
        return self.reset or self.hang_seconds > 0

    def own_answer(self) -> Answer | None:
        """Return what is answered instead of the truth, or None."""
        if self.status is None:
            return None
        headers = {name.title(): value for name, value in self.headers.items()}
        return Answer(self.status, self.answer, headers, headers.pop("Content-Type", JSON_TYPE))


class FaultBook:
    """The faults in force, in the order in which they were added; the first that strikes wins."""

    def __init__(self) -> None:
        self._active: dict[int, _Active] = {}
        self._last = 0

    def add(self, fault: Fault) -> int:
        """Put a fault in force and return its number."""
        self._last += 1
        self._active[self._last] = _Active(fault, random.Random(self._last))
        return self._last

    def struck(self) -> dict[int, int]:
        """Return how many calls each fault has struck."""
        return {number: active.struck for number, active in self._active.items()}

    def strike(self, method: str, path: str, body: str) -> Fault | None:
        """Return the fault that strikes a call, or None."""
        for active in self._active.values():
            if active.matches(method, path, body) and active.strikes():
                return active.fault
        return None


class _Active:
    """A fault and how often it has struck."""

    def __init__(self, fault: Fault, dice: random.Random) -> None:
        self.fault = fault
        self._dice = dice
        self.struck = 0
        self._passed = 0
        self._path = re.compile(fault.path or "")
        self._body = re.compile(fault.body or "")

    def matches(self, method: str, path: str, body: str) -> bool:
        if self.fault.method not in (None, method):
            return False
        return bool(self._path.search(path) and self._body.search(body))

    def strikes(self) -> bool:
        if self.fault.times is not None and self.struck >= self.fault.times:
            return False
        if self._passed < self.fault.skip:
            self._passed += 1
            return False
        if self._dice.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True


_NAMES = frozenset(entry.name for entry in fields(Fault))


def read_fault(values: Mapping[str, Any]) -> Fault:
    """Make a fault of the control API's JSON; raise `ValueError` for an unknown field."""
    unknown = sorted(values.keys() - _NAMES)
    if unknown:
        raise ValueError(f"a fault has no {', '.join(unknown)}")
    for pattern in (values.get("path"), values.get("body")):
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {pattern}: {error}") from error
    return Fault(**{name: _plain(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    # JSON numbers come as Decimal; durations and probabilities are reckoned in float.
    return value if isinstance(value, str | int | dict) or value is None else float(value)
