"""Each alarm rings for the failure that it is for, and somebody is told what to do.

Every test has an alarm of its own: an alarm tells of a failure only when it did not ring already.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.deployed import FIRST_INVOICE, SECRET_NAME, Deploy, Deployment
from e2e.mailbox import Mailbox, subscribed
from e2e.operator import Operator
from e2e.payment_xml import payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

ALARMS = {
    *("FunctionErrorsAlarm", "FunctionThrottlesAlarm", "LongRunAlarm", "FilesFailedAlarm"),
    *("PaymentsFailedAlarm", "FilesDelayedAlarm", "OldFileAlarm", "DeadLettersAlarm"),
    "FilesNotQueuedAlarm",
}
TOLD_WHEN_WELL_AGAIN = {
    *("FunctionErrorsAlarm", "FunctionThrottlesAlarm", "FilesDelayedAlarm", "OldFileAlarm"),
}
# The local stack looks at its alarms twice a second.
SEVERAL_LOOKS_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Watched:
    """A stack and whoever is told of its alarms."""

    deployment: Deployment
    mailbox: Mailbox

    def states(self) -> dict[str, str]:
        """The state of each alarm, by its name in the template."""
        names = self.deployment.stack.resources("AWS::CloudWatch::Alarm")
        cloudwatch = self.deployment.stack.client("cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=list(names.values()))["MetricAlarms"]
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
        return {name: states[physical] for name, physical in names.items()}

    def wait_until_ok(self, alarm: str) -> None:
        """Wait until the alarm has been looked at and does not ring."""
        self.deployment.stack.wait_for(lambda: self.states()[alarm] == "OK", description=alarm)

    def told(self, alarm: str) -> str:
        """Wait for the mail of a ringing alarm, and return what it says."""
        name = self.deployment.stack.resources("AWS::CloudWatch::Alarm")[alarm]
        mail = json.loads(self.mailbox.mail(f'ALARM: "{name}"')["Message"])
        assert mail["NewStateValue"] == "ALARM"
        assert mail["OldStateValue"] == "OK"
        return " ".join(mail["AlarmDescription"].split())

    def measured(self, namespace: str, metric: str, unit: str, value: float, **of: str) -> None:
        """Put what AWS would measure."""
        [(name, dimension)] = of.items()
        datum = {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": dimension}],
            "Unit": unit,
            "Value": value,
        }
        cloudwatch = self.deployment.stack.client("cloudwatch")
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])


def watched_stack(deploy_once: Deploy, connectwise: Simulator) -> Watched:
    deployment = deploy_once(MaxConnections="16", ReportOn="Never")
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    watched = Watched(deployment, subscribed(deployment.stack, "NotificationTopicArn"))
    for alarm in ALARMS:
        watched.wait_until_ok(alarm)
    return watched


@pytest.fixture(scope="module")
def stack(deploy_once: Deploy, running_connectwise: Simulator) -> Watched:
    return watched_stack(deploy_once, running_connectwise)


@pytest.fixture
def watched(stack: Watched, connectwise: Simulator) -> Iterator[Watched]:
    """A stack and a clean ConnectWise; what was put back is taken out of the queue afterwards."""
    stack.deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    yield stack
    stack.deployment.queue.sqs.purge_queue(QueueUrl=stack.deployment.queue.url)


def test_a_good_file_rings_no_alarm(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """All are looked at, several times, after it."""
    watched = watched_stack(deploy_once, connectwise)
    outcome = watched.deployment.import_records(payment(invoice=invoice, amount="1.00"))
    assert outcome.failed == []
    watched.deployment.wait_until_idle()
    time.sleep(SEVERAL_LOOKS_SECONDS)
    assert watched.states() == dict.fromkeys(ALARMS, "OK")
    assert not any("ALARM" in subject for subject in watched.mailbox.subjects())


def test_a_refused_file_rings(watched: Watched) -> None:
    """Nothing of it was sent."""
    watched.deployment.import_file(b"<Payments/>")
    assert "correct the file and upload it again" in watched.told("FilesFailedAlarm")


def test_a_failed_payment_rings(watched: Watched, invoices: list[int]) -> None:
    """One among others is enough."""
    good, bad, *_ = invoices
    watched.deployment.import_records(payment(invoice=good, amount="1.00"), payment(invoice=bad))
    assert "The fail file has each with its reason" in watched.told("PaymentsFailedAlarm")


def test_a_file_that_is_put_back_rings(
    watched: Watched, connectwise: Simulator, invoice: int
) -> None:
    """ConnectWise does not accept the keys: no payment fails for it, so nothing else would tell."""
    connectwise.add_fault(status=401, times=None)
    name = watched.deployment.new_name()
    watched.deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    watched.deployment.wait_until_put_back(name)
    assert "mend that" in watched.told("FilesDelayedAlarm")
    assert watched.deployment.versions(f"fail/{name}") == 0


def test_a_run_that_cannot_even_start_rings(watched: Watched, invoice: int) -> None:
    """The function's environment is broken; once it is mended, the file is imported."""
    queue, name = watched.deployment.queue, watched.deployment.new_name()
    queue.set_visibility_timeout(1)
    with broken_environment(watched.deployment):
        watched.deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
        assert "look at the last errors on the dashboard" in watched.told("FunctionErrorsAlarm")
    assert watched.deployment.outcome(name).metadata["created"] == "1"
    logged = watched.deployment.stack.function_logs()
    assert any(line.startswith("[ERROR] SettingsInvalid") for line in logged)


