"""What is written only if nobody else has changed it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from fakes.clock import VirtualClock
from fakes.dynamodb import FakeDynamoDb, FakeTable
from payments.command.unchanged import Unchanged
from payments.models import Found, LedgerEntry, Payment, Receipt, There
from payments.stores.ledger import ATTRIBUTES, Ledger

ENTRY = LedgerEntry(1, 70, "then", Decimal("400.00"), added_up={"RC1": Receipt(Decimal("400.00"))})
NEW = LedgerEntry(
    1, 70, "now", Decimal("450.00"), "2026", added_up={"RC1": Receipt(Decimal("450.00"))}
)


def ledger(table: FakeTable) -> tuple[Ledger, Unchanged]:
    """The ledger through a client that writes what is unchanged."""
    through = Unchanged(FakeDynamoDb({"ledger": table}), "invoiceId", ATTRIBUTES)
    return Ledger(through, "ledger", "site/company", VirtualClock()), through


@pytest.fixture
def table() -> FakeTable:
    return FakeTable(("invoiceId", "connection"))


@pytest.mark.parametrize(
    "before",
    [
        None,
        There(1, ENTRY),
        There(1, found=Found("i")),
        There(1, ENTRY, Found("i", looked=True, payment=Payment(7))),
    ],
    ids=str,
)
def test_what_is_as_it_was_read_is_written(table: FakeTable, before: There | None) -> None:
    others, _ = ledger(table)
    others.store([] if before is None else [before])
    mine, through = ledger(table)
    mine.find([1])
    mine.store([There(1, NEW)])
    assert through.changed == []
    assert mine.find([1]) == {1: There(1, NEW)}


@pytest.mark.parametrize(
    "before", [None, There(1, ENTRY), There(1, ENTRY, Found("i", looked=True))], ids=str
)
@pytest.mark.parametrize(
    "after",
    [
        There(1, replace(ENTRY, amount=Decimal("401.00"))),
        There(1, replace(ENTRY, added_up={"RC2": Receipt(Decimal(400))})),
        There(1, replace(ENTRY, day="2026")),
        There(1, ENTRY, Found("another")),
        There(1, ENTRY, Found("i", looked=True, payment=Payment(7))),
        There(1, found=Found("another")),
    ],
    ids=str,
)
def test_what_others_have_changed_since_stays(
    table: FakeTable, before: There | None, after: There
) -> None:
    """Within the same second too."""
    others, _ = ledger(table)
    others.store([] if before is None else [before])
    mine, through = ledger(table)
    mine.find([1])
    others.find([1])
    others.store([after])
    mine.store([There(1, NEW)])
    assert through.changed == ["1"]
    assert others.find([1]) == {1: after}
