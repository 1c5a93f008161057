"""The ledger, against DynamoDB in memory."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fakes.clock import VirtualClock
from fakes.dynamodb import FakeDynamoDb, FakeTable
from payments.errors import FileRefused
from payments.models import Found, LedgerEntry, Payment, Receipt, There
from payments.stores.ledger import Ledger

DAY = "2024-01-31T00:00:00Z"
ENTRY = LedgerEntry(7, 70, "2024-02-03T04:05:06Z", Decimal("10.00"), DAY, "A", "incoming/a.xml")
HALF = Receipt(Decimal("0.50"))
PAYMENT = Payment(70, {"amount": Decimal("10.00"), "paymentDate": DAY})


class Tables:
    """One table for several connections."""

    def __init__(self) -> None:
        self.items = FakeTable(("invoiceId", "connection"))

    def of(self, connection: str) -> Ledger:
        return Ledger(FakeDynamoDb({"ledger": self.items}), "ledger", connection, VirtualClock())


@pytest.fixture
def tables() -> Tables:
    return Tables()


@pytest.mark.parametrize(
    "there",
    [
        There(7, ENTRY),
        There(7, LedgerEntry(7, 70, "2024-02-03T04:05:06Z")),
        There(7, replace(ENTRY, added_up={})),
        There(7, replace(ENTRY, added_up={"A": Receipt(Decimal("9.50"), DAY), "B": HALF})),
        There(7, None, Found("import")),
        There(7, None, Found("import", looked=True)),
        There(7, None, Found("import", looked=True, payment=PAYMENT)),
        There(7, ENTRY, Found("import", looked=True, payment=Payment(71))),
    ],
    ids=str,
)
def test_what_is_stored_is_found(tables: Tables, there: There) -> None:
    ledger = tables.of("site/acme")
    ledger.store([there])
    assert ledger.find([7, 8]) == {7: there}


def test_a_company_s_invoices_are_its_own(tables: Tables) -> None:
    tables.of("site/acme").store([There(7, ENTRY)])
    assert tables.of("site/other").find([7]) == {}


def test_of_several_entries_of_one_invoice_the_last_stays(tables: Tables) -> None:
    ledger = tables.of("site/acme")
    ledger.store([There(7, None, Found("import")), There(7, ENTRY)])
    assert ledger.find([7]) == {7: There(7, ENTRY)}


def test_an_amount_keeps_digits_that_dynamodb_has_no_room_for(tables: Tables) -> None:
    ledger = tables.of("site/acme")
    amount = Decimal("123456789012345678901234567890123456789012.345678")
    there = There(7, LedgerEntry(7, 70, "", amount))
    ledger.store([there])
    assert ledger.find([7]) == {7: there}


@pytest.mark.parametrize(
    "odd", [{"paymentId": "x"}, {"paymentId": 1, "amount": "x"}, {"foundBy": "import"}], ids=str
)
def test_an_entry_that_cannot_be_read_says_which_and_what_to_do(
    tables: Tables, odd: dict[str, Any]
) -> None:
    tables.items.put({"invoiceId": 7, "connection": "site/acme", **odd})
    with pytest.raises(FileRefused, match=r"entry of invoice 7 cannot be read: correct or delete"):
        tables.of("site/acme").find([7])
