"""What must hold of a file that is closed: its files, its page, and what the table counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from fakes.s3 import FakeBucket, StoredObject
from simulation.scenario import Upload

_SHOWN = re.compile('<td class="number">([0-9,.-]+)</td>')
_COUNTS = ("created", "updated", "skipped", "failed")


class Broken(AssertionError):
    """Something does not hold that must."""


def check_closed(
    bucket: FakeBucket,
    item: Mapping[str, Any],
    upload: Upload,
    outcomes: Sequence[str],
    *,
    may_be_refused: bool,
) -> str:
    """Check the files of a closed import; return all that the fail file tells."""
    name = upload.key.removeprefix("incoming/")
    _check_page(bucket, item, f"reports/{name.removesuffix('.xml')}.html")
    (success, metadata), (fail, _) = (_read(bucket, f"{f}/{name}") for f in ("success", "fail"))
    if "total" in item:
        _check_records(upload, success, fail)
        _check_counts(item, success, metadata, outcomes)
    elif list(success) or not fail.findtext("ErrorMessage") or not may_be_refused:
        raise Broken(f"{upload.key} is refused for nothing: {fail.findtext('ErrorMessage')}")
    return " ".join(element.text or "" for element in fail.iter("ErrorMessage"))


def _read(bucket: FakeBucket, key: str) -> tuple[ET.Element, Mapping[str, str]]:
    found = _find(bucket, key)
    return ET.fromstring(found.body or b""), found.metadata


def _find(bucket: FakeBucket, key: str) -> StoredObject:
    found = bucket.latest(key)
    if found is None or found.body is None:
        raise Broken(f"a file is closed without {key}")
    return found


def _check_page(bucket: FakeBucket, item: Mapping[str, Any], key: str) -> None:
    """Check that the page is of this import, and shows and counts what the table does."""
    found = _find(bucket, key)
    if found.metadata["import-id"] != item["importId"]["S"]:
        raise Broken(f"{key} is of another import: {found.metadata}")
    totals, *lists = (found.body or b"").decode().split('<table class="rows">')
    counts = [int(item.get(name, {"N": 0})["N"]) for name in (*_COUNTS, "replaced")]
    created, updated, skipped, failed, replaced = counts
    rows = [each.count('data-label="Invoice"') for each in lists]
    if rows != [count for count in (failed, replaced, skipped) if count]:
        raise Broken(f"{key} has {rows} rows, and the table counts {counts}")
    shown = [Decimal(number.replace(",", "")) for number in _SHOWN.findall(totals)]
    numbers, sums = shown[0::2], shown[1::2]
    if "total" in item and numbers != [created + updated, skipped, failed, sum(counts[:4])]:
        raise Broken(f"{key} shows {numbers}, and the table counts {counts}")
    if "total" in item and (sums[0], sums[3]) != (_recorded(item), sum(sums[:3])):
        raise Broken(f"{key} shows {sums}, and the table {_recorded(item)} of it as recorded")


def _recorded(item: Mapping[str, Any]) -> Decimal:
    return Decimal(item["recordedAmount"]["N"])


def _check_records(upload: Upload, success: ET.Element, fail: ET.Element) -> None:
    """Check that each record is in one of the files, in order, and says what became of it."""
    in_files = [_numbers(success), _numbers(fail)]
    if sorted([*in_files[0], *in_files[1]]) != [record.number for record in upload.records]:
        raise Broken(f"{len(upload.records)} records came, and {in_files} are in the files")
    if any(numbers != sorted(numbers) for numbers in in_files):
        raise Broken(f"the records of a file are not in order: {in_files}")
    for root, tag in ((success, "id"), (fail, "ErrorMessage")):
        if not all(record.findtext(tag) for record in root.iter("InvoicePayment")):
            raise Broken(f"a record has no <{tag}>")


def _check_counts(
    item: Mapping[str, Any],
    success: ET.Element,
    metadata: Mapping[str, str],
    outcomes: Sequence[str],
) -> None:
    counts = {name: int(item[name]["N"]) for name in _COUNTS}
    if counts != {name: int(metadata[name]) for name in _COUNTS}:
        raise Broken(f"the table counts {counts}, the files' metadata {metadata}")
    if sum(counts.values()) != len(outcomes) or counts["skipped"] != outcomes.count("Skipped"):
        raise Broken(f"the table counts {counts}, but there were {outcomes}")
    amounts = [Decimal(record.findtext("amount") or 0) for record in success]
    recorded = _recorded(item)
    if (counts["created"] + counts["updated"], recorded) != (len(amounts), sum(amounts)):
        raise Broken(f"the table counts {counts} and {recorded}, the success file {amounts}")


def _numbers(root: ET.Element) -> list[int]:
    """Return the numbers of the records of a file."""
    return [int(record.findtext("glBatchID") or 0) for record in root.iter("InvoicePayment")]
