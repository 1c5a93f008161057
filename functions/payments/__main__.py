"""Run the operator's command: `python -m payments`."""

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

# EX_SOFTWARE of sysexits.h. Python itself ends a traceback with 1: "some failed".
_FAULT = 70
_OURS = str(Path(__file__).parent)


def _main() -> None:
    try:
        _run()
    except Exception as fault:  # noqa: BLE001
        _end_with(fault)


def _run() -> None:
    try:
        from payments.command.app import app  # noqa: PLC0415  # it may have to be missed
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("payments"):
            raise
        sys.exit(
            f"The package {missing.name} is not installed. Install what the command needs: "
            "python -m pip install -r tests/requirements/command.txt"
        )
    app(prog_name="python -m payments")


def _end_with(fault: Exception) -> NoReturn:
    """Say that the command itself is at fault, and where."""
    if "--debug" in sys.argv or os.environ.get("PAYMENTS_DEBUG") == "1":
        traceback.print_exception(fault)
    else:
        places = traceback.extract_tb(fault.__traceback__)
        ours = [place for place in places if place.filename.startswith(_OURS)]
        place = (ours or places)[-1]
        sys.stderr.write(
            f"The command has a fault: {type(fault).__name__} in {Path(place.filename).name}:"
            f"{place.lineno}. Run it with --debug to see how it came to that.\n"
        )
    sys.exit(_FAULT)


if __name__ == "__main__":
    _main()
