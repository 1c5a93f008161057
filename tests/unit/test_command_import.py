"""`payments import` as its operator runs it, on a bucket in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from payments.command import follow, import_file
from payments.command.app import app
from payments.command.deployment import Deployment
from unit.imported import COMPLETED_WITH_FAILURES, EMPTY, FAILED, RUNNING, Imports
from unit.operated import STACK

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three files."""
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        Path(f"{name}.xml").write_bytes(EMPTY)
    return tmp_path


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command on a bucket."""

    def run(imports: Imports, *arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(Deployment, "find", lambda *_: imports.deployment())
        arguments = ("import", *arguments)
        return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)

    return run


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_several_files_are_summed_up_and_the_worst_is_the_exit_code(payments: Run) -> None:
    imports = Imports(b=FAILED, c=COMPLETED_WITH_FAILURES)
    ran = payments(imports, "a.xml", "b.xml", "c.xml")
    assert ran.exit_code == 2
    assert imports.uploaded == ["a.xml", "b.xml", "c.xml"]
    assert ran.stdout.splitlines()[-4:] == [
        "3 files:",
        "  incoming/a.xml: 0 records: 0 created, 0 updated, 0 skipped, 0 failed.",
        "  incoming/b.xml: Not imported: It is no XML. No payment was sent.",
        "  incoming/c.xml: 0 records: 0 created, 0 updated, 0 skipped, 0 failed.",
    ]


def test_nothing_is_uploaded_unless_all_can_be(payments: Run) -> None:
    imports = Imports()
    ran = payments(imports, "a.xml", "none.xml")
    assert ran.exit_code == 2
    assert imports.uploaded == []


def test_standard_input_is_imported(payments: Run) -> None:
    imports = Imports()
    ran = payments(imports, "-", "--key", "x.xml", stdin="<InvoicePayments />")
    assert ran.exit_code == 0
    assert imports.bucket.read("incoming/x.xml") == b"<InvoicePayments />"
    assert Path("x.success.xml").read_bytes() == EMPTY


def test_whoever_does_not_wait_is_told_how_to_look(payments: Run) -> None:
    ran = payments(Imports(a=None), "a.xml", "--no-wait")
    assert ran.exit_code == 0
    for how in ("status", "fetch", "stop"):
        assert f"`payments --stack {STACK} {how} incoming/a.xml`" in ran.stdout
    assert not Path("a.success.xml").exists()


def test_without_waiting_the_next_file_goes_behind_one_that_has_begun(payments: Run) -> None:
    """Otherwise their events could pass each other."""
    begun, unseen = Imports(a=RUNNING), Imports(a=None)
    assert payments(begun, "a.xml", "b.xml", "--no-wait", "--timeout", "0").exit_code == 0
    assert begun.uploaded == ["a.xml", "b.xml"]
    assert payments(unseen, "a.xml", "b.xml", "--no-wait", "--timeout", "0").exit_code == 3
    assert unseen.uploaded == ["a.xml"]


def test_an_import_that_is_not_finished_in_time_goes_on(payments: Run) -> None:
    ran = payments(Imports(a=RUNNING), "a.xml", "b.xml", "--timeout", "0s")
    assert ran.exit_code == 3
    assert "incoming/a.xml is uploaded, and its import goes on" in ran.stderr
    assert ran.stderr.endswith("Not uploaded: b.xml.\n")


@pytest.mark.parametrize("how", [("--no-wait",), ("--timeout", "0s")])
def test_while_the_queue_is_held_nothing_is_said_to_go_on(
    payments: Run, how: tuple[str, ...]
) -> None:
    imports = Imports(a=None)
    imports.held = True
    ran = payments(imports, "a.xml", *how)
    said = ran.stdout + ran.stderr
    assert (
        f"the queue is held, and nothing begins or goes on until `payments --stack {STACK}" in said
    )
    assert "its import goes on" not in said


def test_with_the_rule_switched_off_nothing_is_said_to_go_on(payments: Run) -> None:
    imports = Imports(a=None)
    imports.rule_off = True
    ran = payments(imports, "a.xml", "--no-wait")
    assert f"switched off (`payments --stack {STACK} check` says more)" in ran.stdout
    assert "its import goes on" not in ran.stdout


@pytest.mark.parametrize("time", ["", "10x", "-1", "1.5m", "m"])
def test_a_time_that_is_none_is_refused(time: str, payments: Run) -> None:
    imports = Imports()
    ran = payments(imports, "a.xml", f"--timeout={time}")
    assert ran.exit_code == 2
    assert "give seconds, or a number with s, m or h" in ran.stderr
    assert imports.uploaded == []


def test_ctrl_c_before_the_upload_says_so(payments: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    imports = Imports()
    monkeypatch.setattr(Deployment, "enabled", property(interrupt))
    ran = payments(imports, "a.xml")
    assert (ran.exit_code, ran.stderr) == (130, "Nothing was uploaded.\n")
    assert imports.uploaded == []


def test_ctrl_c_while_waiting_says_what_goes_on(
    payments: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "find_import", interrupt)
    ran = payments(Imports(), "a.xml", "b.xml")
    assert ran.exit_code == 130
    assert "incoming/a.xml is uploaded, and its import goes on" in ran.stderr
    assert f"`payments --stack {STACK} stop incoming/a.xml` ends it." in ran.stderr
    assert ran.stderr.endswith("Not uploaded: b.xml.\n")


def test_ctrl_c_while_the_results_come_says_how_to_get_them(
    payments: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_file, "bring", interrupt)
    ran = payments(Imports(), "a.xml")
    assert ran.exit_code == 130
    assert "incoming/a.xml is imported" in ran.stderr
    assert f"`payments --stack {STACK} fetch incoming/a.xml` brings them." in ran.stderr
