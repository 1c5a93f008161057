"""Three ways to import the same payments, at several latencies and numbers of connections."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from rich.console import Console

from benchmarks.busy import Busy
from benchmarks.scene import Kind
from benchmarks.stage import Measurement, Stage, started_stage
from benchmarks.tables import print_table

_COLUMNS = (
    "",
    "latency",
    "connections",
    "payments",
    "calls",
    "wall ms",
    "CPU ms",
    "x naive",
    "CPU / floor",
    "wall / ideal",
)
_BOTTLENECK = 0.5
_NOTE = """\
Calls, wall and CPU: for one payment. Ideal: calls x latency / connections, which nothing can beat.
Ours includes all it does from S3's notification to the closed import: file, truth table, outcomes,
checkpoints, success and fail file; S3, DynamoDB and Secrets Manager over TLS. The naive import
reads the file and calls; the floor only calls. Invoices paid here before were paid by an import of
ours that is not measured. Only ours adds receipts up; only the floor knows the payments' ids."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    latencies_ms: tuple[int, ...]
    connections: tuple[int, ...]
    seconds: int
    """How long the calls of a run ideally take: enough to outweigh what is done once."""
    naive_payments: int

    def payments(self, kind: Kind, latency_ms: int, connections: int) -> int:
        return self.seconds * 1000 * connections // latency_ms // kind.calls


DEFAULT = Plan((50, 200), (8, 16), seconds=12, naive_payments=30)
QUICK = Plan((50,), (16,), seconds=3, naive_payments=15)


@dataclass(frozen=True, slots=True)
class _Case:
    """One contender's runs at one latency."""

    contender: str
    kind: Kind
    latency_ms: int
    connections: int
    payments: int
    runs: tuple[Measurement, ...]

    def median(self, value: Callable[[Measurement], float]) -> float:
        return median(value(run) for run in self.runs)

    @property
    def wall_ms(self) -> float:
        return self.median(lambda run: run.wall_ms)

    @property
    def cpu_ms(self) -> float:
        return self.median(lambda run: run.cpu_ms)

    def cells(self, naive: "_Case", floor: "_Case | None") -> Iterator[str]:
        """Yield the row's cells, the last three compared with the other contenders."""
        yield self.contender
        yield f"{self.latency_ms} ms"
        yield str(self.connections)
        yield f"{self.payments:,}"
        yield f"{self.median(lambda run: run.calls_per_payment):.3f}"
        yield f"{self.wall_ms:.2f}"
        yield f"{self.cpu_ms:.2f}"
        yield f"{naive.wall_ms / self.wall_ms:.1f}"
        yield f"{self.cpu_ms / floor.cpu_ms:.2f}" if floor else ""
        yield f"{self.median(self._over_ideal):.2f}"

    def _over_ideal(self, run: Measurement) -> float:
        return run.over_ideal(self.latency_ms / 1000, self.connections)


def measure(console: Console, plan: Plan, repeat: int) -> None:
    """Measure and print a table for each kind of payment."""
    busy: list[Busy] = []
    with started_stage() as stage:
        for kind in Kind:
            rows = _rows(_Runs(stage, plan, repeat, busy), kind)
            print_table(console, f"Speed: {kind}", _COLUMNS, rows, note="")
    console.print(f"\n{_NOTE}\n{_busy_note(busy)}")


class _Runs:
    """Run contenders as often as is wanted, and remember how busy the servers were."""

    def __init__(self, stage: Stage, plan: Plan, repeat: int, busy: list[Busy]) -> None:
        self.plan = plan
        self._stage = stage
        self._repeat = repeat
        self._busy = busy

    def case(self, contender: str, kind: Kind, latency_ms: int, connections: int) -> _Case:
        count = self.plan.payments(kind, latency_ms, connections)
        if contender == "naive":
            count = self.plan.naive_payments
        switches = {"latency_seconds": latency_ms / 1000}
        runs = tuple(
            self._stage.run(contender, kind, count, connections, switches)
            for _ in range(self._repeat)
        )
        self._busy += [run.busy for run in runs]
        return _Case(contender, kind, latency_ms, connections, count, runs)


def _rows(runs: _Runs, kind: Kind) -> Iterator[Iterable[str]]:
    for latency_ms in runs.plan.latencies_ms:
        naive = runs.case("naive", kind, latency_ms, 1)
        yield naive.cells(naive, None)
        for connections in runs.plan.connections:
            floor = runs.case("floor", kind, latency_ms, connections)
            yield floor.cells(naive, floor)
            yield runs.case("ours", kind, latency_ms, connections).cells(naive, floor)


def _busy_note(busy: list[Busy]) -> str:
    """Say that neither server was the bottleneck, or that one was."""
    simulator = max((each.simulator or 0.0 for each in busy), default=0.0)
    local_stack = max((each.local_stack or 0.0 for each in busy), default=0.0)
    if not simulator:
        return "How busy the servers were is not known: this system has no /proc."
    return (
        f"Of one core the simulator used {simulator:.0%} at most, the local stack "
        f"{local_stack:.0%}: "
        + ("neither" if max(simulator, local_stack) < _BOTTLENECK else "not surely neither")
        + " was the bottleneck."
    )
