"""Import reports reach their topic, from where SNS mails them, and nobody is told twice."""

import pytest

from e2e.deployed import SECRET_NAME, Deploy
from e2e.mailbox import subscribed
from e2e.payment_xml import payment, payment_file
from simulator.control import Simulator

pytestmark = pytest.mark.e2e


def test_a_file_with_failures_is_reported_and_one_without_is_not(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """By default, with only what the role and the topic's key allow."""
    deployment = deploy_once()
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    mailbox = subscribed(deployment.stack, "ReportTopicArn")
    alarms = subscribed(deployment.stack, "NotificationTopicArn")
    good = payment(invoice=invoice, amount="1.00")
    deployment.import_file(payment_file(good), "good.xml")
    deployment.import_file(payment_file(good, payment(invoice=invoice)), "bad.xml")
    mail = mailbox.mail("bad.xml")
    assert mail["Subject"] == "1 payment not imported, 1 replaced: bad.xml"
    assert f"- invoice {invoice}: There is nothing to send" in mail["Message"]
    assert f"s3://{deployment.bucket.name}/incoming/corrected-bad.xml" in mail["Message"]
    console = f"https://us-east-1.console.aws.amazon.com/s3/object/{deployment.bucket.name}"
    assert f"Fail file: {console}?region=us-east-1&prefix=fail%2Fbad.xml" in mail["Message"]
    assert deployment.finished_import("bad.xml")["startedAt"][:10] in mail["Message"]
    assert not any("good.xml" in subject for subject in mailbox.subjects())
    alarms.mail("ALARM")
    assert not any("bad.xml" in subject for subject in alarms.subjects())


def test_a_file_that_has_waited_for_an_hour_says_so_and_is_reported_in_the_end(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """It is said by the run that puts it back then, once."""
    deployment = deploy_once()
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    mailbox = subscribed(deployment.stack, "ReportTopicArn")
    connectwise.add_fault(status=401, times=None)
    name, key = "late.xml", "incoming/late.xml"
    version = deployment.upload(payment_file(payment(invoice=invoice, amount="1.00")), name)
    deployment.wait_until_put_back(name)
    deployment.let_it_have_waited(name)
    for run in (2, 3):
        deployment.deliver_instead_of_waiting(name, version)
        deployment.wait_until_put_back(name, run)
    text = mailbox.mail("Payment file waits")["Message"]
    assert f"File: s3://{deployment.bucket.name}/{key}" in text
    assert "Waiting since: 2020-01-01 00:00:00 UTC" in text
    assert "Files behind it: 0" in text
    assert f"run `payments --stack {deployment.stack.name} check`" in text
    connectwise.reset()  # with all invoices
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    deployment.deliver_instead_of_waiting(name, version)
    mailbox.mail("1 payment not imported")
    assert len(mailbox.subjects()) == 2


def test_who_gets_reports_and_alarms_is_told_once(
    deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    """The alarm rings, and is left to the dashboard."""
    address = "books@example.com"
    deployment = deploy_once(AlarmEmail=address, ReportEmail=address)
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    reports = subscribed(deployment.stack, "ReportTopicArn")
    alarms = subscribed(deployment.stack, "NotificationTopicArn")
    deployment.import_file(payment_file(payment(invoice=invoice)), "bad.xml")
    reports.mail("bad.xml")
    name = deployment.stack.resources("AWS::CloudWatch::Alarm")["PaymentsFailedAlarm"]
    cloudwatch = deployment.stack.client("cloudwatch")

    def rings() -> bool:
        [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return bool(alarm["StateValue"] == "ALARM")

    deployment.stack.wait_for(rings, description="an alarm")
    assert not any("ALARM" in subject for subject in alarms.subjects())
    assert len(reports.subjects()) == 1
