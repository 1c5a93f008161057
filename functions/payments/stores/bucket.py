"""S3: the incoming file, the parts that are stored on the way, the success and fail files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from payments.stores.aws import error_code, trying_later
from payments.errors import AwsDown, FileRefused, Superseded
from payments.models import SourceFile

WORK_PREFIX = "work/"
_BLOCK_BYTES = 1024 * 1024
_GONE = frozenset(("NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"))
_CHANGED = frozenset(("PreconditionFailed", "412"))
# Of the local disk a file may take this share: its success and fail files need the rest.
_DISK_SHARE = 3


class Storage:
    """Files of imports. `s3` is a boto3 client, `disk` an empty folder for local copies."""

    def __init__(self, s3: Any, disk: Path) -> None:
        self._s3 = s3
        self._disk = disk

    def local(self, name: str) -> Path:
        """Return a path on the local disk."""
        return self._disk / name

    def fetch(self, source: SourceFile) -> Path:
        """Copy exactly the object version of the event to the local disk.

        Without a version id it is the object that still has the event's ETag. Raises FileRefused
        if it is gone, was overwritten, or is too large.
        """
        version: dict[str, str] = {}
        if source.version_id:
            version = {"VersionId": source.version_id}
        elif source.etag:
            version = {"IfMatch": source.etag}
        path = self.local("incoming.xml")
        with trying_later("S3"):
            try:
                answer = self._s3.get_object(Bucket=source.bucket, Key=source.key, **version)
            except ClientError as error:
                raise _refusal(error, source) from error
            self._check_size(int(answer["ContentLength"]))
            with path.open("wb") as file:
                for block in answer["Body"].iter_chunks(_BLOCK_BYTES):
                    file.write(block)
        return path

    def store_part(self, bucket: str, import_id: str, after: int, part: bytes) -> None:
        """Store the outcomes behind record `after`, once and for all.

        Raises Superseded if another run has stored different ones.
        """
        with trying_later("S3"):
            try:
                self._s3.put_object(
                    Bucket=bucket, Key=_part_key(import_id, after), Body=part, IfNoneMatch="*"
                )
            except ClientError as error:
                if error_code(error) not in _CHANGED:
                    raise
                # The SDK may have repeated a write that had already taken effect.
                if self.part(bucket, import_id, after) != part:
                    raise Superseded("Another run has stored these outcomes.") from error

    def part(self, bucket: str, import_id: str, after: int) -> bytes | None:
        """Return the stored outcomes behind record `after`, None if there are none."""
        return self._read(bucket, _part_key(import_id, after))

    def parts(self, bucket: str, import_id: str, until: int) -> Iterator[bytes]:
        """Yield all stored parts in order, up to record `until`."""
        after = 0
        while after < until:
            part = self.part(bucket, import_id, after)
            if part is None:
                raise AwsDown(f"The stored outcomes behind record {after} are gone.")
            yield part
            after += part.count(b"\n")

    def note_put_back(self, bucket: str, import_id: str, run: int) -> None:
        """Note that this run has put its file back, where the imports table cannot."""
        with trying_later("S3"):
            self._s3.put_object(
                Bucket=bucket, Key=_put_back_key(import_id), Body=str(run).encode("ascii")
            )

    def last_put_back(self, bucket: str, import_id: str) -> int:
        """Return the last run that was noted to have put its file back, 0 if none was."""
        noted = self._read(bucket, _put_back_key(import_id))
        return 0 if noted is None else int(noted)

    def publish(self, bucket: str, key: str, path: Path, metadata: Mapping[str, str]) -> None:
        """Write a success or fail file."""
        with trying_later("S3"), path.open("rb") as file:
            self._s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=file,
                ContentType="application/xml",
                Metadata=dict(metadata),
            )

    def _read(self, bucket: str, key: str) -> bytes | None:
        with trying_later("S3"):
            try:
                answer = self._s3.get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _GONE:
                    return None
                raise
            body: bytes = answer["Body"].read()
            return body

    def _check_size(self, size: int) -> None:
        most = shutil.disk_usage(self._disk).free // _DISK_SHARE
        if size > most:
            raise FileRefused(f"The file has {size} bytes, of at most {most}: split it.")


def _part_key(import_id: str, after: int) -> str:
    return f"{WORK_PREFIX}{import_id}/{after:010}.jsonl"


def _put_back_key(import_id: str) -> str:
    return f"{WORK_PREFIX}{import_id}/put-back"


def _refusal(error: ClientError, source: SourceFile) -> Exception:
    if error_code(error) in _GONE:
        return FileRefused(f"The file was deleted before its import ended: {source.key}.")
    if error_code(error) in _CHANGED:
        return FileRefused(f"The file was overwritten before its import began: {source.key}.")
    return AwsDown(f"S3 failed: {error}")
