"""S3 and DynamoDB as far as one import needs them, at the level of boto3's clients.

A million records would fill the local stack's memory. Here objects lie on disk, and what is only
written is dropped.
"""

# ruff: noqa: N803 # boto3's names of arguments

import shutil
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

_KEYS_A_PAGE = 1000


class S3OnDisk:
    """A boto3 S3 client with one incoming file; success and fail files are dropped."""

    def __init__(self, incoming: Path, folder: Path) -> None:
        self._incoming = incoming
        self._folder = folder

    def head_object(self, *, Key: str, **_: object) -> dict[str, Any]:
        return {"ContentLength": self._found(Key).stat().st_size}

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:
        path = self._found(Key)
        size = path.stat().st_size
        return {"ContentLength": size, "Body": StreamingBody(path.open("rb"), size)}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> dict[str, Any]:
        self._path(Key).write_bytes(Body)
        return {}

    def copy_object(self, *, Key: str, CopySource: dict[str, str], **_: object) -> dict[str, Any]:
        shutil.copyfile(self._found(CopySource["Key"]), self._path(Key))
        return {}

    def list_objects_v2(self, *, Prefix: str, StartAfter: str, **_: object) -> dict[str, Any]:
        folder = self._path(Prefix)
        names = sorted(f"{Prefix}{path.name}" for path in folder.iterdir())
        behind = [name for name in names if name > StartAfter]
        page = behind[:_KEYS_A_PAGE]
        rows = [{"Key": name, "Size": self._found(name).stat().st_size} for name in page]
        return {"Contents": rows, "IsTruncated": len(behind) > len(page)}

    def create_multipart_upload(self, **_: object) -> dict[str, Any]:
        return {"UploadId": "dropped"}

    def upload_part(self, **_: object) -> dict[str, Any]:
        return {"ETag": "dropped"}

    def complete_multipart_upload(self, **_: object) -> dict[str, Any]:
        return {}

    def _found(self, key: str) -> Path:
        path = self._incoming if key.startswith("incoming/") else self._path(key)
        if not path.exists():
            code = {"Error": {"Code": "NoSuchKey"}}
            raise ClientError(code, "GetObject")
        return path

    def _path(self, key: str) -> Path:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class ForgetfulDynamoDb:
    """A boto3 DynamoDB client whose tables know nothing and learn nothing."""

    def get_item(self, **_: object) -> dict[str, Any]:
        return {}

    def update_item(self, **_: object) -> dict[str, Any]:
        return {}

    def batch_get_item(self, **_: object) -> dict[str, Any]:
        return {"Responses": {}}

    def batch_write_item(self, **_: object) -> dict[str, Any]:
        return {}
