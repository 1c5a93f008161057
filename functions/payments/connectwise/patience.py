"""Repeat a call that fails, and say in the end whose fault it is.

A call that is refused for good says so by itself. One that fails (`CallFailed`) is made again, a
few times, each time a little later; nobody waits in a thread for that: a procedure yields the time
at which it goes on. If it fails to the end, others tell what that means:

- ConnectWise fails (500) at this call alone, and each time that it is made again, another of its
  kind has been accepted just before: the record's own fault. ConnectWise documents no 500, and
  seems to answer it to faulty data too. An outage that flaps lets others through, but not always;
- many records fail at it, and none is accepted: ConnectWise is down for this kind of call;
- nothing is answered at all: ConnectWise is down;
- other calls are answered, and there is nothing to compare this one with: the record is stuck. The
  file comes again later, and only when that has happened often enough, the record fails.

So an outage never fails a record, and a record never holds up a file for more than some hours.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random
from typing import TypeAlias, TypeVar

from payments.clock import Clock
from payments.errors import (
    Busy,
    CallFailed,
    ConnectWiseDown,
    NoAnswer,
    RecordRejected,
    RecordStuck,
    ServerFault,
)

_T = TypeVar("_T")

Steps: TypeAlias = Generator[float, None, _T]
"""A procedure: it yields the `monotonic` time at which it wants to go on, and returns a result."""

OUTAGE_RECORDS = 12
"""So many records that fail in a row, and none that is accepted: that is no record's own fault."""

OUTAGE_SECONDS = 15.0
"""So long they fail before it is an outage."""

MOMENT_SECONDS = 1.0
"""So short before a failure another call has to be accepted, to be compared with it."""

FAULT_RUNS = 4
"""So many runs (ten minutes) a record may be stuck with server errors before it fails."""

NO_ANSWER_RUNS = 20
"""So many runs (four hours) a record may be stuck without an answer before it fails."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and how many seconds apart, a failed call is repeated."""

    tries: int = 7
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 8.0


@dataclass(slots=True)
class _Kind:
    """How calls of one kind fare in this run.

    `failing` is how many records have begun to fail at them since the last one was accepted.
    """

    accepted_at: float = float("-inf")
    failing: int = 0


class Patience:
    """Repeat failing calls of one run; `stuck_runs` is how often a record has held up the file.

    `answers` makes a simple call and tells whether ConnectWise answers it.
    """

    def __init__(
        self,
        clock: Clock,
        answers: Callable[[], bool],
        random: Random,
        retries: Retries = Retries(),
        stuck_runs: int = 0,
    ) -> None:
        self.retries = retries
        self.stuck_runs = stuck_runs
        self._clock = clock
        self._answers = answers
        self._random = random
        self._lock = threading.Lock()
        self._kinds: defaultdict[str, _Kind] = defaultdict(_Kind)
        self._accepted = 0

    def tries(self, kind: str, *, with_control: bool = False) -> Tries:
        """Begin to make a call of this kind.

        `with_control`: where no other is accepted beside it, a simple call is made to compare with.
        """
        return Tries(self, kind, with_control=with_control)

    def patiently(
        self, kind: str, call: Callable[[], _T], *, with_control: bool = False
    ) -> Steps[_T]:
        """Make a call that may be repeated, until it is answered.

        Raises RecordRejected, RecordStuck or ConnectWiseDown in the end.
        """
        tries = self.tries(kind, with_control=with_control)
        while True:
            try:
                answer = call()
            except CallFailed as failure:
                yield tries.failed(failure)
            else:
                tries.accepted()
                return answer

    def accept(self, kind: str) -> None:
        """Note that a call was accepted."""
        with self._lock:
            self._accepted += 1
            self._kinds[kind] = _Kind(accepted_at=self._clock.monotonic())

    def begin_failing(self, kind: str) -> None:
        """Note that one more record fails at calls of this kind."""
        with self._lock:
            self._kinds[kind].failing += 1

    def failing(self, kind: str) -> int:
        """Return how many records have begun to fail since a call of the kind was accepted."""
        with self._lock:
            return self._kinds[kind].failing

    def has_just_accepted(self, kind: str) -> bool:
        """Tell whether another call of the kind was accepted a moment ago."""
        with self._lock:
            return self._clock.monotonic() - self._kinds[kind].accepted_at <= MOMENT_SECONDS

    def accepted_so_far(self) -> int:
        """Return how many calls have been accepted."""
        with self._lock:
            return self._accepted

    def answers(self) -> bool:
        """Tell whether ConnectWise answers a simple call now."""
        return self._answers()

    def now(self) -> float:
        """Return the `monotonic` time."""
        return self._clock.monotonic()

    def go_on_at(self, failures: int) -> float:
        """Return when to go on: waits double with each failure, spread at random."""
        retries = self.retries
        longest = min(
            retries.longest_wait_seconds, retries.first_wait_seconds * 2 ** (failures - 1)
        )
        return self._clock.monotonic() + self._random.uniform(longest / 2, longest)


