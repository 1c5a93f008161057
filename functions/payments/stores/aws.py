"""What all AWS adapters share: errors, and DynamoDB's notation of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from payments.errors import AwsDown

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


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


def attribute_values(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return `item` in DynamoDB's own notation, as its client takes it.

    boto3's resource does that by itself, but goes through the whole request for it: half as much
    again as all that the client does.
    """
    return {name: _serialize(value) for name, value in item.items()}


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item that DynamoDB's client gave as Python's values; numbers are Decimals."""
    return {name: _deserialize(value) for name, value in item.items()}
