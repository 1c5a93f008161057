"""Which key encrypts what: AWS's own, or the customer's."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from unit.deployed_template import deployed_resources

ROOT = Path(__file__).parents[2]
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = {"Ref": "KmsKeyArn"}
WITH_KEY = deployed_resources(TEMPLATE, KmsKeyArn=KEY_ARN)
WITHOUT_KEY = deployed_resources(TEMPLATE)
UNDER_THE_KEY = ("FilesQueue", "DeadLetterQueue")
QUEUES = (*UNDER_THE_KEY, "UndeliveredEventsQueue")
TOPICS = ("NotificationTopic", "ReportTopic")
TABLES = ("TruthTable", "LedgerTable", "ImportsTable")
ENCRYPTED = {
    "AWS::DynamoDB::Table",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}


def bucket_encryption(resources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    properties = resources["PaymentsBucket"]["Properties"]
    rule: dict[str, Any]
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule


def key_statement(resources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    [policy] = resources["ImportPaymentsRole"]["Properties"]["Policies"]
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    [found] = [each for each in statements if "kms:Decrypt" in each["Action"]]
    return found


def services(statement: dict[str, Any]) -> list[str]:
    """The services through which a statement lets the key be used."""
    names = statement["Condition"]["StringEquals"]["kms:ViaService"]
    return [name["Fn::Sub"].partition(".")[0] for name in names]


# Without a key of one's own


def test_without_a_key_s3_and_sqs_encrypt_with_their_own() -> None:
    """It costs nothing, and needs no permission."""
    encryption = bucket_encryption(WITHOUT_KEY)
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    for name in QUEUES:
        assert WITHOUT_KEY[name]["Properties"]["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in WITHOUT_KEY[name]["Properties"]


def test_without_a_key_tables_and_log_are_left_to_aws() -> None:
    """DynamoDB and CloudWatch Logs encrypt everything by themselves."""
    for name in TABLES:
        assert "SSESpecification" not in WITHOUT_KEY[name]["Properties"]
    assert "KmsKeyId" not in WITHOUT_KEY["ImportPaymentsLogGroup"]["Properties"]


def test_without_a_key_the_topics_have_one_of_the_stack() -> None:
    """Alarms cannot publish to a topic under the key that AWS keeps for SNS."""
    for name in TOPICS:
        assert WITHOUT_KEY[name]["Properties"]["KmsMasterKeyId"] == {"Ref": "NotificationKey"}
    statement = key_statement(WITHOUT_KEY)
    assert statement["Resource"] == {"Fn::GetAtt": ["NotificationKey", "Arn"]}
    assert services(statement) == ["sns"]


# With one


def test_nothing_that_holds_data_is_left_out() -> None:
    """A new queue or table has to get the key as well, and a test here."""
    found = {name for name, each in WITH_KEY.items() if each["Type"] in ENCRYPTED}
    assert found == {
        *(*QUEUES, *TABLES, *TOPICS),
        *("PaymentsBucket", "ImportPaymentsLogGroup"),
    }


def test_the_key_encrypts_the_bucket_with_few_calls() -> None:
    """A large import writes thousands of objects."""
    assert bucket_encryption(WITH_KEY) == {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
        "BucketKeyEnabled": True,
    }


@pytest.mark.parametrize("name", UNDER_THE_KEY)
def test_the_key_encrypts_the_queues(name: str) -> None:
    """SQS takes one kind of encryption only."""
    assert WITH_KEY[name]["Properties"]["KmsMasterKeyId"] == KEY
    assert "SqsManagedSseEnabled" not in WITH_KEY[name]["Properties"]


def test_what_cannot_be_delivered_is_kept_also_if_eventbridge_may_not_use_the_key() -> None:
    """That is one of the reasons why it cannot be delivered."""
    properties = WITH_KEY["UndeliveredEventsQueue"]["Properties"]
    assert properties["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in properties


@pytest.mark.parametrize("name", TABLES)
def test_the_key_encrypts_the_tables(name: str) -> None:
    """Their backups too."""
    encryption = WITH_KEY[name]["Properties"]["SSESpecification"]
    assert encryption == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}


def test_the_key_encrypts_topics_and_log_and_the_stack_has_none() -> None:
    """A key that nothing uses would still cost a dollar a month."""
    for name in TOPICS:
        assert WITH_KEY[name]["Properties"]["KmsMasterKeyId"] == KEY
    assert WITH_KEY["ImportPaymentsLogGroup"]["Properties"]["KmsKeyId"] == KEY
    assert "NotificationKey" not in WITH_KEY
    assert "NotificationKey" not in json.dumps(WITH_KEY)


def test_the_function_may_use_the_key_only_through_what_it_encrypts() -> None:
    """Logs are encrypted by CloudWatch itself, which the key's policy lets."""
    statement = key_statement(WITH_KEY)
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Resource"] == KEY
    assert services(statement) == ["s3", "sqs", "dynamodb", "sns", "secretsmanager"]


# What only the owner of the key can allow


def documented_policy() -> dict[str, dict[str, Any]]:
    """The statements of the key policy in SECURITY.md, by the service that each is for."""
    [policy] = re.findall(r'```json\n(\{\s+"Version".*?)```', SECURITY, re.DOTALL)
    return {
        each["Principal"].get("Service", "IAM"): each for each in json.loads(policy)["Statement"]
    }


def test_the_documented_policy_lets_iam_and_three_services_use_the_key() -> None:
    """Without IAM the role's permission would be worth nothing."""
    policy = documented_policy()
    events, alarms, logs = "events", "cloudwatch", "logs.eu-west-1"
    assert policy.keys() == {"IAM"} | {f"{each}.amazonaws.com" for each in (events, alarms, logs)}
    assert policy["IAM"]["Action"] == "kms:*"


def test_alarms_may_use_a_key_of_ones_own_as_they_may_the_stacks() -> None:
    """The two differ only in how they name the account."""
    statements = WITHOUT_KEY["NotificationKey"]["Properties"]["KeyPolicy"]["Statement"]
    [ours] = [each for each in statements if each["Sid"] == "Alarms"]
    documented = documented_policy()["cloudwatch.amazonaws.com"]
    assert documented["Action"] == ours["Action"]
    assert documented["Condition"].keys() == ours["Condition"].keys()


def test_the_documented_policy_is_for_the_log_of_the_default_stack() -> None:
    """CloudFormation makes the group's name of the stack's name and the resource's."""
    condition = documented_policy()["logs.eu-west-1.amazonaws.com"]["Condition"]["ArnLike"]
    [pattern] = condition.values()
    assert pattern.rpartition(":")[2] == "connectwise-payments-*"
    assert "LogGroupName" not in WITH_KEY["ImportPaymentsLogGroup"]["Properties"]
