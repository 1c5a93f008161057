"""S3 as an import sees it, and which of its faults pass."""

import errno
import shutil
import ssl
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3.exceptions
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from fakes.dynamodb import client_error
from fakes.s3 import FakeBody, FakeBucket, FakeS3
from fakes.way import Answer
from payments.errors import AwsDown, FileRefused, Superseded
from payments.models import SourceFile
from payments.stores import bucket as bucket_module
from payments.stores.bucket import Bucket

CONTENT = b"<InvoicePayments/>" * 1000


class Way:
    """What happens to calls; `fails` has errors by operation."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.repeats = False
        self.breaks_with: Exception | None = None
        self.calls: list[str] = []

    def __call__(self, operation: str, request: object, effect: Callable[[], Answer]) -> Answer:
        self.calls.append(operation)
        if operation in self.fails:
            raise self.fails[operation]
        if self.repeats and operation == "PutObject":
            effect()
        answer = effect()
        if isinstance(answer, dict) and isinstance(answer.get("Body"), FakeBody):
            answer["Body"].breaks_with = self.breaks_with
        return answer


class World:
    """One bucket with an incoming file."""

    def __init__(self, folder: Path) -> None:
        self.way = Way()
        self.objects = FakeBucket()
        self.disk = folder / "disk"
        self.bucket = Bucket(FakeS3(self.objects, self.way), self.disk)
        version = self.objects.put("incoming/a.xml", CONTENT)
        self.source = SourceFile("b", "incoming/a.xml", version)

    def unversioned(self, version_id: str | None) -> SourceFile:
        found = self.objects.latest("incoming/a.xml")
        assert found is not None
        return SourceFile("b", "incoming/a.xml", version_id, found.etag)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_event_that_names_no_version_means_the_one_that_is_there(world: World) -> None:
    """Two uploads are two imports then too."""
    unnamed = SourceFile("b", "incoming/a.xml")
    first = world.bucket.pinned(unnamed)
    world.objects.put("incoming/a.xml", b"newer")
    second = world.bucket.pinned(unnamed)
    assert (first.version_id, second.version_id) == ("v1", "v2")
    assert world.bucket.fetch(first).read_bytes() == CONTENT


def test_what_an_event_names_is_not_asked_for(world: World) -> None:
    for source in (world.source, world.unversioned(None)):
        assert world.bucket.pinned(source) is source
    assert world.way.calls == []


def test_an_object_that_is_gone_stays_unnamed(world: World) -> None:
    """Fetching it closes the import, with the reason."""
    unnamed = SourceFile("b", "incoming/none.xml")
    assert world.bucket.pinned(unnamed) is unnamed


def test_the_version_of_the_event_is_fetched(world: World) -> None:
    world.objects.put("incoming/a.xml", b"newer")
    assert world.bucket.fetch(world.source).read_bytes() == CONTENT


def test_an_object_without_a_version_is_fetched_while_it_has_the_events_etag(world: World) -> None:
    source = world.unversioned(None)
    assert world.bucket.fetch(source).read_bytes() == CONTENT
    world.bucket.keep(source, "i1")
    world.objects.put("incoming/a.xml", b"newer")
    with pytest.raises(FileRefused, match="overwritten"):
        world.bucket.fetch(source)
    with pytest.raises(FileRefused, match="overwritten"):
        world.bucket.keep(source, "i2")


def test_a_null_version_is_told_from_a_later_one_by_its_etag(world: World) -> None:
    """Every upload is version "null" while versioning is suspended."""
    source = world.unversioned("null")
    request = bucket_module._source(source)
    assert (request["VersionId"], request["IfMatch"]) == ("null", source.etag)


def test_nothing_that_was_left_on_the_disk_takes_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an earlier run that was killed, or of another file."""
    world.disk.mkdir()
    left = [world.disk / name for name in ("incoming.xml", "success.xml", "folder")]
    left[2].mkdir()
    for path in (*left[:2], left[2] / "x"):
        path.write_bytes(b"x")
    world.bucket.fetch(world.source)
    assert [path.name for path in world.disk.iterdir()] == ["incoming.xml"]


def test_a_file_that_is_too_large_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20 * 1024 * 1024))
    assert world.bucket.fetch(world.source)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT)))
    with pytest.raises(FileRefused, match="split it"):
        world.bucket.fetch(world.source)


def test_a_full_disk_is_no_outage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_body: object, _name: str) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bucket_module, "_blocks", full)
    with pytest.raises(FileRefused, match="split it"):
        world.bucket.fetch(world.source)


# The copy that an import keeps


def test_a_file_is_kept_once_and_outlives_its_own_version(world: World) -> None:
    world.bucket.keep(world.source, "i1")
    world.bucket.keep(world.source, "i1")
    assert world.way.calls.count("CopyObject") == 1
    version = world.source.version_id
    assert version is not None
    world.objects.erase("incoming/a.xml", version)
    world.bucket.keep(world.source, "i1")
    assert world.bucket.fetch_kept("b", "i1").read_bytes() == CONTENT


class PiecewiseS3(FakeS3):
    """S3 that copies only what it is asked to."""

    def upload_part_copy(self, **request: Any) -> dict[str, Any]:
        found = self._source(request["CopySource"], request).body
        first, _, last = request["CopySourceRange"].removeprefix("bytes=").partition("-")
        assert found is not None
        self._upload(request["UploadId"])[request["PartNumber"]] = found[int(first) : int(last) + 1]
        return {"CopyPartResult": {"ETag": "e"}}


