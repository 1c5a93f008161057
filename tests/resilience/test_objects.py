"""The uploaded object is overwritten, deleted, or announced again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from payments.importer import PutBack
from payments.models import SourceFile
from resilience.invariants import check, check_same, check_settled, ending
from resilience.scenario import FILE, file_of, uninterrupted, world
from resilience.world import Settings, World

SETTINGS = Settings()
KEY = "incoming/a.xml"
SLICE_SECONDS = 60


def payment_of(amount: int) -> bytes:
    """A file with one payment for invoice 20."""
    return file_of(f"<invoice><id>20</id></invoice><amount>{amount}</amount>")


def half_done(world: World) -> SourceFile:
    """Upload the file, and import a part of it."""
    source = world.upload(FILE)
    assert isinstance(world.run(source, run_seconds=SLICE_SECONDS).result, PutBack)
    assert 0 < world.import_row(source)["done"] < 19
    return source


def unversioned(source: SourceFile) -> SourceFile:
    """The event of a bucket that keeps no versions."""
    return replace(source, version_id=None)


def test_an_import_goes_on_with_its_own_version_though_the_object_is_overwritten(
    tmp_path: Path,
) -> None:
    """The new version is a file of its own, and lands later."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    new = world(tmp_path, SETTINGS)
    source = half_done(new)
    later = new.upload(payment_of(5))
    new.deliver(source)
    check_same(ending(new, source), expected)
    new.deliver(later)
    check(new, later, payment_of(5))
    assert new.connectwise.paid(20) == 5
    assert new.import_row(source)["status"] == expected.status


def test_a_delete_marker_does_not_stop_an_import(tmp_path: Path) -> None:
    """Its version is still there."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    new = world(tmp_path, SETTINGS)
    source = half_done(new)
    new.bucket.put(KEY, None)
    new.deliver(source)
    check_same(ending(new, source), expected)


def test_a_version_that_is_deleted_for_good_closes_its_import_as_failed(tmp_path: Path) -> None:
    """What was done until then is handed out."""
    new = world(tmp_path, SETTINGS)
    source = half_done(new)
    held = new.everything()[3]
    new.bucket.erase(KEY, source.version_id or "")
    new.deliver(source)
    row = new.import_row(source)
    assert row["status"] == "Failed"
    assert row["error"] == f"The file was deleted before its import ended: {KEY}."
    done = row["created"] + row["updated"]
    assert new.bucket.read("success/a.xml").count(b"<InvoicePayment ") == done > 0
    assert row["error"].encode() in new.bucket.read("fail/a.xml")
    assert new.connectwise.held == held
    check_settled(new, source)


def test_a_version_that_is_deleted_once_all_is_done_is_not_missed(tmp_path: Path) -> None:
    """Only the success and fail files were still to be written."""
    _, expected = uninterrupted(tmp_path, SETTINGS)
    new = world(tmp_path, SETTINGS)
    source = new.upload(FILE)
    while new.import_row(source)["done"] < 19 if new.imports.items else True:
        new.run(source, run_seconds=SLICE_SECONDS)
    assert new.import_row(source)["status"] == "Running"
    new.bucket.erase(KEY, source.version_id or "")
    new.deliver(source)
    check_same(ending(new, source), expected)


@pytest.mark.parametrize("content", [payment_of(5), None], ids=["overwritten", "deleted"])
def test_without_versions_a_changed_object_ends_its_import(
    tmp_path: Path, content: bytes | None
) -> None:
    """The rest of the file is nowhere any more."""
    new = world(tmp_path, SETTINGS)
    source = unversioned(half_done(new))
    new.bucket.put(KEY, content)
    new.deliver(source)
    row = new.import_row(source)
    assert row["status"] == "Failed"
    assert "was overwritten" in row["error"] if content else "was deleted" in row["error"]
    assert new.connectwise.creates[20] == 0


def test_an_older_event_that_comes_again_after_a_newer_file_changes_nothing(
    tmp_path: Path,
) -> None:
    """Its import is recognised as finished: the newer amount stays, and so do the newer files."""
    new = world(tmp_path, SETTINGS)
    older = new.upload(payment_of(5))
    new.deliver(older)
    newer = new.upload(payment_of(6))
    new.deliver(newer)
    before = new.everything()
    new.deliver(older)
    assert new.everything() == before
    assert new.connectwise.paid(20) == Decimal(6)


def test_without_versions_the_same_content_uploaded_again_is_a_file_of_its_own(
    tmp_path: Path,
) -> None:
    """Told by the event's sequencer."""
    new = world(tmp_path, SETTINGS)
    for amount in (5, 6, 5):
        new.deliver(unversioned(new.upload(payment_of(amount))))
    assert new.connectwise.paid(20) == 5
    assert len(new.imports.items) == 3
