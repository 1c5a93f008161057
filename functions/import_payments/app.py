"""The function ImportPayments: import the payment files that arrive in the bucket."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from payments.bootstrap import event_handler

logger = Logger()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Import the files of an SQS batch, or of a plain S3 notification."""
    return event_handler().handle(event, context.get_remaining_time_in_millis() / 1000)
