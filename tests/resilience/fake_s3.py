"""S3 in memory: one versioned bucket, and a client that writes to it as boto3's does."""

# ruff: noqa: N803 # boto3's names of arguments

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from resilience.points import Points


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object; without `body` it is a delete marker."""

    version_id: str
    body: bytes | None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """What S3 computes of the content."""
        return f'"{md5(self.body or b"", usedforsecurity=False).hexdigest()}"'


class FakeBucket:
    """All versions of all objects."""

    def __init__(self) -> None:
        self.versions: dict[str, list[StoredObject]] = {}

    def put(self, key: str, body: bytes | None, metadata: Mapping[str, str] | None = None) -> str:
        """Store a new version, or without `body` a delete marker; return its version id."""
        versions = self.versions.setdefault(key, [])
        versions.append(StoredObject(f"v{len(versions) + 1}", body, metadata or {}))
        return versions[-1].version_id

    def latest(self, key: str) -> StoredObject | None:
        """Return the newest version, None if there is none or it is a delete marker."""
        versions = self.versions.get(key)
        return versions[-1] if versions and versions[-1].body is not None else None

    def erase(self, key: str, version_id: str) -> None:
        """Delete one version for good."""
        self.versions[key] = [v for v in self.versions[key] if v.version_id != version_id]

    def read(self, key: str) -> bytes:
        """Return the newest content."""
        found = self.latest(key)
        assert found is not None, f"there is no {key}"
        assert found.body is not None
        return found.body

    def keys(self) -> list[str]:
        """Return the keys that have an object."""
        return [key for key in self.versions if self.latest(key)]


class FakeS3:
    """The client of one run."""

    def __init__(self, bucket: FakeBucket, points: Points) -> None:
        self._bucket = bucket
        self._points = points

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes | BinaryIO,
        IfNoneMatch: str | None = None,
        Metadata: Mapping[str, str] | None = None,
        ContentType: str = "",
    ) -> dict[str, Any]:
        body = Body if isinstance(Body, bytes) else Body.read()
        with self._points.around_aws(f"put {Key}"):
            taken = IfNoneMatch == "*" and self._bucket.latest(Key) is not None
            if not taken:
                self._bucket.put(Key, body, Metadata)
        if taken:
            raise _error("PreconditionFailed", "PutObject")
        return {}

    def get_object(
        self, *, Bucket: str, Key: str, VersionId: str | None = None, IfMatch: str | None = None
    ) -> dict[str, Any]:
        with self._points.around_aws(f"get {Key}"):
            found = self._find(Key, VersionId)
        if found is None or found.body is None:
            raise _error("NoSuchKey" if VersionId is None else "NoSuchVersion", "GetObject")
        if IfMatch is not None and IfMatch.strip('"') != found.etag.strip('"'):
            raise _error("PreconditionFailed", "GetObject")
        return {"Body": _Body(found.body), "ContentLength": len(found.body)}

    def _find(self, key: str, version_id: str | None) -> StoredObject | None:
        if version_id is None:
            return self._bucket.latest(key)
        versions = self._bucket.versions.get(key, [])
        return next((found for found in versions if found.version_id == version_id), None)


@dataclass(frozen=True, slots=True)
class _Body:
    content: bytes

    def read(self) -> bytes:
        return self.content

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        return (self.content[at : at + size] for at in range(0, len(self.content), size))


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
