"""Fetching what an import has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from payments.command.fetching import fetch_results
from payments.command.problem import CommandFailed
from unit.watched_stack import WatchedStack

FINISHED = {"status": "Succeeded", "finishedAt": "2026-01-02T03:05:00Z"}


class Ended(WatchedStack):
    """A stack where files were imported."""

    def imported(self, name: str, *, page: str | None = None) -> None:
        """Let a file be imported, perhaps with a page about it."""
        id_ = self.upload(name)
        self.begin(id_, name, **FINISHED)
        for key in (f"success/{name}", f"fail/{name}", page):
            if key is not None:
                self.bucket.put(key, key.encode(), {"import-id": id_})


@pytest.fixture
def stack() -> Ended:
    return Ended()


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_both_files_and_the_page_are_fetched(stack: Ended, tmp_path: Path) -> None:
    stack.imported("2026/a.xml", page="reports/2026/a.html")
    done = fetch_results(stack.deployment, "incoming/2026/a.xml", tmp_path / "new")
    assert done.copies.page == tmp_path / "new" / "a.html"
    assert files(tmp_path / "new") == {
        "a.success.xml": "success/2026/a.xml",
        "a.fail.xml": "fail/2026/a.xml",
        "a.html": "reports/2026/a.html",
    }


def test_an_import_from_before_there_were_pages_has_none(stack: Ended, tmp_path: Path) -> None:
    stack.imported("a.xml")
    assert fetch_results(stack.deployment, "incoming/a.xml", tmp_path).copies.page is None
    assert set(files(tmp_path)) == {"a.success.xml", "a.fail.xml"}


def test_while_a_newer_upload_waits_nothing_is_fetched(stack: Ended, tmp_path: Path) -> None:
    stack.imported("a.xml")
    stack.upload("a.xml")
    stack.queues["queue"] = ["{}"]
    with pytest.raises(CommandFailed, match=r"The newest upload of incoming/a\.xml is Queued"):
        fetch_results(stack.deployment, "incoming/a.xml", tmp_path)
    assert files(tmp_path) == {}


def test_files_of_another_import_are_not_taken_for_its_own(stack: Ended, tmp_path: Path) -> None:
    stack.imported("a.xml")
    stack.bucket.put("fail/a.xml", b"", {"import-id": "later"})
    with pytest.raises(CommandFailed, match="by another import"):
        fetch_results(stack.deployment, "incoming/a.xml", tmp_path)


def test_a_local_file_that_somebody_has_corrected_is_left_alone(
    stack: Ended, tmp_path: Path
) -> None:
    stack.imported("a.xml")
    for _ in range(2):  # what is the same may be fetched again
        fetch_results(stack.deployment, "incoming/a.xml", tmp_path)
    corrected = tmp_path / "a.fail.xml"
    corrected.write_text("corrected")
    with pytest.raises(
        CommandFailed, match=r"a\.fail\.xml is there already .* --output, or"
    ) as told:
        fetch_results(stack.deployment, "incoming/a.xml", tmp_path)
    assert str(corrected) in str(told.value)
    assert files(tmp_path)["a.fail.xml"] == "corrected"
    fetch_results(stack.deployment, "incoming/a.xml", tmp_path, overwrite=True)
    assert files(tmp_path) == {"a.success.xml": "success/a.xml", "a.fail.xml": "fail/a.xml"}


def test_without_the_right_to_look_nothing_is_said_not_to_be_there(
    stack: Ended, tmp_path: Path
) -> None:
    stack.imported("a.xml")
    stack.denied = {"ListObjectVersions", "Scan"}
    with pytest.raises(CommandFailed, match=r"Whether incoming/a\.xml was uploaded cannot be told"):
        fetch_results(stack.deployment, "incoming/a.xml", tmp_path)


def test_the_local_names_are_such_as_any_system_takes(stack: Ended, tmp_path: Path) -> None:
    name = "..\\..\\C:\x1b[0m?.xml"
    stack.imported(name)
    done = fetch_results(stack.deployment, f"incoming/{name}", tmp_path)
    assert done.copies.fail_file == tmp_path / ".._.._C_\ufffd[0m_.fail.xml"