@contextmanager
def broken_environment(deployment: Deployment) -> Iterator[None]:
    """Take the function's environment away for a while."""
    client, name = deployment.stack.client("lambda"), deployment.stack.outputs["FunctionName"]
    environment = client.get_function_configuration(FunctionName=name)["Environment"]
    lacking = {k: v for k, v in environment["Variables"].items() if k != "TRUTH_TABLE_NAME"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": lacking})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment=environment)


def test_a_start_that_lambda_refuses_rings(watched: Watched, invoice: int) -> None:
    """Here because the function's own concurrency is taken away, not because others use it up."""
    client = watched.deployment.stack.client("lambda")
    function = {"FunctionName": watched.deployment.stack.outputs["FunctionName"]}
    queue, name = watched.deployment.queue, watched.deployment.new_name()
    queue.set_visibility_timeout(1)
    client.put_function_concurrency(**function, ReservedConcurrentExecutions=0)
    watched.deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    assert "concurrency is used up" in watched.told("FunctionThrottlesAlarm")
    client.delete_function_concurrency(**function)
    assert watched.deployment.outcome(name).metadata["created"] == "1"


def test_a_file_in_the_dead_letter_queue_rings_and_a_redrive_goes_on_at_its_checkpoint(
    watched: Watched, connectwise: Simulator, tmp_path: Path
) -> None:
    """SQS itself moves the message of a killed run there; here after one delivery, not 1,000."""
    records, stored = 2000, 500
    connectwise.configure(latency_seconds=0.005)
    queue, name = watched.deployment.queue, watched.deployment.new_name()
    queue.set_visibility_timeout(1)
    with deliveries_before_giving_up(watched.deployment, 1):
        invoices = range(FIRST_INVOICE, FIRST_INVOICE + records)
        version = watched.deployment.upload(
            payment_file(*(payment(invoice=each, amount="1.00") for each in invoices)), name
        )
        watched.deployment.stack.wait_for(
            lambda: watched.deployment.import_of(name).get("done", 0) >= stored, description=name
        )
        for pid in watched.deployment.stack.worker_pids():
            os.kill(pid, signal.SIGKILL)
        assert "then `payments redrive`" in watched.told("DeadLettersAlarm")
    sent_before = connectwise.counts().creates
    assert stored <= sent_before < records
    done_before = watched.deployment.import_of(name, version)["done"]
    assert Operator(watched.deployment, tmp_path).runs("redrive").exit_code == 0
    outcome = watched.deployment.outcome(name)
    assert len(outcome.succeeded) == records
    assert outcome.metadata["total"] == str(records)
    assert connectwise.counts().creates == records
    assert connectwise.counts().max_creates_per_invoice == 1
    updates = int(outcome.metadata["updated"])
    assert updates <= sent_before - done_before, "only what was behind the checkpoint is sent again"


@contextmanager
def deliveries_before_giving_up(deployment: Deployment, times: int) -> Iterator[None]:
    """Have the queue give a message up sooner than deployed."""
    queue = {"QueueUrl": deployment.queue.url}
    sqs = deployment.queue.sqs
    answer = sqs.get_queue_attributes(**queue, AttributeNames=["RedrivePolicy"])
    policy = answer["Attributes"]["RedrivePolicy"]
    sooner = json.dumps(json.loads(policy) | {"maxReceiveCount": times})
    sqs.set_queue_attributes(**queue, Attributes={"RedrivePolicy": sooner})
    yield
    sqs.set_queue_attributes(**queue, Attributes={"RedrivePolicy": policy})


def test_a_run_near_fifteen_minutes_rings(watched: Watched) -> None:
    """Nobody waits for one here: Lambda's own measurement of it is put in its place."""
    function = watched.deployment.stack.outputs["FunctionName"]
    watched.measured("AWS/Lambda", "Duration", "Milliseconds", 879_999, FunctionName=function)
    time.sleep(SEVERAL_LOOKS_SECONDS)
    assert watched.states()["LongRunAlarm"] == "OK"
    watched.measured("AWS/Lambda", "Duration", "Milliseconds", 880_000, FunctionName=function)
    assert "lower MaxConnections" in watched.told("LongRunAlarm")


def test_a_file_that_is_four_hours_old_rings(watched: Watched) -> None:
    """Nobody waits for one here: SQS's own measurement of it is put in its place."""
    queue = watched.deployment.queue.url.rpartition("/")[2]
    metric = "ApproximateAgeOfOldestMessage"
    watched.measured("AWS/SQS", metric, "Seconds", 4 * 3600 - 1, QueueName=queue)
    time.sleep(SEVERAL_LOOKS_SECONDS)
    assert watched.states()["OldFileAlarm"] == "OK"
    watched.measured("AWS/SQS", metric, "Seconds", 4 * 3600, QueueName=queue)
    assert "If the count of records grows, nothing is to be done" in watched.told("OldFileAlarm")


def test_a_file_that_eventbridge_could_not_queue_rings(watched: Watched) -> None:
    """MiniStack always can: EventBridge's own measurement is put in its place."""
    [rule] = watched.deployment.stack.resources("AWS::Events::Rule").values()
    name = rule.rpartition("|")[2]
    watched.measured("AWS/Events", "FailedInvocations", "Count", 1, RuleName=name)
    assert "then `payments redrive`" in watched.told("FilesNotQueuedAlarm")


def test_ok_is_told_only_where_it_means_that_something_is_well_again(stack: Watched) -> None:
    """A refused file is not well again because no other has followed."""
    names = stack.deployment.stack.resources("AWS::CloudWatch::Alarm")
    cloudwatch = stack.deployment.stack.client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=list(names.values()))["MetricAlarms"]
    telling = {alarm["AlarmName"] for alarm in found if alarm["OKActions"]}
    assert telling == {names[name] for name in TOLD_WHEN_WELL_AGAIN}
