"""The imports table: the history of imports, their progress, and where to go on after a kill.

Every write but the first carries the number of the run that makes it: a run that has been
superseded by a later one cannot write any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from payments.stores.aws import attribute_values, error_code, plain, trying_later
from payments.clock import utc_now
from payments.errors import ServerFault, Superseded
from payments.models import Action, SourceFile
from payments.files.reader import CheckedFile, Root

_CONDITION_FAILED = "ConditionalCheckFailedException"
_COUNTED = ("created", "updated", "skipped", "failed")


class Status(StrEnum):
    """How an import stands; all but Running are final."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    COMPLETED_WITH_FAILURES = "CompletedWithFailures"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records became what."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0

    @classmethod
    def of(cls, actions: list[Action]) -> Counts:
        """Count actions."""
        return cls(
            actions.count(Action.CREATED),
            actions.count(Action.UPDATED),
            actions.count(Action.SKIPPED),
            actions.count(Action.FAILED),
        )

    @property
    def done(self) -> int:
        """How many records that are together."""
        return self.created + self.updated + self.skipped + self.failed

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.created + other.created,
            self.updated + other.updated,
            self.skipped + other.skipped,
            self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True)
class ImportState:
    """One import as the table has it.

    `run` numbers the runs; `tries` counts those that began since the last progress, so it is
    above 1 only after a run that ended without a word. `waits` counts the times that the file
    was put back since then because something was down, `faults` how often in a row because one call
    was answered with a server error, and `fault_alone` whether others like it were accepted
    meanwhile. `in_doubt`: the last run may have sent
    payments that are not counted in `counts`. `given_up_at` is the record at which the file was
    given up: nothing is sent any more, and what remains is being moved to the fail file.
    """

    import_id: str
    run: int
    tries: int = 1
    waits: int = 0
    faults: int = 0
    fault_alone: bool = False
    status: Status = Status.RUNNING
    total: int | None = None
    root: Root = Root()
    counts: Counts = field(default_factory=Counts)
    in_doubt: bool = False
    given_up_at: int | None = None
    started_at: str = ""

    @property
    def finished(self) -> bool:
        """Tell whether nothing remains to be done."""
        return self.status is not Status.RUNNING

    @property
    def done(self) -> int:
        """The checkpoint: how many records, from the first, have their outcome stored."""
        return self.counts.done


class ImportLog:
    """The imports table. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    def begin(self, import_id: str, source: SourceFile) -> ImportState:
        """Start the first or a further run; a finished import comes back as it is."""
        expression = (
            "SET #bucket = :bucket, #key = :key, #versionId = :versionId, "
            "#status = if_not_exists(#status, :running), "
            "#startedAt = if_not_exists(#startedAt, :now), #started = :started "
            "ADD #run :one, #tries :one"
        )
        names = ("bucket", "key", "versionId", "status", "startedAt", "run", "tries", "started")
        started = uuid4().hex
        with trying_later("The imports table"):
            try:
                answer = self._dynamodb.update_item(
                    TableName=self._name,
                    Key=attribute_values({"importId": import_id}),
                    UpdateExpression=expression,
                    ConditionExpression="attribute_not_exists(#status) "
                    "OR (#status = :running AND #started <> :started)",
                    ExpressionAttributeNames={f"#{name}": name for name in names},
                    ExpressionAttributeValues=attribute_values(
                        {
                            ":bucket": source.bucket,
                            ":key": source.key,
                            ":versionId": source.version_id,
                            ":running": Status.RUNNING,
                            ":now": utc_now(),
                            ":one": 1,
                            ":started": started,
                        }
                    ),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                # Finished, or a repetition by the SDK of a write that has taken effect.
                return _state(plain(error.response["Item"]))
        return _state(plain(answer["Attributes"]))

    def checked(self, state: ImportState, file: CheckedFile) -> ImportState:
        """Note that the file may be imported, its root and how many records it has."""
        root = [file.root.start_tag.decode(), file.root.end_tag.decode()]
        self._write(state, total=file.total, root=root)
        return replace(state, total=file.total, root=file.root)

    def checkpoint(self, state: ImportState, counts: Counts) -> ImportState:
        """Move the checkpoint behind all records counted in `counts`."""
        tries = 1 if state.given_up_at is None else state.tries
        self._write(
            state, tries=tries, waits=0, faults=0, faultAlone=None, error=None, **_numbers(counts)
        )
        return replace(state, tries=tries, waits=0, faults=0, fault_alone=False, counts=counts)

    def give_up(self, state: ImportState) -> ImportState:
        """Note that nothing of this file is sent any more, from the checkpoint on."""
        given_up_at = state.done + 1
        self._write(state, givenUpAt=given_up_at)
        return replace(state, given_up_at=given_up_at)

    def put_back(
        self,
        state: ImportState,
        in_doubt: bool,
        reason: str | None = None,
        *,
        is_down: bool = False,
        fault: ServerFault | None = None,
    ) -> None:
        """Note that this run ends in good order and a later one goes on.

        `reason` says what that waits for, `is_down` that something is down or refused, and
        `fault` that it is the server error of one call.
        """
        self._write(
            state,
            tries=0,
            waits=state.waits + is_down,
            faults=state.faults + 1 if fault else 0,
            faultAlone=bool(fault and (fault.alone or state.fault_alone)),
            inDoubt=in_doubt,
            error=reason,
        )

    def finish(self, state: ImportState, status: Status, error: str | None = None) -> ImportState:
        """Close the import."""
        self._write(
            state, status=status, finishedAt=utc_now(), error=error, **_numbers(state.counts)
        )
        return replace(state, status=status)

    def _write(self, state: ImportState, **values: Any) -> None:
        """Set attributes, remove those that are None; raises Superseded."""
        given = {name: value for name, value in values.items() if value is not None}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in given)
        if len(given) < len(values):
            expression += " REMOVE " + ", ".join(f"#{name}" for name in values.keys() - given)
        with trying_later("The imports table"):
            try:
                self._dynamodb.update_item(
                    TableName=self._name,
                    Key=attribute_values({"importId": state.import_id}),
                    UpdateExpression=expression,
                    ConditionExpression="#run = :run",
                    ExpressionAttributeNames={f"#{name}": name for name in (*values, "run")},
                    ExpressionAttributeValues=attribute_values(
                        {":run": state.run, **{f":{name}": value for name, value in given.items()}}
                    ),
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                raise Superseded("A later run has taken this import over.") from error


def _state(item: Mapping[str, Any]) -> ImportState:
    total, given_up_at = item.get("total"), item.get("givenUpAt")
    return ImportState(
        import_id=item["importId"],
        run=int(item["run"]),
        tries=int(item["tries"]),
        waits=int(item.get("waits", 0)),
        faults=int(item.get("faults", 0)),
        fault_alone=bool(item.get("faultAlone", False)),
        status=Status(item["status"]),
        total=None if total is None else int(total),
        root=Root(*(tag.encode() for tag in item["root"])) if "root" in item else Root(),
        counts=Counts(*(int(item.get(name, 0)) for name in _COUNTED)),
        in_doubt=bool(item.get("inDoubt", False)) or int(item["tries"]) > 1,
        given_up_at=None if given_up_at is None else int(given_up_at),
        started_at=item.get("startedAt", ""),
    )


def _numbers(counts: Counts) -> dict[str, int]:
    return {"done": counts.done, **{name: getattr(counts, name) for name in _COUNTED}}
