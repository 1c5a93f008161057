"""When the audit of the delivered packages passes: nothing is found, or nobody can be asked."""

import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

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
    ("answer", "reason"),
    [
        (b'{"vulnerabilities": []}', "names no vulnerability"),
        (b'{"info": {}}', "names no vulnerability"),
        (b"[]", "names no vulnerability"),
        (b"<html>", "Expecting value"),
        (urllib.error.URLError("no such host"), "no such host"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_an_index_without_vulnerabilities_is_no_database(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | OSError, reason: str
) -> None:
    """pip-audit by itself would find nothing there, and pass."""
    answers(monkeypatch, answer)
    with pytest.raises(audit.NotReachable, match=reason):
        audit.ask_database()


def test_a_database_that_names_a_known_vulnerability_is_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever it is."""
    answers(monkeypatch, json.dumps({"vulnerabilities": [{"id": "PYSEC-2021-108"}]}).encode())
    audit.ask_database()


def test_all_that_is_delivered_is_pinned_with_hashes() -> None:
    """pip-audit looks at exactly these versions."""
    for name in audit.DELIVERED:
        pinned = Path(audit.ROOT, name).read_text(encoding="utf-8")
        assert pinned.count("==") <= pinned.count("--hash=")


def answers(monkeypatch: pytest.MonkeyPatch, answer: bytes | OSError) -> None:
    def urlopen(*_: Any, **__: Any) -> io.BytesIO:
        if isinstance(answer, OSError):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
