"""Whole files through the deployed program: payments that others have made."""

from decimal import Decimal
from typing import Any

import pytest

from e2e.payment_xml import payment
from fakes.connectwise import FakeInvoice
from fakes.deployment import FINISHED, Deploy, Deployment
from fakes.mishaps import Mishap, kill, kill_after
from payments.models import SecondPayment


@pytest.fixture
def rejecting(deploy: Deploy) -> Deployment:
    return deploy(second_payment=SecondPayment.REJECT)


def on(invoice: int, amount: object, external_id: str | None = None, **more: Any) -> str:
    return payment(invoice=invoice, amount=amount, external_id=external_id, **more)


def replaced(deployment: Deployment, name: str) -> list[Any]:
    """Return how many payments of a file have replaced how much."""
    [row] = [row for row in deployment.imports.all() if row["key"] == f"incoming/{name}.xml"]
    return [row["replaced"], row["replacedAmount"]]


# Replace


def test_an_instalment_that_replaces_another_is_counted_with_what_was_there(
    deploy: Deploy,
) -> None:
    """In the history, in the files' metadata and in the metrics; the first is no replacement."""
    deployment = deploy()
    for name, instalment in (("a", on(1, 400, "RC-71")), ("b", on(1, 600, "RC-72"))):
        deployment.upload(instalment, name=name)
        assert deployment.run() == FINISHED
    assert replaced(deployment, "a") == [0, 0]
    assert replaced(deployment, "b") == [1, 400]
    written = deployment.bucket.latest("success/b.xml")
    assert written is not None
    metadata = written.metadata
    assert (metadata["replaced"], metadata["replaced-amount"]) == ("1", "400.00")
    assert deployment.published.tally.replaced == 1
    [row] = [row for row in deployment.imports.all() if row["key"] == "incoming/b.xml"]
    assert row["firstReplaced"] == [
        "RC-72, invoice 1, 600.00: payment 101 held 400.00, recorded as RC-71 from incoming/a.xml"
    ]
    assert deployment.connectwise.amounts(1) == [600]


def test_instalments_of_one_file_replace_each_other_too(deploy: Deploy) -> None:
    """So do records without an external id: nobody knows whether they are one payment."""
    deployment = deploy()
    deployment.upload(on(1, 400, "RC-71"), on(1, 600, "RC-72"), on(2, 5), on(2, 5))
    deployment.run()
    assert replaced(deployment, "a") == [2, 405]


def test_a_correction_replaces_nothing_of_others(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.upload(on(1, 400, "RC-71"), on(1, 450, "RC-71"))
    deployment.run()
    assert replaced(deployment, "a") == [0, 0]


def test_what_was_corrected_after_another_has_replaced_it_replaces_that(deploy: Deploy) -> None:
    """The payment is the other's by now, whatever the truth table says."""
    deployment = deploy()
    deployment.upload(on(1, 400, "RC-71"), on(1, 600, "RC-72"), on(1, 450, "RC-71"))
    deployment.run()
    assert replaced(deployment, "a") == [2, 1000]


def test_a_cut_overpayment_tells_what_was_there_before(deploy: Deploy) -> None:
    deployment = deploy(FakeInvoice(1), cuts_overpayments=True)
    deployment.connectwise.add_payment(1, amount=Decimal("40.00"))
    deployment.upload(on(1, 1200, "RC-72"))
    deployment.run()
    [recorded, before] = deployment.errors()
    assert "100" in recorded
    assert before == "Before that it held 40.00, which was not recorded from a file."
    assert replaced(deployment, "a") == [1, 40]


# Reject


def test_a_second_payment_is_rejected_with_what_is_there_and_whose_it_is(
    rejecting: Deployment,
) -> None:
    rejecting.upload(on(1, 400, "RC-71"), on(1, 600, "RC-72"))
    rejecting.run()
    assert rejecting.connectwise.amounts(1) == [400]
    [error] = rejecting.errors()
    assert error.startswith(
        "Invoice INV-1 (id 1) has payment 101 already: 400.00, recorded as RC-71 from "
        "incoming/a.xml. Nothing was sent, since SecondPayment is Reject."
    )


def test_the_advice_of_a_rejected_second_payment_adds_it_up(rejecting: Deployment) -> None:
    """The sum of both, with the payment's id."""
    rejecting.upload(on(1, 400, "RC-71"))
    rejecting.upload(on(1, 1000, "RC-72", payment_id=101), name="b")
    rejecting.to_end()
    assert rejecting.connectwise.amounts(1) == [1000]
    assert rejecting.fail("b") == []


def test_corrections_and_payments_of_zero_are_not_rejected(rejecting: Deployment) -> None:
    """A payment of zero was taken back, so that the invoice has room for another."""
    rejecting.connectwise.add_payment(2, amount=Decimal(0))
    rejecting.upload(on(1, 400, "RC-71"), on(1, 450, "RC-71"), on(2, 5, "RC-73"))
    rejecting.run()
    assert rejecting.errors() == []
    assert [rejecting.connectwise.amounts(number) for number in (1, 2)] == [[450], [5]]


# Killed anywhere


def paid_before(deployment: Deployment) -> None:
    """Let somebody have paid invoice 1, and an earlier file invoice 2."""
    deployment.connectwise.add_payment(1, amount=Decimal(40))
    deployment.upload(on(2, 30, "RC-1"), name="before")
    deployment.to_end()


FILE = on(1, 60, "RC-71"), on(2, 70, "RC-72"), on(3, 80, "RC-73"), on(3, 90, "RC-74"), on(4, 5)


@pytest.mark.parametrize("second", SecondPayment)
@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_wherever_a_run_is_killed_what_others_have_made_is_told_from_its_own(
    deploy: Deploy, second: SecondPayment, mishap: Mishap
) -> None:
    """At every single call to ConnectWise, S3, DynamoDB or SQS."""

    def imported(killed_at: int | None) -> tuple[Any, bool]:
        deployment = deploy(second_payment=second)
        paid_before(deployment)
        deployment.upload(*FILE)
        if killed_at is not None:
            deployment.mishaps.plan("any", mishap, skip=killed_at)
        runs = deployment.to_end()
        amounts = [deployment.connectwise.amounts(number) for number in range(1, 5)]
        return (amounts, replaced(deployment, "a"), deployment.errors()), runs > 1

    expected, _ = imported(None)
    for place in range(200):
        found, was_killed = imported(place)
        assert found == expected, f"killed at call {place}"
        if not was_killed:
            break
    assert 25 < place < 200
