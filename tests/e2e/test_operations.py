"""What an operator relies on: metrics, logs, the history, and permissions no wider than needed."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from e2e.deployed import SECRET_NAME, Deploy, Deployment
from e2e.mailbox import subscribed
from e2e.payment_xml import payment, payment_file
from e2e.permissions import EXPLAINED, IMPORTS_WAIT_FOR
from local_cloudwatch.emf import parse_metrics
from local_stack import Function
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

NAMESPACE = "ConnectWisePayments"


def logs(deployment: Deployment) -> list[str]:
    """Every line that was written so far.

    On a busy machine MiniStack hands the last lines of a run over with those of the next: have one.
    """
    deployment.wait_until_idle()
    assert function_of(deployment).invoke({"Event": "s3:TestEvent"})["files"] == []
    return deployment.stack.function_logs()


def function_of(deployment: Deployment) -> Function:
    return deployment.stack.function(deployment.stack.outputs["FunctionName"])


def totals(deployment: Deployment) -> dict[str, float]:
    """The sum of every metric so far."""
    found: dict[str, float] = {}
    for metric in parse_metrics(logs(deployment)):
        assert metric.namespace == NAMESPACE
        assert metric.dimensions == {"service": deployment.stack.name}
        assert metric.unit == "Count"
        found[metric.name] = found.get(metric.name, 0) + metric.total
    return found


@contextmanager
def counted(deployment: Deployment) -> Iterator[dict[str, float]]:
    """Fill the dictionary with what every metric has grown by."""
    before = totals(deployment)
    grown: dict[str, float] = {}
    yield grown
    after = totals(deployment)
    changes = {name: value - before.get(name, 0) for name, value in after.items()}
    grown.update({name: value for name, value in changes.items() if value})


# Metrics


def test_records_files_and_calls_are_counted(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Alarms and the dashboard read these names."""
    first, second, third, fourth, *_ = invoices
    connectwise.add_payment(third, "9.00")
    deployment.import_records(payment(invoice=invoices[-1], amount="1.00"))  # the codebase is known
    connectwise.add_fault(method="POST", status=429, headers={"Retry-After": "1"})
    with counted(deployment) as grown:
        deployment.import_records(
            payment(invoice=first, amount="1.00"),
            payment(invoice=second, amount="1.00"),
            payment(invoice=third, amount="1.00"),
            payment(invoice=5, amount="1.00"),
        )
        deployment.import_records(payment(invoice=fourth, amount="1.00"))
        deployment.import_file(b"")
    # Two lookups of invoices, one of payments, four writes, one of them twice.
    assert grown.pop("ApiCalls") == 8
    assert grown.pop("ApiThrottled") == 1
    assert grown.pop("PaymentsReplaced", 1) == 1
    assert grown == {
        "PaymentsCreated": 3,
        "PaymentsUpdated": 1,
        "PaymentsFailed": 1,
        "FilesSucceeded": 1,
        "FilesWithFailures": 1,
        "FilesFailed": 1,
    }


# The history


