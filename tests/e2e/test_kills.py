"""The function's process is killed in the middle of large files: nothing is lost, nothing twice."""

import os
import signal
from collections import Counter
from decimal import Decimal
from random import Random

import pytest

from e2e.deployed import FIRST_INVOICE, SECRET_NAME, Deploy, Deployment, Outcome
from e2e.payment_xml import Record, payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

RECORDS = 5000
LATENCY_SECONDS = 0.01
PATIENCE_SECONDS = 60.0


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
        PATIENCE_SECONDS,
        f"payment {creates}",
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
    """Wait for a file's import, which takes longer than most."""
    fail = f"fail/{name}"
    deployment.stack.wait_for(lambda: deployment.versions(fail), PATIENCE_SECONDS, fail)
    deployment.wait_until_idle()
    return deployment.outcome(name)


@pytest.mark.parametrize("seed", [1])
def test_killed_in_the_middle_again_and_again_a_file_ends_as_if_it_had_not_been(
    scene: Deployment, connectwise: Simulator, seed: int
) -> None:
    """Of every fifty records one is wrong, and one is for the same invoice as one before it."""
    random = Random(seed)
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
    kills = [start + random.randrange(1, 1000) for start in range(0, 4000, 1000)]
    for creates in kills:
        kill_at(scene, creates)

    outcome = finished(scene, "large.xml")
    assert numbers(outcome.failed) == sorted(wrong)
    assert numbers(outcome.succeeded) == [n for n in range(RECORDS) if n not in wrong]
    assert connectwise.counts().max_creates_per_invoice == 1
    assert held(connectwise) == promised(outcome)
    assert scene.import_of("large.xml")["run"] == len(kills) + 1


def test_of_two_files_for_the_same_invoices_the_later_wins_though_the_earlier_is_killed(
    scene: Deployment, connectwise: Simulator
) -> None:
    """It waits until the message of the killed run has come back and is done with."""
    invoices = range(FIRST_INVOICE, FIRST_INVOICE + 1000)
    earlier, later = (
        payment_file(*(numbered_payment(each, each, amount) for each in invoices))
        for amount in ("10.00", "20.00")
    )
    scene.upload(earlier, "earlier.xml")
    kill_at(scene, 400)
    scene.upload(later, "later.xml")

    outcome = finished(scene, "later.xml")
    assert numbers(scene.outcome("earlier.xml").succeeded) == list(invoices)
    assert numbers(outcome.succeeded) == list(invoices)
    assert held(connectwise) == promised(outcome)
    assert Counter(amount for _, amount in held(connectwise).values()) == {Decimal("20.00"): 1000}
    assert connectwise.counts().max_creates_per_invoice == 1
