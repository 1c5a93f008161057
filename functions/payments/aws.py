"""What all AWS adapters share: errors, and how to read one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from payments.errors import AwsDown


@contextmanager
def trying_later(service: str) -> Iterator[None]:
    """Turn every failure of an AWS service into AwsDown; the SDK has retried already."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise AwsDown(f"{service} failed: {error}") from error


def error_code(error: ClientError) -> str:
    """Return AWS's code for the error, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))
