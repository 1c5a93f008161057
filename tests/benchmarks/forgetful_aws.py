"""S3 and DynamoDB as far as one import needs them, at the level of boto3's clients.

A million records would fill the local stack's memory. Here files lie on disk, and what is only
written is dropped.
"""

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from payments.stores.aws import attribute_values


class S3OnDisk:
    """A boto3 S3 client with one incoming file; success and fail files are dropped."""

    def __init__(self, incoming: Path, folder: Path) -> None:
        self._incoming = incoming
        self._folder = folder

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:  # noqa: N803  # boto3's
        path = self._incoming if Key.startswith("incoming/") else self._path(Key)
        if not path.exists():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        size = path.stat().st_size
        return {"ContentLength": size, "Body": StreamingBody(path.open("rb"), size)}

    def put_object(self, *, Key: str, Body: Any, **_: object) -> dict[str, Any]:  # noqa: N803
        if isinstance(Body, bytes):
            self._path(Key).write_bytes(Body)
        return {}

    def _path(self, key: str) -> Path:
        return self._folder / key.replace("/", "-")


class EmptyDynamoDb:
    """A boto3 DynamoDB client whose tables know nothing and learn nothing."""

    def batch_get_item(self, **_: object) -> dict[str, Any]:
        return {"Responses": {}}

    def batch_write_item(self, **_: object) -> dict[str, Any]:
        return {}


class NewImport:
    """A boto3 DynamoDB client whose imports table has never heard of the one that begins."""

    def update_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803
        begun = {"run": 1, "tries": 1, "status": "Running"}
        return {"Attributes": {**Key, **attribute_values(begun)}}
