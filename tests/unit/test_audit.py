"""When the audit of the delivered packages passes: nothing is found, or nobody can be asked."""

import json
from pathlib import Path

import pytest

from requirements import audit


def reachable() -> None:
    pass


def not_reachable() -> None:
    raise audit.NotReachable("no such host")


def never_run() -> int:
    raise AssertionError("nobody can be asked")


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("code", [0, 1, 3])
def test_what_pip_audit_finds_decides(code: int, tolerant: bool) -> None:
    """A vulnerability, or any other error of it, is never passed over."""
    assert audit.audit(reachable, lambda: code, tolerant=tolerant) == code


def test_without_a_database_the_audit_fails_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """As `make audit` does."""
    assert audit.audit(not_reachable, never_run, tolerant=False) == audit.NOT_REACHABLE
    assert "NOT AUDITED" in capsys.readouterr().out


def test_a_test_run_without_a_database_passes_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in `make test`, which has to run without the internet."""
    assert audit.audit(not_reachable, never_run, tolerant=True) == audit.OK
    assert "NOT AUDITED" in capsys.readouterr().out


@pytest.mark.parametrize(
    "report",
    [
        "",
        "<html>",
        "[]",
        '{"dependencies": null}',
        '{"dependencies": [{"name": "urllib3", "skip_reason": "not found"}], "fixes": []}',
        '{"dependencies": [{"name": "urllib3", "version": "1.26.4", "vulns": []}], "fixes": []}',
    ],
)
def test_an_index_without_vulnerabilities_is_no_database(report: str) -> None:
    """pip-audit by itself would find nothing there, and pass."""
    assert not audit.names_a_vulnerability(report)


def test_a_database_that_names_a_known_vulnerability_is_believed() -> None:
    """Whichever it is."""
    vulnerable = {"name": "urllib3", "version": "1.26.4", "vulns": [{"id": "PYSEC-2021-108"}]}
    assert audit.names_a_vulnerability(json.dumps({"dependencies": [vulnerable], "fixes": []}))


def test_all_that_is_delivered_is_pinned_with_hashes() -> None:
    """pip-audit looks at exactly these versions."""
    for name in audit.DELIVERED:
        pinned = Path(audit.ROOT, name).read_text(encoding="utf-8")
        assert pinned.count("==") <= pinned.count("--hash=")
