"""Run the demo: `python -m demo [FILE]`."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from demo.demonstration import run
from local_stack import DeploymentFailed, ServerFailed
from payments.command.problem import CommandFailed, Interrupted
from payments.command.tables import new_console
from simulator.control import SimulatorError


def main() -> int:
    """Read the options, run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="your own payments, instead of ours")
    file = parser.parse_args().file
    console = new_console()
    if file is not None and not file.is_file():
        console.print(f"There is no file {file}.")
        return 2
    # SIGINT too: who starts us in the background may have it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    return _run(console, file)


def _run(console: Console, file: Path | None) -> int:
    try:
        run(console, file)
    except (KeyboardInterrupt, Interrupted):
        console.print("\nStopped. Nothing is left running.")
        return 130
    except (CommandFailed, DeploymentFailed, ServerFailed, SimulatorError) as failure:
        console.print(f"The demo has failed: {failure}", soft_wrap=True)
        return 1
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
