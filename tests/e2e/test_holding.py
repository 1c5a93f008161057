"""What an operator does when files must not go on, or did not: pause, stop and redrive."""

import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from e2e.deployed import Deploy, Deployment
from e2e.operator import Operator
from e2e.payment_xml import payment, payment_file
from payments.command.deployment import Deployment as CommandDeployment
from payments.command.follow import Patience, watch_import
from payments.models import SourceFile
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

SEVERAL_POLLS_SECONDS = 2.0


@pytest.fixture
def operator(deployment: Deployment, tmp_path: Path) -> Operator:
    return Operator(deployment, tmp_path)


@pytest.fixture
def paused(operator: Operator) -> Iterator[Operator]:
    """The operator of a stack whose queue is held."""
    assert operator.runs("pause").exit_code == 0
    yield operator
    operator.runs("resume")


def test_while_the_queue_is_held_nothing_begins_and_then_all_goes_on(
    paused: Operator, connectwise: Simulator, invoice: int
) -> None:
    deployment, name = paused.deployment, paused.deployment.new_name()
    deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    time.sleep(SEVERAL_POLLS_SECONDS)
    assert deployment.queue.visible() == 1
    assert connectwise.payments() == []
    assert paused.runs("resume").output.startswith("Resumed")
    assert deployment.outcome(name).metadata["created"] == "1"


def test_who_waits_for_a_file_meanwhile_is_told_why(
    paused: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in paused.environment().items():
        monkeypatch.setenv(name, value)
    found = CommandDeployment.find(boto3.Session(), paused.deployment.stack.name)
    source = SourceFile(found.bucket, "incoming/new.xml", "a version")
    told = watch_import(found, source, Patience()).explain()
    assert told.startswith("Paused. The queue is held.")


def test_a_new_deployment_leaves_the_queue_as_it_is(
    deploy_once: Deploy, connectwise: Simulator, tmp_path: Path, invoice: int
) -> None:
    """The template says nothing of it."""
    operator = Operator(deploy_once(), tmp_path)
    operator.runs("pause")
    updated = operator.deployment.updated(MaxConnections="4", LogLevel="DEBUG")
    name = updated.new_name()
    updated.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    time.sleep(SEVERAL_POLLS_SECONDS)
    assert connectwise.payments() == []
    operator.runs("resume")
    assert updated.outcome(name).metadata["created"] == "1"


def test_a_file_that_has_not_begun_can_be_stopped(
    paused: Operator, connectwise: Simulator, invoice: int
) -> None:
    deployment, name = paused.deployment, paused.deployment.new_name()
    deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    deployment.stack.wait_for(deployment.queue.visible)
    assert "has not begun" in paused.runs("stop", name).output
    paused.runs("resume")
    [error] = deployment.outcome(name).file_errors
    assert error.startswith("Stopped by ")
    assert deployment.import_of(name)["status"] == "Failed"
    assert connectwise.payments() == []


def test_a_file_that_eventbridge_could_not_queue_goes_on_with_redrive(
    deploy_once: Deploy, connectwise: Simulator, tmp_path: Path, invoice: int
) -> None:
    """MiniStack always can: here nothing is queued, and the event put where it would be kept."""
    deployment = deploy_once(Enabled="false")
    operator, name = Operator(deployment, tmp_path), deployment.new_name()
    version = deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    deployment.queue.sqs.send_message(
        QueueUrl=deployment.stack.outputs["UndeliveredEventsQueueUrl"],
        MessageBody=deployment.object_created(name, version)["Records"][0]["body"],
    )
    assert "1 that could not be queued go on" in operator.runs("redrive").output
    assert deployment.outcome(name).metadata["created"] == "1"
    assert [each["amount"] for each in connectwise.payments()] == [1]
    assert operator.runs("redrive").output.startswith("Nothing to send on")