def test_the_imports_table_has_the_history_of_every_file(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Which file, how it ended, and how many records became what."""
    connectwise.add_payment(invoices[1], "9.00")
    name = deployment.new_name()
    content = payment_file(
        payment(invoice=invoices[0], amount="1.00"),
        payment(invoice=invoices[1], amount="1.00"),
        payment(amount="1.00"),
    )
    version = deployment.upload(content, name)
    entry = deployment.finished_import(name)
    assert entry["importId"] == deployment.outcome(name).metadata["import-id"]
    assert (entry["bucket"], entry["versionId"]) == (deployment.bucket.name, version)
    assert (entry["status"], entry["total"], entry["done"]) == ("CompletedWithFailures", 3, 3)
    assert (entry["created"], entry["updated"]) == (1, 1)
    assert (entry["skipped"], entry["failed"]) == (0, 1)
    assert entry["startedAt"] <= entry["finishedAt"]
    assert "error" not in entry


# Logs


QUOTE = "The amount 73519.26 of Pat Payer is not accepted."


@pytest.fixture(scope="module")
def at_level(deploy_once: Deploy) -> Deployment:
    """A stack whose log has all messages."""
    deployment = deploy_once(LogLevel="DEBUG")
    configuration = deployment.stack.client("lambda").get_function_configuration(
        FunctionName=deployment.stack.outputs["FunctionName"]
    )
    assert configuration["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    return deployment


@pytest.fixture
def private(connectwise: Simulator) -> list[str]:
    """What no log line may hold: the secret, also as it is sent, and what is in payments."""
    secret = connectwise.secret
    login = f"{secret['company']}+{secret['publicKey']}:{secret['privateKey']}"
    keys = [secret["publicKey"], secret["privateKey"], secret["clientId"]]
    return [*keys, base64.b64encode(login.encode()).decode(), "73519", "0.62", "Pat Payer"]


def holding(private: list[str], lines: list[str]) -> list[str]:
    return [line for line in lines for text in private if text in line]


def test_no_log_line_holds_a_secret_or_an_amount(
    at_level: Deployment, connectwise: Simulator, invoices: list[int], private: list[str]
) -> None:
    """Whatever goes wrong on the way."""
    throttled = {"Retry-After": "1"}
    for number, status in enumerate((400, 404, 409, 500, 429)):
        path, headers = f"/{invoices[number]}/", throttled if status == 429 else {}
        answer = {"code": "InvalidObject", "message": QUOTE}
        connectwise.add_fault(
            method="POST", path=path, status=status, headers=headers, answer=answer
        )
    connectwise.add_fault(method="POST", path=f"/{invoices[5]}/", reset=True)
    mark = len(logs(at_level))
    at_level.import_records(
        payment(invoice=4, amount="73519.26"),
        payment(invoice=invoices[6], amount="73519.26", paymentDate="0.62"),
        *(payment(invoice=each, amount="0.62", appliedBy="Pat Payer") for each in invoices),
    )
    logged = logs(at_level)[mark:]
    assert any('"Refused"' in line for line in logged)
    assert any('"No answer"' in line for line in logged)
    assert holding(private, logged) == []


def test_what_a_file_waits_for_is_logged_without_what_connectwise_says(
    at_level: Deployment, connectwise: Simulator, invoice: int, private: list[str]
) -> None:
    """Its own words, which can quote the payment, are in the imports table."""
    mark = len(logs(at_level))
    answer = {"code": "Forbidden", "message": QUOTE}
    connectwise.add_fault(method="POST", status=403, answer=answer)
    name = at_level.new_name()
    at_level.upload(payment_file(payment(invoice=invoice, amount="73519.26")), name)
    assert QUOTE in at_level.wait_until_put_back(name)
    at_level.queue.sqs.purge_queue(QueueUrl=at_level.queue.url)
    logged = logs(at_level)[mark:]
    [line] = [line for line in logged if '"Trying again later"' in line]
    assert "(403)" in line
    assert holding(private, logged) == []


def test_every_log_line_of_ours_names_its_run(deployment: Deployment, invoice: int) -> None:
    """Lines are JSON, with the file's key where it ends."""
    mark = len(logs(deployment))
    name = deployment.new_name()
    deployment.import_file(payment_file(payment(invoice=invoice, amount="1.00")), name)
    lines = [json.loads(line) for line in logs(deployment)[mark:] if line.startswith("{")]
    ours = [line for line in lines if "level" in line]
    assert {line["service"] for line in ours} == {deployment.stack.name}
    assert len({line["function_request_id"] for line in ours}) == 1
    [finished] = [line for line in ours if line["message"] == "Finished"]
    assert (finished["key"], finished["status"]) == (f"incoming/{name}", "Succeeded")


# Permissions: none of those that MiniStack checks can be left out. Why the role has the others is
# in `permissions.py`.


@contextmanager
def lacking(deployment: Deployment, sid: str, action: str) -> Iterator[None]:
    """Take one action out of one statement of the function's role for a while."""
    iam = deployment.stack.client("iam")
    role = deployment.stack.resources("AWS::IAM::Role")["ImportPaymentsRole"]
    policy = {"RoleName": role, "PolicyName": "import-payments"}
    granted = iam.get_role_policy(**policy)["PolicyDocument"]
    reduced = {**granted, "Statement": list(_without(granted["Statement"], sid, action))}
    assert reduced != granted
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(reduced))
    try:
        yield
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(granted))


def _without(statements: list[dict[str, Any]], sid: str, action: str) -> Iterator[dict[str, Any]]:
    for statement in statements:
        actions = statement["Action"]
        listed = [actions] if isinstance(actions, str) else actions
        if statement["Sid"] == sid:
            assert action in listed
            listed = [each for each in listed if each != action]
        if listed:
            yield {**statement, "Action": listed}


def notification(deployment: Deployment, name: str, version: str | None = None) -> dict[str, Any]:
    """S3's own notification of an upload, for the function to be called with."""
    found = {"key": f"incoming/{name}"} | ({"versionId": version} if version else {})
    about = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    bucket = {"name": deployment.bucket.name}
    return {"Records": [{**about, "s3": {"bucket": bucket, "object": found}}]}


@pytest.fixture(scope="module")
def disabled(deploy_once: Deploy) -> Deployment:
    """A stack that leaves uploads alone: a run that fails is not repeated by the queue."""
    return deploy_once(Enabled="false")


@pytest.fixture
def waiting(deployment: Deployment) -> Iterator[Deployment]:
    """The default deployment; what it put back for long is taken out of the queue afterwards."""
    yield deployment
    deployment.queue.sqs.purge_queue(QueueUrl=deployment.queue.url)


