"""Ask imports to end, or not to begin."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from payments.clock import iso
from payments.command.deployment import Deployment
from payments.command.imports import find_import
from payments.command.problem import CommandFailed
from payments.command.standing import Standing
from payments.command.status import uploads_not_ended
from payments.command.uploads import Upload
from payments.import_state import Status
from payments.stores.aws import error_code
from payments.wording import moment

_CONDITION_FAILED = "ConditionalCheckFailedException"
_NO_RUN = {"run": 0, "reach": 0}


def stop_imports(deployment: Deployment, key: str) -> Iterator[str]:
    """Ask all imports of a file that have not ended to end; yield what comes of each, at once.

    Those are of what is uploaded by now: where none has begun of a version, it is not to begin.
    In the end it is said what could not be seen. Raises CommandFailed if nothing can be stopped.
    """
    found, notes = uploads_not_ended(deployment, key)
    if not found:
        status = deployment.command("status", key)
        told = f"No import of {key} runs or waits. `{status}` shows how it ended."
        raise CommandFailed(" ".join([told, *notes]))
    for each in found:
        yield f"{_name(each)} {_stop(deployment, each)}"
    yield from (f"Others may not be stopped. {note}" for note in notes)


def _stop(deployment: Deployment, standing: Standing) -> str:
    if standing.row is None and standing.upload is not None:
        _keep_from_beginning(deployment, standing.upload)
    row = find_import(deployment.imports_table, standing.import_id)
    if row is not None and row.kept_from_beginning:
        return (
            "has not begun. When its turn comes it is closed as Failed, without sending anything; "
            "the file stays as it is."
        )
    if not _end(deployment, standing.import_id):
        return "has just ended."
    status = deployment.command("status", standing.key)
    return (
        "will end soon: what is already under way is brought to its end, and what is not sent goes "
        f"to the fail file. `{status}` shows how it goes on."
    )


def _end(deployment: Deployment, import_id: str) -> bool:
    """Ask an import to end, unless it has."""
    return _is_written(
        lambda: deployment.imports_table.update_item(
            Key={"importId": import_id},
            UpdateExpression="SET stopAsked = :asked",
            ConditionExpression=Attr("status").eq(Status.RUNNING.value),
            ExpressionAttributeValues={":asked": _asked()},
        )
    )


def _keep_from_beginning(deployment: Deployment, upload: Upload) -> None:
    """Note for the first run that nothing is to be sent, unless it has begun meanwhile."""
    row = {"bucket": deployment.bucket, "key": upload.key, "versionId": upload.version_id}
    row |= {"status": Status.RUNNING.value, "startedAt": _now(), "stopAsked": _asked()}
    _is_written(
        lambda: deployment.imports_table.put_item(
            Item={"importId": upload.import_id, **_NO_RUN, **row},
            ConditionExpression=Attr("importId").not_exists(),
        )
    )


def _is_written(write: Callable[[], object]) -> bool:
    """Write, and return False if the table does not stand as the write needs it."""
    try:
        write()
    except ClientError as error:
        if error_code(error) != _CONDITION_FAILED:
            raise
        return False
    return True


def _name(standing: Standing) -> str:
    """Name an upload by its time: another version has the same key."""
    if standing.upload is not None:
        return f"{standing.key} of {moment(iso(standing.upload.at))}"
    return f"{standing.key}, begun {moment(standing.row.started_at) if standing.row else ''},"


def _asked() -> str:
    return f"{_user()}, {_now()}"


def _now() -> str:
    return iso(datetime.now(UTC).timestamp())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an operator"
