"""How an import ends: its status, what its files consist of, and its report. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from payments.clock import iso
from payments.import_state import ImportState, Status
from payments.last_look import Overruled
from payments.page.import_page import PageHead
from payments.report import ImportReport, failure, replacement
from payments.stores.result_files import ResultFiles, ResultKeys, Written, result_keys
from payments.wording import money


@dataclass(frozen=True, slots=True)
class Folders:
    """The bucket's folders, by their prefixes."""

    incoming: str = "incoming/"
    success: str = "success/"
    fail: str = "fail/"
    report: str = "reports/"


@dataclass(frozen=True, slots=True)
class Closing:
    """An import as it is closed, and its files."""

    state: ImportState
    files: ResultFiles

    @classmethod
    def of(cls, state: ImportState, overruled: Overruled, folders: Folders, now: float) -> Closing:
        """Close the import, whose last look has overruled some records."""
        tally = state.tally.overruled([result for result, _ in overruled.values()])
        if state.ended_early:
            status = Status.FAILED
        else:
            status = Status.COMPLETED_WITH_FAILURES if tally.failed else Status.SUCCEEDED
        closed = state.closed(status, tally, now)
        key = state.source.key
        keys = result_keys(key, folders.incoming, folders.success, folders.fail, folders.report)
        started_at = iso(state.started_at)
        files = ResultFiles(
            state.source.bucket,
            state.import_id,
            keys,
            state.root,
            state.done,
            _metadata(closed),
            PageHead(
                state.import_id,
                state.source.bucket,
                key,
                keys.success,
                keys.fail,
                started_at,
                tally,
                closed.error,
                state.ending,
            ),
            closed.error,
            {number: messages for number, (_, messages) in overruled.items()},
            only_if_free=state.never_began,
        )
        return cls(closed, files)

    @property
    def keys(self) -> ResultKeys:
        """Where the files go."""
        return self.files.keys

    def finished(self, written: Written) -> ImportState:
        """Return the import as it stands in the history, with the first of what needs a look."""
        return replace(
            self.state,
            first_failures=tuple(map(failure, written.failures)),
            first_replaced=tuple(map(replacement, written.replaced)),
        )

    def report(self, written: Written) -> ImportReport:
        """Return the report, for whoever has to do something about it."""
        state = self.state
        return ImportReport(
            bucket=state.source.bucket,
            key=state.source.key,
            success_key=self.keys.success,
            fail_key=self.keys.fail,
            page_key=self.keys.report,
            status=state.status,
            total=state.total,
            tally=state.tally,
            failures=written.failures,
            error=state.error,
            started_at=iso(state.started_at),
            finished_at=iso(state.finished_at),
            replaced=written.replaced,
            ending=state.ending,
        )


def _metadata(state: ImportState) -> dict[str, str]:
    tally = state.tally
    return {
        "import-id": state.import_id,
        "total": str(state.total or 0),
        "created": str(tally.created),
        "updated": str(tally.updated),
        "replaced": str(tally.replaced),
        "skipped": str(tally.skipped),
        "failed": str(tally.failed),
        "total-amount": f"{tally.total_amount:f}",
        "recorded-amount": f"{tally.recorded_amount:f}",
        "skipped-amount": f"{tally.skipped_amount:f}",
        "failed-amount": f"{tally.failed_amount:f}",
        "replaced-amount": money(tally.replaced_amount),
    }
