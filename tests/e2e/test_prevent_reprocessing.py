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
        payment_file(payment(external_id=receipt, invoice=invoice, amount="20.00")), "second.xml"
    )
    [error] = second.errors
    assert error.startswith("Already processed: ")
    assert f"payment {first.succeeded[0].payment_id}" in error
    assert recorded["modified"] in error
    assert "incoming/first.xml" in error
    assert amounts(connectwise, invoice) == [Decimal("10.00")]
    assert (second.metadata["skipped"], second.metadata["failed"]) == ("1", "0")
    assert deployment.finished_import("second.xml")["status"] == "Succeeded"


def test_not_even_a_payment_id_lets_it_through(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The setting comes before rule 1."""
    receipt = f"R-{invoice}"
    first = deployment.import_records(payment(external_id=receipt, invoice=invoice, amount="10.00"))
    known = first.succeeded[0].payment_id
    second = deployment.import_records(
        payment(payment_id=known, external_id=receipt, invoice=invoice, amount="20.00")
    )
    assert second.metadata["skipped"] == "1"
    assert amounts(connectwise, invoice) == [Decimal("10.00")]


def test_a_record_without_external_id_is_always_processed(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """There is nothing to know it by."""
    for amount in ("10.00", "20.00"):
        deployment.import_records(payment(invoice=invoice, amount=amount))
    assert amounts(connectwise, invoice) == [Decimal("20.00")]


def test_of_two_records_with_one_external_id_the_second_is_skipped(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Also within one file."""
    receipt = f"R-{invoice}"
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="10.00"),
        payment(external_id=receipt, invoice=invoice, amount="20.00"),
    )
    assert [record.values["amount"] for record in outcome.succeeded] == ["10.00"]
    assert [record.values["amount"] for record in outcome.failed] == ["20.00"]
    assert outcome.metadata["skipped"] == "1"
    assert amounts(connectwise, invoice) == [Decimal("10.00")]


def test_a_record_that_failed_is_not_known(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Corrected, it is processed."""
    receipt = f"R-{invoice}"
    deployment.import_records(payment(external_id=receipt, invoice=5, amount="10.00"))
    outcome = deployment.import_records(
        payment(external_id=receipt, invoice=invoice, amount="10.00")
    )
    assert outcome.errors == []
    assert amounts(connectwise, invoice) == [Decimal("10.00")]


def test_a_file_delivered_twice_does_not_see_its_own_records(
    deployment: Deployment, invoice: int
) -> None:
    """The finished import is recognised; nothing is skipped, nothing written again."""
    name = deployment.new_name()
    content = payment_file(payment(external_id=f"R-{invoice}", invoice=invoice, amount="10.00"))
    version = deployment.upload(content, name)
    assert deployment.outcome(name).metadata["created"] == "1"
    deployment.deliver(name, version)
    deployment.wait_until_idle()
    assert deployment.versions(f"fail/{name}") == 1
    assert deployment.import_of(name)["skipped"] == 0


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
    outcome = on.import_records(payment(external_id=receipt, invoice=invoice, amount="30.00"))
    assert outcome.metadata["skipped"] == "1"
    assert amounts(connectwise, invoice) == [Decimal("20.00")]
