"""A command in the care of a guardian: it ends with us, however we end."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack.guardian import EXIT_CODE_FILE

_GUARDIAN = Path(__file__).with_name("guardian.py")
_LOG = "log"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A running command, and the folder for everything that it writes."""

    directory: Path
    guardian: subprocess.Popen[bytes]

    def has_ended(self) -> bool:
        """Tell whether the command has ended by itself."""
        return (self.directory / EXIT_CODE_FILE).exists()

    def log(self) -> str:
        """What the command has written so far."""
        return (self.directory / _LOG).read_text(errors="replace")

    def close(self) -> None:
        """End every process of the command and remove its folder, however long that takes."""
        assert self.guardian.stdin is not None
        self.guardian.stdin.close()
        self.guardian.wait()


def new_directory(name: str) -> Path:
    """Make a folder for a command; it goes when the command is closed."""
    # Resolved: macOS's temporary directory is a link, and processes are found by their paths.
    return Path(tempfile.mkdtemp(prefix=f"{name}-")).resolve()


def start_guarded(
    command: Sequence[str | Path],
    directory: Path,
    environment: Mapping[str, str],
    working_directory: Path | None = None,
) -> Guarded:
    """Start a command, with its temporary files in `directory` and nothing of our environment."""
    with (directory / _LOG).open("wb") as log:
        guardian = subprocess.Popen(
            [sys.executable, "-I", _GUARDIAN, directory, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={"HOME": str(directory), "TMPDIR": str(directory), **environment},
            cwd=working_directory or directory,
            start_new_session=True,  # Ctrl-C in the terminal is for us; the guardian tidies up
        )
    return Guarded(directory, guardian)
