"""Read a file in a process of its own, and say what came of it and what memory that took."""

from __future__ import annotations

import json
import resource
import sys
from datetime import date
from pathlib import Path

from payments.errors import FileRefused
from payments.files.reader import check_file, read_records
from payments.files.record import ReadingRules, read_record
from payments.pipeline import CHUNK_RECORDS, take_chunk


def read(path: Path) -> str:
    """Return the refusal, or how many of the records have errors."""
    try:
        total = check_file(path).total
        rules = ReadingRules(2, date(2026, 3, 31))
        records = (read_record(raw, rules) for raw in read_records(path))
        wrong = 0
        while chunk := take_chunk(records, CHUNK_RECORDS):
            wrong += sum(bool(record.errors) for record in chunk)
    except FileRefused as refusal:
        return str(refusal)
    return f"{wrong} of {total} records are wrong"


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which on Linux begins with the size of the process that started this one.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    before = peak_bytes()
    result = read(Path(sys.argv[1]))
    print(json.dumps([result, peak_bytes() - before]))
