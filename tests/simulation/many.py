"""Many seeds at once, on all cores."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from simulation.scenario import scenario
from simulation.simulation import SeedFailed, simulate

Job = tuple[str, int]
"""A mode and a seed."""

_AT_ONCE = 10


def results(jobs: list[Job]) -> Iterator[tuple[Job, str | None]]:
    """Yield what is wrong with each seed, in order; None if nothing."""
    pool = ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), be_silent)
    try:
        yield from zip(jobs, pool.map(_problem, jobs, chunksize=_AT_ONCE), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def be_silent() -> None:
    """Let the program's own log be: the story of a seed tells more."""
    logging.disable(logging.CRITICAL)


def _problem(job: Job) -> str | None:
    mode, seed = job
    try:
        simulate(scenario(seed, mode))
    except SeedFailed as failure:
        return str(failure)
    return None
