"""What the function needs of AWS, on the local stack, and its environment there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_stack import LocalStack
from local_stack.clients import ROOT_CREDENTIALS

_BUCKET = "payments"
_SECRET = "connectwise-payments"
_TRUTH_TABLE = "truth"
_LEDGER_TABLE = "ledger"
_IMPORTS_TABLE = "imports"


class Deployment:
    """Bucket, tables and secret; not the template's, which takes longer than a measurement."""

    def __init__(self, local_stack: LocalStack) -> None:
        self._local_stack = local_stack
        s3 = local_stack.client("s3")
        s3.create_bucket(Bucket=_BUCKET)
        s3.put_bucket_versioning(Bucket=_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self._create_table(_TRUTH_TABLE, externalId="S", connection="S")
        self._create_table(_LEDGER_TABLE, invoiceId="N", connection="S")
        self._create_table(_IMPORTS_TABLE, importId="S")

    @property
    def pid(self) -> int:
        """The process that started the local stack's."""
        return self._local_stack.server.process.guardian.pid

    def put_secret(self, secret: Mapping[str, str]) -> None:
        """Let the function find the simulator."""
        self._local_stack.put_secret(_SECRET, secret)

    def upload(self, path: Path) -> dict[str, Any]:
        """Upload a payment file and return the notification of it."""
        key = f"incoming/{path.name}"
        answer = self._local_stack.client("s3").put_object(
            Bucket=_BUCKET, Key=key, Body=path.read_bytes()
        )
        return notification(_BUCKET, key, answer["VersionId"])

    def environment(self, connections: int) -> dict[str, str]:
        """Return the function's environment."""
        server = self._local_stack.server
        return {
            **function_environment(connections),
            "AWS_ENDPOINT_URL": server.endpoint_url,
            "AWS_CA_BUNDLE": str(server.certificate.certificate),
        }

    def _create_table(self, name: str, **keys: Any) -> None:
        self._local_stack.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()
            ],
            BillingMode="PAY_PER_REQUEST",
        )


def function_environment(connections: int) -> dict[str, str]:
    """Return what the template sets for the function, and Lambda for every function."""
    return {
        **ROOT_CREDENTIALS,
        "CONNECTWISE_SECRET_NAME": _SECRET,
        "CONNECTWISE_API_VERSION": "2026.1",
        "MAX_CONNECTIONS": str(connections),
        "PREVENT_REPROCESSING": "false",
        "INCOMING_PREFIX": "incoming/",
        "SUCCESS_PREFIX": "success/",
        "FAIL_PREFIX": "fail/",
        "REPORT_PREFIX": "reports/",
        "TRUTH_TABLE_NAME": _TRUTH_TABLE,
        "LEDGER_TABLE_NAME": _LEDGER_TABLE,
        "IMPORTS_TABLE_NAME": _IMPORTS_TABLE,
        "REPORT_ON": "Never",
        "REPORT_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:none",
        "POWERTOOLS_SERVICE_NAME": "benchmarks",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def notification(bucket: str, key: str, version_id: str) -> dict[str, Any]:
    """Return S3's own notification of an object version."""
    found = {"key": key, "versionId": version_id}
    about = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    return {"Records": [{**about, "s3": {"bucket": {"name": bucket}, "object": found}}]}
