"""The demo: what it prints, and that it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.deployed import ROOT
from e2e.payment_xml import payment, payment_file
from local_stack import wait_for

pytestmark = pytest.mark.e2e

_SECONDS = 120
_MANY = 500  # would take longer than that if they were imported as slowly as ours


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for all of the demo's temporary files; short, since sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        yield Path(folder)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The folder for what comes back."""
    return tmp_path / "output"


@contextmanager
def demo(
    temporary: Path, output: Path, *arguments: object, stderr: int = subprocess.STDOUT
) -> Iterator[subprocess.Popen[str]]:
    """Start the demo in a process group of its own, as a shell does."""
    paths = os.pathsep.join([str(ROOT / "functions"), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "--output", str(output), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": paths, "TMPDIR": str(temporary), "PYTHONUTF8": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told_by(temporary: Path, output: Path, *arguments: object) -> str:
    """Run the demo to its end, and return what it says."""
    with demo(temporary, output, *arguments) as process:
        told, _ = process.communicate(timeout=_SECONDS)
        assert process.returncode == 0, told
    assert is_all_gone(process.pid, temporary)
    return told


def is_all_gone(group: int, temporary: Path) -> bool:
    """Whether neither a process of the demo is left, nor a file.

    The local stack's processes are in a group of their own, but end before their folder does.
    """
    return is_group_empty(group) and not list(temporary.iterdir())


def is_group_empty(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_demo_tells_what_became_of_our_files(temporary: Path, output: Path) -> None:
    """One run for everything that it shows: it takes its time to be watched."""
    told = told_by(temporary, output)
    results = [line for line in told.splitlines() if " records: " in line]
    assert results == [
        "10 records: 9 created, 1 updated (1 replaced), 0 skipped, 0 failed.",
        "10 records: 2 created, 0 updated, 0 skipped, 8 failed.",
        "5 records: 5 created, 0 updated, 0 skipped, 0 failed.",
        "5 records: 0 created, 0 updated, 5 skipped, 0 failed.",
    ]
    assert "<ErrorMessage><![CDATA[<ammount> is not known" in told
    assert "Already processed" in told
    [paid] = [line.split() for line in told.splitlines() if line.startswith(" INV-210 ")]
    assert paid == ["INV-210", "100.00", "25.00", "60.00", "40.00"]


def test_the_demo_takes_a_file_of_yours(temporary: Path, output: Path, tmp_path: Path) -> None:
    """Invoices and payments that it names are there, so that one sees what it does."""
    file = tmp_path / "own.xml"
    file.write_bytes(
        payment_file(
            payment(payment_id=2, invoice=206, amount="10"),
            payment(number="X-77", amount="250.00"),
        )
    )
    told = told_by(temporary, output, file)
    assert "2 records: 1 created, 1 updated, 0 skipped, 0 failed." in told
    [paid] = [line.split() for line in told.splitlines() if line.startswith(" X-77 ")]
    assert paid == ["X-77", "250.00", "0.00", "250.00", "0.00"]
    assert f"\n{output / 'own.success.xml'}\n" in told
    assert b"X-77" in (output / "own.success.xml").read_bytes()


def test_files_of_yours_run_at_full_speed(temporary: Path, output: Path, tmp_path: Path) -> None:
    """Several go on in one ConnectWise, and what one has paid is there for the next."""
    files = [tmp_path / "many.xml", tmp_path / "one.xml"]
    files[0].write_bytes(
        payment_file(*(payment(number=f"M-{n}", amount="9") for n in range(_MANY)))
    )
    files[1].write_bytes(payment_file(payment(number="M-1", amount="9")))
    told = told_by(temporary, output, f"{files[0]} {files[1]}")
    assert f"many.xml: {_MANY} of {_MANY} records\n{_MANY} records: {_MANY} created" in told
    assert f"{_MANY} records in " in told
    assert f"These are the first 30 of {_MANY} invoices." in told
    assert "\n1 record: 0 created, 1 updated (1 replaced), 0 skipped, 0 failed." in told


def test_a_file_that_is_not_there_starts_nothing(temporary: Path, output: Path) -> None:
    with demo(temporary, output, "nothing.xml") as process:
        assert process.communicate(timeout=_SECONDS)[0] == "There is no file nothing.xml.\n"
        assert process.returncode == 2


def test_who_reads_no_further_ends_the_demo(temporary: Path, output: Path) -> None:
    """As `make demo | head -1` does."""
    with demo(temporary, output, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(_SECONDS) == 0
    assert is_all_gone(process.pid, temporary)


def test_ctrl_c_leaves_nothing_behind(temporary: Path, output: Path) -> None:
    with demo(temporary, output) as process:
        assert process.stdout is not None
        assert any(line.startswith("Uploaded") for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
        rest = process.stdout.read()
        assert process.wait(_SECONDS) == 130, rest
    assert "Nothing is left running." in rest
    assert is_all_gone(process.pid, temporary)


def test_a_killed_demo_leaves_nothing_behind(temporary: Path, output: Path) -> None:
    """Not even its own clean-up runs then."""
    with demo(temporary, output) as process:
        assert process.stdout is not None
        assert any(line.startswith("Uploaded") for line in process.stdout)
        process.kill()
    wait_for(
        lambda: not list(temporary.glob("local-stack-*")) and is_group_empty(process.pid),
        description="the end of all processes",
    )
