"""Deploy a SAM template to the local stack, as `sam build` and `sam deploy` do to AWS."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_stack.artifacts import ArtifactBuilder
from local_stack.clients import Clients
from local_stack.sam_template import package, to_json

ARTIFACT_BUCKET = "sam-artifacts"

_DEPLOY_SECONDS = 120.0
_DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


class DeploymentFailed(Exception):
    """The stack was not deployed; the message has CloudFormation's reasons, one a line."""


def deploy_template(
    clients: Clients,
    builder: ArtifactBuilder,
    template_path: Path,
    parameters: Mapping[str, str],
    stack_name: str,
) -> None:
    """Create the stack, or update it if it exists, and wait until CloudFormation is done."""
    _ensure_artifact_bucket(clients)

    def upload(artifact: bytes) -> str:
        key = hashlib.sha256(artifact).hexdigest()
        clients("s3").put_object(Bucket=ARTIFACT_BUCKET, Key=key, Body=artifact)
        return f"s3://{ARTIFACT_BUCKET}/{key}"

    template = package(template_path, builder, upload)
    _apply(clients, to_json(template), parameters, stack_name)
    _wait_until_deployed(clients, stack_name)


def _ensure_artifact_bucket(clients: Clients) -> None:
    buckets = clients("s3").list_buckets()["Buckets"]
    if ARTIFACT_BUCKET not in {bucket["Name"] for bucket in buckets}:
        clients("s3").create_bucket(Bucket=ARTIFACT_BUCKET)


def _apply(clients: Clients, template: str, parameters: Mapping[str, str], stack_name: str) -> None:
    # By address, as the SAM CLI does: a template sent along may not exceed 51,200 bytes.
    key = f"{stack_name}.template"
    clients("s3").put_object(Bucket=ARTIFACT_BUCKET, Key=key, Body=template.encode())
    request: dict[str, Any] = {
        "StackName": stack_name,
        "TemplateURL": f"https://s3.amazonaws.com/{ARTIFACT_BUCKET}/{key}",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    }
    try:
        if _status(clients, stack_name) is None:
            clients("cloudformation").create_stack(**request)
        else:
            clients("cloudformation").update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentFailed(f"{stack_name}: {error}") from error


def _wait_until_deployed(clients: Clients, stack_name: str) -> None:
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while (status := _status(clients, stack_name) or "").endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if status not in _DEPLOYED:
        reasons = "\n".join(_failures(clients, stack_name))
        raise DeploymentFailed(f"{stack_name} is {status}:\n{reasons}")


def _status(clients: Clients, stack_name: str) -> str | None:
    try:
        stacks = clients("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    status: str = stacks[0]["StackStatus"]
    return None if status == "DELETE_COMPLETE" else status


def _failures(clients: Clients, stack_name: str) -> list[str]:
    """CloudFormation's reasons, the first failure first."""
    cloudformation = clients("cloudformation")
    # What fails before anything is created is told by DescribeEvents only.
    checks = cloudformation.describe_events(StackName=stack_name)["OperationEvents"]
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        for event in [*reversed(failed), *checks]
        if (reason := event.get("ValidationStatusReason") or event.get("ResourceStatusReason"))
    ]
