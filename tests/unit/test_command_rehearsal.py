"""ConnectWise's payments in a rehearsal."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from payments.command.rehearsal import FIRST_NEW_ID, Change, RehearsedPayments, RehearsedTruth
from payments.errors import NotFound, RecordRejected
from payments.models import Payment
from unit.records import truth_record


class FakeConnectWise:
    """Invoice 1 has payment 7 of 25.00, invoice 2 has none."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        self.asked.append(path)
        paid = {"id": 7, "amount": Decimal("25.00"), "invoiceBalance": Decimal("75.00")}
        return [paid] if path == "/finance/invoices/1/payments" else []


class FakeTruth:
    """A truth table with one record that must not be written."""

    def find(self, external_ids: Any) -> dict[str, Any]:
        return {name: truth_record(name) for name in external_ids if name == "A"}

    def store(self, records: Any) -> None:
        raise AssertionError("a rehearsal writes nothing")


@pytest.fixture
def payments() -> RehearsedPayments:
    return RehearsedPayments(FakeConnectWise(), {2: Decimal("100.00")})


def test_payments_are_those_of_connectwise(payments: RehearsedPayments) -> None:
    assert payments.payments(1) == (Payment(7, Decimal("25.00")),)


def test_an_invoice_is_asked_for_once() -> None:
    connectwise = FakeConnectWise()
    payments = RehearsedPayments(connectwise, {})
    payments.payments(1)
    payments.update_payment(1, 7, {"amount": Decimal(60)})
    assert connectwise.asked == ["/finance/invoices/1/payments"]


def test_what_is_created_is_there_from_then_on(payments: RehearsedPayments) -> None:
    created = payments.create_payment(2, {"amount": Decimal(60)})
    assert created.id >= FIRST_NEW_ID
    assert payments.payments(2) == (created,)


def test_a_second_payment_on_an_invoice_is_refused(payments: RehearsedPayments) -> None:
    with pytest.raises(RecordRejected):
        payments.create_payment(1, {"amount": Decimal(60)})


def test_a_payment_that_is_not_there_cannot_be_updated(payments: RehearsedPayments) -> None:
    with pytest.raises(NotFound):
        payments.update_payment(2, 7, {"amount": Decimal(60)})


def test_steps_remember_each_value_before_and_after(payments: RehearsedPayments) -> None:
    for amount in (60, 70):
        payments.update_payment(1, 7, {"amount": Decimal(amount)})
    first, second = payments.take_step(7), payments.take_step(7)
    assert first.changes == (Change("amount", Decimal("25.00"), Decimal(60)),)
    assert second.changes == (Change("amount", Decimal(60), Decimal(70)),)


@pytest.mark.parametrize(
    ("amount", "exceeded"),
    [("100.00", None), ("100.01", Decimal("100.00"))],
)
def test_a_create_of_more_than_the_balance_is_noted(
    payments: RehearsedPayments, amount: str, exceeded: Decimal | None
) -> None:
    created = payments.create_payment(2, {"amount": Decimal(amount)})
    assert payments.take_step(created.id).exceeded_balance == exceeded


@pytest.mark.parametrize(
    ("amounts", "exceeded"),
    [
        (["100.00"], None),
        (["100.01"], Decimal("100.00")),
        (["60", "100.00"], None),
        (["60", "100.01"], Decimal("100.00")),
    ],
)
def test_for_an_update_the_payment_s_own_amount_is_open_too(
    payments: RehearsedPayments, amounts: list[str], exceeded: Decimal | None
) -> None:
    for amount in amounts:
        payments.update_payment(1, 7, {"amount": Decimal(amount)})
    steps = [payments.take_step(7) for _ in amounts]
    assert steps[-1].exceeded_balance == exceeded


def test_the_truth_table_is_read_but_not_written() -> None:
    truth = RehearsedTruth(FakeTruth())
    truth.store([truth_record("B", payment_id=8)])
    found = truth.find(["A", "B", "C"])
    assert {name: record.payment_id for name, record in found.items()} == {"A": 70, "B": 8}


def test_what_was_written_last_hides_what_was_there() -> None:
    truth = RehearsedTruth(FakeTruth())
    truth.store([truth_record("A", payment_id=9)])
    assert truth.find(["A"])["A"].payment_id == 9
