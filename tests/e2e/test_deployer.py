"""Whoever deploys needs `tests/deployer/policy.json`, and can do nothing to other stacks with it.

The local stack asks IAM about every call that somebody makes, but not about those that
CloudFormation then makes for them: these are tried one by one. Rules are not: it takes one of the
default bus for `rule/default/NAME`, which is `rule/NAME` on AWS.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.deployed import ROOT
from local_stack import Clients, LocalStack, wait_for
from local_stack.sam_template import package, to_json

pytestmark = pytest.mark.e2e

POLICY = ROOT / "tests" / "deployer" / "policy.json"
STACK = "connectwise-payments"
SAM_BUCKET = "aws-sam-cli-managed-default-samclisourcebucket-tried"
MOST_CHARACTERS_OF_A_MANAGED_POLICY = 6144
ASSUMED_BY_LAMBDA = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


@pytest.fixture(scope="module")
def deployer(aws: LocalStack) -> Iterator[Clients]:
    """Somebody with this policy and no other."""
    iam, user = aws.client("iam"), {"UserName": "deployer"}
    iam.create_user(**user)
    policy = POLICY.read_text(encoding="utf-8")
    iam.put_user_policy(**user, PolicyName="deploy", PolicyDocument=policy)
    key = iam.create_access_key(**user)["AccessKey"]
    yield Clients(aws.server, key["AccessKeyId"], key["SecretAccessKey"])
    iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(**user, PolicyName="deploy")
    iam.delete_user(**user)


def test_the_policy_fits_into_one() -> None:
    """IAM does not count blanks."""
    text = POLICY.read_text(encoding="utf-8")
    assert len("".join(text.split())) <= MOST_CHARACTERS_OF_A_MANAGED_POLICY


def test_the_template_is_deployed_with_it(aws: LocalStack, deployer: Clients) -> None:
    """By a change set, as `sam deploy` does, with artifacts in SAM CLI's own bucket."""
    s3, cloudformation = deployer("s3"), deployer("cloudformation")
    s3.create_bucket(Bucket=SAM_BUCKET)

    def upload(artifact: bytes) -> str:
        key = str(hash(artifact))
        s3.put_object(Bucket=SAM_BUCKET, Key=key, Body=artifact)
        return f"s3://{SAM_BUCKET}/{key}"

    template = to_json(package(ROOT / "template.yaml", aws.builder, upload))
    address = upload(template.encode()).replace("s3://", "https://s3.amazonaws.com/")
    stack, change = {"StackName": STACK}, {"StackName": STACK, "ChangeSetName": "samcli-deploy"}
    cloudformation.get_template_summary(TemplateURL=address)
    cloudformation.create_change_set(
        **change,
        ChangeSetType="CREATE",
        TemplateURL=address,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    wait_for(lambda: cloudformation.describe_change_set(**change)["Status"] == "CREATE_COMPLETE")
    cloudformation.execute_change_set(**change)

    def status() -> str:
        return str(cloudformation.describe_stacks(**stack)["Stacks"][0]["StackStatus"])

    wait_for(lambda: status().endswith("_COMPLETE"), 60, "a deployed stack")
    assert status() == "CREATE_COMPLETE"
    cloudformation.delete_stack(**stack)


def alarm(name: str) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "Namespace": "Tried",
        "MetricName": "Tried",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }


def table(name: str) -> dict[str, Any]:
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }


def role(name: str) -> dict[str, Any]:
    trust = {"Version": "2012-10-17", "Statement": [ASSUMED_BY_LAMBDA]}
    return {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust)}


CREATED: dict[str, tuple[str, str, Callable[[str], dict[str, Any]]]] = {
    "bucket": ("s3", "create_bucket", lambda name: {"Bucket": name}),
    "queue": ("sqs", "create_queue", lambda name: {"QueueName": name}),
    "role": ("iam", "create_role", role),
    "log": ("logs", "create_log_group", lambda name: {"logGroupName": name}),
    "table": ("dynamodb", "create_table", table),
    "topic": ("sns", "create_topic", lambda name: {"Name": name}),
    "alarm": ("cloudwatch", "put_metric_alarm", alarm),
}


@pytest.mark.parametrize("kind", CREATED)
def test_what_the_template_holds_can_be_created_under_the_stacks_name_only(
    deployer: Clients, kind: str
) -> None:
    """CloudFormation names it so: stack, resource, random letters."""
    service, method, arguments = CREATED[kind]
    create = getattr(deployer(service), method)
    create(**arguments(f"{STACK}-tried-1a2b3c"))
    with pytest.raises(ClientError) as refused:
        create(**arguments("other-tried-1a2b3c"))
    assert "not authorized" in str(refused.value)


def test_no_payment_can_be_read_made_or_deleted_with_it(aws: LocalStack, deployer: Clients) -> None:
    """Neither the files nor the truth table nor the secret are a deployer's business."""
    name = f"{STACK}-private"
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("s3").put_object(Bucket=name, Key="success/x.xml", Body=b"")
    aws.client("dynamodb").create_table(**table(name))
    calls: list[Callable[[], Any]] = [
        lambda: deployer("s3").get_object(Bucket=name, Key="success/x.xml"),
        lambda: deployer("s3").put_object(Bucket=name, Key="incoming/x.xml", Body=b""),
        lambda: deployer("dynamodb").scan(TableName=name),
        lambda: deployer("dynamodb").delete_table(TableName=name),
        lambda: deployer("s3").delete_object(Bucket=name, Key="success/x.xml"),
        lambda: deployer("s3").delete_bucket(Bucket=name),
        lambda: deployer("secretsmanager").get_secret_value(SecretId=STACK),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert "AccessDenied" in refused.value.response["Error"]["Code"]
