"""From a Lambda event to imports, and back to SQS."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from payments.answer import NO_NOTIFICATION, closed, ignored, waiting
from payments.clock import Clock
from payments.deliveries import Delivery, Message, deliveries
from payments.importer import PutBack, RunResult
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


class Importing(Protocol):
    """What files are imported with."""

    def run(self, source: SourceFile, deadline: float) -> RunResult:
        """Import a file, or as much of it as can be before the `monotonic` time `deadline`."""


class EventHandler:
    """Import the files that an event brings, of one bucket if it is named.

    `sqs` is a boto3 client.
    """

    def __init__(
        self,
        importer: Importing,
        sqs: Any,
        queue_url: str,
        incoming_prefix: str,
        clock: Clock,
        bucket_name: str = "",
    ) -> None:
        self._importer = importer
        self._sqs = sqs
        self._queue_url = queue_url
        self._incoming_prefix = incoming_prefix
        self._clock = clock
        self._bucket_name = bucket_name

    def handle(self, event: object, remaining_seconds: float) -> dict[str, Any]:
        """Return the batch response: which messages are to come again.

        After the first of those none is handled, so that the queue keeps its order. `files` is for
        who has called by hand: what became of each file, or `error` if the event names none.
        """
        deadline = self._clock.monotonic() + remaining_seconds
        deadline -= min(_RESERVE_SECONDS, remaining_seconds / 4)
        failures: list[dict[str, str]] = []
        files: list[dict[str, Any]] = []
        for delivery in deliveries(event):
            if failures or not self._done(delivery, deadline, files):
                assert delivery.message is not None
                failures.append({"itemIdentifier": delivery.message.message_id})
        unnamed = {} if failures or files else {"error": NO_NOTIFICATION}
        return {"batchItemFailures": failures, "files": files, **unnamed}

    def _done(self, delivery: Delivery, deadline: float, files: list[dict[str, Any]]) -> bool:
        """Import the files of a delivery; False if its message has been put back."""
        for source in delivery.files:
            if (reason := self._why_unwanted(source)) is not None:
                files.append(ignored(source, reason))
                continue
            result = self._run(source, deadline)
            if isinstance(result, RunFailed):
                # Soon tried again, three times, then the file is given up.
                if delivery.message:
                    self._put_back(delivery.message, _RETRY_SECONDS)
                raise result
            if isinstance(result, PutBack):
                if delivery.message is None:
                    raise ImportPutBack(f"{source.key} has to wait: {result.reason}")
                self._put_back(delivery.message, result.delay_seconds)
                files.append(waiting(source, result.reason, result.delay_seconds))
                return False
            files.append(closed(result.state, earlier=result.earlier))
        return True

    def _why_unwanted(self, source: SourceFile) -> str | None:
        """Say why the file is not one to import, None if it is.

        A Mac leaves a file with its own notes beside each that it copies, `._` before its name.
        """
        if self._bucket_name and source.bucket != self._bucket_name:
            logger.error("Dropped, as of another bucket", bucket=source.bucket)
            return f"It is not in the bucket {self._bucket_name}."
        incoming = source.key.startswith(self._incoming_prefix)
        if incoming and not source.key.rpartition("/")[2].startswith("._"):
            return None
        logger.warning("Ignored, as no incoming file", key=source.key)
        return f"Only files in {self._incoming_prefix} are imported, and none that begins with ._"

    def _run(self, source: SourceFile, deadline: float) -> RunResult | RunFailed:
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
        """Have SQS deliver the message again; the very last thing that a run does.

        If that cannot be, it comes again all the same, when SQS does not hide it any more: that is
        no reason to end otherwise than with what became of the file.
        """
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=min(delay_seconds, _LONGEST_DELAY_SECONDS),
            )
        except Exception as fault:  # noqa: BLE001
            reason = f"{type(fault).__name__}: {fault}"
            logger.warning("Delay not set", message_id=message.message_id, reason=reason)


def _places(fault: Exception) -> list[str]:
    """Return where the fault came by, from the handler to its origin."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(fault.__traceback__)
    ]
