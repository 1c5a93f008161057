"""Run many seeds on all cores, and tell the first that fails: `python -m simulation --help`."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from traceback import print_exception

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulation.many import Job, be_silent, results
from simulation.scenario import MODES, scenario
from simulation.simulation import SeedFailed, simulate
from simulation.story import story

_QUIET = Console(stderr=True, highlight=False, markup=False, emoji=False)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if all seeds hold, 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3000, help="how many of each mode")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--mode", choices=MODES, action="append", help="default: all three")
    parser.add_argument("--seed", type=int, help="only this one, with its story")
    options = parser.parse_args(arguments)
    modes = options.mode or MODES
    if options.seed is not None:
        return max(_tell(mode, options.seed) for mode in modes)
    seeds = range(options.first, options.first + options.seeds)
    failed = _first_failure([(mode, seed) for seed, mode in product(seeds, modes)])
    if failed is None:
        return 0
    mode, seed = failed
    status = _tell(mode, seed)
    print(f"\nThe same again: make simulate ARGS='--mode {mode} --seed {seed}'")
    return status


def _first_failure(jobs: list[Job]) -> Job | None:
    """Return the first job that fails, None if all hold."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=_QUIET) as progress:
        bar = progress.add_task("Simulating", total=len(jobs))
        for job, problem in results(jobs):
            progress.advance(bar)
            if problem is not None:
                return job
    return None


def _tell(mode: str, seed: int) -> int:
    """Run one seed; print what happened in it, and return 1 if it fails."""
    be_silent()
    of = scenario(seed, mode)
    try:
        ending = simulate(of)
    except SeedFailed as failure:
        print("\n".join(story(of, failure.trace)))
        print_exception(failure.problem)
        print(f"\n{failure}")
        return 1
    print(f"{mode} seed {seed} holds: {ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
