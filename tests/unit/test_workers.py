"""Threads that do jobs, and tell when one has ended."""

from threading import Barrier, Event
from typing import Never

from payments.workers import Ended, ThreadWorkers


def fail() -> Never:
    raise ValueError("no")


def test_as_many_jobs_are_done_at_once_as_there_are_workers() -> None:
    """None of them would ever end otherwise."""
    workers, all_there = ThreadWorkers(3), Barrier(3)
    for tag in range(6):
        workers.start(tag, lambda: all_there.wait(10.0) >= 0)
    ended = [workers.next_ended(10.0) for _ in range(6)]
    assert {job.tag for job in ended if job and job.result} == set(range(6))
    workers.close()


def test_a_job_that_fails_ends_with_its_error() -> None:
    workers = ThreadWorkers(1)
    workers.start("job", fail)
    ended = workers.next_ended(10.0)
    assert ended is not None
    assert isinstance(ended.error, ValueError)
    workers.close()


def test_closing_waits_for_what_is_being_done_and_drops_the_rest() -> None:
    workers, begun = ThreadWorkers(1), Event()
    workers.start("one", begun.set)
    assert begun.wait(10.0)
    held = Event()
    workers.start("two", lambda: held.wait(0.05))
    workers.start("three", fail)
    workers.close()
    assert workers.next_ended(0.0) == Ended("one")
    ended = [workers.next_ended(0.0) for _ in range(3)]
    assert all(job.error is None for job in ended if job is not None)
    assert workers.next_ended(0.0) is None
