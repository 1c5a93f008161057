"""Ask a running import to end."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from payments.clock import iso
from payments.command.deployment import Deployment
from payments.command.imports import ImportRow, list_imports
from payments.command.problem import CommandFailed
from payments.import_state import Status


def stop_import(deployment: Deployment, key: str) -> ImportRow:
    """Ask the newest running import of a file to end, and return how it stands.

    Raises CommandFailed if none is running.
    """
    running = [
        row for row in list_imports(deployment.imports_table) if row.key == key and not row.finished
    ]
    if not running:
        raise CommandFailed(
            f"No import of {key} is running. One that has not begun yet cannot be stopped here: "
            "delete its object version, and it is closed as Failed without sending anything."
        )
    row = running[0]
    now = iso(datetime.now(UTC).timestamp())
    try:
        deployment.imports_table.update_item(
            Key={"importId": row.import_id},
            UpdateExpression="SET stopAsked = :asked",
            ConditionExpression=Attr("status").eq(Status.RUNNING.value),
            ExpressionAttributeValues={":asked": f"{_user()}, {now}"},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise CommandFailed(f"The import of {key} has just ended.") from None
    return row


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an operator"
