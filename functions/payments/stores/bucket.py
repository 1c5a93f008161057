"""S3 as one import sees it: the incoming file, its copy, and what is stored on the way."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from payments.errors import AwsDown, FileRefused, Superseded
from payments.models import SourceFile
from payments.stores.aws import CHANGED, GONE, asking, error_code

WORK_PREFIX = "work/"
XML = "application/xml"
PAGE = "text/html; charset=utf-8"
COPY_BYTES = 512 * 1024 * 1024
"""How much S3 is asked to copy in one call, which has to be done while the SDK waits for it."""

_BLOCK_BYTES = 1024 * 1024
_SPARE_BYTES = 16 * 1024 * 1024
_NO_VERSION = "null"


class UploadGone(AwsDown):
    """The pieces of a success or fail file are put together already, or were given up."""


class Bucket:
    """S3. `s3` is a boto3 client, `disk` a folder that is this program's alone."""

    def __init__(self, s3: Any, disk: Path) -> None:
        self._s3 = s3
        self._disk = disk

    def pinned(self, source: SourceFile) -> SourceFile:
        """Name the version that is there now, if the event names none; a gone one stays unnamed.

        Only events that are written by hand name none. A later version has an event of its own.
        """
        if source.version_id or source.etag:
            return source
        with asking("S3", source.key):
            try:
                found = self._s3.head_object(Bucket=source.bucket, Key=source.key)
            except ClientError as error:
                if error_code(error) in GONE:
                    return source
                raise
        version_id = found.get("VersionId")
        return replace(
            source,
            version_id=None if version_id == _NO_VERSION else version_id,
            etag=found["ETag"].strip('"'),
        )

    def fetch(self, source: SourceFile) -> Path:
        """Copy exactly the object version of the event to the local disk.

        Without a version of its own it is the object that still has the event's ETag. Raises
        FileRefused if it is gone, was overwritten, cannot be read or is too large.
        """
        return self._to_disk(_source(source), source.key)

    def keep(self, source: SourceFile, import_id: str) -> None:
        """Copy that version within S3, once: the import shall not need it any more."""
        kept = _kept_key(import_id)
        if self._exists(source.bucket, kept):
            return
        version = _source(source)
        with asking("S3", source.key):
            size = int(self._s3.head_object(**version)["ContentLength"])
        condition = {"CopySourceIfMatch": etag} if (etag := version.pop("IfMatch", None)) else {}
        target = {"Bucket": source.bucket, "Key": kept}
        origin = {"CopySource": version, **condition}
        with asking("S3", source.key):
            if size > COPY_BYTES:
                self._copy_in_pieces(target, origin, size)
            else:
                # Tags are not needed, and copying them takes a permission of its own.
                how = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
                self._s3.copy_object(**target, **origin, **how)

    def fetch_kept(self, bucket: str, import_id: str) -> Path:
        """Copy what `keep` has kept to the local disk."""
        key = _kept_key(import_id)
        return self._to_disk({"Bucket": bucket, "Key": key}, key)

    def store_part(self, bucket: str, import_id: str, after: int, part: bytes) -> None:
        """Store the outcomes behind record `after`, once and for all.

        Raises Superseded if another run has stored different ones.
        """
        if not self._put_once(bucket, _part_key(import_id, after), part):
            raise Superseded("Another run has stored these outcomes.")

    def part(self, bucket: str, import_id: str, after: int) -> bytes | None:
        """Return the stored outcomes behind record `after`, None if there are none."""
        return self._read(bucket, _part_key(import_id, after))

    def parts_from(
        self, bucket: str, import_id: str, after: int, until: int
    ) -> Iterator[tuple[int, int]]:
        """Yield where parts begin, from record `after` to before `until`, each with its bytes."""
        folder = f"{WORK_PREFIX}{import_id}/"
        last, more = f"{folder}{after:010}", True
        while more:
            with asking("S3"):
                answer = self._s3.list_objects_v2(Bucket=bucket, Prefix=folder, StartAfter=last)
            for found in answer.get("Contents", []):
                last = found["Key"]
                name, _, kind = last.removeprefix(folder).partition(".")
                if kind == "jsonl" and int(name) < until:
                    yield int(name), int(found["Size"])
            more = bool(answer.get("IsTruncated"))

    def store_last_look(
        self, bucket: str, import_id: str, found: Mapping[int, Iterable[str]]
    ) -> None:
        """Store, once and for all, what the last look has found: messages by record number.

        Raises Superseded if another run has stored something else.
        """
        content = json.dumps({str(number): [*messages] for number, messages in found.items()})
        if not self._put_once(bucket, _last_look_key(import_id), content.encode()):
            raise Superseded("Another run has stored its last look.")

    def last_look(self, bucket: str, import_id: str) -> dict[int, tuple[str, ...]] | None:
        """Return what the last look has found, None if there was none yet."""
        content = self._read(bucket, _last_look_key(import_id))
        if content is None:
            return None
        return {int(number): tuple(found) for number, found in json.loads(content).items()}

    def note_put_back(self, bucket: str, import_id: str, run: int) -> None:
        """Note that this run has put its file back, where the imports table cannot."""
        self._put(bucket, _put_back_key(import_id), str(run).encode("ascii"))

    def last_put_back(self, bucket: str, import_id: str) -> int:
        """Return the last run that was noted to have put its file back, 0 if none was."""
        noted = self._read(bucket, _put_back_key(import_id))
        return 0 if noted is None else int(noted)

    def save_writing(self, bucket: str, import_id: str, progress: bytes) -> None:
        """Store how far the files are written."""
        self._put(bucket, _writing_key(import_id), progress)

    def writing(self, bucket: str, import_id: str) -> bytes | None:
        """Return how far the files were written, None if nothing is stored about that."""
        return self._read(bucket, _writing_key(import_id))

    def publish(
        self,
        bucket: str,
        key: str,
        body: bytes,
        metadata: Mapping[str, str],
        *,
        kind: str = XML,
        only_if_free: bool = False,
    ) -> None:
        """Write a success file, a fail file or a page; with `only_if_free` over no other."""
        told = {"ContentType": kind, "Metadata": dict(metadata)}
        condition = {"IfNoneMatch": "*"} if only_if_free else {}
        with asking("S3"):
            try:
                self._s3.put_object(Bucket=bucket, Key=key, Body=body, **told, **condition)
            except ClientError as error:
                if not only_if_free or error_code(error) not in CHANGED:
                    raise

    def begin_upload(self, bucket: str, key: str, metadata: Mapping[str, str]) -> str:
        """Begin to write a success or fail file in pieces; return the id of that."""
        with asking("S3"):
            answer = self._s3.create_multipart_upload(
                Bucket=bucket, Key=key, ContentType=XML, Metadata=dict(metadata)
            )
        return str(answer["UploadId"])

    def upload(
        self, bucket: str, key: str, upload_id: str, number: int, body: bytes
    ) -> dict[str, Any]:
        """Write piece `number`; return what completing needs of it. Raises UploadGone."""
        with asking("S3"), _upload_there():
            answer = self._s3.upload_part(
                Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=body
            )
        return _piece(number, answer)

    def complete_upload(
        self, bucket: str, key: str, upload_id: str, pieces: list[dict[str, Any]]
    ) -> None:
        """Put the pieces together. Raises UploadGone."""
        with asking("S3"), _upload_there():
            self._s3.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": pieces}
            )

    def _copy_in_pieces(
        self, target: Mapping[str, str], origin: Mapping[str, Any], size: int
    ) -> None:
        upload_id = self._s3.create_multipart_upload(**target)["UploadId"]
        pieces = []
        for number, start in enumerate(range(0, size, COPY_BYTES), start=1):
            answer = self._s3.upload_part_copy(
                **target,
                **origin,
                UploadId=upload_id,
                PartNumber=number,
                CopySourceRange=f"bytes={start}-{min(start + COPY_BYTES, size) - 1}",
            )
            pieces.append(_piece(number, answer["CopyPartResult"]))
        self._s3.complete_multipart_upload(
            **target, UploadId=upload_id, MultipartUpload={"Parts": pieces}
        )

    def _to_disk(self, version: Mapping[str, str], name: str) -> Path:
        # An earlier run, killed, or an earlier file may have left its own.
        shutil.rmtree(self._disk, ignore_errors=True)
        self._disk.mkdir(parents=True, exist_ok=True)
        with asking("S3", name):
            answer = self._s3.get_object(**version)
        self._check_size(int(answer["ContentLength"]))
        path = self._disk / "incoming.xml"
        try:
            with path.open("wb") as file:
                for block in _blocks(answer["Body"], name):
                    file.write(block)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise FileRefused("The file is too large for the local disk: split it.") from error
        return path

    def _check_size(self, size: int) -> None:
        most = shutil.disk_usage(self._disk).free - _SPARE_BYTES
        if size > most:
            raise FileRefused(f"The file has {size} bytes, of at most {most}: split it.")

    def _exists(self, bucket: str, key: str) -> bool:
        with asking("S3"):
            try:
                self._s3.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in GONE:
                    return False
                raise
        return True

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        with asking("S3"):
            self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _put_once(self, bucket: str, key: str, body: bytes) -> bool:
        """Store an object, once; return whether it is this one that is there."""
        with asking("S3"):
            try:
                self._s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) not in CHANGED:
                    raise
                # The SDK may have repeated a write that had already taken effect.
                return self._read(bucket, key) == body
        return True

    def _read(self, bucket: str, key: str) -> bytes | None:
        with asking("S3"):
            try:
                answer = self._s3.get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in GONE:
                    return None
                raise
            body: bytes = answer["Body"].read()
            return body


