"""The imports table: the history of imports, their progress, and where the next run goes on.

What an import's states are and how one becomes another is not decided here: see `import_state`.
Every write carries the number and the token of the run that makes it, so a run that has been
superseded by another cannot write any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from payments.clock import iso
from payments.errors import StopAsked, Superseded
from payments.files.output import shown
from payments.import_state import STOPPED, ImportState, Root, Status, Tally
from payments.models import SecondPayment, SourceFile
from payments.stores.aws import asking, attribute_values, error_code, plain

_CONDITION_FAILED = "ConditionalCheckFailedException"
_OURS = "#run = :run AND #runToken = :runToken"
_NO_STOP_ASKED = "attribute_not_exists(stopAsked)"
# How far beyond its checkpoint a run of the first version may have sent: two chunks.
_FORMER_REACH = 1000

_COUNTS = {name: name for name in ("created", "updated", "replaced", "skipped", "failed")}
_AMOUNTS = {
    "recordedAmount": "recorded_amount",
    "skippedAmount": "skipped_amount",
    "failedAmount": "failed_amount",
    "replacedAmount": "replaced_amount",
}


class ImportsTable:
    """The table. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    def load(self, import_id: str) -> ImportState | None:
        """Return the import as it stands, None if the table does not know it."""
        with asking("The imports table"):
            answer = self._dynamodb.get_item(
                TableName=self._name, Key=_key(import_id), ConsistentRead=True
            )
        item = answer.get("Item")
        return state_of(plain(item)) if item else None

    def begin(self, state: ImportState, before: ImportState | None) -> None:
        """Store a run's begin; raises Superseded if the import is not as it was `before`.

        The SDK may repeat a write that has taken effect: then it is this run's own that is found.
        """
        unchanged = "attribute_not_exists(#run)"
        of_before: dict[str, Any] = {}
        if before is not None:
            # Not even a run that has its state from before the import was closed may open it again.
            unchanged = "#run = :runBefore AND #status = :status"
            of_before[":runBefore"] = before.run
            if before.run_token:  # a row of the first version has none
                unchanged += " AND #runToken = :tokenBefore"
                of_before[":tokenBefore"] = before.run_token
        self._write(state, f"({unchanged}) OR ({_OURS})", of_before)

    def save(self, state: ImportState) -> None:
        """Store the import as it stands.

        Raises Superseded if another run has begun since, or the import is closed; the write that
        closes it may be repeated. Raises StopAsked if somebody wants it to end, that has not been
        heeded yet, and something is left to stop.
        """
        open_, compared = "#status = :open", {":open": Status.RUNNING}
        if state.finished:
            self._write(state, f"{_OURS} AND ({open_} OR #finishedAt = :finishedAt)", compared)
        elif state.cut_short is not None or state.is_stored:
            self._write(state, f"{_OURS} AND {open_}", compared)
        else:
            self._write(state, f"{_OURS} AND {open_} AND {_NO_STOP_ASKED}", compared)

    def _write(self, state: ImportState, condition: str, compared: Mapping[str, Any]) -> None:
        """Set all attributes, and remove those without a value; others' are left alone."""
        attributes = _attributes(state)
        given = {name: value for name, value in attributes.items() if value is not None}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in given)
        if len(given) < len(attributes):
            removed = (name for name in attributes if name not in given)
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        values = {**{f":{name}": value for name, value in given.items()}, **compared}
        with asking("The imports table"):
            try:
                self._dynamodb.update_item(
                    TableName=self._name,
                    Key=_key(state.import_id),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in attributes},
                    ExpressionAttributeValues=attribute_values(values),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                there = plain(error.response.get("Item", {}))
                is_ours = there.get("runToken") == state.run_token
                if is_ours and there["status"] == Status.RUNNING and "stopAsked" in there:
                    raise StopAsked(f"{STOPPED} {there['stopAsked']}.") from error
                raise Superseded(
                    "Another run has taken this import over, or it is closed."
                ) from error


