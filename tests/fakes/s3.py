"""S3 in memory: versioned buckets, and a client that reads and writes them as boto3's does."""

# ruff: noqa: N803 # boto3's names of arguments

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from itertools import count
from typing import Any, BinaryIO

from fakes.dynamodb import client_error
from fakes.way import Way, straight

_LEAST_PART_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object; without `body` it is a delete marker."""

    version_id: str
    body: bytes | None
    metadata: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"

    @property
    def etag(self) -> str:
        """What S3 computes of the content."""
        return f'"{md5(self.body or b"", usedforsecurity=False).hexdigest()}"'


class FakeBucket:
    """All versions of all objects."""

    def __init__(self) -> None:
        self.versions: dict[str, list[StoredObject]] = {}
        self.uploads: dict[str, tuple[str, Mapping[str, str], dict[int, bytes]]] = {}
        self._numbers = count(1)

    def put(self, key: str, body: bytes | None, metadata: Mapping[str, str] | None = None) -> str:
        """Store a new version, or without `body` a delete marker; return its version id."""
        new = StoredObject(f"v{next(self._numbers)}", body, metadata or {})
        self.versions.setdefault(key, []).append(new)
        return new.version_id

    def latest(self, key: str) -> StoredObject | None:
        """Return the newest version, None if there is none or it is a delete marker."""
        versions = self.versions.get(key)
        return versions[-1] if versions and versions[-1].body is not None else None

    def find(self, key: str, version_id: str | None) -> StoredObject | None:
        """Return a version, or the latest one."""
        if version_id is None:
            return self.latest(key)
        versions = self.versions.get(key, [])
        return next((found for found in versions if found.version_id == version_id), None)

    def erase(self, key: str, version_id: str) -> None:
        """Delete one version for good."""
        self.versions[key] = [v for v in self.versions[key] if v.version_id != version_id]

    def read(self, key: str) -> bytes:
        """Return the newest content."""
        found = self.latest(key)
        assert found is not None, f"there is no {key}"
        assert found.body is not None
        return found.body

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that have an object, in order."""
        return sorted(key for key in self.versions if key.startswith(prefix) and self.latest(key))


