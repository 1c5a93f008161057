"""Notifications of files, as AWS sends them."""

import json
from typing import Any
from urllib.parse import quote_plus


def eventbridge(key: str, **found: Any) -> dict[str, Any]:
    """Return the event that S3 gives EventBridge; keys in it are as they are."""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "version": "0",
            "bucket": {"name": "payments"},
            "object": {"key": key, "size": 5, **found},
            "reason": "PutObject",
        },
    }


def s3_record(key: str, **found: Any) -> dict[str, Any]:
    """Return one record of S3's own notification; keys in it are encoded."""
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": "payments"},
            "object": {"key": quote_plus(key, safe="/"), "size": 5, **found},
        },
    }


def sqs(*notifications: object) -> dict[str, Any]:
    """Return what Lambda hands over of a queue."""
    return sqs_texts(*map(json.dumps, notifications))


def sqs_texts(*bodies: object) -> dict[str, Any]:
    """Return what Lambda hands over of a queue into which somebody has put these bodies."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "eventSource": "aws:sqs",
                "body": body,
            }
            for number, body in enumerate(bodies, 1)
        ]
    }


TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "payments"}
