"""The peak memory of importing a small and a very large file."""

from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.deployment import function_environment
from benchmarks.job import Job, Usage
from benchmarks.scene import FIRST_INVOICE_ID, Kind, new_payments, write_payment_file
from benchmarks.stage import run_job
from benchmarks.tables import print_table
from simulator.control import Simulator

_SMALL = 10_000
_CONNECTIONS = 8
_MEGABYTE = 1_000_000
_NOTE = """\
Resident memory of the process at its peak, everything included: Python, boto3's clients, lookups,
outcomes stored in parts, both files written. S3 is a folder here, and the truth table forgets."""


def measure(console: Console, large: int) -> None:
    """Measure and print the table."""
    rows = []
    first = 0
    for count in (_SMALL, large):
        usage, size = _import(count)
        first = first or usage.peak_bytes
        rows.append(
            (
                f"{count:,}",
                f"{size / _MEGABYTE:.1f}",
                f"{usage.wall_seconds:.0f}",
                f"{usage.peak_bytes / _MEGABYTE:.1f}",
                f"{usage.peak_bytes / first:.2f}",
            )
        )
    title = f"Memory: new payments, {_CONNECTIONS} connections, no latency"
    print_table(console, title, ("records", "file MB", "seconds", "peak MB", "ratio"), rows, _NOTE)


def _import(count: int) -> tuple[Usage, int]:
    """Import so many new payments; return what that took, and the size of the file."""
    with TemporaryDirectory(prefix="benchmarks-") as folder, Simulator() as simulator:
        simulator.configure(log_calls=False)
        simulator.add_invoices(count=count, first_id=FIRST_INVOICE_ID)
        path = Path(folder) / "payments.xml"
        write_payment_file(path, new_payments(count))
        job = Job("large_import", Kind.NEW, str(path), _CONNECTIONS, simulator.secret, event={})
        usage = run_job(job, Path(folder), function_environment(_CONNECTIONS))
        if (created := simulator.counts().creates) != count:
            raise RuntimeError(f"{created} of {count} payments were created")
        return usage, path.stat().st_size
