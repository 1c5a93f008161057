"""Failures on demand: which calls they strike, and what happens to those."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulator.answers import JSON_TYPE, Answer
from simulator.calls import OpenCall
from simulator.forms import FORMS, Form

_AS_USUAL = Form()


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure. A call is struck if everything that is given matches."""

    method: str | None = None
    kind: str | None = None
    """The kind of call, as in the record of the calls: `payment-create`, for example."""
    invoice: int | None = None
    """Calls on this invoice and its payments; a look at many invoices is none of them."""
    path: str | None = None
    """A regular expression, searched for in path and query."""
    body: str | None = None
    """A regular expression, searched for in the call's body."""
    times: int | None = 1
    """How many calls are struck; None for all."""
    skip: int = 0
    """How many matching calls get through first."""

    after: bool = False
    """Whether the call takes effect before it fails: a write is done, and its answer is lost."""
    late_seconds: float | None = None
    """The call takes effect so long after it came, whatever it was answered by then; if nothing
    else is given, its connection is reset at once."""
    form: str | None = None
    """What is met, by its name in `simulator.forms`."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    hang_seconds: float = 0.0
    """Say nothing for so long, then cut the connection."""
    delay_seconds: float = 0.0
    """Wait before the call is handled: it takes effect late, and is answered."""
    appear: Mapping[str, Any] | None = None
    """A payment that somebody else records on the invoice just before the call is handled."""

    def matches(self, call: OpenCall) -> bool:
        """Tell whether the call is one of those that can be struck."""
        given = (
            (self.method, call.method),
            (self.kind, call.route.kind),
            (self.invoice, call.route.invoice_id),
        )
        if any(wanted not in (None, found) for wanted, found in given):
            return False
        target = f"{call.path}?{call.query}" if call.query else call.path
        return bool(re.search(self.path or "", target) and re.search(self.body or "", call.body))

    def how(self) -> Form:
        """Return what becomes of a call that is struck."""
        if self.status is not None:
            headers = {name.title(): value for name, value in self.headers.items()}
            content_type = headers.pop("Content-Type", JSON_TYPE)
            return Form(Answer(self.status, self.answer, headers, content_type))
        if self.form is not None:
            return FORMS[self.form]
        return Form(cut=True) if self.hang_seconds or self.late_seconds is not None else _AS_USUAL


class FaultBook:
    """The faults in force, in the order in which they were added; the first that strikes wins."""

    def __init__(self) -> None:
        self._active: dict[int, _Active] = {}
        self._last = 0

    def add(self, fault: Fault) -> int:
        """Put a fault in force and return its number."""
        self._last += 1
        self._active[self._last] = _Active(fault)
        return self._last

    def remove(self, number: int) -> None:
        """Take a fault back."""
        del self._active[number]

    def struck(self) -> dict[int, int]:
        """Return how many calls each fault has struck."""
        return {number: active.struck for number, active in self._active.items()}

    def strike(self, call: OpenCall) -> Fault | None:
        """Return the fault that strikes a call, or None."""
        for active in self._active.values():
            if active.fault.matches(call) and active.strikes():
                return active.fault
        return None


@dataclass(slots=True)
class _Active:
    """A fault and what has become of the calls that match."""

    fault: Fault
    passed: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        if self.passed < self.fault.skip:
            self.passed += 1
            return False
        if self.fault.times is not None and self.struck >= self.fault.times:
            return False
        self.struck += 1
        return True


_NAMES = frozenset(entry.name for entry in fields(Fault))


def read_fault(values: Mapping[str, Any]) -> Fault:
    """Make a fault of the control API's JSON; raise `ValueError` for one that cannot be."""
    unknown = sorted(values.keys() - _NAMES)
    if unknown:
        raise ValueError(f"a fault has no {', '.join(unknown)}")
    fault = Fault(**{name: _plain(value) for name, value in values.items()})
    for pattern in (fault.path, fault.body):
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {pattern}: {error}") from error
    if fault.form not in (None, *FORMS):
        raise ValueError(f"no such form: {fault.form}")
    if fault.late_seconds is not None and (fault.after or fault.how().spares()):
        raise ValueError("a call that takes effect late cannot have taken effect before")
    return fault


def _plain(value: Any) -> Any:
    # JSON numbers come as Decimal; durations are reckoned in float.
    return value if isinstance(value, str | int | dict) or value is None else float(value)
