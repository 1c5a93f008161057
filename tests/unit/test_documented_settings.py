"""How settings are changed, as it is written down: so that they stick."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(set(ROOT.glob("*.md")) - {ROOT / "CHANGELOG.md"})
PARAMETERS = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))["Parameters"]


def commands(document: Path) -> Iterator[str]:
    """Yield the blocks of a document that are to be pasted."""
    text = document.read_text("utf-8")
    yield from re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)


def test_samconfig_sets_no_parameter_and_no_region() -> None:
    """A parameter there would undo with each deployment what was changed since."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    assert config["default"]["deploy"]["parameters"] == {
        "stack_name": "connectwise-payments",
        "capabilities": "CAPABILITY_IAM",
        "resolve_s3": True,
        "confirm_changeset": True,
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_command_to_paste_writes_all_parameters_into_the_clone(document: Path) -> None:
    """`sam deploy --guided` does; a sentence may warn of it."""
    assert not [block for block in commands(document) if "--guided" in block]


def test_the_documents_name_only_parameters_that_there_are() -> None:
    """SAM CLI passes over others without a word."""
    lines = "".join(block for path in DOCUMENTS for block in commands(path))
    lines = lines.replace("\\\n", " ")
    overrides = [line.partition("--parameter-overrides")[2] for line in lines.splitlines()]
    named = {name for each in overrides for name in re.findall(r"\b([A-Z]\w*)=", each)}
    assert named <= PARAMETERS.keys()
