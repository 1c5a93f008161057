"""The import whose memory is measured: the program with real sockets, on a forgetful AWS."""

import json
import os
from pathlib import Path

from aws_lambda_powertools import Metrics

from benchmarks.deployment import notification
from benchmarks.forgetful_aws import ForgetfulDynamoDb, S3OnDisk
from benchmarks.job import Job, Work
from payments.bootstrap import World, event_handler, event_handler_in
from payments.connectwise.wire import HttpWire
from payments.settings import read_settings
from payments.telemetry import NAMESPACE, CloudWatchTelemetry

_REMAINING_SECONDS = 100_000.0


def prepare(job: Job) -> Work:
    """Return the import of the job's file."""
    event_handler()  # the deployed program's own AWS clients, whose memory counts
    incoming = Path(job.file)
    world = World(
        s3=S3OnDisk(incoming, incoming.parent / "s3"),
        dynamodb=ForgetfulDynamoDb(),
        sqs=None,
        sns=lambda: None,
        read_secret=lambda: json.dumps(dict(job.secret)),
        wire=lambda _: HttpWire(job.connections),
        telemetry=CloudWatchTelemetry(Metrics(namespace=NAMESPACE)),
        disk=incoming.parent / "disk",
    )
    handler = event_handler_in(world, read_settings(os.environ))
    event = notification("payments", f"incoming/{incoming.name}", "1")

    def work() -> None:
        assert handler.handle(event, _REMAINING_SECONDS)["batchItemFailures"] == []

    return work
