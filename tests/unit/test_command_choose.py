"""Which files an `import` takes; all are looked at before the first is uploaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from payments.command.choose import check_files, choose
from payments.command.import_file import Chosen
from payments.command.problem import CommandFailed
from payments.command.results import Copies

STANDARD_INPUT = Path("-")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two files."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.xml", "b.xml"):
        Path(name).write_text("<InvoicePayments/>")
    return tmp_path


def problems(*names: str, key: str | None = None) -> list[str]:
    """What is wrong with these files."""
    with pytest.raises(CommandFailed) as refused:
        check_files([Path(name) for name in names], key)
    *told, last = str(refused.value).splitlines()
    assert last == "Nothing was uploaded."
    return told


def test_files_keep_their_order_and_get_their_results_beside_them(folder: Path) -> None:
    files = [folder / "b.xml", Path("a.xml")]
    check_files(files, None)
    assert choose("incoming/", files, None, None) == [
        Chosen(folder / "b.xml", "incoming/b.xml", Copies.named(folder, "b")),
        Chosen(Path("a.xml"), "incoming/a.xml", Copies.named(Path(), "a")),
    ]


def test_standard_input_is_called_by_its_key(folder: Path) -> None:
    check_files([STANDARD_INPUT], "of/x.xml")
    [chosen] = choose("incoming/", [STANDARD_INPUT], "of/x.xml", folder)
    assert chosen == Chosen(None, "incoming/of/x.xml", Copies.named(folder, "x"))
    assert chosen.name == "standard input"


def test_every_mistake_is_told_at_once(folder: Path) -> None:
    Path("c").mkdir()
    assert problems("a.xml", "n*.xml", "none.xml", "c", "./a.xml") == [
        "No file matches n*.xml.",
        "There is no file none.xml.",
        "c is a folder: name its files, as in c/*.xml",
        f"{folder}/a.xml is named 2 times.",
    ]


def test_a_name_is_for_one_file() -> None:
    told = "--key and - are for one file: import it by itself."
    assert problems("a.xml", "b.xml", key="c.xml") == [told]
    assert problems("a.xml", "-", key="c.xml") == [told]


def test_standard_input_needs_a_name() -> None:
    [told] = problems("-")
    assert told == "- is standard input: say with --key what the file is to be called."


def test_success_files_of_the_last_time_are_not_imported_with_the_others() -> None:
    """As `import *.xml` would."""
    Path("a.success.xml").touch()
    assert problems("a.xml", "a.success.xml") == [
        "a.success.xml is a success file, and in ConnectWise already: leave it out."
    ]
    check_files([Path("a.success.xml")], None)


@pytest.mark.parametrize(
    ("other", "output", "place"),
    [
        ("sub/a.xml", None, "incoming/a.xml"),
        ("a.XML", "out", "out/a.success.xml"),
    ],
)
def test_files_that_would_take_each_other_s_place_are_refused(
    other: str, output: str | None, place: str
) -> None:
    into = None if output is None else Path(output)
    with pytest.raises(CommandFailed, match=rf"^a\.xml and {other} would both become {place}: "):
        choose("incoming/", [Path("a.xml"), Path(other)], None, into)


def test_every_name_that_is_never_imported_is_told() -> None:
    files = [Path("a.xml"), Path("b.csv"), Path("._c.xml")]
    with pytest.raises(CommandFailed, match=r"b\.csv would not be(.|\n)*\._c\.xml would not be"):
        choose("incoming/", files, None, None)
