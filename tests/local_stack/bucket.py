"""What tests do with an S3 bucket."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_stack.waiting import wait_for


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 bucket of the deployed stack."""

    name: str
    s3: Any

    def upload(self, key: str, content: bytes) -> str | None:
        """Put the object; return its version id, or None if the bucket is not versioned."""
        answer = self.s3.put_object(Bucket=self.name, Key=key, Body=content)
        version_id: str | None = answer.get("VersionId")
        return version_id

    def read(self, key: str) -> bytes:
        """Return the content of the newest version."""
        content: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def metadata(self, key: str) -> dict[str, str]:
        """Return the object's own metadata (`x-amz-meta-*`)."""
        metadata: dict[str, str] = self.s3.head_object(Bucket=self.name, Key=key)["Metadata"]
        return metadata

    def exists(self, key: str) -> bool:
        """Say whether the key has an object."""
        try:
            self.s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
                return False
            raise
        return True

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys that start with the prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def wait_for(self, key: str) -> bytes:
        """Wait until the object exists and return its content."""
        wait_for(lambda: self.exists(key), description=f"s3://{self.name}/{key}")
        return self.read(key)