def state_of(item: Mapping[str, Any]) -> ImportState:
    """Return the import that an item describes, also one that the first version has written."""
    total, root = item.get("total"), item.get("root")
    tally = _tally(item)
    return ImportState(
        import_id=item["importId"],
        source=_source(item),
        status=Status(item["status"]),
        run=int(item.get("run", 0)),
        run_token=item.get("runToken", ""),
        waits=int(item.get("waits", 0)),
        stuck=int(item.get("stuck", 0)),
        waits_until=_seconds(item.get("waitsUntil")),
        total=None if total is None else int(total),
        root=Root(*(tag.encode() for tag in root)) if root else Root(),
        tally=tally,
        quiet_until=float(item.get("quietUntil", 0)),
        connection=item.get("connection"),
        second_payment=SecondPayment(item["secondPayment"]) if "secondPayment" in item else None,
        look_again=bool(item.get("lookAgain", False)),
        stop_asked=item.get("stopAsked"),
        error=item.get("error"),
        waiting_since=_seconds(item.get("waitingSince")),
        waiting_told=bool(item.get("waitingTold", False)),
        started_at=_seconds(item.get("startedAt")),
        updated_at=_seconds(item.get("updatedAt")),
        finished_at=_seconds(item.get("finishedAt")),
        first_failures=tuple(item.get("firstFailures", ())),
        first_replaced=tuple(item.get("firstReplaced", ())),
        **(_what_runs_left(item) if "reach" in item else _what_former_runs_left(item, tally.done)),
    )


def _what_runs_left(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at_work": bool(item.get("atWork", False)),
        "kills": int(item.get("kills", 0)),
        "reach": int(item["reach"]),
        "cut_short": item.get("cutShort"),
        "given_up": bool(item.get("givenUp", False)),
    }


def _what_former_runs_left(item: Mapping[str, Any], done: int) -> dict[str, Any]:
    """Read what the first version has noted: it counted the tries since the last progress."""
    tries, place = int(item.get("tries", 0)), item.get("givenUpAt")
    return {
        "at_work": tries > 0 and item["status"] == Status.RUNNING,
        "kills": max(tries - 1, 0),
        "reach": done + _FORMER_REACH if tries > 0 or item.get("inDoubt") else 0,
        "cut_short": None if place is None else f"The import was given up at record {place}.",
        "given_up": place is not None,
    }


def _attributes(state: ImportState) -> dict[str, Any]:
    tally, source = state.tally, state.source
    return {
        "bucket": source.bucket,
        "key": source.key,
        "versionId": source.version_id,
        "etag": source.etag,
        "sequencer": source.sequencer,
        "status": state.status,
        "run": state.run,
        "runToken": state.run_token,
        "atWork": state.at_work,
        "kills": state.kills,
        "waits": state.waits,
        "stuck": state.stuck,
        "waitsUntil": _moment(state.waits_until),
        "total": state.total,
        "root": [state.root.start_tag.decode(), state.root.end_tag.decode()],
        "done": state.done,
        **{name: getattr(tally, own) for name, own in {**_COUNTS, **_AMOUNTS}.items()},
        "totalAmount": tally.total_amount,
        "reach": state.reach,
        "quietUntil": Decimal(f"{state.quiet_until:.3f}"),
        "connection": state.connection,
        "secondPayment": state.second_payment,
        "lookAgain": state.look_again or None,
        "cutShort": _text(state.cut_short),
        "givenUp": state.given_up or None,
        "error": _text(state.error),
        "waitingSince": _moment(state.waiting_since),
        "waitingTold": state.waiting_told or None,
        "startedAt": _moment(state.started_at),
        "updatedAt": _moment(state.updated_at),
        "finishedAt": _moment(state.finished_at),
        "firstFailures": [shown(line) for line in state.first_failures] or None,
        "firstReplaced": [shown(line) for line in state.first_replaced] or None,
    }


def _tally(item: Mapping[str, Any]) -> Tally:
    numbers: dict[str, Any] = {own: int(item.get(name, 0)) for name, own in _COUNTS.items()}
    numbers |= {own: Decimal(item.get(name, 0)) for name, own in _AMOUNTS.items()}
    return Tally(**numbers)


def _source(item: Mapping[str, Any]) -> SourceFile:
    names = ("bucket", "key", "versionId", "etag", "sequencer")
    bucket, key, *others = (item.get(name) for name in names)
    return SourceFile(bucket or "", key or "", *others)


def _key(import_id: str) -> dict[str, Any]:
    return attribute_values({"importId": import_id})


def _text(text: str | None) -> str | None:
    return None if text is None else shown(text)


def _moment(seconds: float) -> str | None:
    return iso(seconds) if seconds else None


def _seconds(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
