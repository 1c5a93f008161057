"""Ask an import to end, or not to begin."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from payments.clock import iso
from payments.command.deployment import Deployment
from payments.command.imports import ImportRow, find_import, list_imports
from payments.command.letters import messages_in
from payments.command.problem import CommandFailed
from payments.import_state import Status
from payments.importer import import_id
from payments.models import SourceFile
from payments.stores.aws import error_code

_CONDITION_FAILED = "ConditionalCheckFailedException"
_NO_RUN = {"run": 0, "reach": 0}
_NOT_THERE = frozenset(("404", "NoSuchKey"))


def stop_import(deployment: Deployment, key: str) -> str:
    """Ask the newest import of a file that has not ended to end, and return what comes of it.

    Where none has begun, the file's version that is in the bucket is not to begin. Raises
    CommandFailed if nothing can be stopped.
    """
    for row in list_imports(deployment.imports_table):
        if row.key == key and not row.finished:
            return _end(deployment, row)
    return _keep_from_beginning(deployment, _newest(deployment, key))


def _end(deployment: Deployment, row: ImportRow) -> str:
    try:
        deployment.imports_table.update_item(
            Key={"importId": row.import_id},
            UpdateExpression="SET stopAsked = :asked",
            ConditionExpression=Attr("status").eq(Status.RUNNING.value),
            ExpressionAttributeValues={":asked": _asked()},
        )
    except ClientError as error:
        if error_code(error) != _CONDITION_FAILED:
            raise
        raise CommandFailed(f"The import of {row.key} has just ended.") from None
    return (
        f"The import of {row.key} will end soon: what is already under way is brought to its end, "
        "and what is not sent goes to the fail file. `payments status` shows how it goes on."
    )


def _newest(deployment: Deployment, key: str) -> SourceFile:
    try:
        found = deployment.client("s3").head_object(Bucket=deployment.bucket, Key=key)
    except ClientError as error:
        if error_code(error) not in _NOT_THERE:
            raise
        raise CommandFailed(f"There is no file s3://{deployment.bucket}/{key}.") from None
    version_id = found.get("VersionId", "null")
    if version_id == "null":
        raise CommandFailed(f"No import of {key} is running, and its bucket keeps no versions.")
    return SourceFile(deployment.bucket, key, version_id)


def _keep_from_beginning(deployment: Deployment, source: SourceFile) -> str:
    """Note for the first run that nothing is to be sent."""
    name, key = import_id(source), source.key
    if find_import(deployment.imports_table, name) is not None:
        raise CommandFailed(
            f"No import of {key} is running: it has ended. `payments status` shows how."
        )
    if not messages_in(deployment, deployment.outputs["QueueUrl"]):
        raise CommandFailed(f"No import of {key} is running, and no file waits in the queue.")
    row = {"bucket": source.bucket, "key": key, "versionId": source.version_id}
    row |= {"status": Status.RUNNING.value, "startedAt": _now(), "stopAsked": _asked()}
    try:
        deployment.imports_table.put_item(
            Item={"importId": name, **_NO_RUN, **row},
            ConditionExpression=Attr("importId").not_exists(),
        )
    except ClientError as error:
        if error_code(error) != _CONDITION_FAILED:
            raise
        raise CommandFailed(f"The import of {key} has just begun: stop it again.") from None
    return (
        f"{key} has not begun. When its turn comes it is closed as Failed, without sending "
        "anything; the file stays as it is."
    )


def _asked() -> str:
    return f"{_user()}, {_now()}"


def _now() -> str:
    return iso(datetime.now(UTC).timestamp())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an operator"