class FakeS3:
    """boto3's client, for buckets that are all the same one."""

    def __init__(self, bucket: FakeBucket, way: Way = straight, keys_a_page: int = 1000) -> None:
        self.bucket = bucket
        self.way = way
        self.keys_a_page = keys_a_page

    def put_object(self, *, Key: str, Body: bytes | BinaryIO, **options: Any) -> dict[str, Any]:
        body = Body if isinstance(Body, bytes) else Body.read()

        def effect() -> dict[str, Any]:
            self._check_new(Key, options)
            version_id = self.bucket.put(Key, body, options.get("Metadata"))
            return {"VersionId": version_id, "ETag": StoredObject("", body).etag}

        return self.way("PutObject", {"Key": Key, "Body": body, **options}, effect)

    def get_object(self, *, Key: str, **options: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self._find(Key, options)
            if found.storage_class in ("GLACIER", "DEEP_ARCHIVE"):
                raise client_error("InvalidObjectState", "GetObject")
            body = _range(found.body or b"", options.get("Range"))
            return {**_head(found), "Body": FakeBody(body), "ContentLength": len(body)}

        return self.way("GetObject", {"Key": Key, **options}, effect)

    def head_object(self, *, Key: str, **options: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            return _head(self._find(Key, options, not_found="404"))

        return self.way("HeadObject", {"Key": Key, **options}, effect)

    def copy_object(self, *, Key: str, CopySource: Any, **options: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self._source(CopySource, options)
            self._check_new(Key, options)
            replaced = options.get("MetadataDirective") == "REPLACE"
            metadata = options.get("Metadata", {}) if replaced else found.metadata
            return {"VersionId": self.bucket.put(Key, found.body, metadata)}

        return self.way("CopyObject", {"Key": Key, "CopySource": CopySource, **options}, effect)

    def delete_object(self, *, Key: str, **options: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.bucket.put(Key, None)
            return {}

        return self.way("DeleteObject", {"Key": Key, **options}, effect)

    def list_objects_v2(self, *, Prefix: str = "", **options: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            after = options.get("ContinuationToken") or options.get("StartAfter", "")
            keys = [key for key in self.bucket.keys(Prefix) if key > after]
            shown = keys[: options.get("MaxKeys", self.keys_a_page)]
            rows = [{"Key": key, "Size": len(self.bucket.read(key))} for key in shown]
            more = {"NextContinuationToken": shown[-1]} if len(shown) < len(keys) else {}
            return {"Contents": rows, "IsTruncated": bool(more), **more}

        return self.way("ListObjectsV2", {"Prefix": Prefix, **options}, effect)

    def list_object_versions(self, *, Prefix: str = "", **options: Any) -> dict[str, Any]:
        """List versions by key, the newest first: version vN has come at second N."""

        def effect() -> dict[str, Any]:
            marker = options.get("KeyMarker", ""), options.get("VersionIdMarker")
            found = [it for it in self._versions(Prefix) if _is_behind(it, marker)]
            shown = found[: self.keys_a_page]
            more: dict[str, Any] = {}
            if len(shown) < len(found):
                last = shown[-1]
                more = {"NextKeyMarker": last["Key"], "NextVersionIdMarker": last["VersionId"]}
            kept = [it for it in shown if "ETag" in it]
            markers = [it for it in shown if "ETag" not in it]
            lists = {"Versions": kept, "DeleteMarkers": markers}
            return {**lists, "IsTruncated": bool(more), **more}

        return self.way("ListObjectVersions", {"Prefix": Prefix, **options}, effect)

    def _versions(self, prefix: str) -> list[dict[str, Any]]:
        return [
            {
                "Key": key,
                "VersionId": found.version_id,
                "IsLatest": found is versions[-1],
                "LastModified": datetime.fromtimestamp(_number(found.version_id), UTC),
                **({} if found.body is None else {"ETag": found.etag}),
            }
            for key, versions in sorted(self.bucket.versions.items())
            if key.startswith(prefix)
            for found in reversed(versions)
        ]

    # Uploads in several parts

    def create_multipart_upload(self, *, Key: str, **options: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            upload_id = f"upload-{len(self.bucket.uploads) + 1}"
            self.bucket.uploads[upload_id] = (Key, options.get("Metadata", {}), {})
            return {"UploadId": upload_id}

        return self.way("CreateMultipartUpload", {"Key": Key, **options}, effect)

    def upload_part(
        self, *, Key: str, UploadId: str, PartNumber: int, Body: Any, **options: Any
    ) -> dict[str, Any]:
        body = Body if isinstance(Body, bytes) else Body.read()

        def effect() -> dict[str, Any]:
            self._upload(UploadId)[PartNumber] = body
            return {"ETag": StoredObject("", body).etag}

        return self.way("UploadPart", {"Key": Key, "PartNumber": PartNumber}, effect)

    def upload_part_copy(
        self, *, Key: str, UploadId: str, PartNumber: int, CopySource: Any, **options: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self._source(CopySource, options)
            body = _range(found.body or b"", options.get("CopySourceRange"))
            self._upload(UploadId)[PartNumber] = body
            return {"CopyPartResult": {"ETag": StoredObject("", body).etag}}

        return self.way("UploadPartCopy", {"Key": Key, "PartNumber": PartNumber}, effect)

    def complete_multipart_upload(
        self, *, Key: str, UploadId: str, MultipartUpload: Any, **options: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            there = self._upload(UploadId)
            parts = [there[part["PartNumber"]] for part in MultipartUpload["Parts"]]
            if any(len(part) < _LEAST_PART_BYTES for part in parts[:-1]):
                raise client_error("EntityTooSmall", "CompleteMultipartUpload")
            self._check_new(Key, options)
            _, metadata, _ = self.bucket.uploads.pop(UploadId)
            return {"VersionId": self.bucket.put(Key, b"".join(parts), metadata)}

        return self.way("CompleteMultipartUpload", {"Key": Key, **options}, effect)

    def _upload(self, upload_id: str) -> dict[int, bytes]:
        if upload_id not in self.bucket.uploads:
            raise client_error("NoSuchUpload")
        return self.bucket.uploads[upload_id][2]

    def _source(self, source: Mapping[str, str], options: Mapping[str, Any]) -> StoredObject:
        condition = {"IfMatch": options.get("CopySourceIfMatch")}
        return self._find(source["Key"], {"VersionId": source.get("VersionId"), **condition})

    def _find(
        self, key: str, options: Mapping[str, Any], not_found: str = "NoSuchKey"
    ) -> StoredObject:
        version_id, etag = options.get("VersionId"), options.get("IfMatch")
        found = self.bucket.find(key, version_id)
        if found is None or found.body is None:
            missing = version_id is not None and not_found == "NoSuchKey"
            raise client_error("NoSuchVersion" if missing else not_found)
        if etag is not None and etag.strip('"') != found.etag.strip('"'):
            raise client_error("PreconditionFailed")
        return found

    def _check_new(self, key: str, options: Mapping[str, Any]) -> None:
        if len(key.encode()) > 1024:
            raise client_error("KeyTooLongError")
        if options.get("IfNoneMatch") == "*" and self.bucket.latest(key) is not None:
            raise client_error("PreconditionFailed")
        if (etag := options.get("IfMatch")) is not None:
            self._find(key, {"IfMatch": etag})


class FakeBody:
    """What is read of an object; `breaks_with` is raised half way, if given."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.breaks_with: Exception | None = None
        self._at = 0

    def read(self, amount: int | None = None) -> bytes:
        if self.breaks_with is not None and (amount is None or self._at > len(self.content) // 2):
            raise self.breaks_with
        end = len(self.content) if amount is None else self._at + amount
        read, self._at = self.content[self._at : end], min(end, len(self.content))
        return read

    def iter_chunks(self, chunk_size: int = 1024) -> Iterator[bytes]:
        if self.breaks_with is not None:
            yield self.content[: len(self.content) // 2]
            raise self.breaks_with
        while block := self.read(chunk_size):
            yield block

    def close(self) -> None:
        """Nothing is open."""


def _number(version_id: str) -> int:
    return int(version_id.removeprefix("v"))


def _is_behind(found: Mapping[str, Any], marker: tuple[str, str | None]) -> bool:
    key, version_id = marker
    if version_id is not None and found["Key"] == key:
        return _number(found["VersionId"]) < _number(version_id)
    return bool(found["Key"] > key)


def _range(body: bytes, given: str | None) -> bytes:
    """Return the bytes that a Range header asks for, all without one."""
    first, _, last = (given or "bytes=0-").removeprefix("bytes=").partition("-")
    return body[int(first) : int(last) + 1 if last else None]


def _head(found: StoredObject) -> dict[str, Any]:
    return {
        "ETag": found.etag,
        "VersionId": found.version_id,
        "ContentLength": len(found.body or b""),
        "Metadata": dict(found.metadata),
        "StorageClass": found.storage_class,
    }
