"""What all AWS adapters share: which failures pass, and DynamoDB's notation of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from urllib3.exceptions import HTTPError

from payments.errors import AwsDown, FileRefused, ImportStopped

GONE = frozenset(("NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"))
"""There is no such object; the last two are S3's answers for a version that marks a deletion."""

CHANGED = frozenset(("PreconditionFailed", "412"))

_FAULTS = (ClientError, BotoCoreError, HTTPError, HTTPException, OSError)
"""What a call, or reading its answer, can end with: the SDK wraps not all of it."""

# What no waiting cures, and what to do about it: of any call, and of reading an incoming file.
_REFUSED = {
    **dict.fromkeys(
        (
            "ValidationException",
            "SerializationException",
            "ItemCollectionSizeLimitExceededException",
        ),
        "{service} refuses what is to be stored. That is a fault of this program: please report "
        "it with this message",
    ),
    **dict.fromkeys(
        ("EntityTooLarge", "KeyTooLongError", "InvalidURI"),
        "S3 takes neither objects that large nor names that long: split the file, or give it a "
        "short name",
    ),
}
_FILE_REFUSED = {
    **dict.fromkeys(
        GONE,
        "There is no such file in the bucket: it was deleted before its import ended, or its key "
        "is another. If it is to be imported after all, upload it again: what is recorded already "
        "is found again",
    ),
    "InvalidArgument": "S3 knows no such version of the file: upload it again",
    **dict.fromkeys(CHANGED, "The file was overwritten before its import began"),
    "InvalidObjectState": (
        "The file is in an archive storage class and cannot be read: upload it again in the "
        "standard storage class"
    ),
}
_ENCRYPTED = (
    "The file is encrypted under a key that the import may not use: upload it without a key of "
    "your own, or allow the function's role to use that key"
)
_PASSING_KEY_FAULTS = ("Throttling", "Internal", "Timeout", "Unavailable", "LimitExceeded")

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@contextmanager
def asking(service: str, file: str | None = None) -> Iterator[None]:
    """Turn every failure of an AWS service into AwsDown or FileRefused; the SDK has retried.

    Nothing but the service may fail inside: a fault of the local disk would count as its. `file` is
    the key of the incoming file, if it is that which is being read.
    """
    try:
        yield
    except _FAULTS as error:
        raise verdict(error, service, file) from error


def verdict(error: Exception, service: str, file: str | None = None) -> ImportStopped:
    """Tell a failure that passes from one that no waiting cures."""
    code = error_code(error)
    cure = _REFUSED.get(code)
    if isinstance(error, ParamValidationError):
        cure = _REFUSED["ValidationException"]
    if cure is None and file is not None:
        cure = _ENCRYPTED if _is_key_refused(code, str(error)) else _FILE_REFUSED.get(code)
    if cure is None:
        return AwsDown(f"{service} failed: {error}")
    told = cure.format(service=service)
    return FileRefused(f"{told}. ({file or error})")


def error_code(error: Exception) -> str:
    """Return AWS's code for the error, such as `NoSuchKey`."""
    if not isinstance(error, ClientError):
        return ""
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


def _is_key_refused(code: str, message: str) -> bool:
    """Tell whether S3 may not decrypt the object: KMS says so, or it is under the uploader's."""
    if code.startswith("KMS."):
        return not any(word in code for word in _PASSING_KEY_FAULTS)
    if code == "InvalidRequest":
        return "Server Side Encryption" in message
    return code in ("AccessDenied", "403") and "kms" in message.lower()
