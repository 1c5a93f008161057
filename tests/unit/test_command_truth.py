"""Loading truth records while imports go on writing theirs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.way import Answer
from payments.command.problem import CommandFailed
from payments.command.truth import StoredTruth
from payments.command.truth_import import load
from unit.operated import deployment_with

CONNECTION = "na.myconnectwise.net/acme"
Disturb = Callable[[FakeTable], None]


def item(payment_id: int, modified: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    names = {"externalId": "A", "connection": CONNECTION, "created": "2026-01-01T00:00:00Z"}
    return {**names, "paymentId": payment_id, "modified": modified, "key": "incoming/p.xml"}


@pytest.fixture
def table() -> FakeTable:
    return FakeTable(("externalId", "connection"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Zynk's records, in a file whose name is not UTF-8."""
    path = tmp_path / os.fsdecode(b"zynk \xff.xml")
    path.write_text('<TruthRecords><TruthRecord InternalId="8" ExternalId="A"/></TruthRecords>')
    return path


def truth_in(table: FakeTable, before_writing: Disturb = lambda _: None) -> StoredTruth:
    """The table as the command sees it; somebody else may get in before it writes."""

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if operation == "PutItem":
            before_writing(table)
        return effect()

    dynamodb = FakeDynamoDb({"truth": table}, way)
    return StoredTruth(deployment_with(dynamodb=dynamodb), CONNECTION)


def test_a_record_that_is_not_there_is_written(table: FakeTable, file: Path) -> None:
    loaded = load(truth_in(table), file)
    assert (loaded.written, loaded.changed) == (1, 0)
    [stored] = table.all()
    assert (stored["paymentId"], stored["key"]) == (8, "zynk \\udcff.xml")


def test_what_an_import_writes_meanwhile_stays(table: FakeTable, file: Path) -> None:
    loaded = load(truth_in(table, lambda table: table.put(item(7))), file)
    assert (loaded.written, loaded.changed) == (0, 1)
    assert table.get("A", CONNECTION) == item(7)


def test_what_an_import_changes_meanwhile_is_not_overwritten(table: FakeTable, file: Path) -> None:
    table.put(item(7))
    later = item(7, "2026-01-02T00:00:00Z")
    truth = truth_in(table, lambda table: table.put(later))
    loaded = load(truth, file, overwrite=True)
    assert (loaded.written, loaded.changed) == (0, 1)
    assert table.get("A", CONNECTION) == later


def test_what_nobody_has_changed_is_overwritten_if_it_shall_be(
    table: FakeTable, file: Path
) -> None:
    table.put(item(7))
    assert load(truth_in(table), file).conflicts
    assert table.get("A", CONNECTION) == item(7)
    assert load(truth_in(table), file, overwrite=True).written == 1
    assert (table.get("A", CONNECTION) or {})["paymentId"] == 8


def test_a_write_that_the_sdk_has_repeated_counts_as_written(table: FakeTable, file: Path) -> None:
    """The first one had taken effect, so that the condition of the second does not hold."""

    def repeated(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if operation == "PutItem":
            effect()
        return effect()

    dynamodb = FakeDynamoDb({"truth": table}, repeated)
    loaded = load(StoredTruth(deployment_with(dynamodb=dynamodb), CONNECTION), file)
    assert (loaded.written, loaded.changed) == (1, 0)


@pytest.mark.parametrize(
    "spelling", ["NA.myconnectwise.net/acme", "na.myconnectwise.net:443/Acme", "host:x/acme"]
)
def test_nothing_is_written_under_a_spelling_that_no_import_uses(
    table: FakeTable, file: Path, spelling: str
) -> None:
    truth = replace(truth_in(table), connection=spelling)
    with pytest.raises(CommandFailed, match=r"so\.|no host"):
        load(truth, file)
    assert table.all() == []
