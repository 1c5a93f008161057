"""The process of one contender: `python -m benchmarks.contender JOB USAGE`.

Modules are imported and clients made before the clock starts: what that takes is the cold start,
which has a table of its own.
"""

import importlib
import resource
import sys
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.job import Job, Usage, Work


def main() -> None:
    """Prepare the work, do it, and write down what it took."""
    job_path, usage_path = (Path(argument) for argument in sys.argv[1:])
    job = Job.read(job_path)
    work: Work = importlib.import_module(f"benchmarks.{job.contender}").prepare(job)
    wall, cpu = perf_counter(), process_time()
    work()
    Usage(perf_counter() - wall, process_time() - cpu, _peak_bytes()).write(usage_path)


def _peak_bytes() -> int:
    """Return the most memory that this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which on Linux begins with the size of the process that started this one.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
