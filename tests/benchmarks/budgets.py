"""ConnectWise's budget of calls a minute: how much is used where it is known, learnt or shared."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context

from rich.console import Console

from benchmarks.simulated_minutes import (
    CALLS,
    CONNECTIONS,
    LEAST_SECONDS,
    MOST_SECONDS,
    OTHERS_CALLS,
    Case,
    Counts,
    Used,
    used,
)
from benchmarks.tables import print_table
from simulation.many import be_silent

_COLUMNS = (
    "",
    "Retry-After",
    "another's",
    "left",
    "useful",
    "useful/left",
    "429s",
    "in silence",
)
_COUNTS: tuple[Counts, ...] = ("sliding", "fixed")
# Where it is known and nobody else calls there is no 429, and no Retry-After. What another program
# leaves has to be learnt either way: two of those cases are enough to show it.
_CASES = (
    *(Case(counts, None, is_known=True, is_shared=False) for counts in _COUNTS),
    *(
        Case(counts, retry_after, is_known=is_shared, is_shared=is_shared)
        for is_shared, counts, retry_after in product((False, True), _COUNTS, (30, None))
    ),
    *(Case(counts, 30, is_known=False, is_shared=True) for counts in _COUNTS),
)
_NOTE = f"""\
Simulated time: the deployed program, on greenlets; what its own work takes is not in it. Known:
CallsPerMinute is {CALLS}. Another program has {OTHERS_CALLS} calls a minute to make, at even
intervals, and repeats at the next what is refused, whatever the silence. Left: what ConnectWise
takes in these minutes, less what the other one got. Refused calls do not count there, and both
kinds of windows start empty. In silence: calls made while a Retry-After was running."""


def measure(console: Console, minutes: int) -> None:
    """Simulate and print the table."""
    title = (
        f"Budgets: {CALLS:,} calls a minute for {minutes} minutes, new payments, {CONNECTIONS} "
        f"connections, {LEAST_SECONDS * 1000:.0f} to {MOST_SECONDS * 1000:.0f} ms"
    )
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), be_silent) as pool:
        uses = list(pool.map(partial(used, minutes=minutes), _CASES))
    rows = [_cells(case, use, minutes) for case, use in zip(_CASES, uses, strict=True)]
    print_table(console, title, _COLUMNS, rows, _NOTE)


def _cells(case: Case, use: Used, minutes: int) -> list[str]:
    left = CALLS * minutes - use.others
    return [
        f"{'known' if case.is_known else 'learnt'}, {case.counts}",
        "30 s" if case.retry_after else "until there is room" if use.refused else "",
        f"{use.others:,}",
        f"{left:,}",
        f"{use.useful:,}",
        f"{use.useful / left:.3f}",
        str(use.refused),
        str(use.inside_silence),
    ]
