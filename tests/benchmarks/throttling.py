"""The import under a request budget: how much of it is used, and whether silence is kept."""

from math import floor

from rich.console import Console

from benchmarks.scene import Kind
from benchmarks.stage import Measurement, Stage, started_stage
from benchmarks.tables import print_table
from simulator.control import Budget

_CONNECTIONS = 16
_LATENCY_SECONDS = 0.05
_BUDGETS = (
    Budget(requests=50, seconds=1.0, kind="bucket", retry_after="seconds"),
    Budget(requests=50, seconds=1.0, kind="window", retry_after="seconds"),
    Budget(requests=500, seconds=10.0, kind="window", retry_after="seconds"),
)
_COLUMNS = (
    "budget",
    "allowed/s",
    "useful/s",
    "useful/allowed",
    "ideal/wall",
    "429s",
    "in silence",
)
_NOTE = """\
A bucket refills steadily, a window starts full again and again; both start full, and answer 429
with Retry-After in whole seconds. Useful calls are those that were not answered with 429. Ideal:
the least time in which the budget allows that many, to a caller that knows it."""


def measure(console: Console, payments: int) -> None:
    """Measure and print the table."""
    title = (
        f"Throttling: {payments:,} new payments, {_CONNECTIONS} connections, "
        f"{_LATENCY_SECONDS * 1000:.0f} ms"
    )
    with started_stage() as stage:
        rows = [_cells(budget, _run(stage, budget, payments)) for budget in _BUDGETS]
    print_table(console, title, _COLUMNS, rows, _NOTE)


def _run(stage: Stage, budget: Budget, payments: int) -> Measurement:
    switches = {"latency_seconds": _LATENCY_SECONDS, "budget": budget}
    return stage.run("ours", Kind.NEW, payments, _CONNECTIONS, switches)


def _cells(budget: Budget, run: Measurement) -> list[str]:
    throttled = run.counts.statuses.get(429, 0)
    useful = run.counts.total - throttled
    seconds = run.usage.wall_seconds
    allowed = budget.requests / budget.seconds
    return [
        f"{budget.kind}, {budget.requests} in {budget.seconds:.0f} s",
        f"{allowed:.0f}",
        f"{useful / seconds:.1f}",
        f"{useful / seconds / allowed:.2f}",
        f"{_least_seconds(budget, useful, run.startup_seconds) / seconds:.2f}",
        str(throttled),
        str(run.counts.inside_silence),
    ]


def _least_seconds(budget: Budget, calls: int, startup_seconds: float) -> float:
    """Return how long the budget makes even the best caller wait; both kinds start full.

    The first window begins with the process, which starts working a little later.
    """
    if budget.kind == "window":
        return floor((calls - 1) / budget.requests) * budget.seconds - startup_seconds
    return (calls - budget.requests) * budget.seconds / budget.requests
