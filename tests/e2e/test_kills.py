"""The function's process is killed in the middle of large files: nothing is lost, nothing twice."""

import os
import signal
from decimal import Decimal
from random import Random

import pytest

from e2e.deployed import FIRST_INVOICE, SECRET_NAME, Deploy, Deployment, Outcome
from e2e.payment_xml import Record, payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

RECORDS = 2000
LATENCY_SECONDS = 0.01


@pytest.fixture(scope="module")
def interruptible(deploy_once: Deploy, running_connectwise: Simulator) -> Deployment:
    """A stack whose queue hands the message of a killed run out again at once."""
    deployed = deploy_once(MaxConnections="16")
    deployed.local_stack.put_secret(SECRET_NAME, running_connectwise.secret)
    deployed.queue.set_visibility_timeout(1)
    return deployed


@pytest.fixture
def scene(interruptible: Deployment, connectwise: Simulator) -> Deployment:
    """ConnectWise takes its time, and would take a second payment for an invoice."""
    connectwise.configure(latency_seconds=LATENCY_SECONDS, second_payment="allow")
    return interruptible


def kill_at(deployment: Deployment, creates: int) -> None:
    """Kill the function's process as soon as ConnectWise holds so many payments."""
    deployment.stack.wait_for(
        lambda: deployment.connectwise.counts().creates >= creates,
        description=f"payment {creates}",
    )
    for pid in deployment.stack.worker_pids():
        os.kill(pid, signal.SIGKILL)


def numbered_payment(number: int, invoice: int, amount: str) -> str:
    """A record that can be told from the others: `<source>` is not sent."""
    external_id = f"K-{number}" if number % 3 == 0 else None
    return payment(external_id=external_id, invoice=invoice, amount=amount, source=number)


def numbers(records: list[Record]) -> list[int]:
    return [int(record.values["source"]) for record in records]


def held(connectwise: Simulator) -> dict[int, tuple[int, Decimal]]:
    """The amount of each payment and its invoice, by the payment's id."""
    return {each["id"]: (each["invoice"]["id"], each["amount"]) for each in connectwise.payments()}


def promised(outcome: Outcome) -> dict[int, tuple[int, Decimal]]:
    """What the success file says that ConnectWise holds: the last record of a payment counts."""
    return {
        record.payment_id: (int(record.values["invoice/id"]), Decimal(record.values["amount"]))
        for record in outcome.succeeded
    }


def finished(deployment: Deployment, name: str) -> Outcome:
    """Wait for a file's import."""
    outcome = deployment.outcome(name)
    deployment.wait_until_idle()
    return outcome


def test_killed_in_the_middle_a_file_ends_as_if_it_had_not_been(
    scene: Deployment, connectwise: Simulator
) -> None:
    """One record of fifty is wrong, one is for the same invoice as one before it; a later file
    for some of the invoices waits until the killed one is done with, and wins.
    """
    random = Random(1)
    invoices = [FIRST_INVOICE + number for number in range(RECORDS)]
    for number in range(20, RECORDS, 50):
        invoices[number] = invoices[random.randrange(number)]
    amounts = [f"{random.randrange(1, 100_000) / 100:.2f}" for _ in range(RECORDS)]
    wrong = set(range(40, RECORDS, 50))
    records = [
        numbered_payment(number, invoices[number], "wrong" if number in wrong else amounts[number])
        for number in range(RECORDS)
    ]
    scene.upload(payment_file(*records), "large.xml")
    kill_at(scene, random.randrange(1, RECORDS // 2))
    later = range(FIRST_INVOICE + 500, FIRST_INVOICE + 700)
    scene.upload(payment_file(*(numbered_payment(each, each, "1000") for each in later)), "2.xml")
    kill_at(scene, random.randrange(RECORDS // 2, RECORDS - 100))

    outcome = finished(scene, "large.xml")
    assert numbers(outcome.failed) == sorted(wrong)
    assert numbers(outcome.succeeded) == [n for n in range(RECORDS) if n not in wrong]
    assert scene.import_of("large.xml")["run"] > 2
    assert numbers(finished(scene, "2.xml").succeeded) == list(later)
    assert connectwise.counts().max_creates_per_invoice == 1
    assert held(connectwise) == promised(outcome) | promised(scene.outcome("2.xml"))
