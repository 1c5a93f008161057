"""What the simulation stands on: turns, virtual time, and processes that can be killed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from simulation.scheduler import Killed, Process, Scheduler, SimClock, SimWorkers, Stuck


def run(work: Callable[[Scheduler], None], seed: int = 1) -> Scheduler:
    """Let one task do its work to the end."""
    scheduler = Scheduler(seed)
    scheduler.start(Process("test"), lambda: work(scheduler))
    scheduler.run()
    return scheduler


def test_time_passes_only_while_everybody_waits() -> None:
    """An hour takes no time."""
    assert run(lambda scheduler: scheduler.sleep(3600)).now == 3600


def test_as_many_jobs_are_done_at_once_as_there_are_workers() -> None:
    """Five jobs of a second take two workers three seconds."""
    ended: list[int] = []

    def work(scheduler: Scheduler) -> None:
        workers = SimWorkers(scheduler, 2)
        for number in range(5):
            workers.start(number, lambda: scheduler.sleep(1.0))
        while len(ended) < 5:
            found = workers.next_ended(60)
            assert found is not None
            ended.append(found.tag)
        assert 3 <= scheduler.now < 3.1

    run(work)
    assert sorted(ended) == [0, 1, 2, 3, 4]


def test_waiting_for_a_job_ends_in_time() -> None:
    """And what goes wrong in a job comes with its end."""

    def fail() -> None:
        scheduler.sleep(5)
        raise ValueError("no")

    def work(_: Scheduler) -> None:
        workers = SimWorkers(scheduler, 1)
        workers.start("job", fail)
        assert workers.next_ended(3) is None
        found = workers.next_ended(3)
        assert found is not None
        assert isinstance(found.error, ValueError)
        workers.start("never done", lambda: told.append("done"))
        workers.close()

    scheduler, told = Scheduler(1), list[str]()
    scheduler.start(Process("test"), lambda: work(scheduler))
    scheduler.run()
    assert not told


def test_who_goes_on_first_is_chance() -> None:
    """But the same for the same seed."""

    def order(seed: int) -> list[int]:
        told: list[int] = []
        scheduler = Scheduler(seed)
        for number in range(6):
            scheduler.start(Process("test"), partial(told.append, number))
        scheduler.run()
        return told

    assert len({tuple(order(seed)) for seed in range(10)}) > 5
    assert order(3) == order(3)


def test_a_killed_process_does_nothing_any_more() -> None:
    """Nor do its workers, even if they try."""
    told: list[str] = []

    def stubborn() -> None:
        try:
            scheduler.sleep(10)
            told.append("went on")
        finally:
            with pytest.raises(Killed):
                scheduler.sleep(1)

    def work() -> None:
        workers = SimWorkers(scheduler, 1)
        workers.start("job", stubborn)
        workers.next_ended(60)
        told.append("went on")

    scheduler, process = Scheduler(1), Process("test")
    scheduler.start(process, work)
    scheduler.at(5, lambda: scheduler.kill(process))
    scheduler.run()
    assert not told


def test_who_waits_in_a_circle_is_found() -> None:
    """Instead of hanging for ever."""

    def work(scheduler: Scheduler) -> None:
        while True:
            scheduler.sleep(0)

    with pytest.raises(Stuck):
        run(work)


def test_a_process_has_a_clock_of_its_own() -> None:
    """Only the time since 1970 is the same for all."""
    scheduler = Scheduler(1)
    one, other = SimClock(scheduler, 5.0), SimClock(scheduler, 7.0)
    assert one.monotonic() - other.monotonic() == 2.0
    assert one.time() == other.time()
