"""Records in lanes and chunks, with work that knows nothing of payments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from time import process_time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fakes.clock import VirtualClock
from fakes.workers import SeededWorkers
from payments.connectwise.patience import Steps
from payments.errors import (
    AccessRefused,
    AwsDown,
    ConnectWiseDown,
    FileRefused,
    ImportStopped,
    OutOfTime,
    RecordStuck,
    Superseded,
)
from payments.lanes import Key
from payments.pipeline import CHUNK_RECORDS, ONE_BY_ONE, Bounds, Pipeline, take_chunk

LONG = 1000.0


@dataclass(frozen=True, slots=True)
class Item:
    """A record: what it touches, how long it takes, and how it ends."""

    number: int
    touches: frozenset[str] = frozenset()
    waits: tuple[float, ...] = ()
    holds: bool = False
    fails: Exception | None = None
    size: int = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What a chunk was looked up with: which records were stored then."""

    chunk: int
    stored: frozenset[int]


@dataclass(slots=True)
class Run:
    """Work that notes what happens, and breaks off if what must hold does not."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    bounds: Bounds = Bounds(chunk_records=2, chunks=3)
    seed: int = 1
    workers: int = 3
    lookup_seconds: float = 0.0
    lookup_fails: Exception | None = None
    commit_fails: dict[int, Exception] = field(default_factory=dict)
    reach: int = 0
    begun: list[Item] = field(default_factory=list)
    ended: list[Item] = field(default_factory=list)
    ended_numbers: set[int] = field(default_factory=set)
    committed: list[int] = field(default_factory=list)
    commits: list[tuple[float, int]] = field(default_factory=list)
    learned: dict[int, set[int]] = field(default_factory=dict)
    closed_by: list[ImportStopped] = field(default_factory=list)
    most_under_way: int = 0
    looks_back: bool = True

    def apply(self, file: Iterable[Item], deadline: float = LONG) -> None:
        workers = SeededWorkers(self.clock, Random(self.seed), self.workers)
        pipeline: Pipeline[Item, Seen, Item] = Pipeline(
            self,
            workers,
            self.clock,
            deadline,
            reaching=self._reaching,
            commit=self._commit,
            close_gate=self.closed_by.append,
            bounds=self.bounds,
        )
        pipeline.apply(iter(file))

    def stopped_by(self, file: Iterable[Item], deadline: float = LONG) -> Exception:
        with pytest.raises(Exception) as stopped:  # noqa: PT011 # it is returned
            self.apply(file, deadline)
        assert not isinstance(stopped.value, AssertionError), stopped.value
        return stopped.value

    # Work

    def prepare(self, records: Sequence[Item], chunk: int) -> Steps[Seen]:
        seen = frozenset(self.committed)
        if self.lookup_seconds:
            yield self.clock.monotonic() + self.lookup_seconds
        if self.lookup_fails is not None and chunk > 1:
            raise self.lookup_fails
        return Seen(chunk, seen)

    def keys(self, record: Item, prepared: Seen) -> frozenset[Key]:
        return frozenset(("key", name) for name in record.touches)

    def steps(self, record: Item, prepared: Seen) -> Steps[Item]:
        self._check_begin(record, prepared)
        self.begun.append(record)
        self.most_under_way = max(self.most_under_way, len(self.begun) - len(self.committed))
        for seconds in record.waits:
            yield self.clock.monotonic() + seconds
        if record.fails is not None:
            raise record.fails
        self.ended.append(record)
        self.ended_numbers.add(record.number)
        self.learned.setdefault(prepared.chunk, set()).add(record.number)
        return record

    def holds_lane(self, outcome: Item) -> bool:
        return outcome.holds

    def forget(self, chunk: int) -> None:
        self.learned = {number: of for number, of in self.learned.items() if number >= chunk}

    # What must hold

    def _check_begin(self, record: Item, prepared: Seen) -> None:
        assert not self.closed_by, "begun after the end"
        assert record.number <= self.reach, "begun before it was noted"
        known = prepared.stored.union(*self.learned.values())
        for before in self.begun if self.looks_back else []:
            if before.touches & record.touches:
                assert before.number < record.number, "begun before an earlier one"
                assert before.number in self.ended_numbers, "begun beside an earlier one"
                assert before.number in known, "what an earlier one has done is not known"
                assert not before.holds or before.number <= len(self.committed), "not held"

    def _reaching(self, number: int) -> None:
        self.reach = number

    def _commit(self, outcomes: list[Item]) -> None:
        if error := self.commit_fails.pop(outcomes[0].number, None):
            raise error
        self.committed += [outcome.number for outcome in outcomes]
        self.commits.append((self.clock.monotonic(), len(self.committed)))
        assert self.committed == [*range(1, len(self.committed) + 1)], "a gap, or out of order"


def some(count: int, **more: Any) -> list[Item]:
    """Return records that have nothing to do with each other."""
    return [Item(number, **more) for number in range(1, count + 1)]


def linked(file: Sequence[Item], first: set[int]) -> set[int]:
    """Return which records touch what these do, directly or through others in front of them."""
    found = set(first)
    touched = {name for item in file for name in item.touches if item.number in found}
    while more := {i.number for i in file if i.touches & touched} - found:
        found |= more
        touched |= {name for item in file for name in item.touches if item.number in found}
    return found


STUCK = RecordStuck("stuck")
items = st.builds(
    Item,
    st.just(0),
    st.frozensets(st.sampled_from("abcd"), max_size=2),
    st.lists(st.sampled_from((0.0, 0.1, 1.0, 5.0)), max_size=2).map(tuple),
    holds=st.booleans(),
)
files = st.lists(items, max_size=12).map(
    lambda file: [replace(item, number=number) for number, item in enumerate(file, 1)]
)
runs = st.builds(
    Run,
    bounds=st.builds(Bounds, st.integers(1, 4), st.integers(1, 3)),
    seed=st.integers(0, 1000),
    workers=st.integers(1, 4),
    lookup_seconds=st.sampled_from((0.0, 2.0)),
)


@given(files, runs)
def test_whatever_the_file_records_keep_their_order_and_all_are_stored(
    file: list[Item], run: Run
) -> None:
    """Each begin and each commit is checked on the way, see `Run`."""
    run.apply(file)
    assert len(run.committed) == len(file)
    assert run.most_under_way <= run.bounds.chunk_records * run.bounds.chunks


@given(files, runs, st.sets(st.integers(1, 12), min_size=1, max_size=2))
def test_whichever_records_are_stuck_all_others_that_can_are_done(
    file: list[Item], run: Run, stuck: set[int]
) -> None:
    file = [replace(i, holds=False, fails=STUCK if i.number in stuck else None) for i in file]
    assume(min(stuck) <= len(file))
    run.bounds = Bounds(run.bounds.chunk_records, 12)
    assert run.stopped_by(file) is STUCK
    assert run.committed == [*range(1, min(stuck))]
    others = {item.number for item in file} - linked(file, stuck)
    assert others <= {item.number for item in run.ended}


# Chunks


def test_a_chunk_is_smaller_if_its_records_are_large() -> None:
    """A part and what is in memory are bounded in bytes too."""
    file = iter(some(10, size=3_000_000))
    assert [len(take_chunk(file, CHUNK_RECORDS)) for _ in range(5)] == [2, 2, 2, 2, 2]
    assert take_chunk(iter(some(3)), 2) == some(2)


def test_how_far_records_may_be_sent_is_noted_chunk_by_chunk_and_bounded() -> None:
    """Of a first record that takes long: those behind it go on, within the window."""
    run = Run(bounds=Bounds(chunk_records=2, chunks=3))
    slow = Item(1, waits=(LONG / 2,))
    run.apply([slow, *some(20)[1:]])
    assert run.most_under_way == 6
    stopped = Run(bounds=Bounds(chunk_records=2, chunks=3))
    assert isinstance(stopped.stopped_by([slow, *some(20)[1:]], deadline=9.0), OutOfTime)
    assert stopped.reach == 6


def test_the_next_chunk_is_looked_up_while_this_one_is_done() -> None:
    """So that connections do not idle where chunks meet."""
    run = Run(bounds=Bounds(chunk_records=2, chunks=3), lookup_seconds=1.0)
    run.apply(some(8, waits=(1.0,)))
    assert run.clock.now < 4 * 1.0 + 4 * 1.0


def test_one_by_one_a_record_is_begun_when_the_one_before_is_stored() -> None:
    """The last try of a file that kills its runs ends exactly at the culprit."""
    run = Run(bounds=ONE_BY_ONE)
    run.apply(some(5, waits=(0.1,)))
    assert run.most_under_way == 1
    assert [number for _, number in run.commits] == [1, 2, 3, 4, 5]


# Lanes


@pytest.mark.parametrize("chunk_records", [1, 2, 3, 10])
def test_a_lane_goes_on_across_chunks_with_all_that_it_is_linked_to(chunk_records: int) -> None:
    """Records 4 and 5 share nothing; but what is in front of both may tell that they do."""
    run = Run(bounds=Bounds(chunk_records, 10), workers=8)
    a, ab, b = frozenset("a"), frozenset("ab"), frozenset("b")
    file = [Item(1, a, (5.0,)), Item(2), Item(3, ab, (1.0,)), Item(4, a, (1.0,)), Item(5, b)]
    run.apply(file)
    assert [item.number for item in run.ended] == [2, 1, 3, 4, 5]


def test_many_records_of_one_lane_cost_no_more_each_than_few() -> None:
    """A file of payments of one invoice, each with an external id of its own."""
    run = Run(bounds=Bounds(), looks_back=False)
    file = [Item(n, frozenset(("hot", f"own {n}")), (0.1,)) for n in range(1, 5001)]
    begins = process_time()
    run.apply(file)
    assert process_time() - begins < 5.0


def test_what_has_to_wait_holds_up_nothing_but_its_lane() -> None:
    """One worker is enough: whoever waits has none."""
    run = Run(workers=1, bounds=Bounds(chunk_records=5, chunks=1))
    run.apply([Item(1, frozenset("a"), (50.0,)), Item(2, frozenset("a")), *some(5)[2:]])
    assert [item.number for item in run.ended] == [3, 4, 5, 1, 2]


@pytest.mark.parametrize("gap", [0, 1, 2, 5, 9])
def test_an_outcome_that_has_to_be_stored_first_is_before_the_next_record_of_its_lane(
    gap: int,
) -> None:
    """Also if that comes chunks later; and it waits for no checkpoint by time, nor for others."""
    run = Run(bounds=Bounds(chunk_records=2, chunks=8))
    a, last = frozenset("a"), gap + 3
    slow = Item(2, waits=(0.1,))
    run.apply([Item(1, a, holds=True), slow, *some(last - 1)[2:], Item(last, a)])
    assert len(run.committed) == last
    assert run.ended[-1] is slow


def test_a_held_lane_behind_a_stuck_record_does_not_keep_the_run_going() -> None:
    run = Run(bounds=Bounds(chunk_records=3, chunks=8))
    a = frozenset("a")
    file = [
        Item(1, fails=STUCK),
        Item(2, a, holds=True),
        Item(3, a),
        Item(4),
        Item(5, waits=(9.0,)),
    ]
    assert run.stopped_by(file) is STUCK
    assert {item.number for item in run.ended} == {2, 4, 5}
    assert run.committed == []


# The checkpoint


def test_the_first_checkpoint_comes_soon_and_later_ones_every_few_seconds() -> None:
    """A run that is killed again and again shall have got a little further."""
    run = Run(bounds=Bounds(chunk_records=500, chunks=1), workers=1)
    run.apply(some(100, waits=(0.3,), touches=frozenset("a")))
    times = [time for time, _ in run.commits]
    gaps = [later - time for time, later in zip([0.0, *times], times, strict=False)]
    assert gaps[0] <= 0.6
    assert all(gap <= 3.6 for gap in gaps)
    assert len(times) < 20


# Stops


@pytest.mark.parametrize(
    "reason", [ConnectWiseDown("down"), OutOfTime(), AccessRefused("keys"), RuntimeError("a fault")]
)
def test_what_stops_the_run_is_raised_and_what_was_finished_before_is_stored(
    reason: Exception,
) -> None:
    run = Run(bounds=Bounds(chunk_records=4, chunks=2), workers=1)
    file = [Item(1), Item(2, waits=(1.0,)), Item(3, waits=(2.0,), fails=reason), *some(20)[3:]]
    assert run.stopped_by(file) is reason
    assert run.committed == [1, 2]
    (closed_by,) = run.closed_by
    assert isinstance(closed_by, OutOfTime)


def test_a_lookup_that_fails_stops_the_run_before_anything_of_its_chunk_is_sent() -> None:
    run = Run(lookup_fails=ConnectWiseDown("down"))
    assert isinstance(run.stopped_by(some(6, waits=(1.0,))), ConnectWiseDown)
    assert run.reach == 2


def test_at_the_deadline_the_run_ends_with_what_is_finished() -> None:
    run = Run(bounds=Bounds(chunk_records=4, chunks=2))
    file = [Item(1), Item(2, waits=(1.0,)), Item(3, waits=(LONG * 2,)), Item(4, fails=STUCK)]
    assert isinstance(run.stopped_by(file, deadline=10.0), OutOfTime)
    assert run.committed == [1, 2]
    assert run.clock.now == 10.0


@pytest.mark.parametrize(
    "reason",
    [
        AwsDown("S3 failed"),
        Superseded("another run"),
        FileRefused("an item that is refused"),
        RuntimeError("a fault of ours"),
    ],
)
def test_if_outcomes_cannot_be_stored_none_behind_them_are(reason: Exception) -> None:
    """Nor are they tried once more: what was sent of them is done again by the next run."""
    run = Run(bounds=Bounds(chunk_records=2, chunks=3), commit_fails={1: reason})
    assert run.stopped_by([Item(1, waits=(0.1,)), *some(6)[1:]]) is reason
    assert {item.number for item in run.ended} == {1, 2, 3, 4, 5, 6}
    assert run.committed == []
