"""A stack under the customer's own key.

MiniStack's CloudFormation passes the key on to queues and log only, and no service of MiniStack
asks KMS. What is left to see: the template deploys and works with the key, and leaves its own out.
"""

import re

import pytest

from e2e.deployed import ROOT, Deploy, Deployment
from e2e.payment_xml import payment, payment_file
from local_stack import LocalStack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def key(aws: LocalStack) -> str:
    """A key with the policy that SECURITY.md gives."""
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    [policy] = re.findall(r'```json\n(\{\s+"Version".*?)```', security, re.DOTALL)
    arn: str = aws.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def encrypted(deploy_once: Deploy, key: str) -> Deployment:
    return deploy_once(KmsKeyArn=key)


@pytest.mark.usefixtures("connectwise")
def test_files_are_imported_and_reported_under_a_key_of_ones_own(
    encrypted: Deployment, invoice: int
) -> None:
    """The role's one statement about keys is then about this one."""
    outcome = encrypted.import_records(payment(invoice=invoice, amount="1.00"), payment())
    assert (outcome.metadata["created"], outcome.metadata["failed"]) == ("1", "1")
    assert not any("AccessDenied" in line for line in encrypted.stack.function_logs())


def test_queues_and_log_have_the_key_and_the_stack_has_none(
    encrypted: Deployment, key: str
) -> None:
    """Sent and received as without it."""
    stack, sqs = encrypted.stack, encrypted.queue.sqs
    for output in ("QueueUrl", "DeadLetterQueueUrl"):
        url = stack.outputs[output]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert attributes["KmsMasterKeyId"] == key
    [name] = stack.resources("AWS::Logs::LogGroup").values()
    [log] = stack.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert log["kmsKeyId"] == key
    assert stack.resources("AWS::KMS::Key") == {}


@pytest.mark.usefixtures("connectwise")
def test_a_stack_gets_a_key_and_goes_back_to_none(encrypted: Deployment, invoice: int) -> None:
    """The same stack, deployed again."""
    without = encrypted.updated(KmsKeyArn="")
    assert without.stack.resources("AWS::KMS::Key").keys() == {"NotificationKey"}
    outcome = without.import_file(payment_file(payment(invoice=invoice, amount="1.00")))
    assert outcome.metadata["created"] == "1"
