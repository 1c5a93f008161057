"""The command as a program of its own: what it is installed with, and how its process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SUBCOMMANDS = (["--help"], ["convert", "receipts.csv"], ["status", "--help"])


def requirements(path: Path) -> list[Requirement]:
    """What a requirements file names, and those that it takes in."""
    found: list[Requirement] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += requirements(path.parent / line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def locked() -> dict[str, str]:
    """The versions that the operator's requirements file has."""
    text = (ROOT / "tests/requirements/command.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith(" ")]
    return dict(line[0].split("==") for line in lines)


def test_it_is_installed_with_what_its_requirements_file_names() -> None:
    installed = map(Requirement, PROJECT["project"]["dependencies"])
    wanted = requirements(ROOT / "tests/requirements/command.in")
    assert {(each.name, *sorted(each.extras)) for each in installed} == {
        (each.name, *sorted(each.extras)) for each in wanted
    }


@pytest.mark.parametrize("dependency", PROJECT["project"]["dependencies"])
def test_the_locked_version_is_one_that_is_installed(dependency: str) -> None:
    requirement = Requirement(dependency)
    assert requirement.specifier.contains(locked()[canonicalize_name(requirement.name)])
    assert "<" in str(requirement.specifier)


def test_the_credentials_of_aws_login_have_their_package() -> None:
    assert "awscrt" in locked()


def test_the_wheel_has_the_package_and_the_program_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip, pipx and uv build it; nothing of that is left in the tree."""
    backend = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)
    before = set(ROOT.iterdir())
    with ZipFile(tmp_path / backend.build_wheel(str(tmp_path))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        [program] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        assert b"payments = payments.__main__:main" in wheel.read(program)
    sources = (ROOT / "functions/payments").rglob("*.py")
    assert names == {str(path.relative_to(ROOT / "functions")) for path in sources}
    assert set(ROOT.iterdir()) == before


def process(
    *arguments: str, folder: Path, stdout: int | IO[str] = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start what pip makes of the project's script."""
    [script] = PROJECT["project"]["scripts"].items()
    module, _, function = script[1].partition(":")
    program = f"import sys; from {module} import {function}; sys.argv[0] = {script[0]!r}"
    return run_code(f"{program}; {function}()", folder, *arguments, stdout=stdout)


def run_code(
    code: str, folder: Path, *arguments: str, stdout: int | IO[str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "functions"), "COLUMNS": "80"},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "receipts.csv").write_text("Invoice,Amount,Date\nI,1.50,2026-03-04\n")
    return tmp_path


def test_its_help_calls_it_as_it_was_called(folder: Path) -> None:
    assert "Usage: payments [OPTIONS]" in process("--help", folder=folder).communicate()[0]


@pytest.mark.parametrize("arguments", SUBCOMMANDS, ids=" ".join)
def test_a_closed_pipe_is_no_noise(arguments: list[str], folder: Path) -> None:
    """It ends as other programs do, which SIGPIPE ends."""
    ran = process(*arguments, folder=folder)
    assert ran.stdout is not None
    assert ran.stderr is not None
    ran.stdout.close()
    assert ran.stderr.read() == ""
    ran.stderr.close()
    assert ran.wait() == 128 + signal.SIGPIPE


def test_a_full_disk_is_told(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = process("convert", "--help", folder=folder, stdout=full)
        assert ran.communicate()[1] == "The output cannot be written: No space left on device.\n"
    assert ran.wait() == 2


def test_a_watch_ends_when_nobody_reads_any_more(folder: Path) -> None:
    """Also while nothing changes that would be written."""
    watch = "from payments.command.watching import Watched, show; from rich.console import Console"
    watched = "Watched(lambda: 0, print, lambda seen: ['line'], lambda seen: False)"
    code = f"{watch}; show(Console(width=80), {watched}, again=True)"
    with run_code(code, folder, stdout=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        assert ran.stdout.readline() == "line\n"
        ran.stdout.close()
        try:
            assert ran.wait(30) == 1
        finally:
            ran.kill()
        assert ran.stderr.read().endswith("BrokenPipeError\n")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pre", ["preview"]),
        ("truth ex", ["export"]),
        ("--stack s stat", ["status"]),
        ("status --stack s --li", ["--limit"]),
        ("status --re", ["--region"]),
    ],
)
def test_the_shell_completes_subcommands_and_options(
    typed: str, offered: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"payments {typed}"
    monkeypatch.setenv("_PAYMENTS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert process(folder=folder).communicate()[0].split() == offered


def test_a_package_that_is_missing_is_named(folder: Path) -> None:
    """It ends with what means that nothing was done."""
    (folder / "typer.py").write_text("raise ModuleNotFoundError(name='typer')")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from payments.__main__ import main"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}; main()"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "functions")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "The package typer is not installed." in ran.stderr
