"""How long a large file takes besides sending it: checking, passing over, writing both files."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from benchmarks.scene import new_payments, write_payment_file
from benchmarks.tables import print_table
from payments.files.output import write_part
from payments.files.reader import RawRecord, check_file, read_records
from payments.import_state import Root, Tally
from payments.models import Action, Outcome, PaymentRecord, RecordXml, TruthRecord
from payments.page.import_page import PageHead
from payments.stores.bucket import Bucket
from payments.stores.result_files import ResultFiles, ResultKeys, write_result_files
from payments.workers import ThreadWorkers

_CALL_SECONDS = 0.03
_READERS = 16
_PART_RECORDS = (500, 50)
_NOW = "2026-01-31T00:00:00Z"
_NOTE = f"""\
One process, no ConnectWise. Writing: S3 is in memory and takes {_CALL_SECONDS * 1000:.0f} ms a
call; it gives the same part again and again, and forgets what is uploaded. One record in a hundred
failed."""


def measure(console: Console, count: int) -> None:
    """Measure and print the table."""
    rows = []
    with TemporaryDirectory(prefix="benchmarks-") as folder:
        path = Path(folder, "payments.xml")
        write_payment_file(path, new_payments(count))
        rows.append(_row(count, "checking the file", lambda: check_file(path)))
        rows.append(_row(count, "passing over all but the last record", lambda: _last(path, count)))
        (raw,) = read_records(path, after=count - 1)
    for part_records in _PART_RECORDS:
        s3 = _RepeatingS3(raw, part_records)
        what = f"writing the files and the page, parts of {part_records} records"
        rows.append(_row(count, what, lambda s3=s3: s3.write(count)))  # type: ignore[misc]
    columns = ("what", "records", "seconds", "CPU s", "records/s")
    print_table(console, "A large file, without sending it", columns, rows, _NOTE)


def _row(count: int, what: str, work: Callable[[], object]) -> tuple[str, ...]:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    return what, f"{count:,}", f"{seconds:.1f}", f"{cpu_seconds:.1f}", f"{count / seconds:,.0f}"


def _last(path: Path, count: int) -> list[RawRecord]:
    return list(read_records(path, after=count - 1))


class _RepeatingS3:
    """S3's client for one import whose stored parts are all alike."""

    def __init__(self, raw: RawRecord, part_records: int) -> None:
        outcomes = [_outcome(n, raw.xml) for n in range(1, part_records + 1)]
        self._part = write_part(outcomes)
        self._part_records = part_records
        self._count = 0

    def write(self, count: int) -> None:
        """Write the files of so many records."""
        self._count = count
        keys = ResultKeys("success/a.xml", "fail/a.xml", "reports/a.html")
        tally = Tally(created=count - count // 100, failed=count // 100)
        page = PageHead("i1", "bucket", "incoming/a.xml", keys.success, keys.fail, _NOW, tally)
        files = ResultFiles("payments", "i1", keys, Root(), count, {}, page)
        workers = ThreadWorkers(_READERS)
        written = write_result_files(files, Bucket(self, Path()), workers, lambda: False)
        workers.close()
        assert written.failed == count // 100 or self._part_records < 100

    def list_objects_v2(self, *, StartAfter: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        time.sleep(_CALL_SECONDS)
        folder, _slash, name = StartAfter.rpartition("/")
        begin = int(name.partition(".")[0]) + ("." in name) * self._part_records
        end = min(begin + 1000 * self._part_records, self._count)
        rows = [
            {"Key": f"{folder}/{after:010}.jsonl", "Size": len(self._part)}
            for after in range(begin, end, self._part_records)
        ]
        return {"Contents": rows, "IsTruncated": end < self._count}

    def get_object(self, *, Key: str, **_: Any) -> Mapping[str, Any]:  # noqa: N803
        time.sleep(_CALL_SECONDS)
        if Key.endswith("writing"):
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": _Body(self._part)}

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        time.sleep(_CALL_SECONDS)
        return {"UploadId": "u"}

    def upload_part(self, **_: Any) -> dict[str, str]:
        time.sleep(_CALL_SECONDS)
        return {"ETag": "e"}

    def put_object(self, **_: Any) -> None:
        time.sleep(_CALL_SECONDS)

    def complete_multipart_upload(self, **_: Any) -> None:
        time.sleep(_CALL_SECONDS)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content

    def iter_chunks(self, _size: int) -> Iterator[bytes]:
        return iter([self._content])


def _outcome(number: int, xml: RecordXml) -> Outcome:
    external_id = f"c2f1-{number}"
    record = PaymentRecord(number, xml, external_id=external_id, invoice_id=1_000_000 + number)
    if number % 100 == 0:
        return Outcome(
            record, Action.FAILED, messages=("ConnectWise has no invoice with this id.",)
        )
    learned = TruthRecord(
        external_id, number, 1_000_000 + number, _NOW, _NOW, "i" * 32, "incoming/a"
    )
    return Outcome(record, Action.CREATED, number, learned=learned)
