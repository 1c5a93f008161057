"""The demo's options and exit codes."""

import argparse
from pathlib import Path

from demo.demonstration import run
from demo.own_files import NotToBeUsed, own_files
from local_stack import DeploymentFailed, ServerFailed
from payments.command.problem import CommandFailed, Interrupted
from payments.command.tables import new_console
from simulator.control import SimulatorError

_FAILED = 1
_NOT_BEGUN = 2
_OUTPUT = Path(__file__).resolve().parents[2] / "demo-output"
_CODES = (
    "Ends with 0 if it has run, whatever became of the payments, 1 if it has failed itself, 2 if a "
    "file cannot be used, 130 after Ctrl-C."
)


def main() -> int:
    """Read the options, run, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="demo", description="Everything on this machine.", epilog=_CODES
    )
    parser.add_argument("file", nargs="*", help="your own payments, instead of ours")
    parser.add_argument(
        "--output",
        type=Path,
        default=_OUTPUT,
        help="the folder for what comes back, by default demo-output",
    )
    options = parser.parse_args()
    console = new_console()
    try:
        run(console, own_files(options.file), options.output)
    except NotToBeUsed as problem:
        console.print(str(problem), soft_wrap=True)
        return _NOT_BEGUN
    except Interrupted:  # what it says is about a stack that stays
        raise KeyboardInterrupt from None
    except (CommandFailed, DeploymentFailed, ServerFailed, SimulatorError) as failure:
        console.print(f"The demo has failed: {failure}", soft_wrap=True)
        return _FAILED
    except SystemExit:  # rich's, where nobody reads what it prints any more
        return 0
    return 0
