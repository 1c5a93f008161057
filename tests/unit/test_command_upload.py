"""Putting a file into the bucket, and what is said of it after Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pytest
from rich.console import Console

from payments.command.problem import CommandFailed, Interrupted
from payments.command.upload import NOTHING_UPLOADED, upload
from payments.models import SourceFile
from unit.imported import EMPTY, Imports

KEY = "incoming/p.xml"
NOT_CERTAIN = f"It is not certain whether {KEY} is uploaded."


class Interrupting(Imports):
    """S3 that is called so often, with so much of the file, until somebody presses Ctrl-C."""

    def __init__(self, calls: int, taken: int) -> None:
        super().__init__()
        self.calls = calls
        self.taken = taken

    def put_object(self, *, Body: bytes | BinaryIO, **_: Any) -> dict[str, Any]:  # noqa: N803
        assert not isinstance(Body, bytes)
        for _call in range(self.calls):
            self.sends[0]()
        Body.read(self.taken)
        raise KeyboardInterrupt


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "p.xml"
    path.write_bytes(EMPTY)
    return path


def uploaded(imports: Imports, file: Path) -> SourceFile:
    return upload(imports.deployment(), file, KEY, Console(quiet=True))


def test_the_version_is_what_is_imported(file: Path) -> None:
    imports = Imports()
    assert uploaded(imports, file) == SourceFile("bucket", KEY, "v1")
    assert imports.bucket.read(KEY) == EMPTY
    assert imports.sends == []


@pytest.mark.parametrize("version", [{}, {"VersionId": "null"}])
def test_without_versions_an_import_cannot_be_followed(
    file: Path, version: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on all the same."""
    monkeypatch.setattr(Imports, "put_object", lambda _self, **_: version)
    with pytest.raises(CommandFailed, match="the bucket keeps no versions"):
        uploaded(Imports(), file)


@pytest.mark.parametrize(
    ("calls", "taken", "said"),
    [
        (0, len(EMPTY), NOTHING_UPLOADED),  # a checksum of it was being made
        (1, len(EMPTY) - 1, NOTHING_UPLOADED),
        (1, len(EMPTY), NOT_CERTAIN),
        (2, 0, NOT_CERTAIN),  # the first call's answer may have been lost
    ],
)
def test_only_what_is_certain_is_said_after_ctrl_c(
    calls: int, taken: int, said: str, file: Path
) -> None:
    with pytest.raises(Interrupted, match=said):
        uploaded(Interrupting(calls, taken), file)


def test_a_file_that_has_gone_is_named(file: Path) -> None:
    file.unlink()
    with pytest.raises(CommandFailed, match=r"p\.xml cannot be read: No such file or directory\."):
        uploaded(Imports(), file)