def test_a_large_file_is_kept_in_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a time that a call may take."""
    megabytes = 1024 * 1024
    monkeypatch.setattr(bucket_module, "COPY_BYTES", 5 * megabytes)
    content = bytes(range(256)) * (12 * megabytes // 256) + b"."
    source = SourceFile("b", "incoming/b.xml", world.objects.put("incoming/b.xml", content))
    bucket = Bucket(PiecewiseS3(world.objects), world.disk)
    bucket.keep(source, "i1")
    assert bucket.fetch_kept("b", "i1").read_bytes() == content


# What no waiting cures


def kms(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "GetObject")


REFUSED = [
    (client_error("NoSuchKey"), "was deleted"),
    (client_error("NoSuchVersion"), "was deleted"),
    (client_error("MethodNotAllowed"), "was deleted"),
    (client_error("PreconditionFailed"), "was overwritten"),
    (client_error("InvalidObjectState"), "archive storage class.*upload it again"),
    (kms("User is not authorized to perform: kms:Decrypt on …"), "encrypted.*allow the function"),
    (client_error("KMS.DisabledException"), "encrypted"),
    (client_error("KMS.NotFoundException"), "encrypted"),
    (client_error("KeyTooLongError"), "short name"),
    (client_error("EntityTooLarge"), "split the file"),
    (ParamValidationError(report="Key"), "fault of this program"),
    (
        ClientError(
            {"Error": {"Code": "InvalidRequest", "Message": "a form of Server Side Encryption"}},
            "GetObject",
        ),
        "encrypted",
    ),
]
PASSING = [
    *map(client_error, ("AccessDenied", "SlowDown", "InternalError", "NoSuchBucket", "403")),
    *map(client_error, ("KMS.ThrottlingException", "KMS.KeyUnavailableException")),
    client_error("InvalidRequest"),
    ConnectionClosedError(endpoint_url="https://s3.example"),
    ConnectionResetError(errno.ECONNRESET, "reset"),
]


@pytest.mark.parametrize(("error", "reason"), REFUSED, ids=str)
def test_what_no_waiting_cures_refuses_the_file_and_says_what_to_do(
    world: World, error: Exception, reason: str
) -> None:
    world.way.fails = {"GetObject": error, "CopyObject": error}
    with pytest.raises(FileRefused, match=reason):
        world.bucket.fetch(world.source)
    with pytest.raises(FileRefused, match=reason):
        world.bucket.keep(world.source, "i1")


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_what_may_pass_is_waited_for(world: World, error: Exception) -> None:
    for operation in ("GetObject", "HeadObject", "CopyObject", "PutObject", "ListObjectsV2"):
        world.way.fails[operation] = error
    for call in (
        lambda: world.bucket.fetch(world.source),
        lambda: world.bucket.keep(world.source, "i1"),
        lambda: world.bucket.part("b", "i1", 0),
        lambda: world.bucket.store_part("b", "i1", 0, b""),
        lambda: list(world.bucket.parts_from("b", "i1", 0, 9)),
    ):
        with pytest.raises(AwsDown):
            call()


def test_the_programs_own_objects_are_never_the_files_fault(world: World) -> None:
    world.way.fails = {"PutObject": client_error("KMS.DisabledException")}
    with pytest.raises(AwsDown):
        world.bucket.store_part("b", "i1", 0, b"")


BREAKS = [
    urllib3.exceptions.SSLError("record layer failure"),
    urllib3.exceptions.ProtocolError("Connection broken"),
    ssl.SSLError(1, "decryption failed or bad record mac"),
    IncompleteRead(b"half"),
    ReadTimeoutError(endpoint_url="https://s3.example"),
    ResponseStreamingError(error="broken"),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    TimeoutError("timed out"),
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_a_connection_that_breaks_in_the_middle_of_an_object_is_waited_for(
    world: World, error: Exception
) -> None:
    """It was taken for a kill: three of them gave the file up."""
    world.bucket.store_part("b", "i1", 0, b"part")
    world.way.breaks_with = error
    with pytest.raises(AwsDown):
        world.bucket.fetch(world.source)
    with pytest.raises(AwsDown):
        world.bucket.part("b", "i1", 0)


# What is stored on the way


def test_a_part_is_stored_once_and_for_all(world: World) -> None:
    world.bucket.store_part("b", "i1", 0, b"mine\n")
    world.bucket.store_part("b", "i1", 0, b"mine\n")
    with pytest.raises(Superseded):
        world.bucket.store_part("b", "i1", 0, b"other\n")
    assert world.bucket.part("b", "i1", 0) == b"mine\n"
    assert world.bucket.part("b", "i1", 5) is None


def test_a_write_that_the_sdk_repeats_is_no_other_runs(world: World) -> None:
    world.way.repeats = True
    world.bucket.store_part("b", "i1", 0, b"mine\n")
    world.bucket.store_last_look("b", "i1", {1: ("twice",)})


def test_the_last_look_is_stored_once_and_found_as_it_was(world: World) -> None:
    assert world.bucket.last_look("b", "i1") is None
    found = {7: ("two payments", "half a pair \ud83d"), 12: ("gone",)}
    world.bucket.store_last_look("b", "i1", found)
    assert world.bucket.last_look("b", "i1") == found
    with pytest.raises(Superseded):
        world.bucket.store_last_look("b", "i1", {})


def test_the_last_run_that_was_put_back_is_known(world: World) -> None:
    assert world.bucket.last_put_back("b", "i1") == 0
    world.bucket.note_put_back("b", "i1", 3)
    world.bucket.note_put_back("b", "i1", 12)
    assert world.bucket.last_put_back("b", "i1") == 12
