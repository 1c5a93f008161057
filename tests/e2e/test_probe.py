"""A probe as its user runs it: a process that may be ended in any way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.aws import environment
from e2e.deployed import ROOT, Deployment, invoice_number
from local_stack import wait_for
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

SLOW_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a folder of their own, who probes one invoice."""

    deployment: Deployment
    folder: Path
    invoice: int

    @contextmanager
    def probing(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run the command, and end it if a test does not."""
        number = invoice_number(self.invoice)
        command = [sys.executable, "-m", "payments", "probe", "--invoice", number, *arguments]
        process = subprocess.Popen(
            command,
            env=os.environ
            | environment(self.deployment.local_stack)
            | {
                "PAYMENTS_STACK": self.deployment.stack.name,
                "PYTHONPATH": str(ROOT / "functions"),
                "XDG_CONFIG_HOME": str(self.folder),
                "COLUMNS": "300",
            },
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def probes(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        """Probe to the end; return the exit code and all that is said."""
        with self.probing(*arguments) as process:
            said = "".join(process.communicate(stdin))
        return process.returncode, said


@pytest.fixture
def user(deployment: Deployment, tmp_path: Path, invoice: int) -> User:
    return User(deployment, tmp_path, invoice)


def has_begun(connectwise: Simulator) -> bool:
    return any(call.kind == "payment-update" for call in connectwise.calls())


def test_it_prints_a_table_and_writes_a_file(user: User, connectwise: Simulator) -> None:
    code, said = user.probes("--yes")
    assert code == 0, said
    assert "second-payment" in said
    rows = json.loads((user.folder / "connectwise-probe.json").read_text())["rows"]
    assert {"row": "second-payment", "result": "refused"}.items() <= next(
        row for row in rows if row["row"] == "second-payment"
    ).items()
    assert connectwise.payments() == []


def test_without_consent_nothing_is_written(user: User, connectwise: Simulator) -> None:
    connectwise.clear_calls()
    code, said = user.probes(stdin="n\n")
    assert (code, "Nothing was changed." in said) == (2, True)
    assert {call.method for call in connectwise.calls()} == {"GET"}


def test_it_takes_back_everything_after_ctrl_c(user: User, connectwise: Simulator) -> None:
    """However often it is pressed."""
    connectwise.configure(latency_seconds=SLOW_SECONDS)
    with user.probing("--yes") as process:
        wait_for(lambda: has_begun(connectwise))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said = "".join(process.communicate())
    assert process.returncode == 130, said
    assert "Interrupted" in said
    assert connectwise.payments() == []


def test_the_next_one_takes_back_what_a_killed_one_has_left(
    user: User, connectwise: Simulator
) -> None:
    connectwise.configure(latency_seconds=SLOW_SECONDS)
    with user.probing("--yes") as process:
        wait_for(lambda: has_begun(connectwise))
        process.kill()
        process.communicate()
    assert connectwise.payments()
    connectwise.configure(latency_seconds=0.0)
    code, said = user.probes(stdin="y\nn\n")
    assert code == 2
    assert f"An earlier probe has left on invoice {invoice_number(user.invoice)}" in said
    assert connectwise.payments() == []
