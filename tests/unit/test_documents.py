"""The documents are true to each other and to the template."""

import re
from pathlib import Path

import pytest
import typer

from payments.command.app import app
from payments.files.record import KNOWN

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "events/README.md",
    "tests/benchmarks/README.md",
)


def anchors(document: Path) -> set[str]:
    """The places in a document that a link can name, as GitHub names its headings."""
    titles = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_inside_the_project_leads_somewhere(name: str) -> None:
    document = ROOT / name
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200


def test_the_readme_has_every_setting_and_no_other() -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Settings\n")[2]
    rows = section.partition("\n\nTo change")[0].splitlines()[3:]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    template = (ROOT / "template.yaml").read_text("utf-8")
    parameters = template.partition("\nParameters:\n")[2].partition("\nConditions:")[0]
    assert sorted(named) == sorted(re.findall(r"^  (\w+):$", parameters, re.MULTILINE))


def test_the_reference_of_files_has_every_element_and_no_other() -> None:
    text = (ROOT / "events/README.md").read_text("utf-8")
    rows = text.partition("| element | meaning |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    named = {name for row in rows for name in re.findall(r"`([\w/]+)`", row.split(" | ")[0])}
    assert {name.partition("/")[0] for name in named} == KNOWN - {"lookups"}


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md"])
def test_every_subcommand_is_named(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    commands = vars(typer.main.get_command(app))["commands"]
    assert [each for each in commands if not re.search(rf"`(payments )?{each}\b", text)] == []
