"""Prevent Reprocessing: on a stack where it is on, a known external id is not sent again."""

from decimal import Decimal

import pytest

from e2e.deployed import Deploy, Deployment
from e2e.payment_xml import payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def preventing(deploy_once: Deploy, default_deployment: Deployment) -> Deployment:
    """A stack with the setting on; the secret is the default deployment's."""
    assert default_deployment.stack.name
    return deploy_once(PreventReprocessing="true")


@pytest.fixture
def deployment(preventing: Deployment, connectwise: Simulator) -> Deployment:
    assert preventing.connectwise is connectwise
    return preventing


def amounts(connectwise: Simulator, invoice: int) -> list[Decimal]:
    return [each["amount"] for each in connectwise.payments(invoice)]


def test_a_known_external_id_goes_to_the_fail_file_as_skipped(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """With the payment's id, when, and by which file; it is no failure."""
    receipt = f"R-{invoice}"
    first = deployment.import_file(
        payment_file(payment(external_id=receipt, invoice=invoice, amount="10.00")), "first.xml"
    )
    recorded = deployment.truth(receipt)
    second = deployment.import_file(
        payment_file(payment(external_id=receipt, invoice=invoice, amount="10.00")), "second.xml"
    )
    [error] = second.errors
    assert error.startswith("Already processed: ")
    assert f"payment {first.succeeded[0].payment_id}" in error
    assert recorded["modified"] in error
    assert "incoming/first.xml" in error
    assert amounts(connectwise, invoice) == [Decimal("10.00")]
    assert (second.metadata["skipped"], second.metadata["failed"]) == ("1", "0")
    assert deployment.finished_import("second.xml")["status"] == "Succeeded"


def test_the_setting_can_be_changed_on_a_deployed_stack(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """The truth table has learnt meanwhile."""
    receipt = f"R-{invoice}"
    off = deploy_once()
    for amount in ("10.00", "20.00"):
        off.import_records(payment(external_id=receipt, invoice=invoice, amount=amount))
    assert amounts(connectwise, invoice) == [Decimal("20.00")]
    on = off.updated(PreventReprocessing="true")
    outcome = on.import_records(payment(external_id=receipt, invoice=invoice, amount="20.00"))
    assert outcome.metadata["skipped"] == "1"
    assert amounts(connectwise, invoice) == [Decimal("20.00")]
