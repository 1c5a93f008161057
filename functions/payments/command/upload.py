"""Put a file into the bucket; after Ctrl-C, say whether it is there."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from rich.console import Console
from rich.filesize import decimal

from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed, Interrupted, interrupted_as
from payments.models import SourceFile

NOTHING_UPLOADED = "Nothing was uploaded."
_MOST_BYTES = 5 * 1024**3  # what S3 takes in one call
_LONG_UPLOAD_BYTES = 10 * 1024**2


def upload(deployment: Deployment, file: Path | None, key: str, console: Console) -> SourceFile:
    """Put the file, or standard input, into the bucket and return its object version."""
    try:
        with ExitStack() as closing:
            with interrupted_as(NOTHING_UPLOADED):
                content = closing.enter_context(_opened(file))
                size = _size(content)
                _check_size(file, size, console)
            version_id = _put(deployment, key, _Sending(content, size))
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error
    if version_id == "null":  # with versioning suspended
        raise CommandFailed(
            f"s3://{deployment.bucket}/{key} is uploaded, and cannot be followed: the bucket keeps "
            f"no versions. Switch its versioning on; `{deployment.command('status')}` shows how "
            "this import goes on."
        )
    return SourceFile(deployment.bucket, key, version_id)


def _opened(file: Path | None) -> AbstractContextManager[BinaryIO]:
    if file is not None:
        return file.open("rb")
    content = TemporaryFile()  # noqa: SIM115 # whoever asks for it closes it
    copyfileobj(sys.stdin.buffer, content)
    return content


def _size(content: BinaryIO) -> int:
    size = content.seek(0, SEEK_END)
    content.seek(0)
    return size


def _check_size(file: Path | None, size: int, console: Console) -> None:
    """Say how much is being uploaded, if that may take a while."""
    if size > _MOST_BYTES:
        raise CommandFailed(f"{file or 'Standard input'} is larger than 5 GB: split it.")
    if size > _LONG_UPLOAD_BYTES:
        console.print(f"Uploading {decimal(size)} …", soft_wrap=True)


@dataclass(slots=True)
class _Sending:
    """How far a file is sent: S3 keeps nothing of one that is not sent to its end."""

    content: BinaryIO
    size: int
    calls: int = 0

    def count(self, **_: Any) -> None:
        """Note that S3 is called; botocore calls it again if it gets no answer."""
        self.calls += 1

    @property
    def may_be_there(self) -> bool:
        return self.calls > 1 or (self.calls == 1 and self.content.tell() == self.size)


def _put(deployment: Deployment, key: str, sending: _Sending) -> str:
    try:
        s3 = deployment.client("s3")
        s3.meta.events.register("before-send.s3.PutObject", sending.count)
        answer = s3.put_object(
            Bucket=deployment.bucket, Key=key, Body=sending.content, ContentType="application/xml"
        )
        s3.meta.events.unregister("before-send.s3.PutObject", sending.count)
        return str(answer.get("VersionId", "null"))
    except KeyboardInterrupt:
        uncertain = (
            f"It is not certain whether {key} is uploaded. `{deployment.command('status')}` shows "
            "it: if so, it is imported."
        )
        raise Interrupted(uncertain if sending.may_be_there else NOTHING_UPLOADED) from None
