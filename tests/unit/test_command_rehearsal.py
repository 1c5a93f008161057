"""ConnectWise, and the truth table, in a rehearsal."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from fakes.connectwise import FakeConnectWise, FakeInvoice, answer
from payments.command.rehearsal import (
    FIRST_NEW_ID,
    Change,
    KnownInvoices,
    RehearsedPayments,
    RehearsedTruth,
)
from payments.errors import NoAnswer, NotFound, RecordRejected, ServerFault
from payments.models import Fields, Payment, TruthRecord
from unit.operated import access_through, ending

PAID = 101


@pytest.fixture
def connectwise() -> FakeConnectWise:
    """Invoice 1 has payment 101 of 25.00, invoice 2 has none; both are for 100.00."""
    fake = FakeConnectWise(FakeInvoice(1), FakeInvoice(2))
    fake.add_payment(1, amount=Decimal("25.00"), paymentDate="2026-01-02T00:00:00Z")
    return fake


@pytest.fixture
def invoices(connectwise: FakeConnectWise) -> KnownInvoices:
    access = access_through(connectwise)
    return KnownInvoices(access.finance, access.api)


@pytest.fixture
def payments(connectwise: FakeConnectWise, invoices: KnownInvoices) -> RehearsedPayments:
    return RehearsedPayments(access_through(connectwise).finance, invoices.balance)


def asked(connectwise: FakeConnectWise) -> list[str]:
    return [call.kind for call in connectwise.calls if call.kind not in ("company", "invoices")]


# ---- payments ------------------------------------------------------------------------------------


def test_payments_are_those_of_connectwise(payments: RehearsedPayments) -> None:
    held: Fields = {"amount": Decimal("25.00"), "paymentDate": "2026-01-02T00:00:00Z"}
    assert payments.payments(1) == (Payment(PAID, held),)
    assert payments.payment(1, PAID) == Payment(PAID, held)


def test_credit_memos_are_no_payments(
    payments: RehearsedPayments, connectwise: FakeConnectWise
) -> None:
    credit = connectwise.add_payment(2, amount=Decimal(5), credit={"id": 7})
    assert payments.payment(2, credit).id == credit
    assert payments.payments(2) == ()
    assert [row.id for row in payments.payments(2, with_credits=True)] == [credit]


def test_an_invoice_is_asked_for_once(
    payments: RehearsedPayments, connectwise: FakeConnectWise
) -> None:
    payments.payments(1)
    payments.update_payment(1, PAID, {"amount": Decimal(60)})
    payments.payments(1)
    assert asked(connectwise) == ["payments"]


def test_nothing_is_written(payments: RehearsedPayments, connectwise: FakeConnectWise) -> None:
    payments.update_payment(1, PAID, {"amount": Decimal(60)})
    payments.create_payment(2, {"amount": Decimal(60)})
    assert connectwise.writes == []


def test_what_is_created_is_there_from_then_on(payments: RehearsedPayments) -> None:
    created = payments.create_payment(2, {"amount": Decimal(60)})
    assert created.id >= FIRST_NEW_ID
    assert payments.payments(2) == (created,)
    assert payments.payment(2, created.id) == created


def test_a_second_payment_on_an_invoice_is_refused(payments: RehearsedPayments) -> None:
    with pytest.raises(RecordRejected):
        payments.create_payment(1, {"amount": Decimal(60)})


def test_a_payment_that_is_not_there_cannot_be_updated(payments: RehearsedPayments) -> None:
    with pytest.raises(NotFound):
        payments.update_payment(2, PAID, {"amount": Decimal(60)})


def test_a_write_that_stays_here_is_never_in_doubt(
    payments: RehearsedPayments, connectwise: FakeConnectWise
) -> None:
    """What it reads for that may fail; then it was not made."""
    connectwise.way = ending("payments", NoAnswer("ReadTimeout"))
    with pytest.raises(ServerFault):
        payments.create_payment(2, {"amount": Decimal(60)})


def test_steps_remember_each_value_before_and_after(payments: RehearsedPayments) -> None:
    for amount in (60, 70):
        payments.update_payment(1, PAID, {"amount": Decimal(amount)})
    first, second = payments.take_step(PAID), payments.take_step(PAID)
    assert first.changes == (Change("amount", Decimal("25.00"), Decimal(60)),)
    assert second.changes == (Change("amount", Decimal(60), Decimal(70)),)
    assert second.before == {"amount": Decimal(60), "paymentDate": "2026-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        (Change("amount", Decimal("25.0"), Decimal(25)), True),
        (Change("paymentDate", "2026-01-01T23:00:00-01:00", "2026-01-02T00:00:00Z"), True),
        (Change("credit", {"id": 5}, {"id": 5}), True),
        (Change("type", "P", "p"), False),
        (Change("amount", None, Decimal(25)), False),
    ],
)
def test_a_value_stays_if_connectwise_takes_both_for_the_same(change: Change, stays: bool) -> None:
    assert change.stays is stays


# ---- balances ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "exceeded"), [("100.00", None), ("100.01", Decimal(100))])
def test_a_create_of_more_than_the_balance_is_noted(
    payments: RehearsedPayments, amount: str, exceeded: Decimal | None
) -> None:
    created = payments.create_payment(2, {"amount": Decimal(amount)})
    assert payments.take_step(created.id).exceeded_balance == exceeded


@pytest.mark.parametrize(
    ("amounts", "exceeded"),
    [
        (["100.00"], None),
        (["100.01"], Decimal(100)),
        (["60", "100.00"], None),
        (["60", "100.01"], Decimal(100)),
        (["200", "150"], None),
    ],
)
def test_for_an_update_the_payment_s_own_amount_is_open_too(
    payments: RehearsedPayments, amounts: list[str], exceeded: Decimal | None
) -> None:
    for amount in amounts:
        payments.update_payment(1, PAID, {"amount": Decimal(amount)})
    steps = [payments.take_step(PAID) for _ in amounts]
    assert steps[-1].exceeded_balance == exceeded


def test_numbers_and_balances_come_with_the_lookup(
    invoices: KnownInvoices, connectwise: FakeConnectWise
) -> None:
    invoices.invoices_by_id([1, 2, 3])
    before = len(connectwise.calls)
    assert invoices.numbers == {1: "INV-1", 2: "INV-2"}
    assert [invoices.balance(1), invoices.balance(2)] == [Decimal(75), Decimal(100)]
    assert len(connectwise.calls) == before


@pytest.mark.parametrize(
    "body", [None, {"id": 1}, [None, 5, {}], [{"id": "1", "balance": 5}], [{"id": 1}]], ids=str
)
def test_an_odd_answer_about_balances_is_no_balance(
    invoices: KnownInvoices, connectwise: FakeConnectWise, body: Any
) -> None:
    """It is only for a warning."""
    connectwise.way = ending("invoices", answer(200, body))
    assert invoices.balance(1) is None


def test_no_answer_about_balances_is_no_balance(
    invoices: KnownInvoices, connectwise: FakeConnectWise
) -> None:
    connectwise.way = ending("invoices", NoAnswer("ReadTimeout"))
    assert invoices.balance(1) is None


# ---- the truth table -----------------------------------------------------------------------------


def known_as(external_id: str, payment_id: int) -> TruthRecord:
    return TruthRecord(external_id, payment_id, 1, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")


class FakeTruth:
    """A truth table with one record that must not be written."""

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        return {name: known_as(name, 70) for name in external_ids if name == "A"}


def test_the_truth_table_is_read_and_what_was_written_last_hides_what_was_there() -> None:
    truth = RehearsedTruth(FakeTruth())
    assert truth.find(["A", "C"]) == {"A": known_as("A", 70)}
    for record in (known_as("A", 9), known_as("B", 8)):
        truth.store(record)
    assert truth.find(["A", "B"]) == {"A": known_as("A", 9), "B": known_as("B", 8)}
