"""Run the operator's command: `payments`, or `python -m payments`."""

import errno
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

_NOT_DONE = 2
# EX_SOFTWARE of sysexits.h. Python itself ends a traceback with 1: "some failed".
_FAULT = 70
# As shells have it: 128 and the number of SIGINT or SIGPIPE.
_INTERRUPTED = 130
_CLOSED_PIPE = 141
# Of standard output: what becomes of other files the commands say themselves.
_UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EBADF)
_OURS = str(Path(__file__).parent)


def main() -> None:
    """Run the command; every end of it has an exit code of its own."""
    try:
        try:
            _run()
        finally:
            if sys.stdout is not None:  # as after `>&-`
                sys.stdout.flush()
    except KeyboardInterrupt:
        _end_at_once()
    except BrokenPipeError:
        _end_without_a_reader()
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            _end_with(error)
        _end_unwritten(error)
    except SystemExit as end:
        # What prints, rich and typer, ends with 1 then.
        if end.code == 1 and _comes_of_a_closed_pipe(end):
            _end_without_a_reader()
        if end.code == _INTERRUPTED:
            _end_at_once()
        raise
    except Exception as fault:  # noqa: BLE001
        _end_with(fault)


def _run() -> None:
    try:
        from payments.command.app import app  # noqa: PLC0415  # it may have to be missed
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("payments"):
            raise
        sys.stderr.write(
            f"The package {missing.name} is not installed. Install what the command needs: "
            "python -m pip install -r tests/requirements/command.txt\n"
        )
        sys.exit(_NOT_DONE)
    except KeyboardInterrupt:
        sys.stderr.write("Nothing was done.\n")
        raise
    app()


def _end_at_once() -> NoReturn:
    """End without the threads: one may wait for an answer that nobody wants any more."""
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


def _comes_of_a_closed_pipe(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, BrokenPipeError):
        error = error.__context__
    return error is not None


def _end_without_a_reader() -> NoReturn:
    """End as if by SIGPIPE, which Python ignores; what is still to be written goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    sys.exit(_CLOSED_PIPE)


def _end_unwritten(error: OSError) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stderr.write(f"The output cannot be written: {error.strerror}.\n")
    sys.exit(_NOT_DONE)


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
    main()
