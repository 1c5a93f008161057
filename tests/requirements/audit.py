"""Fail if a package that is delivered has a known vulnerability.

Before pip-audit is believed, PyPI's database has to name a vulnerability that everybody knows.
Behind a package index of one's own the database may not be there, and pip-audit would pass over
each package.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
DELIVERED = ("layers/dependencies/requirements.txt", "tests/requirements/command.txt")
KNOWN_VULNERABLE = "urllib3==1.26.4"  # CVE-2021-33503, among others
_PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner=off")

OK, VULNERABLE_OR_UNKNOWN, NOT_REACHABLE = 0, 1, 2


class NotReachable(Exception):
    """The database of vulnerabilities cannot be asked; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Audit the delivered packages; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pass-if-not-reachable", action="store_true")
    options = parser.parse_args(arguments)
    return audit(ask_database, run_pip_audit, tolerant=options.pass_if_not_reachable)


def audit(ask: Callable[[], None], run: Callable[[], int], *, tolerant: bool) -> int:
    """Return pip-audit's exit code, or what the database's absence means."""
    try:
        ask()
    except NotReachable as reason:
        print("*" * 80)
        print(f"NOT AUDITED: the database of vulnerabilities is not reachable.\n{reason}")
        print("*" * 80)
        return OK if tolerant else NOT_REACHABLE
    return run()


def ask_database() -> None:
    """Raise NotReachable unless pip-audit finds the vulnerabilities of a version that has some."""
    with TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{KNOWN_VULNERABLE}\n", encoding="utf-8")
        command = [*_PIP_AUDIT, "--no-deps", "--format=json", "--requirement", str(requirements)]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if not names_a_vulnerability(asked.stdout):
        raise NotReachable(
            f"pip-audit does not know that {KNOWN_VULNERABLE} is vulnerable: there is no "
            "connection, or a mirror answers that has no vulnerabilities."
        )


def names_a_vulnerability(report: str) -> bool:
    """Tell whether pip-audit's JSON report has one."""
    try:
        dependencies = json.loads(report)["dependencies"]
        return any(dependency.get("vulns") for dependency in dependencies)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def run_pip_audit() -> int:
    """Audit exactly what is pinned; a package that is not in the database fails too."""
    command = [*_PIP_AUDIT, "--strict", "--require-hashes"]
    for name in DELIVERED:
        command += ["--requirement", str(ROOT / name)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
