"""All temporary files of a test run lie in one folder: nothing of a run is left behind."""

import os
import tempfile
from pathlib import Path

import pytest

from local_stack.guardian import processes

_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
_TMP_PATH = "pytest"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let tests, and the processes that they start, have one folder for their temporary files.

    What tests were given as `tmp_path` lies there too, unless `--basetemp` keeps it elsewhere.
    """
    folder = tempfile.TemporaryDirectory(prefix="tests-")
    config.stash[_FOLDER] = folder
    os.environ["TMPDIR"] = tempfile.tempdir = folder.name
    config.option.basetemp = config.option.basetemp or str(Path(folder.name, _TMP_PATH))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the run fail that has left a process or a temporary file behind."""
    folder = Path(session.config.stash[_FOLDER].name)
    left = [each.name for each in folder.iterdir() if each.name != _TMP_PATH]
    left += [
        f"process {each.pid}: {each.command}"
        for each in processes()
        if each.parent == os.getpid() or str(folder) in each.command
    ]
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for each in left:
        session.config.get_terminal_writer().line(f"\nLeft behind: {each}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    config.stash[_FOLDER].cleanup()
