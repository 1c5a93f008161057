"""Run a command until standard input is closed, then leave nothing of it behind.

Started as `python guardian.py DIRECTORY COMMAND...`. The operating system closes the pipe on
standard input however the parent ends (normally, by Ctrl-C, by SIGKILL), so the command's whole
process group and its directory go in every case, on Linux and on macOS alike.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

EXIT_CODE_FILE = "exit-code"

_GROUP_END_SECONDS = 2.0


def main() -> None:
    """Start the command, wait for its end or its parent's, and tidy up."""
    directory, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    closing = threading.Thread(target=_kill_when_stdin_closes, args=(child.pid,))
    closing.start()
    for ended_by in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ended_by, lambda *_: _kill(child.pid))
    exit_code = child.wait()
    _kill(child.pid)
    # A command that ended by itself: its parent is told, and may read the directory before closing.
    Path(directory, EXIT_CODE_FILE).write_text(str(exit_code))
    closing.join()
    _wait_until_ended(child.pid)
    shutil.rmtree(directory, ignore_errors=True)


def _kill_when_stdin_closes(group: int) -> None:
    sys.stdin.buffer.read()
    _kill(group)


def _kill(group: int) -> None:
    # macOS answers EPERM for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _wait_until_ended(group: int) -> None:
    """A process that is still ending could write into the directory while it is removed."""
    deadline = time.monotonic() + _GROUP_END_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.01)


if __name__ == "__main__":
    main()
