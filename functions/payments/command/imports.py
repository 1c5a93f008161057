"""Read the imports table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from payments.stores.imports_table import Counts, Status


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One import; `total` is None until its file has been checked."""

    import_id: str
    key: str
    status: Status
    counts: Counts
    total: int | None = None
    started_at: str = ""
    finished_at: str | None = None
    error: str | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status is not Status.RUNNING


def find_import(table: Any, import_id: str) -> ImportRow | None:
    """Return an import, None while its first run has not begun."""
    item = table.get_item(Key={"importId": import_id}, ConsistentRead=True).get("Item")
    return None if item is None else _row(item)


def list_imports(table: Any) -> list[ImportRow]:
    """Return all imports, the newest first."""
    rows = (_row(item) for item in scan(table))
    return sorted(rows, key=lambda row: row.started_at, reverse=True)


def scan(table: Any, **request: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a boto3 DynamoDB table, page by page."""
    while True:
        answer = table.scan(**request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _row(item: Mapping[str, Any]) -> ImportRow:
    total = item.get("total")
    counts = Counts(
        *(int(item.get(name, 0)) for name in ("created", "updated", "skipped", "failed"))
    )
    return ImportRow(
        item["importId"],
        item["key"],
        Status(item["status"]),
        counts,
        None if total is None else int(total),
        item.get("startedAt", ""),
        item.get("finishedAt"),
        item.get("error"),
    )
