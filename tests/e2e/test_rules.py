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
WRITES = ("POST", "PATCH", "PUT", "DELETE")


def amounts(connectwise: Simulator, invoice: int) -> dict[int, Decimal]:
    """The amounts of an invoice's payments, by payment id."""
    return {each["id"]: each["amount"] for each in connectwise.payments(invoice)}


def writes(connectwise: Simulator) -> list[str]:
    """Every write that ConnectWise has been asked for, in order."""
    return [
        f"{call.method} {call.path.partition('/finance')[2]}"
        for call in connectwise.calls()
        if call.method in WRITES
    ]


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


def test_the_payment_that_an_invoice_has_is_updated(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Rule 3: ConnectWise allows one payment per invoice."""
    there = connectwise.add_payment(invoice, "25.00")["id"]
    outcome = deployment.import_records(
        payment(external_id=f"R-{invoice}", invoice=invoice, amount="60.00")
    )
    assert [record.payment_id for record in outcome.succeeded] == [there]
    assert amounts(connectwise, invoice) == {there: Decimal("60.00")}
    assert outcome.metadata["updated"] == "1"


def test_an_open_invoice_gets_a_new_payment(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Rule 4; the success file has the payment's id."""
    outcome = deployment.import_records(payment(invoice=invoice, amount="60.00"))
    [created] = amounts(connectwise, invoice)
    assert [record.payment_id for record in outcome.succeeded] == [created]
    assert outcome.metadata["created"] == "1"


def test_an_unknown_external_id_does_not_stop_rules_three_and_four(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """It is learnt from them."""
    paid, unpaid, *_ = invoices
    there = connectwise.add_payment(paid, "25.00")["id"]
    outcome = deployment.import_records(
        payment(external_id=f"R-{paid}", invoice=paid, amount="1.00"),
        payment(external_id=f"R-{unpaid}", invoice=unpaid, amount="2.00"),
    )
    created = outcome.succeeded[1].payment_id
    assert deployment.truth(f"R-{paid}")["paymentId"] == there
    assert deployment.truth(f"R-{unpaid}")["paymentId"] == created


# What is sent


def test_an_update_sends_exactly_the_given_fields_and_leaves_the_others(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """One operation a field."""
    connectwise.add_payment(invoice, "25.00", paymentDate=DATE, paymentAccount="Bank")
    deployment.import_records(payment(invoice=invoice, appliedBy="Pat"))
    [body] = bodies(connectwise, "PATCH")
    assert exact(body) == [{"op": "replace", "path": "appliedBy", "value": "Pat"}]
    [held] = connectwise.payments(invoice)
    assert held["amount"] == Decimal("25.00")
    assert held["paymentDate"] == DATE
    assert held["paymentAccount"] == "Bank"
    assert held["appliedBy"] == "Pat"


def test_every_writable_field_can_be_updated(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """A reference is replaced as a whole."""
    connectwise.add_payment(invoice, "25.00")
    deployment.import_records(
        payment(
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


def test_a_create_sends_the_given_fields_and_the_invoice(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """No type unless it is given; the amount is a JSON number with the digits of the file."""
    deployment.import_records(payment(invoice=invoice, amount="012.50", paymentDate=DATE))
    [body] = bodies(connectwise, "POST")
    assert exact(body) == {"amount": "12.50", "paymentDate": DATE, "invoice": {"id": invoice}}


def test_a_type_is_sent_if_it_is_given(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """As it stands in the file."""
    deployment.import_records(payment(invoice=invoice, amount="1", type="P"))
    [body] = bodies(connectwise, "POST")
    assert exact(body) == {"amount": 1, "type": "P", "invoice": {"id": invoice}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2018-10-11", "2018-10-11T00:00:00Z"),
        ("2018-10-11T09:30:15", "2018-10-11T09:30:15Z"),
        ("2018-10-11T09:30:15.999Z", "2018-10-11T09:30:15Z"),
        ("2018-10-11T01:00:00+02:00", "2018-10-10T23:00:00Z"),
        ("2018-10-11-05:00", "2018-10-11T05:00:00Z"),
    ],
)
def test_dates_are_sent_in_utc_to_the_second(
    deployment: Deployment, connectwise: Simulator, invoice: int, given: str, sent: str
) -> None:
    """A date or a dateTime; without a zone it is UTC."""
    deployment.import_records(payment(invoice=invoice, amount="1.00", paymentDate=given))
    [body] = bodies(connectwise, "POST")
    assert exact(body)["paymentDate"] == sent


def test_elements_that_only_connectwise_may_write_are_ignored(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """An export from ConnectWise, edited, can be imported."""
    read_only = (
        "<balance>1</balance><invoiceBalance>1</invoiceBalance><invoiceTotal>1</invoiceTotal>"
        "<source>Default</source><paymentSyncStatus>Unapplied</paymentSyncStatus>"
        "<paymentSyncDate>x</paymentSyncDate><glBatchID>1</glBatchID><_info><a>1</a></_info>"
        "<wisePayPayment>false</wisePayPayment><ErrorMessage>an old one</ErrorMessage>"
    )
    outcome = deployment.import_records(payment(invoice=invoice, amount="1.00", more=read_only))
    assert outcome.errors == []
    [body] = bodies(connectwise, "POST")
    assert exact(body) == {"amount": "1.00", "invoice": {"id": invoice}}


@pytest.mark.parametrize("absent", ["<type/>", '<type xsi:nil="true"/>', "<type>  </type>", ""])
def test_an_empty_or_nil_element_is_not_given(
    deployment: Deployment, connectwise: Simulator, invoice: int, absent: str
) -> None:
    """It is neither sent nor does it clear anything."""
    deployment.import_records(payment(invoice=invoice, amount="1.00", more=absent))
    [body] = bodies(connectwise, "POST")
    assert exact(body) == {"amount": "1.00", "invoice": {"id": invoice}}


# The invoice


def test_the_invoice_is_found_by_its_number(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """It is all that an accounting package knows."""
    deployment.import_records(payment(number=invoice_number(invoice), amount="5.00"))
    assert list(amounts(connectwise, invoice).values()) == [Decimal("5.00")]


def test_an_awkward_invoice_number_is_found(deployment: Deployment, connectwise: Simulator) -> None:
    """Quotes, backslashes and commas mean something in ConnectWise's conditions."""
    number = 'A"1\\2, (3) & ü'
    connectwise.add_invoices([{"id": 77, "invoiceNumber": number, "total": "100.00"}])
    outcome = deployment.import_records(payment(number=number, amount="5.00"))
    assert outcome.errors == []
    assert list(amounts(connectwise, 77).values()) == [Decimal("5.00")]


def test_id_and_number_of_one_invoice_agree(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The id also chooses among several invoices with one number."""
    twin = {"id": 78, "invoiceNumber": invoice_number(invoice), "total": "100.00"}
    connectwise.add_invoices([twin])
    outcome = deployment.import_records(
        payment(invoice=78, number=invoice_number(invoice), amount="5.00")
    )
    assert outcome.errors == []
    assert list(amounts(connectwise, 78).values()) == [Decimal("5.00")]


def test_a_payment_id_needs_no_invoice_if_its_external_id_is_known(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The truth table knows the invoice."""
    receipt = f"R-{invoice}"
    deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="10.00"))
    [known] = amounts(connectwise, invoice)
    deployment.import_records(payment(payment_id=known, external_id=receipt, amount="11.00"))
    assert amounts(connectwise, invoice) == {known: Decimal("11.00")}


def test_a_known_external_id_needs_no_invoice(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Rule 2 without an invoice."""
    receipt = f"R-{invoice}"
    deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="10.00"))
    deployment.import_records(payment(external_id=receipt, amount="11.00"))
    assert list(amounts(connectwise, invoice).values()) == [Decimal("11.00")]


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


def test_a_payment_that_appears_before_the_create_is_updated(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """ConnectWise says on the create that there is one after all."""
    connectwise.add_fault(method="POST", appear={"amount": 5})
    outcome = deployment.import_records(payment(invoice=invoice, amount="10.00"))
    assert outcome.errors == []
    assert list(amounts(connectwise, invoice).values()) == [Decimal("10.00")]


# Rejections


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (payment(invoice=1, more="<ammount>5</ammount>"), "<ammount> is not known"),
        (payment(invoice=1, amount="1", more="<lookup>5</lookup>"), "<lookup> is not known"),
        (payment(amount="1", more="<invoice><nr>5</nr></invoice>"), "<invoice/nr> is not known"),
        (payment(invoice=1, amount="1", more="<amount>2</amount>"), "<amount> is given 2 times"),
        (payment(invoice=1, amount=""), "<amount> is empty"),
        (payment(invoice=1, amount="1,50"), "<amount> must be a number"),
        (payment(invoice=1, amount="1e3"), "<amount> must be a number"),
        (payment(invoice=1, amount="NaN"), "<amount> must be a number"),
        (payment(invoice="", amount="1"), "<invoice/id> is empty"),
        (payment(invoice="INV-1", amount="1"), "<invoice/id> must be a whole number"),
        (payment(invoice="-1", amount="1"), "<invoice/id> must be a whole number"),
        (payment(payment_id="", invoice=1, amount="1"), "<id> is empty"),
        (payment(payment_id="1.5", invoice=1, amount="1"), "<id> must be a whole number"),
        (payment(invoice=1, amount="1", paymentDate="2026-02-30"), "<paymentDate> must be a date"),
        (payment(invoice=1, amount="1", paymentDate="02.03.2026"), "<paymentDate> must be a date"),
        (payment(amount="1"), "Give <invoice> with its <id> or <identifier>"),
        (payment(payment_id=1, amount="1"), "finds a payment only by its invoice"),
        (payment(invoice=1), "There is nothing to send"),
        (payment(payment_id=1, invoice=1), "There is nothing to send"),
        (
            payment(invoice=1, amount="1", more="words"),
            "holds text that is in none of its elements",
        ),
        ("<Payment><amount>1</amount></Payment>", "<Payment> is not known here"),
    ],
)
def test_a_record_that_is_wrong_is_rejected_before_any_call(
    deployment: Deployment, connectwise: Simulator, record: str, reason: str
) -> None:
    """It goes to the fail file with the reason, in words of the file."""
    outcome = deployment.import_records(record)
    assert outcome.succeeded == []
    [error] = outcome.errors
    assert reason in error
    assert connectwise.counts().total == 0


def test_every_error_of_a_record_is_named(deployment: Deployment) -> None:
    """One ErrorMessage each, so that one correction is enough."""
    outcome = deployment.import_records(
        payment(payment_id="x", invoice="y", amount="z", more="<ammount>1</ammount>")
    )
    [failed] = outcome.failed
    assert len(failed.errors) == 4


def test_invoices_that_connectwise_cannot_tell_are_rejected(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """None, several, or another than the number says."""
    first, second, *_ = invoices
    twin = {"id": 79, "invoiceNumber": invoice_number(first), "total": "100.00"}
    connectwise.add_invoices([twin])
    outcome = deployment.import_records(
        payment(invoice=5, amount="1.00"),
        payment(number="INV-none", amount="1.00"),
        payment(number=invoice_number(first), amount="1.00"),
        payment(invoice=first, number=invoice_number(second), amount="1.00"),
    )
    unknown_id, unknown_number, several, disagree = outcome.errors
    assert unknown_id == "ConnectWise has no invoice with id 5."
    assert unknown_number == "ConnectWise has no invoice with number INV-none."
    assert "several invoices" in several
    assert f"79, {first}" in several
    assert "disagree" in disagree
    assert writes(connectwise) == []


def test_an_invoice_without_payment_needs_an_amount(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """A create without an amount is not sent."""
    outcome = deployment.import_records(payment(invoice=invoice, paymentDate=DATE))
    assert outcome.errors == [f"Invoice {invoice} has no payment yet: give its <amount>."]
    assert writes(connectwise) == []


def test_an_invoice_with_several_payments_needs_a_payment_id(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """None of them is chosen by chance."""
    ids = [connectwise.add_payment(invoice, amount)["id"] for amount in ("1.00", "2.00")]
    outcome = deployment.import_records(payment(invoice=invoice, amount="3.00"))
    [error] = outcome.errors
    assert "several payments" in error
    assert all(str(number) in error for number in ids)
    assert writes(connectwise) == []


def test_a_truth_table_entry_for_another_invoice_is_rejected(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Under rule 2 the record and what is known must agree."""
    first, second, *_ = invoices
    receipt = f"R-{first}"
    deployment.import_records(payment(external_id=receipt, invoice=first, amount="10.00"))
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=second, amount="10.00")
    )
    [error] = outcome.errors
    assert f"on invoice {first}" in error
    assert f"names invoice {second}" in error
    assert amounts(connectwise, second) == {}


def test_a_payment_that_connectwise_no_longer_has_is_rejected(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The message says which truth-table entry to delete."""
    receipt = f"R-{invoice}"
    deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="10.00"))
    [known] = amounts(connectwise, invoice)
    connectwise.delete_payment(invoice, known)
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="11.00"),
        payment(payment_id=987654, invoice=invoice, amount="11.00"),
    )
    by_truth_table, by_id = outcome.errors
    assert f"ConnectWise has no payment {known}" in by_truth_table
    assert f"delete the truth table's entry {receipt}" in by_truth_table
    assert by_id == f"ConnectWise has no payment 987654 on invoice {invoice}."
    assert amounts(connectwise, invoice) == {}


def test_an_amount_that_connectwise_cuts_goes_to_the_fail_file_with_both_amounts(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The truth table still learns the payment, so that a correction finds it."""
    receipt = f"R-{invoice}"
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="1200.00")
    )
    [created] = amounts(connectwise, invoice)
    assert outcome.errors == [
        f"ConnectWise has recorded payment {created} with the amount 1000.00, but 1200.00 was sent."
    ]
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


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_rejected_update_fails_only_its_record(
    deployment: Deployment, connectwise: Simulator, invoices: list[int], status: int
) -> None:
    """Whatever ConnectWise says no with."""
    first, second, *_ = invoices
    named = [connectwise.add_payment(each, "1.00")["id"] for each in (first, second)]
    answer = {"code": "InUse", "message": "The payment is in a batch."}
    connectwise.add_fault(method="PATCH", path=f"/{first}/", status=status, answer=answer)
    outcome = deployment.import_records(
        payment(payment_id=named[0], invoice=first, amount="2.00"),
        payment(payment_id=named[1], invoice=second, amount="2.00"),
    )
    assert [record.values["invoice/id"] for record in outcome.failed] == [str(first)]
    assert [record.payment_id for record in outcome.succeeded] == [named[1]]


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


def test_a_rejected_payment_is_not_learnt(deployment: Deployment, connectwise: Simulator) -> None:
    """It can be corrected and uploaded again as a new one."""
    deployment.import_records(payment(external_id="R-rejected", invoice=5, amount="10.00"))
    assert deployment.truth("R-rejected") == {}
    assert writes(connectwise) == []
