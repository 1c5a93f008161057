"""What Lambda hands over: which files to import, however the notification arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

from payments.models import SourceFile

logger = Logger(child=True)


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


def deliveries(event: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield the deliveries of an event, in order.

    As deployed that is an SQS record wrapping an EventBridge "Object Created" event. An S3
    notification wrapped likewise, and either of the two bare, are understood as well.
    """
    records = event.get("Records", [])
    if records and records[0].get("eventSource") == "aws:sqs":
        for record in records:
            message = Message(record["messageId"], record["receiptHandle"])
            yield Delivery(tuple(_files(_notification(record["body"]))), message)
    else:
        yield Delivery(tuple(_files(event)))


def _notification(body: str) -> Mapping[str, Any]:
    """Read a message; one that is no notification at all must not stop the queue."""
    try:
        notification = json.loads(body)
    except ValueError:
        notification = None
    if isinstance(notification, Mapping):
        return notification
    # Not the body: whoever sends something else may send payments.
    logger.error("Message without a notification", characters=len(body))
    return {}


def _files(notification: Mapping[str, Any]) -> Iterator[SourceFile]:
    """Yield the files of one notification; S3's test notification has none."""
    if notification.get("detail-type") == "Object Created":
        detail = notification["detail"]
        yield _source(detail["bucket"]["name"], detail["object"]["key"], detail["object"])
    for record in notification.get("Records", []):
        if record.get("eventSource") == "aws:s3":
            found = record["s3"]["object"]
            # Only here keys are URL-encoded, with + for a space (S3's event message structure).
            yield _source(record["s3"]["bucket"]["name"], unquote_plus(found["key"]), found)


def _source(bucket: str, key: str, found: Mapping[str, Any]) -> SourceFile:
    """Read the object of either notification, which spell version and ETag differently."""
    return SourceFile(
        bucket=bucket,
        key=key,
        version_id=found.get("version-id") or found.get("versionId") or None,
        etag=found.get("etag") or found.get("eTag") or None,
        sequencer=found.get("sequencer") or None,
    )