def is_denied(reason: str) -> bool:
    """Whether AWS has refused something; a HEAD has no body that would say more."""
    return "AccessDenied" in reason or "Forbidden" in reason


@pytest.mark.parametrize(("sid", "action"), IMPORTS_WAIT_FOR)
def test_without_a_permission_the_import_waits_and_the_log_says_why(
    disabled: Deployment, connectwise: Simulator, invoice: int, sid: str, action: str
) -> None:
    """With the permission back, the payment is there once, and the files come back."""
    name = disabled.new_name()
    records = payment(external_id=f"R-{invoice}", invoice=invoice, amount="1.00")
    version = disabled.upload(payment_file(records), name)
    event = notification(disabled, name, version)
    mark = len(logs(disabled))
    with lacking(disabled, sid, action):
        assert is_denied(function_of(disabled).invoke(event)["errorMessage"])
    assert disabled.versions(f"fail/{name}") == 0
    reasons = [line for line in logs(disabled)[mark:] if '"Trying again later"' in line]
    assert any(map(is_denied, reasons))
    assert function_of(disabled).invoke(event)["batchItemFailures"] == []
    assert disabled.outcome(name).failed == []
    assert connectwise.counts().creates == 1


def test_an_object_without_version_needs_its_own_permission(
    disabled: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """A plain notification of an unversioned bucket names none."""
    name = disabled.new_name()
    disabled.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    event = notification(disabled, name)
    with lacking(disabled, "ReadIncoming", "s3:GetObject"):
        assert "Forbidden" in function_of(disabled).invoke(event)["errorMessage"]
    assert function_of(disabled).invoke(event)["batchItemFailures"] == []
    assert connectwise.counts().creates == 1


def test_the_secret_needs_a_permission(
    waiting: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Seen after a rotation, which makes the function read it afresh."""
    name = waiting.new_name()
    secret = connectwise.rotate_keys()
    waiting.local_stack.put_secret(SECRET_NAME, secret)
    with lacking(waiting, "Secret", "secretsmanager:GetSecretValue"):
        version = waiting.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
        assert "AccessDenied" in waiting.wait_until_put_back(name)
    waiting.deliver_instead_of_waiting(name, version)
    assert waiting.outcome(name).metadata["created"] == "1"
    connectwise.reset()
    waiting.local_stack.put_secret(SECRET_NAME, connectwise.secret)


def test_putting_a_message_back_needs_a_permission(
    waiting: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Without it the run ends with an error, and the queue's own timeout brings the file back."""
    name = waiting.new_name()
    mark = len(logs(waiting))
    connectwise.add_fault(method="POST", status=403, answer={"code": "Forbidden", "message": "No."})
    with lacking(waiting, "Queue", "sqs:ChangeMessageVisibility"):
        version = waiting.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
        waiting.wait_until_put_back(name)
        waiting.stack.wait_for(
            lambda: any(
                "ChangeMessageVisibility" in line for line in waiting.stack.function_logs()[mark:]
            )
        )
    waiting.deliver_instead_of_waiting(name, version)
    assert waiting.outcome(name).metadata["created"] == "1"


def test_counting_what_waits_behind_needs_a_permission(
    waiting: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Lambda, which polls with it too, refuses to begin without it; so the mail does go out."""
    name = waiting.new_name()
    mailbox = subscribed(waiting.stack, "ReportTopicArn")
    connectwise.add_fault(status=401, times=None)
    version = waiting.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    waiting.wait_until_put_back(name)
    waiting.let_it_have_waited(name)
    with lacking(waiting, "Queue", "sqs:GetQueueAttributes"):
        waiting.deliver_instead_of_waiting(name, version)
        waiting.wait_until_put_back(name, run=2)
        assert "behind" not in mailbox.mail(name)["Message"]


def test_a_report_needs_a_permission_but_no_import_fails_for_it(deployment: Deployment) -> None:
    """The log says why nobody was told."""
    mark = len(logs(deployment))
    with lacking(deployment, "Report", "sns:Publish"):
        name = deployment.new_name()
        deployment.import_file(b"", name)
        assert deployment.finished_import(name)["status"] == "Failed"
    [line] = [line for line in logs(deployment)[mark:] if '"Report not sent"' in line]
    assert "AuthorizationError" in line


def test_what_is_only_explained_the_local_stack_does_not_check(
    deployment: Deployment, invoice: int
) -> None:
    """Once it does, this fails, and a test can take the explanation's place."""
    with ExitStack() as taken_away:
        for sid, action in EXPLAINED:
            taken_away.enter_context(lacking(deployment, sid, action))
        outcome = deployment.import_records(payment(invoice=invoice, amount="1.00"), payment())
        assert (outcome.metadata["created"], outcome.metadata["failed"]) == ("1", "1")
        assert not any("AccessDenied" in line for line in logs(deployment)[-20:])


# The bucket
