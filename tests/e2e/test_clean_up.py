"""What is left of a stack: of one that is deleted, and of one that could not be deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.deployed import ROOT, SECRET_NAME, deploy
from e2e.payment_xml import payment
from local_stack import DeploymentFailed, LocalStack, Stack, wait_for
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

NEVER = """\
Resources:
  NeverSignalled:
    Type: AWS::CloudFormation::WaitConditionHandle

  Never:
    Type: AWS::CloudFormation::WaitCondition
    DependsOn: [Dashboard, ImportPaymentsFunction, PaymentsBucketPolicy, FilesQueuePolicy]
    Properties: { Handle: !Ref NeverSignalled, Timeout: "1" }
"""


def left(aws: LocalStack, stack: str) -> set[str]:
    """The buckets, tables and queues that there are of a stack, by their names in the template."""
    buckets = aws.client("s3").list_buckets()["Buckets"]
    names = [
        *(bucket["Name"] for bucket in buckets),
        *aws.client("dynamodb").list_tables()["TableNames"],
        *(
            url.rpartition("/")[2]
            for url in aws.client("sqs").list_queues(QueueNamePrefix=stack).get("QueueUrls", ())
        ),
    ]
    return {name.split("-")[1].lower() for name in names if name.startswith(f"{stack}-")}


def test_what_holds_files_and_records_is_kept_when_a_stack_is_deleted(aws: LocalStack) -> None:
    aws.deploy(ROOT / "template.yaml", {"Enabled": "false"}, "kept").delete()
    assert left(aws, "kept") == {
        *("paymentsbucket", "truthtable", "ledgertable", "importstable"),
        *("filesqueue", "deadletterqueue", "undeliveredeventsqueue"),
    }


def test_a_first_deployment_that_fails_leaves_nothing(aws: LocalStack, tmp_path: Path) -> None:
    """Also if all was there already but the last resource."""
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for folder in ("functions", "layers"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    failing = tmp_path / "template.yaml"
    failing.write_text(template.replace("Resources:\n", NEVER, 1), encoding="utf-8")
    with pytest.raises(DeploymentFailed, match="WaitCondition timed out"):
        aws.deploy(failing, {}, "failed")
    assert left(aws, "failed") == set()


NAMED_BY = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueUrl",
}


def kept_part(stack: Stack) -> dict[str, Any]:
    """The part of a stack's template that outlives it."""
    cloudformation = stack.client("cloudformation")
    answer = cloudformation.get_template(StackName=stack.name, TemplateStage="Processed")
    template: dict[str, Any] = answer["TemplateBody"]
    kept = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate"
    }
    return {name: template[name] for name in ("Parameters", "Conditions")} | {"Resources": kept}


def kept_names(stack: Stack) -> list[dict[str, Any]]:
    """What CloudFormation is to take into a stack: everything of the kinds that outlive one."""
    return [
        {
            "ResourceType": kind,
            "LogicalResourceId": name,
            "ResourceIdentifier": {named_by: physical},
        }
        for kind, named_by in NAMED_BY.items()
        for name, physical in stack.resources(kind).items()
    ]


def take_back(aws: LocalStack, name: str, part: dict[str, Any], names: list[Any]) -> None:
    """Make a stack of what is kept, by an import of CloudFormation's."""
    cloudformation, change = aws.client("cloudformation"), {"StackName": name}
    change["ChangeSetName"] = "kept"
    cloudformation.create_change_set(
        **change, ChangeSetType="IMPORT", TemplateBody=json.dumps(part), ResourcesToImport=names
    )
    wait_for(lambda: cloudformation.describe_change_set(**change)["Status"] == "CREATE_COMPLETE")
    cloudformation.execute_change_set(**change)
    cloudformation.get_waiter("stack_import_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def test_what_is_kept_becomes_a_new_stacks_own_and_nothing_is_paid_twice(
    aws: LocalStack, connectwise: Simulator, invoice: int
) -> None:
    """Truth table, ledger, history, files and queues: the README's way, step by step."""
    aws.put_secret(SECRET_NAME, connectwise.secret)
    parameters = {"PreventReprocessing": "true"}
    record = payment(externalId=f"kept {invoice}", invoice=invoice, amount="1.00")
    first = deploy(aws, connectwise, "first", parameters)
    assert first.import_records(record).metadata["created"] == "1"
    part, names = kept_part(first.stack), kept_names(first.stack)
    first.stack.delete()
    take_back(aws, "second", part, names)
    second = deploy(aws, connectwise, "second", parameters)
    assert second.import_of("0000.xml")["created"] == 1
    [error] = second.import_file(first.bucket.read("incoming/0000.xml"), "again.xml").errors
    assert error.startswith("Already processed")
    assert connectwise.counts().creates == 1
    second.stack.delete()
