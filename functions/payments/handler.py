"""From a Lambda event to imports, and back to SQS."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from aws_lambda_powertools import Logger

from payments.deliveries import Delivery, Message, deliveries
from payments.importer import Importer, PutBack, Result
from payments.models import SourceFile

logger = Logger(child=True)

# Before Lambda ends the run, calls under way must be answered and outcomes stored.
_RESERVE_SECONDS = 60.0
_RETRY_SECONDS = 60
# SQS hides a message for 12 hours at most, counted from when it was received.
_LONGEST_DELAY_SECONDS = 12 * 3600 - 1000


class ImportPutBack(Exception):
    """A file that no queue has brought cannot be put back: Lambda has to call again."""


class RunFailed(Exception):
    """A fault of ours, told by its kind and place alone: its message could quote a payment."""


class EventHandler:
    """Import the files that an event brings. `sqs` is a boto3 client."""

    def __init__(self, importer: Importer, sqs: Any, queue_url: str, incoming_prefix: str) -> None:
        self._importer = importer
        self._sqs = sqs
        self._queue_url = queue_url
        self._incoming_prefix = incoming_prefix

    def handle(self, event: Mapping[str, Any], remaining_seconds: float) -> dict[str, Any]:
        """Return the batch response: which messages are to come again.

        After the first of those none is handled, so that the queue keeps its order.
        """
        deadline = monotonic() + remaining_seconds
        deadline -= min(_RESERVE_SECONDS, remaining_seconds / 4)
        failures: list[dict[str, str]] = []
        for delivery in deliveries(event):
            if failures or not self._done(delivery, deadline):
                assert delivery.message is not None
                failures.append({"itemIdentifier": delivery.message.message_id})
        return {"batchItemFailures": failures}

    def _done(self, delivery: Delivery, deadline: float) -> bool:
        """Import the files of a delivery; False if its message has been put back."""
        for source in delivery.files:
            if not source.key.startswith(self._incoming_prefix):
                logger.warning("Not an incoming file", key=source.key)
                continue
            result = self._run(source, deadline)
            if isinstance(result, RunFailed):
                # Soon tried again, three times, then the file is given up.
                if delivery.message:
                    self._put_back(delivery.message, _RETRY_SECONDS)
                raise result
            if isinstance(result, PutBack):
                if delivery.message is None:
                    raise ImportPutBack(result.reason)
                self._put_back(delivery.message, result.delay_seconds)
                return False
        return True

    def _run(self, source: SourceFile, deadline: float) -> Result | RunFailed:
        """Import the file. A fault is returned: raised from here, it would bring its cause along.

        Lambda logs what the function raises.
        """
        try:
            return self._importer.run(source, deadline)
        except Exception as fault:  # noqa: BLE001
            kind, places = type(fault).__name__, _places(fault)
            logger.error("Fault", key=source.key, fault=kind, places=places)  # noqa: TRY400
            return RunFailed(f"{kind} in {places[-1]}")

    def _put_back(self, message: Message, delay_seconds: int) -> None:
        """Have SQS deliver the message again; the very last thing that a run does."""
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url,
            ReceiptHandle=message.receipt_handle,
            VisibilityTimeout=min(delay_seconds, _LONGEST_DELAY_SECONDS),
        )


def _places(fault: Exception) -> list[str]:
    """Return where the fault came by, from the handler to its origin."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(fault.__traceback__)
    ]
