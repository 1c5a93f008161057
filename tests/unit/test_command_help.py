"""What the command says of itself, on 80 columns, and the options that every subcommand takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from payments.command.app import app
from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed
from payments.command.version import this_version


def subcommands(command: Any, *names: str) -> Iterator[list[str]]:
    """Yield every subcommand as it is called."""
    for name, each in getattr(command, "commands", {}).items():
        yield [*names, name]
        yield from subcommands(each, *names, name)


SUBCOMMANDS = list(subcommands(get_command(app)))
ENDING = [call for call in SUBCOMMANDS if call != ["truth"]]


def said(*arguments: str) -> str:
    """Run the command, which must end with 0, and return its output."""
    environment = {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "AWS_REGION": ""}
    ran = CliRunner().invoke(app, arguments, env=environment, prog_name="payments")
    assert ran.exit_code == 0
    return ran.stdout


@pytest.mark.parametrize("call", ENDING, ids=" ".join)
def test_the_help_of_every_subcommand_has_an_example(call: list[str]) -> None:
    lines = said(*call, "--help").rstrip().splitlines()
    assert lines[-1].strip().startswith(f"Example: payments {' '.join(call)}")


@pytest.mark.parametrize("call", SUBCOMMANDS, ids=" ".join)
def test_the_help_of_every_subcommand_fits_and_has_the_options_of_all(call: list[str]) -> None:
    text = said(*call, "--help")
    assert max(map(len, text.splitlines())) <= 80
    for option in ("--stack", "--region", "--profile", "--debug"):
        assert re.search(rf"^│ {option} ", text, re.MULTILINE), option


def test_the_help_lists_every_exit_code() -> None:
    text = said("--help")
    codes = re.findall(r"^   (\d+) +[a-z]", text, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "70", "130", "141"]
    assert "Example: payments import october.xml" in text


def test_the_version_is_the_project_s() -> None:
    assert said("--version") == f"payments {this_version()}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", this_version())


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The stacks that are looked for, each with its region."""
    looked_for: list[tuple[str, str | None]] = []

    def find(session: Any, stack: str) -> Deployment:
        looked_for.append((stack, session.region_name))
        raise CommandFailed("There is none.")

    monkeypatch.setattr(Deployment, "find", find)
    return looked_for


@pytest.mark.parametrize(
    ("call", "stack", "region"),
    [
        ("status", "connectwise-payments", "eu-west-1"),
        ("status --stack s", "s", "eu-west-1"),
        ("--stack s --region us-east-2 status", "s", "us-east-2"),
        ("--stack s status --stack t k.xml --region=us-east-2", "t", "us-east-2"),
        ("truth --stack s show x --region us-east-2", "s", "us-east-2"),
        ("truth show -- --stack", "connectwise-payments", "eu-west-1"),
    ],
)
def test_the_options_that_say_where_may_stand_anywhere(
    call: str, stack: str, region: str, found: list[tuple[str, str | None]]
) -> None:
    """AWS_REGION goes before AWS_DEFAULT_REGION, as for the AWS CLI."""
    environment = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
    ran = CliRunner().invoke(app, call.split(), env=environment)
    assert ran.exit_code == 2
    assert found == [(stack, region)]


def test_an_option_without_its_value_takes_no_subcommand_for_it(
    found: list[tuple[str, str | None]],
) -> None:
    ran = CliRunner().invoke(app, ["status", "--stack"])
    assert ran.exit_code == 2
    assert "requires an argument" in ran.stderr
    assert found == []
