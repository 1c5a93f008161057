"""The cold start: what a fresh process takes to import its modules and its first record."""

import json
import sys
from collections import Counter
from statistics import median

from rich.console import Console

from benchmarks.scene import Kind, set_scene, write_payment_file
from benchmarks.stage import Stage, run_python, started_stage
from benchmarks.tables import print_table

_CONNECTIONS = 8
_PACKAGES_SHOWN = 12
_NOTE = """\
Since Python itself has started. Our own modules are compiled each time: in Lambda nothing compiled
can be kept beside them. Packages come compiled, as in a layer."""

Milliseconds = tuple[float, float]
"""Wall and CPU time since the start."""


def measure(console: Console, repeat: int) -> None:
    """Measure and print what takes how long, and what is imported meanwhile."""
    with started_stage() as stage:
        alone = _medians([_steps(stage, []) for _ in range(repeat)])
        ours = _medians([_steps(stage, [_one_record(stage)]) for _ in range(repeat)])
        import_times = _import_times(stage)
    times = (
        ("boto3 and requests alone: imported", alone["imported"]),
        ("ours: imported", ours["imported"]),
        ("ours: AWS clients made", ours["built"]),
        ("ours: a file with one record imported", ours["first record"]),
    )
    rows = ((name, f"{wall:.0f}", f"{cpu:.0f}") for name, (wall, cpu) in times)
    title = f"Cold start (medians of {repeat})"
    print_table(console, title, ("", "wall ms", "CPU ms"), rows, _NOTE)
    _print_import_times(console, import_times)


def _one_record(stage: Stage) -> str:
    """Upload a file with one new payment and return its notification."""
    path = stage.folder / "one.xml"
    write_payment_file(path, set_scene(stage.simulator, Kind.NEW, 1))
    stage.deployment.put_secret(stage.simulator.secret)
    return json.dumps(stage.deployment.upload(path))


def _steps(stage: Stage, arguments: list[str]) -> dict[str, Milliseconds]:
    """Run a fresh process and return when it had done what."""
    answer = stage.folder / "steps.json"
    environment = stage.deployment.environment(_CONNECTIONS)
    run_python(["-m", "benchmarks.first_record", str(answer), *arguments], environment)
    (_, *start), *steps = json.loads(answer.read_text())
    return {name: ((wall - start[0]) * 1000, (cpu - start[1]) * 1000) for name, wall, cpu in steps}


def _medians(runs: list[dict[str, Milliseconds]]) -> dict[str, Milliseconds]:
    return {
        name: (median(run[name][0] for run in runs), median(run[name][1] for run in runs))
        for name in runs[0]
    }


def _import_times(stage: Stage) -> Counter[str]:
    """Return the microseconds that importing each package takes, by `-X importtime`."""
    answer = stage.folder / "steps.json"
    log = run_python(
        ["-X", "importtime", "-m", "benchmarks.first_record", str(answer), _one_record(stage)],
        stage.deployment.environment(_CONNECTIONS),
    )
    times: Counter[str] = Counter()
    for line in log.splitlines():
        own, _, module = line.removeprefix("import time:").partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            times[_package(module.partition("|")[2].strip())] += int(own)
    return times


def _package(module: str) -> str:
    package = module.partition(".")[0]
    return "standard library" if package in sys.stdlib_module_names else package


def _print_import_times(console: Console, times: Counter[str]) -> None:
    rows = [
        (package, f"{microseconds / 1000:.1f}") for package, microseconds in times.most_common()
    ]
    title = f"Imported until then: {times.total() / 1000:.0f} ms, measuring it included"
    print_table(console, title, ("package", "own ms"), rows[:_PACKAGES_SHOWN], note="")
