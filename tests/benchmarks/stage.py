"""Where contenders are measured: the simulator, the local stack and a process for each run."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from benchmarks.busy import Busy, cpu_seconds, share
from benchmarks.deployment import Deployment
from benchmarks.job import Job, Usage
from benchmarks.scene import (
    AMOUNT,
    Kind,
    Payment,
    amount_after,
    paid_before,
    set_scene,
    with_ids,
    write_payment_file,
)
from local_stack import LocalStack
from simulator.control import Counts, Simulator

_TESTS = Path(__file__).resolve().parents[1]
_PATHS = (str(_TESTS), str(_TESTS.parent / "functions"))


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one contender."""

    payments: int
    usage: Usage
    counts: Counts
    startup_seconds: float
    """From the last change of the simulator's switches to the first work, at most."""
    busy: Busy
    """While the contender's process lived."""

    @property
    def calls_per_payment(self) -> float:
        return self.counts.total / self.payments

    @property
    def wall_ms(self) -> float:
        """Wall time per payment."""
        return self.usage.wall_seconds * 1000 / self.payments

    @property
    def cpu_ms(self) -> float:
        """CPU of the contender's process per payment."""
        return self.usage.cpu_seconds * 1000 / self.payments

    def over_ideal(self, latency_seconds: float, connections: int) -> float:
        """Return the wall time as a multiple of what the calls alone must take."""
        ideal = self.counts.total * latency_seconds / connections
        return self.usage.wall_seconds / ideal


class Stage:
    """A simulator and a local stack that several runs share."""

    def __init__(self, simulator: Simulator, deployment: Deployment, folder: Path) -> None:
        self.simulator = simulator
        self.deployment = deployment
        self.folder = folder
        self._files = 0

    def run(
        self,
        contender: str,
        kind: Kind,
        count: int,
        connections: int,
        switches: Mapping[str, Any],
    ) -> Measurement:
        """Let a contender import `count` payments; `switches` are the simulator's."""
        payments = set_scene(self.simulator, kind, count)
        self.deployment.put_secret(self.simulator.secret)
        environment = {**self.deployment.environment(connections), **kind.environment}
        if kind.is_paid_here:
            before = self._job("ours", kind, connections, paid_before(payments))
            run_job(before, self.folder, environment)
            # The floor knows beforehand what to change.
            payments = with_ids(self.simulator, payments) if contender == "floor" else payments
        job = self._job(contender, kind, connections, payments)
        self.simulator.clear_calls()
        self.simulator.configure(log_calls=False, **switches)
        return self._measured(job, count, environment)

    def _job(
        self, contender: str, kind: Kind, connections: int, payments: Iterable[Payment]
    ) -> Job:
        """Write a file, upload it where that is how it gets there, and return what to do."""
        self._files += 1
        path = self.folder / f"payments-{self._files}.xml"
        write_payment_file(path, payments)
        event = self.deployment.upload(path) if contender == "ours" else {}
        return Job(contender, kind, str(path), connections, self.simulator.secret, event)

    def _measured(self, job: Job, count: int, environment: Mapping[str, str]) -> Measurement:
        began, before = monotonic(), self._servers_cpu_seconds()
        usage = run_job(job, self.folder, environment)
        seconds, after = monotonic() - began, self._servers_cpu_seconds()
        counts = self.simulator.counts()
        _check(job.contender, counts, count)
        self._check_amounts(job)
        shares = (share(*times, seconds) for times in zip(before, after, strict=True))
        startup_seconds = seconds - usage.wall_seconds
        return Measurement(count, usage, counts, startup_seconds, Busy(*shares))

    def _check_amounts(self, job: Job) -> None:
        """Make sure that every payment came to what it should be."""
        expected = amount_after(Kind(job.kind)) if job.contender == "ours" else Decimal(AMOUNT)
        held = {row["amount"] for row in self.simulator.payments()}
        if held != {expected}:
            raise RuntimeError(f"{job.contender} left {held}, where {expected} should be")

    def _servers_cpu_seconds(self) -> tuple[float | None, float | None]:
        return cpu_seconds(self.simulator.pid), cpu_seconds(self.deployment.pid)


@contextmanager
def started_stage() -> Iterator[Stage]:
    """Start what runs share, and tidy it up."""
    with (
        TemporaryDirectory(prefix="benchmarks-") as folder,
        Simulator() as simulator,
        LocalStack() as local_stack,
    ):
        yield Stage(simulator, Deployment(local_stack), Path(folder))


def run_job(job: Job, folder: Path, environment: Mapping[str, str]) -> Usage:
    """Run a contender in a process of its own; what it logs is not kept."""
    job_path, usage_path = folder / "job.json", folder / "usage.json"
    job.write(job_path)
    run_python(["-m", "benchmarks.contender", str(job_path), str(usage_path)], environment)
    return Usage.read(usage_path)


def run_python(arguments: list[str], environment: Mapping[str, str]) -> str:
    """Run Python to its end and return its standard error; nothing of the caller's AWS or proxies.

    Nothing compiled is kept: a Lambda function's own code is compiled at each cold start as well.
    """
    # The function's own folder is Lambda's to remove; here it goes with this one.
    with TemporaryDirectory(prefix="benchmarks-") as temporary:
        process = subprocess.run(
            [sys.executable, *arguments],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "PYTHONPATH": os.pathsep.join(_PATHS),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": temporary,
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{process.stderr}")
    return process.stderr


def _check(contender: str, counts: Counts, payments: int) -> None:
    """Make sure that the contender has done what it was measured at."""
    refused = {status for status in counts.statuses if status not in (200, 201, 429)}
    writes = counts.calls.get(("POST", "payment-create"), 0)
    writes += counts.calls.get(("PATCH", "payment-update"), 0)
    throttled = counts.statuses.get(429, 0)
    if refused or not payments <= writes <= payments + throttled:
        raise RuntimeError(f"{contender} made {writes} writes for {payments} payments: {counts}")
