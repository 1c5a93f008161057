"""What the function answers about each file, for whoever calls it by hand. Pure."""

from __future__ import annotations

from typing import Any

from payments.clock import iso
from payments.import_state import ImportState
from payments.models import SourceFile

NO_NOTIFICATION = (
    "The event has no S3 notification of a created object, so nothing was imported. What one looks "
    "like show the samples in events/; `sam local generate-event s3 put` makes one."
)


def closed(state: ImportState, *, earlier: bool) -> dict[str, Any]:
    """Describe an import that is closed; `earlier`: by another run, so that this did nothing."""
    tally = state.tally
    return _without_none(
        key=state.source.key,
        versionId=state.source.version_id,
        status=state.status,
        alreadyFinished=earlier or None,
        total=state.total,
        created=tally.created,
        updated=tally.updated,
        skipped=tally.skipped,
        failed=tally.failed,
        replaced=tally.replaced,
        totalAmount=f"{tally.total_amount:f}",
        recordedAmount=f"{tally.recorded_amount:f}",
        skippedAmount=f"{tally.skipped_amount:f}",
        failedAmount=f"{tally.failed_amount:f}",
        error=state.error,
        finishedAt=iso(state.finished_at),
        importId=state.import_id,
    )


def waiting(source: SourceFile, reason: str, delay_seconds: int) -> dict[str, Any]:
    """Describe a file whose import goes on later."""
    return _without_none(
        key=source.key,
        versionId=source.version_id,
        status="Waiting",
        error=reason,
        againAfterSeconds=delay_seconds,
    )


def ignored(source: SourceFile, reason: str) -> dict[str, Any]:
    """Describe a file that is not imported at all."""
    return {"bucket": source.bucket, "key": source.key, "status": "Ignored", "error": reason}


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
