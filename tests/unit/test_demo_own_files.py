"""The demo's FILE: which files are meant, and which cannot be imported."""

from pathlib import Path
from typing import Any

import pytest

from demo.own_files import NotToBeUsed, own_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some files in the present folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("a.xml", "b.XML", "my file.xml", "sub/a.xml", "table.csv"):
        (tmp_path / name).write_text("<InvoicePayments/>")
    return tmp_path


def problem(*names: str) -> str:
    """What is wrong with these files."""
    with pytest.raises(NotToBeUsed) as refused:
        own_files(names)
    return str(refused.value)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("a.xml", ["a.xml"]),
        ("a.xml b.XML", ["a.xml", "b.XML"]),
        ("my file.xml", ["my file.xml"]),
        ("a.xml 'my file.xml'", ["a.xml", "my file.xml"]),
    ],
)
def test_one_text_names_a_file_or_several(text: str, files: list[str]) -> None:
    assert own_files([text]) == [Path(name) for name in files]


def test_nobody_has_to_name_a_file() -> None:
    assert own_files([]) == []


def test_the_own_folder_may_be_named_as_in_a_shell(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert own_files(["~/a.xml"]) == [folder / "a.xml"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("c.xml", "There is no file c.xml."),
        ("a.xml c.xml", "There is no file c.xml."),
        ("it's c.xml", "There is no file it's c.xml."),
        ("sub", "sub is no file."),
        ("table.csv", "table.csv would not be imported: its name must end with .xml."),
        ("a.xml sub/a.xml", "Two files are called a.xml"),
        ("x" * 300, "cannot be read: File name too long."),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_before_anything_starts(
    text: str, told: str
) -> None:
    assert told in problem(text)


@pytest.mark.usefixtures("folder")
def test_a_file_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert problem("a.xml") == "a.xml cannot be read: Permission denied."