@contextmanager
def _upload_there() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error_code(error) != "NoSuchUpload":
            raise
        raise UploadGone("What was written of the success or fail file is gone.") from error


def _piece(number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what S3 wants to know again of a piece in the end, with the SDK's checksums."""
    proof = {name: v for name, v in answer.items() if name.startswith(("ETag", "ChecksumC"))}
    return {"PartNumber": number, **proof}


def _blocks(body: Any, name: str) -> Iterator[bytes]:
    """Yield an object's content; a connection may break in the middle of it."""
    blocks = body.iter_chunks(_BLOCK_BYTES)
    while True:
        with asking("S3", name):
            block = next(blocks, None)
        if block is None:
            return
        yield block


def _source(source: SourceFile) -> dict[str, str]:
    """Return S3's words for exactly the event's object version.

    "null" is the version of every object that was uploaded while versioning was off: only the ETag
    tells it from a later one.
    """
    version = {"Bucket": source.bucket, "Key": source.key}
    if source.version_id:
        version["VersionId"] = source.version_id
    if source.etag and source.version_id in (None, "", _NO_VERSION):
        version["IfMatch"] = source.etag
    return version


def _part_key(import_id: str, after: int) -> str:
    return f"{WORK_PREFIX}{import_id}/{after:010}.jsonl"


def _kept_key(import_id: str) -> str:
    return f"{WORK_PREFIX}{import_id}/incoming.xml"


def _last_look_key(import_id: str) -> str:
    return f"{WORK_PREFIX}{import_id}/last-look"


def _put_back_key(import_id: str) -> str:
    return f"{WORK_PREFIX}{import_id}/put-back"


def _writing_key(import_id: str) -> str:
    return f"{WORK_PREFIX}{import_id}/writing"
