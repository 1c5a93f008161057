"""Run a command until standard input is closed, then leave nothing of it behind.

Started as `python guardian.py DIRECTORY COMMAND...`, at the head of a session of its own. The
operating system closes the pipe on standard input however the parent ends (normally, by Ctrl-C, by
SIGKILL), so every process of the session and the directory go in every case, on Linux and on macOS
alike, however long that takes on a busy machine.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EXIT_CODE_FILE = "exit-code"

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs now."""

    pid: int
    parent: int
    command: str

    def session(self) -> int:
        """Return the session's number, 0 if the process has ended meanwhile."""
        try:
            return os.getsid(self.pid)
        except OSError:
            return 0


def processes() -> Iterator[Process]:
    """Yield every process of the machine; what has ended and waits for its parent is none."""
    if sys.platform != "linux":
        yield from _listed_by_ps()
        return
    for directory in Path("/proc").glob("[0-9]*"):  # slim images have no ps
        with contextlib.suppress(OSError):  # ended meanwhile
            state, parent, *_ = (directory / "stat").read_text().rpartition(")")[2].split()
            command = (directory / "cmdline").read_bytes().replace(b"\0", b" ")
            if state not in "ZX":
                yield Process(int(directory.name), int(parent), command.decode(errors="replace"))


def _listed_by_ps() -> Iterator[Process]:
    command = ["ps", "-axwwo", "pid=,ppid=,stat=,command="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ps:
        listing, _ = ps.communicate()
    for line in listing.splitlines():
        pid, parent, state, command_line = (*line.split(maxsplit=3), "")[:4]
        if not state.startswith("Z") and int(pid) != ps.pid:
            yield Process(int(pid), int(parent), command_line)


def main() -> None:
    """Start the command, wait for its end or its parent's, and tidy up."""
    directory, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    closing = threading.Thread(target=_end_when_stdin_closes)
    closing.start()
    for ended_by in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ended_by, lambda *_: _end_others())
    exit_code = child.wait()
    _end_others()
    # A command that ended by itself: its parent is told, and may read the directory before closing.
    Path(directory, EXIT_CODE_FILE).write_text(str(exit_code))
    closing.join()
    shutil.rmtree(directory, ignore_errors=True)


def _end_when_stdin_closes() -> None:
    sys.stdin.buffer.read()
    _end_others()


def _end_others() -> None:
    """Kill the rest of this session, until there is none: nothing of it is worth a farewell."""
    while others := _others():
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _others() -> set[int]:
    own = os.getsid(0)
    return {each.pid for each in processes() if each.session() == own} - {os.getpid()}


if __name__ == "__main__":
    main()
