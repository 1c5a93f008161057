"""The sample events of `events/`, about objects that are really there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

EVENTS = Path(__file__).resolve().parents[2] / "events"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An object in a bucket; without `version_id` the bucket is not versioned."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int


def event_about(sample: str, uploaded: Uploaded) -> dict[str, Any]:
    """Return a sample event that names this object."""
    event: dict[str, Any] = json.loads((EVENTS / sample).read_text(encoding="utf-8"))
    [record] = event["Records"]
    if record["eventSource"] == "aws:sqs":
        body = json.loads(record["body"])
        body["resources"] = [f"arn:aws:s3:::{uploaded.bucket}"]
        _name(body["detail"], uploaded, uploaded.key, ("version-id", "etag"))
        record["body"] = json.dumps(body)
        record["md5OfBody"] = hashlib.md5(record["body"].encode()).hexdigest()
    else:
        key = quote_plus(uploaded.key, safe="/")
        _name(record["s3"], uploaded, key, ("versionId", "eTag"))
        record["s3"]["bucket"]["arn"] = f"arn:aws:s3:::{uploaded.bucket}"
    return event


def _name(found: Mapping[str, Any], uploaded: Uploaded, key: str, names: tuple[str, str]) -> None:
    found["bucket"]["name"] = uploaded.bucket
    tokens = dict(zip(names, (uploaded.version_id, uploaded.etag), strict=True))
    found["object"].update(key=key, size=uploaded.size, **tokens)
