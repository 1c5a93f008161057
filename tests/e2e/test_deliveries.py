"""How files reach the function, and what becomes of those that cannot be imported now."""

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

import pytest

from e2e.deployed import EVENTS, SECRET_NAME, Deploy, Deployment
from e2e.payment_xml import payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e


def amounts(connectwise: Simulator, invoice: int) -> list[Decimal]:
    return [each["amount"] for each in connectwise.payments(invoice)]


def one_payment(invoice: int, amount: str = "1.00") -> bytes:
    return payment_file(payment(external_id=f"R-{invoice}", invoice=invoice, amount=amount))


def hold_up_next_create(connectwise: Simulator) -> None:
    """Let a file take so long that others arrive behind it."""
    connectwise.add_fault(method="POST", delay_seconds=0.5)


# What the rule lets through


def test_only_xml_files_in_the_incoming_folder_are_imported(
    deployment: Deployment, invoices: list[int]
) -> None:
    """Files are handled in order: what is not there when the last one is done never comes."""
    bucket = deployment.bucket
    for key in ("incoming/x.txt", "elsewhere/x.xml", "incoming.xml", "success/y.xml"):
        bucket.upload(key, one_payment(invoices[0]))
    deployment.import_file(one_payment(invoices[1]))
    assert deployment.connectwise.payments(invoices[0]) == []
    assert not bucket.exists("fail/x.txt")
    assert not bucket.exists("fail/x.xml")
    assert not bucket.exists("fail/y.xml")


def test_a_disabled_stack_leaves_files_alone_and_an_enabled_one_does_not(
    deploy_once: Deploy, connectwise: Simulator, invoices: list[int]
) -> None:
    """Files that came while it was disabled are not imported later."""
    first, second, *_ = invoices
    disabled = deploy_once(Enabled="false")
    disabled.upload(one_payment(first), "first.xml")
    enabled = disabled.updated(Enabled="true")
    enabled.import_file(one_payment(second), "second.xml")
    assert amounts(connectwise, first) == []
    assert amounts(connectwise, second) == [Decimal("1.00")]
    assert enabled.bucket.keys("fail/") == ["fail/second.xml"]


