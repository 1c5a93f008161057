"""What Lambda hands over: which files to import, however the notification arrives.

Anybody who may send to the queue may send anything. What names no file is dropped, with an error in
the log that does not show it: whoever sends something else may send payments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

from payments.models import SourceFile

logger = Logger(child=True)

_QUEUE = "aws:sqs"
_MAX_KEY_BYTES = 1024  # S3's limit
_BUCKET = re.compile(r"[\w.-]{3,255}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,1024}")  # it goes into a header or a URL
# What `sam local generate-event s3 put` writes instead of the ETag and the sequencer, whatever the
# object is.
_PLACEHOLDERS = frozenset(("0123456789abcdef0123456789abcdef", "0A1B2C3D4E5F678901"))


@dataclass(frozen=True, slots=True)
class Message:
    """The SQS message that brought a file; it can be put back."""

    message_id: str
    receipt_handle: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Files to import, and the message that brought them, if any."""

    files: tuple[SourceFile, ...]
    message: Message | None = None


def deliveries(event: object) -> Iterator[Delivery]:
    """Yield the deliveries of an event, in order.

    As deployed that is an SQS record wrapping an EventBridge "Object Created" event. An S3
    notification wrapped likewise, and either of the two bare, are understood as well.
    """
    messages = [record for record in _records(event) if _at(record, "eventSource") == _QUEUE]
    if not messages:
        yield Delivery(_files(event))
    for record in messages:
        message_id, receipt_handle = _at(record, "messageId"), _at(record, "receiptHandle")
        if isinstance(message_id, str) and isinstance(receipt_handle, str):
            message = Message(message_id, receipt_handle)
            yield Delivery(_files(_json(_at(record, "body")), message_id), message)


def _files(notification: object, message_id: str | None = None) -> tuple[SourceFile, ...]:
    """Return the files that a notification names; S3's test notification has none."""
    found = [_from_s3(record) for record in _records(notification)]
    if _at(notification, "detail-type") == "Object Created":
        found.insert(0, _from_eventbridge(notification))
    files = tuple(file for file in found if file is not None)
    dropped = len(found) - len(files)
    if dropped or not (files or _at(notification, "Event") == "s3:TestEvent"):
        logger.error("Dropped what names no file", message_id=message_id, dropped=dropped)
    return files


def _from_eventbridge(event: object) -> SourceFile | None:
    bucket, found = _at(event, "detail", "bucket", "name"), _at(event, "detail", "object")
    tokens = [_at(found, name) for name in ("version-id", "etag", "sequencer")]
    return _source(bucket, _at(found, "key"), tokens)


def _from_s3(record: object) -> SourceFile | None:
    created = str(_at(record, "eventName")).startswith("ObjectCreated:")
    if _at(record, "eventSource") != "aws:s3" or not created:
        return None
    bucket, found = _at(record, "s3", "bucket", "name"), _at(record, "s3", "object")
    tokens = [_at(found, name) for name in ("versionId", "eTag", "sequencer")]
    return _source(bucket, _decoded(_at(found, "key")), tokens)


def _source(bucket: object, key: object, tokens: list[object]) -> SourceFile | None:
    """Return the object that a notification names, None if S3 can have no such object.

    `tokens` are version id, ETag and sequencer; all may be absent or empty.
    """
    if not (isinstance(bucket, str) and _BUCKET.fullmatch(bucket)):
        return None
    if not (isinstance(key, str) and 0 < len(_utf8(key)) <= _MAX_KEY_BYTES):
        return None
    if not all(token is None or isinstance(token, str) for token in tokens):
        return None
    version_id, etag, sequencer = (
        str(token) if token and token not in _PLACEHOLDERS else None for token in tokens
    )
    if not all(token is None or _TOKEN.fullmatch(token) for token in (version_id, etag, sequencer)):
        return None
    # In a bucket without versioning every upload of a key is version "null".
    return SourceFile(bucket, key, None if version_id == "null" else version_id, etag, sequencer)


def _records(found: object) -> list[object]:
    records = _at(found, "Records")
    return records if isinstance(records, list) else []


def _at(found: object, *names: str) -> object:
    """Return what stands under nested names, None where nothing does."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _json(body: object) -> object:
    """Return the JSON that a message holds, None if it holds none."""
    try:
        return json.loads(body) if isinstance(body, str) else None
    except (ValueError, RecursionError):
        return None


def _decoded(key: object) -> object:
    """Return a key of S3's own notification: only there it is URL-encoded, with + for a space."""
    try:
        return unquote_plus(key, errors="strict") if isinstance(key, str) else None
    except UnicodeDecodeError:
        return None


def _utf8(text: str) -> bytes:
    """Return a text in UTF-8, empty if it cannot be: half a surrogate pair is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b""
