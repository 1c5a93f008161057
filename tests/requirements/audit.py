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
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DELIVERED = ("layers/dependencies/requirements.txt", "tests/requirements/command.txt")
# CVE-2021-33503, among others. pip-audit asks for the same address for each package.
KNOWN_VULNERABLE = "https://pypi.org/pypi/urllib3/1.26.4/json"
_TIMEOUT_SECONDS = 20

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
    """Raise NotReachable unless PyPI names the vulnerabilities of a version that has some."""
    try:
        with urllib.request.urlopen(KNOWN_VULNERABLE, timeout=_TIMEOUT_SECONDS) as answer:
            content = json.load(answer)
    except (OSError, ValueError) as error:  # no connection, no such page, no JSON
        raise NotReachable(f"{KNOWN_VULNERABLE}: {error}") from error
    if not isinstance(content, dict) or not content.get("vulnerabilities"):
        raise NotReachable(f"{KNOWN_VULNERABLE} names no vulnerability; a mirror may answer.")


def run_pip_audit() -> int:
    """Audit exactly what is pinned; a package that is not in the database fails too."""
    command = [sys.executable, "-m", "pip_audit", "--strict", "--progress-spinner=off"]
    command += ["--disable-pip", "--require-hashes"]
    for name in DELIVERED:
        command += ["--requirement", str(ROOT / name)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
