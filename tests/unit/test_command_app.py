"""The command as its operator runs it, on a deployment in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.way import Answer
from payments.command.app import app
from payments.command.deployment import Deployment
from unit.operated import deployment_with
from unit.watched_stack import WatchedStack

CONNECTION = "na.myconnectwise.net/acme"
NO_TEXT = os.fsdecode(b"Z\xfcrich.xml")


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> FakeTable:
    """The truth table of the deployment that is found; an import writes to it at the same time."""
    table = FakeTable(("externalId", "connection"))

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if operation == "PutItem":
            names = {"externalId": "A", "connection": CONNECTION, "modified": "now"}
            table.put({**names, "paymentId": 7})
        return effect()

    dynamodb = FakeDynamoDb({"truth": table}, way)
    deployment = deployment_with(dynamodb=dynamodb)
    monkeypatch.setattr(Deployment, "find", lambda *_: deployment)
    return table


def ran(*arguments: str | Path, stdin: str = "") -> tuple[int, str]:
    """Run the command; return its exit code, and all that it says."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.mark.usefixtures("truth")
@pytest.mark.parametrize("command", ["import", "status"])
def test_a_file_name_that_is_not_utf_8_is_no_traceback(command: str, tmp_path: Path) -> None:
    file = tmp_path / NO_TEXT
    file.write_text("<InvoicePayments/>")
    code, said = ran(command, file if command == "import" else NO_TEXT)
    assert code == 2
    assert "Z\\udcfcrich.xml is no name for a file in a bucket: it is not UTF-8." in said


@pytest.mark.usefixtures("truth")
def test_what_an_import_has_changed_meanwhile_is_counted_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / NO_TEXT
    file.write_text('<TruthRecords><TruthRecord InternalId="8" ExternalId="A"/></TruthRecords>')
    code, said = ran("truth", "import", file, "--connection", CONNECTION)
    assert code == 1
    assert "0 truth records written" in said
    assert "1 changed meanwhile, left alone" in said


# ---- status --------------------------------------------------------------------------------------


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> WatchedStack:
    """The stack that is found."""
    found = WatchedStack()
    monkeypatch.setattr(Deployment, "find", lambda *_: found.deployment)
    return found


@pytest.mark.parametrize(
    ("status", "code"), [("Succeeded", 0), ("CompletedWithFailures", 1), ("Failed", 2)]
)
def test_status_of_a_file_ends_as_its_import_did(
    stack: WatchedStack, status: str, code: int
) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", status=status, finishedAt="2026-01-02T03:05:00Z")
    assert ran("status", "a.xml")[0] == code
    assert ran("status")[0] == 0


def test_status_of_a_file_that_goes_on_ends_with_0(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", error="down", waitsUntil="2999-01-01T00:00:00Z")
    code, said = ran("status", "a.xml")
    assert code == 0
    assert "Waiting" in said


def test_status_as_json_is_one_line_for_each_import(stack: WatchedStack) -> None:
    for name in ("a.xml", "b.xml"):
        stack.begin(stack.upload(name), name, status="Succeeded")
    lines = ran("status", "--json")[1].splitlines()
    assert {json.loads(line)["file"] for line in lines} == {"incoming/a.xml", "incoming/b.xml"}


def test_a_watch_that_is_interrupted_ends_with_130(
    stack: WatchedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("payments.command.watching.sleep", interrupt)
    stack.begin(stack.upload("a.xml"), "a.xml", error="down", waitsUntil="2999-01-01T00:00:00Z")
    assert ran("status", "--watch") == (130, "incoming/a.xml: Waiting: down\n")


# ---- Questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_without_a_yes_nothing_is_done_and_it_ends_with_2(truth: FakeTable, answer: str) -> None:
    """Also where nobody is there to answer."""
    truth.put({"externalId": "A", "connection": CONNECTION, "paymentId": 7})
    code, said = ran("truth", "delete", "A", "--connection", CONNECTION, stdin=answer)
    assert code == 2
    assert "Nothing was done." in said
    assert truth.get("A", CONNECTION) is not None


def test_ctrl_c_at_a_question_ends_with_130(
    truth: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object, **_options: object) -> bool:
        """Answer Ctrl-C as typer does."""
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise typer.Abort from None

    monkeypatch.setattr(typer, "confirm", ask)
    truth.put({"externalId": "A", "connection": CONNECTION, "paymentId": 7})
    code, said = ran("truth", "delete", "A", "--connection", CONNECTION)
    assert code == 130
    assert said.endswith("\nNothing was done.\n")
    assert truth.get("A", CONNECTION) is not None
