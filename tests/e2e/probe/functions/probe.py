"""A function that writes down what it was given, and misbehaves when a key asks for it."""

import importlib
import json
import os
import time
from typing import Any

import boto3

s3 = boto3.client("s3")
sqs = boto3.client("sqs")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do what the event asks for; without a wish in it, it is a delivery from the queue."""
    if "import" in event:
        return {name: _can_import(name) for name in event["import"]}
    if "delete" in event:
        s3.delete_object(Bucket=os.environ["BUCKET"], Key=event["delete"])
    if "write over" in event:
        plain = boto3.client("s3", endpoint_url=event["write over"])
        plain.put_object(Bucket=os.environ["BUCKET"], Key="seen/x", Body=b"")
    if "environment" in event:
        return dict(os.environ)
    return _receive(event["Records"][0])


def _receive(record: dict[str, Any]) -> dict[str, Any]:
    received = int(record["attributes"]["ApproximateReceiveCount"])
    s3_object = json.loads(record["body"])["detail"]["object"]
    print(json.dumps({"received": received, "object": s3_object}))
    _print_metric("FilesSeen", 1)
    key = s3_object["key"]
    if "hang" in key and received == 1:
        time.sleep(60)
    if "always fails" in key or ("once more" in key and received == 1):
        return _put_back(record)
    s3.put_object(
        Bucket=os.environ["BUCKET"],
        Key=f"seen/{key}",
        Body=json.dumps({"received": received, "object": s3_object}),
    )
    return {"batchItemFailures": []}


def _put_back(record: dict[str, Any]) -> dict[str, Any]:
    sqs.change_message_visibility(
        QueueUrl=os.environ["QUEUE_URL"],
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=1,
    )
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}


def _print_metric(name: str, value: float) -> None:
    directive = {"Namespace": "Probe", "Dimensions": [["Kind"]], "Metrics": [{"Name": name}]}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": about, "Kind": "test", name: [value]}))


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
