"""Whoever uploads needs `tests/deployer/uploader.json`, and can do nothing else with it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.deployed import ROOT, Deployment
from e2e.payment_xml import payment, payment_file
from e2e.somebody import somebody_with
from local_stack import Clients, LocalStack

pytestmark = pytest.mark.e2e

POLICY = ROOT / "tests" / "deployer" / "uploader.json"
FOLDERS = ("incoming/", "success/", "fail/", "reports/")


@pytest.fixture(scope="module")
def uploader(aws: LocalStack, default_deployment: Deployment) -> Iterator[Clients]:
    """Somebody with this policy and no other."""
    policy = POLICY.read_text(encoding="utf-8").replace("BUCKET", default_deployment.bucket.name)
    with somebody_with(aws, policy, "uploader") as clients:
        yield clients


def test_with_it_a_file_is_uploaded_and_what_comes_back_is_found_and_fetched(
    deployment: Deployment, uploader: Clients, invoice: int
) -> None:
    s3, bucket, name = uploader("s3"), deployment.bucket.name, deployment.new_name()
    content = payment_file(payment(invoice=invoice, amount="1.00"))
    s3.put_object(Bucket=bucket, Key=f"incoming/{name}", Body=content)
    outcome = deployment.outcome(name)
    for folder in ("incoming/", "success/", "fail/"):
        found = s3.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]
        assert f"{folder}{name}" in [each["Key"] for each in found]
    assert s3.get_object(Bucket=bucket, Key=f"success/{name}")["Body"].read() == outcome.success
    assert s3.get_object(Bucket=bucket, Key=f"fail/{name}")["Body"].read() == outcome.fail
    page = f"reports/{name.removesuffix('.xml')}.html"
    assert page in [
        each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="reports/")["Contents"]
    ]
    assert b"<html" in s3.get_object(Bucket=bucket, Key=page)["Body"].read()


def test_nothing_else_can_be_done_with_it(deployment: Deployment, uploader: Clients) -> None:
    """Neither with the results, nor with what others have uploaded, nor beyond the bucket."""
    bucket, outputs = {"Bucket": deployment.bucket.name}, deployment.stack.outputs
    for folder in (*FOLDERS, "work/"):
        deployment.bucket.s3.put_object(**bucket, Key=f"{folder}x.txt", Body=b"")
    s3 = uploader("s3")
    calls: list[Callable[[], Any]] = [
        lambda: s3.get_object(**bucket, Key="incoming/x.txt"),
        lambda: s3.get_object(**bucket, Key="work/x.txt"),
        lambda: s3.put_object(**bucket, Key="success/x.txt", Body=b""),
        lambda: s3.put_object(**bucket, Key="fail/x.txt", Body=b""),
        lambda: s3.put_object(**bucket, Key="work/x.txt", Body=b""),
        lambda: s3.delete_object(**bucket, Key="incoming/x.txt"),
        lambda: s3.list_objects_v2(**bucket),
        lambda: s3.list_objects_v2(**bucket, Prefix="work/"),
        lambda: s3.list_object_versions(**bucket, Prefix="incoming/"),
        lambda: uploader("dynamodb").scan(TableName=outputs["ImportsTableName"]),
        lambda: uploader("sqs").receive_message(QueueUrl=outputs["QueueUrl"]),
        lambda: uploader("secretsmanager").get_secret_value(SecretId="connectwise-payments"),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert "AccessDenied" in refused.value.response["Error"]["Code"]
