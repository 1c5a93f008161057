"""Loading truth records while imports go on writing theirs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.way import Answer
from payments.command.problem import CommandFailed
from payments.command.truth import StoredTruth
from payments.command.truth_import import Loaded, load
from payments.command.truth_xml import truth_xml
from payments.models import (
    Found,
    LedgerEntry,
    Payment,
    Receipt,
    SecondPayment,
    There,
    TruthRecord,
)
from unit.operated import deployment_with
from unit.records import truth_record

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


# Receipts that come with the records


@dataclass(frozen=True, slots=True)
class Stack:
    """A new stack, by default one that adds receipts up."""

    folder: Path
    second_payment: SecondPayment = SecondPayment.ADD
    tables: dict[str, FakeTable] = field(
        default_factory=lambda: {
            "truth": FakeTable(("externalId", "connection")),
            "ledger": FakeTable(("invoiceId", "connection")),
            "imports": FakeTable(("importId",)),
        }
    )

    @property
    def truth(self) -> StoredTruth:
        dynamodb = FakeDynamoDb(self.tables)
        return StoredTruth(deployment_with(self.second_payment, dynamodb=dynamodb), CONNECTION)

    def loads(self, *records: TruthRecord, overwrite: bool = False) -> Loaded:
        path = self.folder / "truth.xml"
        path.write_text("".join(truth_xml(records)))
        return load(self.truth, path, overwrite=overwrite)

    def known(self, invoice_id: int = 1) -> There | None:
        return self.truth.ledger.find([invoice_id]).get(invoice_id)

    def amounts(self, invoice_id: int = 1) -> dict[str, Decimal]:
        there = self.known(invoice_id)
        assert there is not None
        assert there.entry is not None
        return {name: it.amount for name, it in (there.entry.added_up or {}).items()}

    def finds(self, import_id: str, status: str) -> None:
        """Let an import have found something on the invoice."""
        self.truth.ledger.store(
            [There(1, found=Found(import_id, looked=True, payment=Payment(70)))]
        )
        found = {"importId": import_id, "bucket": "b", "key": "incoming/a.xml", "status": status}
        self.tables["imports"].put(found)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


MARCH, MAY = "2026-03-28T00:00:00Z", "2026-05-01T00:00:00Z"
RC1 = truth_record("RC1", amount="400.00", day=MAY)
RC2 = truth_record("RC2", amount="600.00", day=MARCH)


def test_receipts_of_a_moved_truth_table_go_on_adding_up(stack: Stack) -> None:
    loaded = stack.loads(RC1, RC2, truth_record("RC3", 80, 2, amount="5.00"))
    assert (loaded.written, loaded.sums) == (3, 2)
    entry = LedgerEntry(
        1,
        70,
        RC2.modified,
        Decimal("1000.00"),
        MAY,
        added_up={
            "RC1": Receipt(Decimal("400.00"), MAY),
            "RC2": Receipt(Decimal("600.00"), MARCH),
        },
    )
    assert stack.known() == There(1, entry)
    assert stack.amounts(2) == {"RC3": 5}
    assert stack.truth.find("RC1") == RC1


def test_more_receipts_than_one_read_takes_are_all_there(stack: Stack) -> None:
    records = [truth_record(f"R{number}", amount="1.00") for number in range(250)]
    others = [truth_record(f"S{number}", number, number, amount="1.00") for number in range(2, 250)]
    assert stack.loads(*records, *others).sums == 249
    assert len(stack.amounts()) == 250


@pytest.mark.parametrize(
    "record",
    [
        truth_record("Z", amount=None),
        truth_record("Z", amount="0.00"),
        truth_record("Z", accepted=False),
        truth_record("Z", invoice_id=None),
    ],
    ids=["Zynk's", "taken back", "not accepted", "without invoice"],
)
def test_what_is_no_receipt_is_not_added_up(stack: Stack, record: TruthRecord) -> None:
    assert stack.loads(record).sums == 0
    assert stack.known() is None
    stack.loads(record, RC1)
    assert stack.amounts() == {"RC1": 400}


def test_of_several_payments_the_last_one_is_the_invoice_s(stack: Stack) -> None:
    """The other was deleted, and its receipts with it."""
    stack.loads(replace(RC1, payment_id=90), replace(RC2, modified="2025-01-01T00:00:00Z"))
    assert stack.amounts() == {"RC2": 600}


def test_what_the_ledger_knows_of_an_invoice_stays(stack: Stack) -> None:
    entry = LedgerEntry(1, 70, "now", Decimal(5), added_up={"RC9": Receipt(Decimal(5))})
    stack.truth.ledger.store([There(1, entry, Found("ended"))])
    assert stack.loads(RC1).sums == 0
    assert stack.known() == There(1, entry, Found("ended"))


def test_what_an_ended_import_has_found_is_no_knowledge(stack: Stack) -> None:
    """Its record was rejected, since the receipts were not known yet."""
    stack.finds("ended", "CompletedWithFailures")
    assert stack.loads(RC1).sums == 1
    assert stack.amounts() == {"RC1": 400}


def test_what_an_import_under_way_has_found_stays(stack: Stack) -> None:
    stack.finds("running", "Running")
    assert stack.loads(RC1).sums == 0
    known = stack.known()
    assert known is not None
    assert known.entry is None


def test_a_file_that_is_loaded_again_goes_on_where_it_was(stack: Stack) -> None:
    """It had ended between the truth table and the ledger."""
    stack.truth.table.store([RC1])
    loaded = stack.loads(RC1, RC2)
    assert (loaded.written, loaded.present, loaded.sums) == (1, 1, 1)
    assert stack.amounts() == {"RC1": 400, "RC2": 600}


def test_what_differs_from_the_table_is_a_receipt_only_if_it_wins(stack: Stack) -> None:
    stack.truth.table.store([replace(RC1, payment_id=71)])
    assert stack.loads(RC1).sums == 0
    assert stack.loads(RC1, overwrite=True).sums == 1


def test_where_payments_are_replaced_nothing_is_added_up(stack: Stack) -> None:
    replacing = replace(stack, second_payment=SecondPayment.REPLACE)
    assert replacing.loads(RC1, RC2).sums == 0
    assert stack.known() is None
