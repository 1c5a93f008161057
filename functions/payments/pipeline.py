"""Apply the records of a file in chunks, in parallel, and commit what became of them in file order.

Nothing here knows what a record is. Records that share a key keep their order: they form a lane,
and a lane that shares a key with an unfinished one waits for it. A procedure that has to wait parks
its lane without holding a worker, so that others go on meanwhile; a lane whose next record must not
be begun before an outcome is stored is held until then; and one without a verdict is stuck, which
ends the run only when nothing else is left to do.

All decisions are made in one thread, which also commits; workers only do procedures.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

from payments.clock import Clock
from payments.connectwise.patience import Steps
from payments.errors import AwsDown, ImportStopped, OutOfTime, RecordStuck, Superseded
from payments.lanes import Key, Together
from payments.workers import Ended, Workers

CHUNK_RECORDS = 500
_FIRST_CHUNK_RECORDS = 100
_CHUNK_BYTES = 4 * 1024 * 1024
_FIRST_CHECKPOINT_SECONDS = 0.25
_CHECKPOINT_SECONDS = 3.0


class Numbered(Protocol):
    """Something with its place in the file, from 1."""

    @property
    def number(self) -> int: ...


class Record(Numbered, Protocol):
    """A record of the file, and how large it is."""

    @property
    def size(self) -> int: ...


R = TypeVar("R", bound=Record)
R_contra = TypeVar("R_contra", bound=Record, contravariant=True)
P = TypeVar("P")
O = TypeVar("O", bound=Numbered)  # noqa: E741


class Work(Protocol[R_contra, P, O]):
    """What is done with records of one kind."""

    def prepare(self, records: Sequence[R_contra], chunk: int) -> Steps[P]:
        """Look up what the records of a chunk need."""

    def keys(self, record: R_contra, prepared: P) -> frozenset[Key]:
        """Return what the record touches."""

    def steps(self, record: R_contra, prepared: P) -> Steps[O]:
        """Do what is to be done with a record."""

    def holds_lane(self, outcome: O) -> bool:
        """Tell whether the outcome has to be stored before the next record of its lane."""

    def forget(self, chunk: int) -> None:
        """Forget what was learned in chunks before `chunk`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is under way at once: records in a chunk, and unfinished chunks."""

    chunk_records: int = CHUNK_RECORDS
    chunks: int = 8


ONE_BY_ONE = Bounds(chunk_records=1, chunks=1)
"""A record is begun when the one before it is stored."""


def take_chunk(records: Iterator[R], most: int) -> list[R]:
    """Take at most that many records, and fewer if they are large."""
    chunk: list[R] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += record.size
        if len(chunk) >= most or size >= _CHUNK_BYTES:
            break
    return chunk


@dataclass(eq=False, slots=True)
class _Chunk(Generic[R, P, O]):
    """Consecutive records on their way.

    `knows_before` is the chunk up to which everything was stored when this one was looked up.
    """

    number: int
    records: list[R]
    knows_before: int
    prepared: P | None = None
    outcomes: dict[int, O] = field(default_factory=dict)
    finished: int = 0
    stored: int = 0

    def count_finished(self) -> int:
        """Return how many records, from the first, are finished with no gap among them."""
        while self.finished < len(self.records):
            if self.records[self.finished].number not in self.outcomes:
                break
            self.finished += 1
        return self.finished

    def take_finished(self) -> list[O]:
        """Return the outcomes that can be stored, once."""
        new = self.records[self.stored : self.count_finished()]
        self.stored = self.finished
        return [self.outcomes[record.number] for record in new]

    @property
    def complete(self) -> bool:
        return self.stored == len(self.records)


@dataclass(eq=False, slots=True)
class _Lane(Generic[R, P, O]):
    """Records that are done one after another, and what else has to happen first."""

    work: Work[R, P, O]
    chunk: _Chunk[R, P, O]
    records: deque[R]
    keys: set[Key]
    steps: Steps[O] | None = None
    blockers: int = 0
    followers: list[_Lane[R, P, O]] = field(default_factory=list)
    held_by: int | None = None
    name: Key = field(init=False)

    def __post_init__(self) -> None:
        self.name = ("lane", self.records[0].number)

    def touched(self) -> set[Key]:
        """Return what its records touch, as far as that is known by now.

        Those in front may have taught which invoice an external id belongs to.
        """
        assert self.chunk.prepared is not None
        prepared = self.chunk.prepared
        return self.keys.union(*(self.work.keys(record, prepared) for record in list(self.records)))

    def advance(self) -> float | None:
        """Go on until the lane has to wait; return until when, None if it is held or finished."""
        assert self.chunk.prepared is not None
        while self.steps is not None or self.records:
            if self.steps is None:
                self.steps = self.work.steps(self.records[0], self.chunk.prepared)
            try:
                return next(self.steps)
            except StopIteration as end:
                outcome: O = end.value
            self.steps = None
            number = self.records.popleft().number
            self.chunk.outcomes[number] = outcome
            if self.work.holds_lane(outcome):
                self.held_by = number
                return None
        return None

    @property
    def is_awaited(self) -> bool:
        """Whether anything waits for what holds this lane."""
        return bool(self.records or self.followers)


@dataclass(eq=False, slots=True)
class _Preparation(Generic[R, P, O]):
    """A chunk that is being looked up."""

    chunk: _Chunk[R, P, O]
    steps: Steps[P]

    def advance(self) -> float | None:
        """Go on until the lookup has to wait; return until when, None if it is finished."""
        try:
            return next(self.steps)
        except StopIteration as end:
            self.chunk.prepared = end.value
            return None


class Pipeline(Generic[R, P, O]):
    """Apply records once.

    `reaching` is called with the number of the last record that may be begun, before it is;
    `commit` with outcomes in file order, without gaps. `close_gate` lets no procedure make any
    further call.
    """

    def __init__(
        self,
        work: Work[R, P, O],
        workers: Workers,
        clock: Clock,
        deadline: float,
        *,
        reaching: Callable[[int], None],
        commit: Callable[[list[O]], None],
        close_gate: Callable[[ImportStopped], None],
        bounds: Bounds = Bounds(),
    ) -> None:
        self._work = work
        self._workers = workers
        self._clock = clock
        self._deadline = deadline
        self._reaching = reaching
        self._commit = commit
        self._close_gate = close_gate
        self._bounds = bounds
        self._numbers = count(1)
        self._following: _Chunk[R, P, O] | None = None
        self._running: deque[_Chunk[R, P, O]] = deque()
        self._unfinished: dict[Key, _Lane[R, P, O]] = {}
        self._held: list[_Lane[R, P, O]] = []
        self._parked: list[tuple[float, int, Any]] = []
        self._parkings = count()
        self._busy = 0
        self._stuck: RecordStuck | None = None
        self._committed = 0
        self._is_committing = False
        self._last_checkpoint = clock.monotonic()
        # Soon at first: a run that is killed again and again shall have got a little further.
        self._checkpoint_seconds = _FIRST_CHECKPOINT_SECONDS

    @property
    def begun(self) -> int:
        """The number of the last record that was begun and is not committed, 0 if there is none.

        To be asked when `apply` has ended.
        """
        ended = (number for chunk in self._running for number in chunk.outcomes)
        lanes = self._unfinished.values()
        begun = (lane.records[0].number for lane in lanes if lane.steps and lane.records)
        return max((*ended, *begun), default=0)

    def apply(self, records: Iterator[R]) -> None:
        """Apply all records, or as many as can be.

        Raises ImportStopped if it had to stop; what was finished until then is committed.
        """
        try:
            self._prepare(records, min(_FIRST_CHUNK_RECORDS, self._bounds.chunk_records))
            while not self._is_through(records):
                self._go_on()
        except Exception as reason:
            self._stop(reason)
            raise

    def _is_through(self, records: Iterator[R]) -> bool:
        """Begin and commit what can be; tell whether nothing is left."""
        self._start_following(records)
        self._commit_if_due()
        return not (self._following or self._running)

    # ---- Chunks ----------------------------------------------------------------------------------

    def _prepare(self, records: Iterator[R], most: int) -> None:
        """Read the next chunk and begin to look up what it needs."""
        taken = take_chunk(records, most)
        self._following = None
        if not taken:
            return
        number = next(self._numbers)
        knows_before = self._running[0].number if self._running else number
        chunk: _Chunk[R, P, O] = _Chunk(number, taken, knows_before)
        self._following = chunk
        self._start(_Preparation(chunk, self._work.prepare(taken, number)))

    def _start_following(self, records: Iterator[R]) -> None:
        """Begin the chunk that is looked up, if there is room, and prepare the one behind it."""
        chunk = self._following
        if chunk is None or chunk.prepared is None or not self._has_room():
            return
        self._reaching(chunk.records[-1].number)
        self._running.append(chunk)
        # Before the lanes, which it would have to wait for.
        self._prepare(records, self._bounds.chunk_records)
        self._begin_lanes(chunk)

    def _has_room(self) -> bool:
        """Tell whether another chunk is needed to keep the workers busy, and may be begun."""
        few_left = self._busy <= self._bounds.chunk_records // 2
        return not self._running or (few_left and len(self._running) < self._bounds.chunks)

    def _begin_lanes(self, chunk: _Chunk[R, P, O]) -> None:
        """Share the records out over lanes, each behind the unfinished ones that it belongs to."""
        together = Together()
        for lane in self._unfinished.values():
            together.join((lane.name, *lane.touched()))
        touched = {r.number: self._touched(r, chunk) for r in chunk.records}
        for keys in touched.values():
            together.join(keys)
        before: dict[Key, list[_Lane[R, P, O]]] = {}
        for lane in self._unfinished.values():
            before.setdefault(together.representative(lane.name), []).append(lane)
        shares: dict[Key, list[R]] = {}
        for record in chunk.records:
            shares.setdefault(together.representative(touched[record.number][0]), []).append(record)
        for component, records in shares.items():
            all_keys = {key for record in records for key in touched[record.number]}
            lane = _Lane(self._work, chunk, deque(records), all_keys)
            self._begin_lane(lane, before.get(component))

    def _touched(self, record: R, chunk: _Chunk[R, P, O]) -> tuple[Key, ...]:
        assert chunk.prepared is not None
        return ("record", record.number), *self._work.keys(record, chunk.prepared)

    def _begin_lane(self, lane: _Lane[R, P, O], before: list[_Lane[R, P, O]] | None) -> None:
        self._unfinished[lane.name] = lane
        for other in before or ():
            other.followers.append(lane)
            lane.blockers += 1
        if not lane.blockers:
            self._start(lane)

    # ---- Jobs ------------------------------------------------------------------------------------

    def _start(self, job: Any) -> None:
        self._busy += 1
        self._workers.start(job, job.advance)

    def _go_on(self) -> None:
        """Wait for something to happen, and do what follows from it."""
        now = self._clock.monotonic()
        while self._parked and self._parked[0][0] <= now:
            self._start(heapq.heappop(self._parked)[2])
        if self._nothing_moves():
            raise self._stuck or AssertionError("a lane waits for nothing")
        if now >= self._deadline:
            raise OutOfTime
        ended = self._workers.next_ended(self._seconds_until_next(now))
        if ended is not None:
            self._busy -= 1
            self._after(ended)

    def _nothing_moves(self) -> bool:
        waiting = bool(self._busy or self._parked) or self._can_start_following()
        return not waiting and bool(self._running)

    def _can_start_following(self) -> bool:
        chunk = self._following
        return chunk is not None and chunk.prepared is not None and self._has_room()

    def _seconds_until_next(self, now: float) -> float:
        if self._can_start_following() or self._is_due():
            return 0.0
        until = self._deadline
        if self._running and self._running[0].count_finished() > self._running[0].stored:
            until = min(until, self._last_checkpoint + self._checkpoint_seconds)
        return max(min(until, self._parked[0][0] if self._parked else until) - now, 0.0)

    def _after(self, ended: Ended) -> None:
        job = ended.tag
        if isinstance(ended.error, RecordStuck) and isinstance(job, _Lane):
            self._stuck = self._stuck or ended.error
        elif ended.error is not None:
            raise ended.error
        elif ended.result is not None:
            heapq.heappush(self._parked, (ended.result, next(self._parkings), job))
        elif isinstance(job, _Lane):
            self._after_lane(job)

    def _after_lane(self, lane: _Lane[R, P, O]) -> None:
        if lane.held_by is not None and lane.held_by > self._committed:
            self._held.append(lane)
            return
        lane.held_by = None
        if lane.records:
            self._start(lane)
            return
        del self._unfinished[lane.name]
        for follower in lane.followers:
            follower.blockers -= 1
            if not follower.blockers:
                self._start(follower)

    # ---- The checkpoint --------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        if self._is_due():
            self._commit_finished()

    def _is_due(self) -> bool:
        """Tell whether time has passed, a held lane can be let go, or a chunk is finished."""
        if not self._running:
            return False
        oldest = self._running[0]
        finished = oldest.count_finished()
        if finished == len(oldest.records):
            return True
        if finished == oldest.stored:
            return False
        last = oldest.records[finished - 1].number
        is_time = self._clock.monotonic() >= self._last_checkpoint + self._checkpoint_seconds
        return is_time or any(
            lane.is_awaited and lane.held_by is not None and lane.held_by <= last
            for lane in self._held
        )

    def _commit_finished(self) -> None:
        """Commit what is finished of the oldest chunks, and let go what waited for that."""
        while self._running:
            oldest = self._running[0]
            finished = oldest.take_finished()
            if finished:
                self._is_committing = True
                self._commit(finished)
                self._is_committing = False
                self._committed = finished[-1].number
                self._checkpoint_seconds = min(2 * self._checkpoint_seconds, _CHECKPOINT_SECONDS)
            if not oldest.complete:
                break
            self._running.popleft()
            self._forget()
        self._last_checkpoint = self._clock.monotonic()
        self._let_go()

    def _forget(self) -> None:
        chunks = [*self._running, *([self._following] if self._following else [])]
        needed = min((chunk.knows_before for chunk in chunks), default=None)
        if needed is not None:
            self._work.forget(needed)

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for lane in held:
            self._after_lane(lane)

    def _stop(self, reason: Exception) -> None:
        """Let nothing more be sent, and commit what is finished."""
        # Not with the reason: whoever gets it must not take it for an answer to a call of its own.
        self._close_gate(OutOfTime())
        self._workers.close()
        # Behind a commit that has failed there must be none: it would leave a gap.
        if isinstance(reason, AwsDown | Superseded) or self._is_committing:
            return
        self._held.clear()
        self._commit_finished()
