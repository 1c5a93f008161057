"""Read the imports table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from payments.clock import iso
from payments.import_state import Status, Tally
from payments.stores.imports_table import state_of

_NOT_SENT = ": Not sent: "


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One import; `total` is None until its file has been checked.

    Records beyond `reach` were not sent, if it has ended early.
    `at_work`: a run has begun, and has neither closed the import nor put its file back.
    """

    import_id: str
    key: str
    status: Status
    tally: Tally
    total: int | None = None
    started_at: str = ""
    finished_at: str | None = None
    error: str | None = None
    first_failures: tuple[str, ...] = ()
    first_replaced: tuple[str, ...] = ()
    updated_at: str = ""
    waits_until: str | None = None
    at_work: bool = False
    stop_asked: str | None = None
    version_id: str | None = None
    run: int = 0
    reach: int = 0

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status is not Status.RUNNING

    @property
    def not_sent(self) -> int:
        """How many records count as failed only because the import ended early."""
        if self.status is not Status.FAILED or self.total is None:
            return 0
        return max(0, min(self.total - self.reach, self.tally.failed))

    @property
    def failures(self) -> tuple[str, ...]:
        """The first records that failed otherwise, a line each."""
        if not self.not_sent:
            return self.first_failures
        return tuple(line for line in self.first_failures if _NOT_SENT not in line)

    @property
    def kept_from_beginning(self) -> bool:
        """Whether it was stopped before any run: the first one only closes it."""
        return self.stop_asked is not None and not self.run and not self.finished


def find_import(table: Any, import_id: str) -> ImportRow | None:
    """Return an import, None while its first run has not begun."""
    item = table.get_item(Key={"importId": import_id}, ConsistentRead=True).get("Item")
    return None if item is None else _row(item)


def all_imports(table: Any) -> Iterator[ImportRow]:
    """Yield all imports, in any order."""
    yield from map(_row, scan(table))


def list_imports(table: Any) -> list[ImportRow]:
    """Return all imports, the newest first."""
    return sorted(all_imports(table), key=lambda row: row.started_at, reverse=True)


def scan(table: Any, **request: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a boto3 DynamoDB table, page by page."""
    while True:
        answer = table.scan(**request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _row(item: Mapping[str, Any]) -> ImportRow:
    state = state_of(item)
    return ImportRow(
        state.import_id,
        state.source.key,
        state.status,
        state.tally,
        state.total,
        _moment(state.started_at) or "",
        _moment(state.finished_at),
        state.error,
        state.first_failures,
        state.first_replaced,
        _moment(state.updated_at) or "",
        _moment(state.waits_until),
        state.at_work,
        state.stop_asked,
        state.source.version_id,
        state.run,
        state.reach if "reach" in item else state.done,  # the first version did not note it
    )


def _moment(seconds: float) -> str | None:
    return iso(seconds) if seconds else None
