"""What has been uploaded, as the bucket lists it."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.s3 import FakeBucket, FakeS3
from payments.command.deployment import Deployment
from payments.command.uploads import newest_uploads, uploads_elsewhere, uploads_of
from payments.importer import import_id
from payments.models import SourceFile
from unit.operated import deployment_with


class Bucket:
    """A bucket that is listed in pages of two, and how often it was."""

    def __init__(self) -> None:
        self.content = FakeBucket()
        self.pages = 0

    @property
    def deployment(self) -> Deployment:
        return deployment_with(s3=FakeS3(self.content, self._way, keys_a_page=2))

    def put(self, *keys: str) -> None:
        for key in keys:
            self.content.put(key, b"<a/>")

    def _way(self, operation: str, request: Any, effect: Any) -> Any:
        self.pages += 1
        return effect()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def keys(uploads: Any) -> list[str]:
    return [upload.key for upload in uploads.found]


def test_the_newest_upload_comes_first_from_whatever_page(bucket: Bucket) -> None:
    bucket.put("incoming/b.xml", "incoming/c.xml", "incoming/a.xml", "incoming/b.xml")
    found = newest_uploads(bucket.deployment)
    assert keys(found) == [f"incoming/{name}.xml" for name in ("b", "a", "c", "b")]
    assert [upload.newest for upload in found.found] == [True, True, True, False]
    assert not found.cut


def test_an_upload_has_the_id_that_its_import_has(bucket: Bucket) -> None:
    bucket.put("incoming/a.xml")
    [upload] = newest_uploads(bucket.deployment).found
    assert upload.import_id == import_id(SourceFile("bucket", "incoming/a.xml", "v1"))


def test_what_was_deleted_since_is_not_the_newest(bucket: Bucket) -> None:
    bucket.put("incoming/a.xml")
    bucket.content.put("incoming/a.xml", None)
    [upload] = newest_uploads(bucket.deployment).found
    assert not upload.newest


def test_the_uploads_of_a_name_are_not_those_of_one_that_begins_alike(bucket: Bucket) -> None:
    bucket.put("incoming/a.xml", "incoming/a.xml.xml")
    assert keys(uploads_of(bucket.deployment, "incoming/a.xml")) == ["incoming/a.xml"]


def test_xml_files_in_other_folders_are_found(bucket: Bucket) -> None:
    bucket.put("incoming/a.xml", "Incoming/b.XML", "c.xml", "zz/d.xml", "zz/e.txt", "fail/a.xml")
    assert keys(uploads_elsewhere(bucket.deployment)) == ["zz/d.xml", "c.xml", "Incoming/b.XML"]


def test_the_stack_s_own_folders_are_passed_by(bucket: Bucket) -> None:
    """They hold as many objects as there were imports."""
    for folder in ("incoming", "success", "fail", "reports", "work"):
        bucket.put(*(f"{folder}/{number}.xml" for number in range(50)))
    bucket.put("other.xml")
    assert keys(uploads_elsewhere(bucket.deployment)) == ["other.xml"]
    assert bucket.pages < 10


def test_a_bucket_that_is_too_large_is_cut(bucket: Bucket) -> None:
    bucket.put(*(f"incoming/{number:03}.xml" for number in range(401)))
    found = newest_uploads(bucket.deployment)
    assert (len(found.found), found.cut) == (400, True)
