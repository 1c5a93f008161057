"""Write the success file, the fail file and the page about them out of the stored outcomes.

Nothing of it is kept on the local disk: parts are read ahead, several at a time, and both files go
to S3 in pieces as they come. So they may have any size, and a run that is short of time stores how
far it has come, with what is not uploaded yet; the next one goes on there. The page shows only the
first records of each kind: these are part of how far it has come, and the page is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from decimal import Decimal
from functools import partial
from typing import Any

from payments.errors import AwsDown, OutOfTime
from payments.files.output import (
    StoredOutcome,
    as_json,
    beginning,
    ending,
    entry,
    failed_later,
    from_json,
    read_part,
    told,
)
from payments.import_state import Result, Root
from payments.models import Action, Replaced
from payments.page.import_page import PageHead, import_page
from payments.page.rows import PageRow, PageRows
from payments.stores.bucket import PAGE, Bucket, UploadGone
from payments.workers import Workers

MAX_NAMED = 10
"""How many records of a kind a report names."""

MAX_KEY_BYTES = 1024

# S3's least for a piece; it takes 10,000 of them: 50 GB a file.
PIECE_BYTES = 5 * 1024 * 1024
PIECES_BETWEEN_SAVES = 32
_AHEAD = 16
_AHEAD_BYTES = 4 * 1024 * 1024
_TICK_SECONDS = 1.0
_PAGE_ENDINGS = {"xml": "html", "XML": "HTML", "Xml": "Html"}
_ROW_KINDS = [kind.name for kind in fields(PageRows)]


@dataclass(frozen=True, slots=True)
class ResultKeys:
    """Where the files go; `shortened` if the file's own name would be too long there."""

    success: str
    fail: str
    report: str
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """What the files of an import consist of.

    Records are those up to number `until`. `overruled` are records that go to the fail file
    whatever their stored outcome, and why; `message` is what is said of the file as a whole.
    `only_if_free`: the results of another import of the same name are more than these.
    """

    bucket: str
    import_id: str
    keys: ResultKeys
    root: Root
    until: int
    metadata: Mapping[str, str]
    page: PageHead
    message: str | None = None
    overruled: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    only_if_free: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The first that failed; how many records the fail file has; the first that replaced.

    They are without their XML.
    """

    failures: tuple[StoredOutcome, ...]
    failed: int
    replaced: tuple[StoredOutcome, ...] = ()


def result_keys(key: str, incoming: str, success: str, fail: str, report: str) -> ResultKeys:
    """Return where the files go of an incoming file, by the folders' prefixes.

    A name that S3 would not take there is cut, and gets a mark of its own.
    """
    name = key.removeprefix(incoming)
    keys = success + name, fail + name, report + _page_name(name)
    room = MAX_KEY_BYTES - max(len(it.encode()) for it in keys) + len(name.encode())
    if len(name.encode()) <= room:
        return ResultKeys(*keys)
    mark = f"-{hashlib.sha256(name.encode()).hexdigest()[:16]}.xml"
    short = name.encode()[: room - len(mark)].decode("utf-8", "ignore") + mark
    return ResultKeys(success + short, fail + short, report + _page_name(short), shortened=True)


def _page_name(name: str) -> str:
    """Return the page's name, which tells A.XML from A.xml as the other two names do."""
    stem, _, ending = name.rpartition(".")
    page_ending = _PAGE_ENDINGS.get(ending)
    return f"{name}.html" if page_ending is None else f"{stem}.{page_ending}"


def write_result_files(
    files: ResultFiles, bucket: Bucket, workers: Workers, out_of_time: Callable[[], bool]
) -> Written:
    """Write the files, or as much as there is time for; raises OutOfTime after storing that.

    `workers` read ahead; they must not have any other job.
    """
    ahead = _Ahead(files, bucket, workers, out_of_time)
    try:
        return _Writing(files, bucket, _Progress.stored(files, bucket)).write(ahead)
    except UploadGone:
        # The file is written already, or nobody has gone on with it for a week.
        return _Writing(files, bucket, _Progress.at_start(files)).write(ahead)


@dataclass(slots=True)
class _Stream:
    """A file on its way: what is uploaded of it, and the rest that is not."""

    rest: bytearray
    upload_id: str | None = None
    pieces: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False


