"""The rules for one payment, on the deployed template: files in, ConnectWise and files out."""

import json
from decimal import Decimal
from typing import Any

import pytest

from e2e.deployed import Deployment, invoice_number
from e2e.payment_xml import payment
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

DATE = "2026-03-02T00:00:00Z"


def amounts(connectwise: Simulator, invoice: int) -> dict[int, Decimal]:
    """The amounts of an invoice's payments, by payment id."""
    return {each["id"]: each["amount"] for each in connectwise.payments(invoice)}


def bodies(connectwise: Simulator, method: str) -> list[str]:
    return [call.body for call in connectwise.calls() if call.method == method]


def exact(body: str) -> Any:
    """JSON in which 12.5 and 12.50 differ."""
    return json.loads(body, parse_float=str)


# The four rules, and their order


def test_a_payment_id_is_updated_before_anything_else(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Rule 1 wins although the external id belongs to another payment."""
    first, second, *_ = invoices
    receipt = f"R-{first}"
    deployment.import_records(payment(external_id=receipt, invoice=first, amount="10.00"))
    [known] = amounts(connectwise, first)
    named = connectwise.add_payment(second, "20.00")["id"]

    outcome = deployment.import_records(
        payment(payment_id=named, external_id=receipt, invoice=second, amount="30.00")
    )

    assert [record.payment_id for record in outcome.succeeded] == [named]
    assert amounts(connectwise, first) == {known: Decimal("10.00")}
    assert amounts(connectwise, second) == {named: Decimal("30.00")}
    assert deployment.truth(receipt)["paymentId"] == named
    assert deployment.truth(receipt)["invoiceId"] == second


def test_a_known_external_id_is_updated_before_a_payment_of_the_invoice(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Rule 2 wins although the invoice has two payments, of which rule 3 could choose none."""
    connectwise.configure(second_payment="allow")
    receipt = f"R-{invoice}"
    deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="10.00"))
    [known] = amounts(connectwise, invoice)
    other = connectwise.add_payment(invoice, "20.00")["id"]

    deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="15.00"))

    assert amounts(connectwise, invoice) == {known: Decimal("15.00"), other: Decimal("20.00")}


def test_the_payment_of_an_invoice_is_updated_and_an_open_invoice_gets_one(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Rules 3 and 4, from which the truth table learns unknown external ids."""
    paid, unpaid, *_ = invoices
    there = connectwise.add_payment(paid, "25.00")["id"]
    outcome = deployment.import_records(
        payment(external_id=f"R-{paid}", invoice=paid, amount="1.00"),
        payment(external_id=f"R-{unpaid}", invoice=unpaid, amount="2.00"),
    )
    [created] = amounts(connectwise, unpaid)
    assert [record.payment_id for record in outcome.succeeded] == [there, created]
    assert (outcome.metadata["created"], outcome.metadata["updated"]) == ("1", "1")
    assert amounts(connectwise, paid) == {there: Decimal("1.00")}
    assert deployment.truth(f"R-{paid}")["paymentId"] == there
    assert deployment.truth(f"R-{unpaid}")["paymentId"] == created


# What is sent


def test_an_update_sends_exactly_the_given_fields(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """One operation a field, a reference as a whole; the others keep their values."""
    invoice, other, *_ = invoices
    connectwise.add_payment(other, "25.00", paymentDate=DATE, paymentAccount="Bank")
    deployment.import_records(payment(invoice=other, appliedBy="Pat"))
    [held] = connectwise.payments(other)
    kept = held["amount"], held["paymentDate"], held["paymentAccount"], held["appliedBy"]
    assert kept == (Decimal("25.00"), DATE, "Bank", "Pat")
    connectwise.clear_calls()
    named = connectwise.add_payment(invoice, "25.00")["id"]
    deployment.import_records(
        payment(
            id=named,
            invoice=invoice,
            amount="12.50",
            paymentDate="2026-03-02",
            appliedBy="Pat",
            type="P",
            paymentAccount="Bank",
            aRPaymentAccount="1100",
            more="<credit><id>77</id></credit>",
        )
    )
    [body] = bodies(connectwise, "PATCH")
    assert {each["op"] for each in exact(body)} == {"replace"}
    assert {each["path"]: each["value"] for each in exact(body)} == {
        "amount": "12.50",
        "paymentDate": DATE,
        "appliedBy": "Pat",
        "type": "P",
        "paymentAccount": "Bank",
        "aRPaymentAccount": "1100",
        "credit": {"id": 77},
    }


# The invoice


def test_the_invoice_is_found_by_its_number(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """It is all that an accounting package knows."""
    deployment.import_records(payment(number=invoice_number(invoice), amount="5.00"))
    assert list(amounts(connectwise, invoice).values()) == [Decimal("5.00")]


def test_an_awkward_invoice_number_is_found(deployment: Deployment, connectwise: Simulator) -> None:
    """Quotes, backslashes and commas mean something in ConnectWise's conditions."""
    number = 'A"1\\2, (3)[&]ü'
    connectwise.add_invoices([{"id": 77, "invoiceNumber": number, "total": "100.00"}])
    outcome = deployment.import_records(payment(number=number, amount="5.00"))
    assert outcome.errors == []
    assert list(amounts(connectwise, 77).values()) == [Decimal("5.00")]


# Several records for one invoice


def test_the_second_of_two_records_for_one_invoice_updates_the_first(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """In file order, whether the invoice is named by id or by number."""
    outcome = deployment.import_records(
        payment(invoice=invoice, amount="10.00"),
        payment(number=invoice_number(invoice), amount="20.00"),
        payment(invoice=invoice, paymentDate=DATE),
    )
    [held] = connectwise.payments(invoice)
    assert (held["amount"], held["paymentDate"]) == (Decimal("20.00"), DATE)
    assert {record.payment_id for record in outcome.succeeded} == {held["id"]}
    assert outcome.metadata["created"] == "1"
    assert outcome.metadata["updated"] == "2"


# Rejections


def test_an_amount_that_connectwise_cuts_goes_to_the_fail_file_with_both_amounts(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The truth table still learns the payment, so that a correction finds it."""
    receipt = f"R-{invoice}"
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="1200.00")
    )
    [created] = amounts(connectwise, invoice)
    [error] = outcome.errors
    assert f"payment {created}" in error
    assert "1000.00" in error
    assert "1200.00 was sent" in error
    assert deployment.truth(receipt)["paymentId"] == created


def test_connectwise_s_own_reason_is_passed_on(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Message, field and code; the other records go on."""
    first, second, *_ = invoices
    connectwise.configure(overpayment="reject")
    outcome = deployment.import_records(
        payment(invoice=first, amount="1200.00"), payment(invoice=second, amount="1.00")
    )
    assert outcome.errors == [
        "ConnectWise: The field amount must not exceed the balance of 1000.00. "
        "(field amount, code OutOfRange)"
    ]
    assert len(outcome.succeeded) == 1


# The truth table


def test_the_truth_table_learns_every_accepted_payment(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Which payment, by which import, and when."""
    receipt = f"R-{invoice}"
    first = deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="10.00"))
    created = deployment.truth(receipt)
    second = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="11.00")
    )
    updated = deployment.truth(receipt)

    secret = connectwise.secret
    assert created["connection"] == f"{secret['site']}/{secret['company']}"
    assert created["paymentId"] == first.succeeded[0].payment_id
    assert created["invoiceId"] == invoice
    assert created["importId"] == first.metadata["import-id"]
    assert created["created"] == created["modified"]
    assert updated["importId"] == second.metadata["import-id"]
    assert updated["created"] == created["created"]
    assert updated["modified"] >= created["modified"]
