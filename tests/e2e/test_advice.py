"""The way out that a message names, step by step: it ends well, and books nothing twice."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from e2e.deployed import Deploy, Deployment
from e2e.operator import Operator
from e2e.payment_xml import payment
from simulator.control import Simulator

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=[("Replace", "true"), ("Reject", "false")], ids=str)
def strict(
    request: pytest.FixtureRequest, deploy_once: Deploy, default_deployment: Deployment
) -> Deployment:
    """A stack for each way to speak of them; the secret is the default deployment's."""
    assert default_deployment.stack.name
    second, prevent = request.param
    return deploy_once(SecondPayment=second, PreventReprocessing=prevent)


@pytest.fixture
def deployment(strict: Deployment, connectwise: Simulator) -> Deployment:
    assert strict.connectwise is connectwise
    return strict


@pytest.fixture
def operator(deployment: Deployment, tmp_path: Path) -> Operator:
    return Operator(deployment, tmp_path)


def held(connectwise: Simulator, *invoices: int) -> list[list[Decimal]]:
    """The amounts of each invoice's payments."""
    return [[each["amount"] for each in connectwise.payments(it)] for it in invoices]


def refused(deployment: Deployment, record: str) -> str:
    """Import a record that fails with one message."""
    [error] = deployment.import_records(record).errors
    return error


def accepted(deployment: Deployment, record: str) -> int:
    """Import a record that succeeds; return its payment's id."""
    outcome = deployment.import_records(record)
    assert outcome.errors == []
    return outcome.succeeded[0].payment_id


def test_a_payment_on_the_wrong_invoice_is_moved(
    deployment: Deployment, connectwise: Simulator, operator: Operator, invoices: list[int]
) -> None:
    """Forgotten, taken back there, and uploaded again."""
    wrong, right = invoices[:2]
    receipt = f"RC-{wrong}"
    paid = accepted(deployment, payment(external_id=receipt, invoice=wrong, amount="120.00"))
    moved = payment(external_id=receipt, invoice=right, amount="120.00")

    error = refused(deployment, moved)
    assert f"upload a record with <id>{paid}</id>, <invoice><id>{wrong}</id></invoice>" in error

    assert operator.runs("truth", "delete", receipt, "--yes").exit_code == 0
    accepted(deployment, payment(payment_id=paid, invoice=wrong, amount="0"))
    accepted(deployment, moved)
    assert held(connectwise, wrong, right) == [[0], [120]]


def test_an_external_id_of_another_payment_is_replaced_by_one_of_its_own(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    first, second = invoices[:2]
    receipt = f"RC-{first}"
    accepted(deployment, payment(external_id=receipt, invoice=first, amount="10.00"))
    error = refused(deployment, payment(external_id=receipt, invoice=second, amount="20.00"))
    assert "give this one an external id of its own" in error
    accepted(deployment, payment(external_id=f"{receipt}-2", invoice=second, amount="20.00"))
    assert held(connectwise, first, second) == [[10], [20]]


def test_a_correction_that_was_not_made_is_made(
    deployment: Deployment, connectwise: Simulator, operator: Operator, invoice: int
) -> None:
    """Its entry is deleted, and the record names the payment."""
    receipt = f"RC-{invoice}"
    paid = accepted(deployment, payment(external_id=receipt, invoice=invoice, amount="10.00"))
    correction: dict[str, Any] = {"external_id": receipt, "invoice": invoice, "amount": "25.00"}
    outcome = deployment.import_records(payment(**correction))
    if outcome.errors:
        assert f"upload this record with <id>{paid}</id>" in outcome.errors[0]
        assert operator.runs("truth", "delete", receipt, "--yes").exit_code == 0
        assert accepted(deployment, payment(payment_id=paid, **correction)) == paid
    assert held(connectwise, invoice) == [[25]]


def test_a_payment_that_is_gone_is_created_anew(
    deployment: Deployment, connectwise: Simulator, operator: Operator, invoice: int
) -> None:
    """A record that failed, since nothing else is sent again here."""
    receipt = f"RC-{invoice}"
    connectwise.configure(overpayment="cut")
    refused(deployment, payment(external_id=receipt, invoice=invoice, amount="5000.00"))
    gone = deployment.truth(receipt)["paymentId"]
    connectwise.delete_payment(invoice, int(gone))
    again = payment(external_id=receipt, invoice=invoice, amount="10.00")
    assert f"payments truth delete {receipt}" in refused(deployment, again)
    assert operator.runs("truth", "delete", receipt, "--yes").exit_code == 0
    assert accepted(deployment, again) != gone
    assert held(connectwise, invoice) == [[10]]


def test_a_cut_overpayment_is_corrected_to_what_is_held(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The corrected record is not taken for processed, nor for a second payment."""
    receipt = f"RC-{invoice}"
    connectwise.configure(overpayment="cut")
    error = refused(deployment, payment(external_id=receipt, invoice=invoice, amount="1200.00"))
    paid = deployment.truth(receipt)["paymentId"]
    assert f"give <id>{paid}</id> and <amount>1000.00</amount> here" in error
    corrected = payment(payment_id=paid, external_id=receipt, invoice=invoice, amount="1000.00")
    accepted(deployment, corrected)
    assert held(connectwise, invoice) == [[1000]]


def test_of_several_payments_the_one_that_is_meant_is_named(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    connectwise.configure(second_payment="allow")
    one, other = (connectwise.add_payment(invoice, amount)["id"] for amount in ("1.00", "2.00"))
    error = refused(deployment, payment(invoice=invoice, amount="3.00"))
    assert f"{one} of 1.00, {other} of 2.00" in error
    assert "give its <id>" in error
    accepted(deployment, payment(payment_id=other, invoice=invoice, amount="3.00"))
    assert held(connectwise, invoice) == [[1, 3]]


def test_a_second_payment_that_is_rejected_is_added_up(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Or has replaced the first, and says so."""
    paid = accepted(deployment, payment(external_id=f"RC-1-{invoice}", invoice=invoice, amount=400))
    second = deployment.import_records(
        payment(external_id=f"RC-2-{invoice}", invoice=invoice, amount=600)
    )
    if second.errors:
        assert f"400.00, recorded as RC-1-{invoice} from incoming/" in second.errors[0]
        accepted(
            deployment,
            payment(payment_id=paid, external_id=f"RC-2-{invoice}", invoice=invoice, amount=1000),
        )
        assert held(connectwise, invoice) == [[1000]]
    else:
        metadata = second.metadata
        assert (metadata["replaced"], metadata["replaced-amount"]) == ("1", "400.00")
        assert held(connectwise, invoice) == [[600]]