@dataclass(slots=True)
class _Progress:
    """How far both files are written: up to record `after`. `of` says which files they are."""

    of: str
    success: _Stream
    fail: _Stream
    after: int = 0
    failed: int = 0
    failures: list[StoredOutcome] = field(default_factory=list)
    replaced: list[StoredOutcome] = field(default_factory=list)
    rows: PageRows = field(default_factory=PageRows)

    @classmethod
    def at_start(cls, files: ResultFiles) -> _Progress:
        success = _Stream(bytearray(beginning(files.root)))
        fail = _Stream(bytearray(beginning(files.root, files.message)))
        return cls(_fingerprint(files), success, fail)

    @classmethod
    def stored(cls, files: ResultFiles, bucket: Bucket) -> _Progress:
        """Return where an earlier run has stopped, or the start if there was none."""
        content = bucket.writing(files.bucket, files.import_id)
        if content is None:
            return cls.at_start(files)
        head, _, rest = content.partition(b"\n")
        noted = json.loads(head)
        if noted["of"] != _fingerprint(files):
            return cls.at_start(files)
        length = noted["success"].pop("rest")
        del noted["fail"]["rest"]
        return cls(
            noted["of"],
            _Stream(bytearray(rest[:length]), **noted["success"]),
            _Stream(bytearray(rest[length:]), **noted["fail"]),
            noted["after"],
            noted["failed"],
            [_named(*values) for values in noted["failures"]],
            [_named(*values) for values in noted["replaced"]],
            PageRows(*([_row(row) for row in noted["rows"][kind]] for kind in _ROW_KINDS)),
        )

    def content(self) -> bytes:
        """Return this as it is stored: what it is in JSON, and behind that what is not uploaded."""
        noted = {
            "of": self.of,
            "success": _noted(self.success),
            "fail": _noted(self.fail),
            "after": self.after,
            "failed": self.failed,
            "failures": [_values(outcome) for outcome in self.failures],
            "replaced": [_values(outcome) for outcome in self.replaced],
            "rows": {
                kind: [astuple(row) for row in getattr(self.rows, kind)] for kind in _ROW_KINDS
            },
        }
        head = json.dumps(noted, default=str).encode()
        return b"".join((head, b"\n", self.success.rest, self.fail.rest))