class Tries:
    """The tries of one call."""

    def __init__(self, patience: Patience, kind: str, *, with_control: bool) -> None:
        self._patience = patience
        self._kind = kind
        self._with_control = with_control
        self._accepted_before = patience.accepted_so_far()
        self._failures = self._conflicts = 0
        self._failing_since: float | None = None
        self._others_accepted = True

    def accepted(self) -> None:
        """Note that the call was accepted."""
        self._patience.accept(self._kind)

    def failed(self, failure: CallFailed) -> float:
        """Return the time at which to try again; raises the verdict when that was often enough."""
        self.note(failure)
        return self.next_try(failure)

    def note(self, failure: CallFailed, counts_as: int = 1) -> None:
        """Note that a try has failed; raises ConnectWiseDown if that is one of many.

        It `counts_as` several where much time passes before the next.
        """
        if isinstance(failure, Busy):
            self._conflicts += 1
            return
        self._failures += counts_as
        if self._failing_since is None:
            self._failing_since = self._patience.now()
            self._patience.begin_failing(self._kind)
        else:
            self._others_accepted = self._others_accepted and self._is_another_accepted()
        # Without waiting for the last try of any of them.
        seconds = self._patience.now() - self._failing_since
        if self._is_one_of_many() and seconds >= OUTAGE_SECONDS:
            raise self._outage(failure) from failure

    def next_try(self, failure: CallFailed) -> float:
        """Return the time at which to try again; raises the verdict when that was often enough."""
        failures = self._conflicts if isinstance(failure, Busy) else self._failures
        if failures < self._patience.retries.tries:
            return self._patience.go_on_at(failures)
        raise self._verdict(failure) from failure

    def _is_another_accepted(self) -> bool:
        if self._patience.has_just_accepted(self._kind):
            return True
        return self._with_control and self._patience.answers()

    def _is_one_of_many(self) -> bool:
        return self._patience.failing(self._kind) >= OUTAGE_RECORDS

    def _outage(self, failure: CallFailed) -> ConnectWiseDown:
        return _down(f"ConnectWise fails whenever it is to {self._kind}", failure)

    def _verdict(self, failure: CallFailed) -> Exception:
        if isinstance(failure, Busy):
            return RecordRejected(str(failure), "Try again later: upload this record again.")
        is_fault = isinstance(failure, ServerFault)
        if is_fault and self._others_accepted:
            return _own_fault(failure)
        if self._is_one_of_many():
            return self._outage(failure)
        if self._patience.accepted_so_far() == self._accepted_before and (
            not self._patience.answers()
        ):
            return _down("ConnectWise does not answer", failure)
        if self._patience.stuck_runs >= (FAULT_RUNS if is_fault else NO_ANSWER_RUNS):
            return _own_fault(failure)
        text = f"ConnectWise answers, but not when it is to {self._kind} for one record ({{}})."
        return RecordStuck(
            text.format(failure), for_log=text.format(failure.for_log), may_be_its_own=is_fault
        )


def _down(text: str, failure: CallFailed) -> ConnectWiseDown:
    return ConnectWiseDown(f"{text}: {failure}.", for_log=f"{text}: {failure.for_log}.")


def _own_fault(failure: CallFailed) -> RecordRejected:
    again = "Upload it again: it finds the payment if there is one."
    if isinstance(failure, NoAnswer):
        return RecordRejected(
            f"ConnectWise gives no answer to this record, again and again ({failure}). It is not "
            f"known whether it has recorded the payment. {again}"
        )
    return RecordRejected(
        f"ConnectWise fails at this record alone, again and again ({failure}). {again}"
    )


def drive(steps: Steps[_T], clock: Clock) -> _T:
    """Do a procedure to its end, waiting in this thread."""
    while True:
        try:
            go_on_at = next(steps)
        except StopIteration as end:
            result: _T = end.value
            return result
        clock.sleep(max(0.0, go_on_at - clock.monotonic()))
