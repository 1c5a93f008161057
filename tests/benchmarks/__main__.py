"""Measure: `python -m benchmarks [--quick] [--only NAME] [--repeat N]`.

Without options that takes a quarter of an hour. Two things are measured only when asked for, and a
tenth of them with `--quick`: `--only memory` imports a million records, which takes a quarter of an
hour, and `--only files` checks ten million and writes their two files, which takes half an hour.
"""

import argparse
import platform
from collections.abc import Callable
from importlib.metadata import version

from rich.console import Console

from benchmarks import budgets, cold_start, files, memory, speed, throttling

_WIDTH = 110
_NAMES = ("speed", "throttling", "budgets", "cold-start", "memory", "files")


def main() -> None:
    """Measure what the options ask for, and print a table of each."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, to try it out")
    parser.add_argument("--only", choices=_NAMES)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each speed; medians count")
    options = parser.parse_args()
    console = Console(width=_WIDTH, highlight=False)
    console.print(
        f"Python {platform.python_version()}, requests {version('requests')}, "
        f"pyconnectwise {version('pyconnectwise')}, {platform.machine()}"
    )
    for name, measure in _measurements(console, options.quick, options.repeat).items():
        if options.only == name or (options.only is None and name not in ("memory", "files")):
            measure()


def _measurements(console: Console, quick: bool, repeat: int) -> dict[str, Callable[[], None]]:
    plan = speed.QUICK if quick else speed.DEFAULT
    return {
        "speed": lambda: speed.measure(console, plan, repeat),
        "throttling": lambda: throttling.measure(console, 500 if quick else 1200),
        "budgets": lambda: budgets.measure(console, 3 if quick else 10),
        "cold-start": lambda: cold_start.measure(console, 3 if quick else 7),
        "memory": lambda: memory.measure(console, 100_000 if quick else 1_000_000),
        "files": lambda: files.measure(console, 1_000_000 if quick else 10_000_000),
    }


if __name__ == "__main__":
    main()