class _Ahead:
    """The stored parts in order, read several at a time."""

    def __init__(
        self,
        files: ResultFiles,
        bucket: Bucket,
        workers: Workers,
        out_of_time: Callable[[], bool],
    ) -> None:
        self._files = files
        self._bucket = bucket
        self._workers = workers
        self._out_of_time = out_of_time

    def parts(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield the parts from record `after` on; raises OutOfTime."""
        files = self._files
        places = self._bucket.parts_from(files.bucket, files.import_id, after, files.until)
        reading: deque[tuple[int, int]] = deque()
        found: dict[int, bytes] = {}
        following = next(places, None)
        while reading or following:
            while following and _has_room(reading, following[1]):
                self._start(following[0])
                reading.append(following)
                following = next(places, None)
            begins_after, _ = reading.popleft()
            yield begins_after, self._read(begins_after, found)

    def _start(self, after: int) -> None:
        files = self._files
        job = partial(self._bucket.part, files.bucket, files.import_id, after)
        self._workers.start(after, job)

    def _read(self, after: int, found: dict[int, bytes]) -> bytes:
        """Wait for one part; others may come before it."""
        while after not in found:
            if self._out_of_time():
                raise OutOfTime
            ended = self._workers.next_ended(_TICK_SECONDS)
            if ended is not None and ended.error is not None:
                raise ended.error
            if ended is not None:
                found[ended.tag] = ended.result
        part = found.pop(after)
        if part is None:
            raise _gone(after)
        return part


class _Writing:
    """Both files of an import, from where an earlier run has stopped."""

    def __init__(self, files: ResultFiles, bucket: Bucket, progress: _Progress) -> None:
        self._files = files
        self._bucket = bucket
        self._progress = progress
        self._began_at = progress.after
        self._unsaved_pieces = 0

    def write(self, ahead: _Ahead) -> Written:
        """Write both files to their ends, and then the page."""
        progress, files = self._progress, self._files
        streams = (files.keys.success, progress.success), (files.keys.fail, progress.fail)
        try:
            for after, part in ahead.parts(progress.after):
                self._add(after, part)
                for key, stream in streams:
                    self._upload_pieces(key, stream)
                if self._unsaved_pieces >= PIECES_BETWEEN_SAVES:
                    self._save()
        except OutOfTime:
            if progress.after > self._began_at:
                self._save()
            raise
        if progress.after < files.until:
            raise _gone(progress.after)
        for key, stream in streams:
            self._finish(key, stream)
        page = import_page(files.page, progress.rows)
        self._bucket.publish(
            files.bucket,
            files.keys.report,
            page,
            files.metadata,
            kind=PAGE,
            only_if_free=files.only_if_free,
        )
        return Written(tuple(progress.failures), progress.failed, tuple(progress.replaced))

    def _add(self, after: int, part: bytes) -> None:
        """Distribute the records of a part."""
        progress = self._progress
        if after > progress.after:
            raise _gone(progress.after)
        if after < progress.after:  # stored by a run that another had taken over from
            return
        outcomes = read_part(part)
        for outcome in map(self._in_the_end, outcomes) if self._files.overruled else outcomes:
            if outcome.result.replaced is not None:
                _name(progress.replaced, outcome)
                progress.rows.add_replaced(outcome)
            if outcome.result.action.succeeded:
                progress.success.rest += entry(outcome.xml)
            else:
                progress.fail.rest += entry(outcome.xml)
                progress.failed += 1
                if outcome.result.action is Action.FAILED:
                    _name(progress.failures, outcome)
                progress.rows.add_failed(outcome)
        progress.after += len(outcomes)

    def _in_the_end(self, outcome: StoredOutcome) -> StoredOutcome:
        """Return an outcome as the last look has left it."""
        overruled = self._files.overruled.get(outcome.number)
        if overruled is None:
            return outcome
        messages, result = told(overruled), Result(Action.FAILED, outcome.result.amount)
        xml = failed_later(outcome, messages)
        return replace(outcome, result=result, messages=messages, xml=xml)

    def _upload_pieces(self, key: str, stream: _Stream) -> None:
        while len(stream.rest) >= PIECE_BYTES:
            self._upload(key, stream, PIECE_BYTES)
            self._unsaved_pieces += 1

    def _upload(self, key: str, stream: _Stream, size: int) -> None:
        bucket, name = self._bucket, self._files.bucket
        if stream.upload_id is None:
            stream.upload_id = bucket.begin_upload(name, key, self._files.metadata)
        number = len(stream.pieces) + 1
        piece = bytes(stream.rest[:size])
        stream.pieces.append(bucket.upload(name, key, stream.upload_id, number, piece))
        del stream.rest[:size]

    def _finish(self, key: str, stream: _Stream) -> None:
        """Write the end of a file, if an earlier run has not; a small file is one call.

        What is stored of a file never has its end: a run that goes on writes the end itself.
        """
        if stream.finished:
            return
        bucket, name = self._bucket, self._files.bucket
        end = ending(self._files.root)
        if stream.upload_id is None:
            content, files = bytes(stream.rest) + end, self._files
            bucket.publish(name, key, content, files.metadata, only_if_free=files.only_if_free)
            return
        stream.rest += end
        self._upload(key, stream, len(stream.rest))
        bucket.complete_upload(name, key, stream.upload_id, stream.pieces)
        stream.finished = True
        self._save()

    def _save(self) -> None:
        self._bucket.save_writing(
            self._files.bucket, self._files.import_id, self._progress.content()
        )
        self._unsaved_pieces = 0


def _gone(after: int) -> AwsDown:
    return AwsDown(f"The stored outcomes behind record {after} are gone.")


def _has_room(reading: Collection[tuple[int, int]], size: int) -> bool:
    """Tell whether one more part may be read ahead; one always may, however large."""
    in_memory = sum(other for _, other in reading)
    return not reading or (len(reading) < _AHEAD and in_memory + size <= _AHEAD_BYTES)


def _fingerprint(files: ResultFiles) -> str:
    """Tell these files from those that would be written if the import had ended otherwise."""
    in_order = sorted(files.metadata.items()), sorted(files.overruled.items())
    told = repr((files.keys, files.root, files.until, files.message, files.page, in_order))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def _noted(stream: _Stream) -> dict[str, Any]:
    return {**asdict(stream), "rest": len(stream.rest)}


def _row(values: Sequence[Any]) -> PageRow:
    external_id, invoice, amount, day, reasons = values
    return PageRow(external_id, invoice, amount, day, tuple(reasons))


def _name(named: list[StoredOutcome], outcome: StoredOutcome) -> None:
    """Keep what a report says of a record, of the first ones."""
    if len(named) < MAX_NAMED:
        named.append(_named(*_values(outcome)))


def _values(outcome: StoredOutcome) -> tuple[Any, ...]:
    result = outcome.result
    amount = None if result.amount is None else str(result.amount)
    about = outcome.messages, outcome.external_id, outcome.invoice, as_json(result.replaced)
    return outcome.number, result.action, amount, outcome.payment_id, *about


def _named(
    number: int, action: str, amount: str | None, payment_id: int | None, *about: Any
) -> StoredOutcome:
    messages, external_id, invoice, replaced = about
    exact = None if amount is None else Decimal(amount)
    result = Result(Action(action), exact, from_json(Replaced, replaced))
    return StoredOutcome(
        number, result, payment_id, tuple(messages), None, None, b"", external_id, invoice
    )
