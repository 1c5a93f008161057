"""What is left of a stack: of one that is deleted, and of one that could not be deployed."""

from pathlib import Path

import pytest

from e2e.deployed import ROOT
from local_stack import DeploymentFailed, LocalStack

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
