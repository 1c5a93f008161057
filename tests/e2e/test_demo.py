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


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for all of the demo's temporary files; short, since sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        yield Path(folder)


@contextmanager
def demo(temporary: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start the demo in a process group of its own, as a shell does."""
    paths = os.pathsep.join([str(ROOT / "functions"), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "-m", "demo", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": paths, "TMPDIR": str(temporary), "PYTHONUTF8": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def output_of(temporary: Path, *arguments: object) -> str:
    """Run the demo to its end."""
    with demo(temporary, *arguments) as process:
        output, _ = process.communicate(timeout=_SECONDS)
        assert process.returncode == 0, output
    assert is_all_gone(process.pid, temporary)
    return output


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


def test_the_demo_tells_what_became_of_our_files(temporary: Path) -> None:
    """One run for everything that it shows: it takes its time to be watched."""
    output = output_of(temporary)
    results = [line for line in output.splitlines() if " records: " in line]
    assert results == [
        "10 records: 9 created, 1 updated (1 replaced), 0 skipped, 0 failed.",
        "10 records: 2 created, 0 updated, 0 skipped, 8 failed.",
        "5 records: 5 created, 0 updated, 0 skipped, 0 failed.",
        "5 records: 0 created, 0 updated, 5 skipped, 0 failed.",
    ]
    assert "<ErrorMessage><![CDATA[<ammount> is not known" in output
    assert "RCPT-221, invoice INV-221: Already processed" in output
    [paid] = [line.split() for line in output.splitlines() if line.startswith(" INV-210 ")]
    assert paid == ["INV-210", "100.00", "25.00", "60.00", "40.00"]


def test_the_demo_takes_a_file_of_yours(temporary: Path, tmp_path: Path) -> None:
    """Invoices and payments that it names are there, so that one sees what it does."""
    file = tmp_path / "own.xml"
    file.write_bytes(
        payment_file(
            payment(payment_id=2, invoice=206, amount="10"),
            payment(number="X-77", amount="250.00"),
        )
    )
    output = output_of(temporary, file)
    assert "2 records: 1 created, 1 updated, 0 skipped, 0 failed." in output
    [paid] = [line.split() for line in output.splitlines() if line.startswith(" X-77 ")]
    assert paid == ["X-77", "250.00", "0.00", "250.00", "0.00"]


def test_ctrl_c_leaves_nothing_behind(temporary: Path) -> None:
    with demo(temporary) as process:
        assert process.stdout is not None
        assert any(line.startswith("Uploaded") for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
        rest = process.stdout.read()
        assert process.wait(_SECONDS) == 130, rest
    assert "Nothing is left running." in rest
    assert is_all_gone(process.pid, temporary)


def test_a_killed_demo_leaves_nothing_behind(temporary: Path) -> None:
    """Not even its own clean-up runs then."""
    with demo(temporary) as process:
        assert process.stdout is not None
        assert any(line.startswith("Uploaded") for line in process.stdout)
        process.kill()
    wait_for(
        lambda: not list(temporary.glob("local-stack-*")) and is_group_empty(process.pid),
        description="the end of all processes",
    )