def test_other_folders_can_be_chosen(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """The rule, the function and its permissions follow the parameters."""
    chosen = deploy_once(
        IncomingPrefix="in/x/", SuccessPrefix="ok/", FailPrefix="bad/y/", ReportPrefix="page/"
    )
    chosen.bucket.upload("in/x/a/b.xml", one_payment(invoice))
    chosen.bucket.wait_for("page/a/b.html")
    assert chosen.bucket.exists("bad/y/a/b.xml")
    assert b"<id>" in chosen.bucket.read("ok/a/b.xml")
    assert amounts(connectwise, invoice) == [Decimal("1.00")]


# Deliveries


def test_an_event_that_is_delivered_twice_imports_once(
    deployment: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """The finished import is recognised: no call, no new files."""
    name = deployment.new_name()
    version = deployment.upload(one_payment(invoice), name)
    deployment.outcome(name)
    deployment.wait_until_idle()
    connectwise.clear_calls()
    deployment.deliver(name, version)
    deployment.wait_until_idle()
    assert connectwise.counts().total == 0
    assert deployment.versions(f"success/{name}") == 1
    assert deployment.import_of(name)["run"] == 1


def test_a_file_that_is_overwritten_while_it_waits_is_imported_in_both_versions(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """In the order of the uploads: a later correction lands last."""
    hold_up_next_create(connectwise)
    deployment.upload(one_payment(invoices[0]), deployment.new_name())
    name = deployment.new_name()
    versions = [
        deployment.upload(one_payment(invoices[1], amount), name) for amount in ("10.00", "20.00")
    ]
    last = deployment.outcome(name, times=2)
    assert amounts(connectwise, invoices[1]) == [Decimal("20.00")]
    assert last.metadata["updated"] == "1"
    entries = [deployment.import_of(name, version) for version in versions]
    assert [entry["created"] for entry in entries] == [1, 0]
    assert [entry["versionId"] for entry in entries] == versions


def test_a_version_that_was_deleted_closes_its_import_as_failed(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Nothing can be imported any more."""
    hold_up_next_create(connectwise)
    deployment.upload(one_payment(invoices[0]), deployment.new_name())
    name = deployment.new_name()
    version = deployment.upload(one_payment(invoices[1]), name)
    bucket = deployment.bucket
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"incoming/{name}", VersionId=version)
    outcome = deployment.outcome(name)
    [reason] = outcome.file_errors
    assert reason.startswith(
        "There is no such file in the bucket: it was deleted before its import ended"
    )
    entry = deployment.finished_import(name)
    assert (entry["status"], entry["error"]) == ("Failed", reason)
    assert amounts(connectwise, invoices[1]) == []


# Notifications that do not come through the queue


@pytest.fixture(scope="module")
def disabled(deploy_once: Deploy) -> Deployment:
    return deploy_once(Enabled="false")


@pytest.fixture
def without_rule(disabled: Deployment, connectwise: Simulator) -> Deployment:
    """A stack that leaves uploads alone, so that only the function's caller brings them."""
    assert disabled.connectwise is connectwise
    return disabled


def sample_notification(deployment: Deployment, file_name: str) -> dict[str, Any]:
    """A sample event, with the name of the deployed bucket."""
    event: dict[str, Any] = json.loads((EVENTS / file_name).read_text())
    event["Records"][0]["s3"]["bucket"]["name"] = deployment.bucket.name
    return event


def statuses(answer: dict[str, Any]) -> list[str]:
    """Return what became of each file, as the function answers."""
    return [file["status"] for file in answer["files"]]


def test_the_function_takes_every_sample_event(
    without_rule: Deployment, connectwise: Simulator
) -> None:
    """`sam local invoke -e events/…`: with the bucket's name in it, each works as it stands."""
    connectwise.add_invoices(count=30, first_id=201, number="INV-{id}", total="100.00")
    function = without_rule.stack.function(without_rule.stack.outputs["FunctionName"])
    content = (EVENTS / "payments-good.xml").read_bytes()
    for file_name in ("s3-put.json", "s3-put-awkward-key.json"):
        event = sample_notification(without_rule, file_name)
        found = event["Records"][0]["s3"]["object"]
        key = unquote_plus(found["key"])
        assert found["eTag"] == hashlib.md5(content).hexdigest()
        without_rule.bucket.upload(key, content)
        assert statuses(function.invoke(event)) == ["Succeeded"]
        outcome = without_rule.outcome(key.removeprefix("incoming/"))
        assert len(outcome.succeeded) == 10

    version = without_rule.upload(content, "queued.xml")
    event = without_rule.object_created("queued.xml", version)
    assert statuses(function.invoke(event)) == ["Succeeded"]
    assert len(without_rule.outcome("queued.xml").succeeded) == 10


def test_the_sample_environment_names_what_the_function_reads(deployment: Deployment) -> None:
    """`sam local invoke --env-vars events/env.json`."""
    sample = json.loads((EVENTS / "env.json").read_text())
    configuration = deployment.stack.client("lambda").get_function_configuration(
        FunctionName=deployment.stack.outputs["FunctionName"]
    )
    deployed = configuration["Environment"]["Variables"]
    assert sample.keys() == deployment.stack.resources("AWS::Lambda::Function").keys()
    assert sample["ImportPaymentsFunction"].keys() == deployed.keys()


def test_a_plain_notification_is_read_only_while_the_object_is_the_same(
    without_rule: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """Without a version id, the ETag of the event decides."""
    function = without_rule.stack.function(without_rule.stack.outputs["FunctionName"])
    event = sample_notification(without_rule, "s3-put.json")
    found = event["Records"][0]["s3"]["object"]
    found["key"] = "incoming/overwritten.xml"
    without_rule.bucket.upload(found["key"], one_payment(invoice))
    assert statuses(function.invoke(event)) == ["Failed"]
    assert without_rule.outcome("overwritten.xml").file_errors == [
        "The file was overwritten before its import began. (incoming/overwritten.xml)"
    ]
    assert amounts(connectwise, invoice) == []


# Credentials and permissions that ConnectWise or the secret lack


@pytest.fixture
def waiting(deployment: Deployment) -> Iterator[Deployment]:
    """The default deployment; what it put back for long is taken out of the queue afterwards."""
    yield deployment
    deployment.queue.sqs.purge_queue(QueueUrl=deployment.queue.url)
    deployment.connectwise.reset()
    deployment.local_stack.put_secret(SECRET_NAME, deployment.connectwise.secret)


def test_a_secret_that_is_missing_or_incomplete_stops_before_any_call(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """Everything that is wrong is named; once the secret is right, the file is imported."""
    right = connectwise.secret
    deployed = deploy_once(ConnectWiseSecretName="later")
    version = deployed.upload(one_payment(invoice), "x.xml")
    assert "Secret later cannot be read" in deployed.wait_until_put_back("x.xml")

    steps: list[tuple[str | dict[str, str], str]] = [
        ("not JSON", "Secret later is not a JSON object with site, company, publicKey"),
        (
            {"site": right["site"], "company": "acme", "clientId": " "},
            "Secret later lacks publicKey, privateKey, clientId",
        ),
        ({**right, "site": "http://example.com"}, "only https:// is safe"),
    ]
    for run, (content, reason) in enumerate(steps, start=2):
        deployed.local_stack.put_secret("later", content)
        deployed.deliver_instead_of_waiting("x.xml", version)
        assert reason in deployed.wait_until_put_back("x.xml", run)

    assert connectwise.counts().total == 0
    assert deployed.bucket.keys("fail/") == deployed.bucket.keys("success/") == []
    deployed.local_stack.put_secret("later", right)
    deployed.deliver_instead_of_waiting("x.xml", version)
    assert deployed.outcome("x.xml").metadata["created"] == "1"
    entry = deployed.finished_import("x.xml")
    assert entry["status"] == "Succeeded"
    assert "error" not in entry


def test_a_secret_that_connectwise_refuses_fails_no_record(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """The next run reads the secret afresh, so that a correction need not wait for a cache."""
    right = connectwise.secret
    deployed = deploy_once(ConnectWiseSecretName="wrong")
    deployed.local_stack.put_secret("wrong", {**right, "privateKey": "wrong"})
    version = deployed.upload(one_payment(invoice), "x.xml")
    assert "does not accept the keys" in deployed.wait_until_put_back("x.xml")
    assert connectwise.counts().creates == 0
    deployed.local_stack.put_secret("wrong", right)
    deployed.deliver_instead_of_waiting("x.xml", version)
    assert deployed.settled("x.xml", run=2)["status"] == "Succeeded"


def test_a_rotated_key_is_picked_up_without_waiting(
    waiting: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """What is refused once has the secret read afresh."""
    waiting.import_file(one_payment(invoices[0]))
    waiting.local_stack.put_secret(SECRET_NAME, connectwise.rotate_keys())
    name = waiting.new_name()
    assert waiting.import_file(one_payment(invoices[1]), name).metadata["created"] == "1"
    assert waiting.import_of(name)["run"] == 1
    assert connectwise.counts().statuses.get(401, 0) <= 1


def test_a_missing_permission_in_connectwise_fails_no_record(
    waiting: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """The whole file waits for the API member's security role."""
    connectwise.add_payment(invoices[0], "9.00")
    connectwise.configure(write_payments=False)
    name = waiting.new_name()
    version = waiting.upload(one_payment(invoices[0]), name)
    assert "security role" in waiting.wait_until_put_back(name)
    connectwise.configure(write_payments=True)
    waiting.deliver_instead_of_waiting(name, version)
    assert waiting.outcome(name).failed == []
    assert amounts(connectwise, invoices[0]) == [Decimal("1.00")]


def test_an_outage_of_connectwise_fails_no_record_and_files_keep_their_order(
    waiting: Deployment, connectwise: Simulator, invoice: int
) -> None:
    """What came later waits behind, and lands later."""
    rejecting = {"code": "Forbidden", "message": "Come back later."}
    fault = connectwise.add_fault(method="POST", times=None, status=403, answer=rejecting)
    first, second = waiting.new_name(), waiting.new_name()
    version = waiting.upload(one_payment(invoice, "10.00"), first)
    waiting.wait_until_put_back(first)
    assert connectwise.struck() == {fault: 1}
    later = waiting.upload(one_payment(invoice, "20.00"), second)
    waiting.stack.wait_for(lambda: waiting.queue.visible() == 1)
    connectwise.clear_faults()
    waiting.deliver_instead_of_waiting(first, version)
    waiting.deliver(second, later)
    assert waiting.outcome(first).metadata["created"] == "1"
    assert waiting.outcome(second).metadata["updated"] == "1"
    assert amounts(connectwise, invoice) == [Decimal("20.00")]


def test_a_lost_answer_creates_no_second_payment(
    deployment: Deployment, connectwise: Simulator, invoices: list[int]
) -> None:
    """Whether the create took effect before, never, or takes effect seconds later."""
    before, never, late, quick, *_ = invoices
    connectwise.configure(second_payment="allow")
    connectwise.add_fault(method="POST", invoice=before, form="html-502", after=True)
    connectwise.add_fault(method="POST", invoice=never, reset=True)
    connectwise.add_fault(method="POST", invoice=late, late_seconds=5)
    outcome = deployment.import_records(
        *(payment(invoice=each, amount="1.00") for each in (before, never, late)),
        payment(invoice=late, amount="2.00"),
        payment(invoice=quick, amount="1.00"),
    )
    assert outcome.failed == []
    assert connectwise.counts().late == 0
    assert [amounts(connectwise, each) for each in (before, never, quick)] == [[Decimal(1)]] * 3
    assert amounts(connectwise, late) == [Decimal(2)]
