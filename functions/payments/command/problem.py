"""What goes wrong with a command, said so that an operator can do something about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from payments.stores.aws import error_code
from payments.errors import ImportStopped, RecordRejected

_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired"))
_DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))


class CommandFailed(Exception):
    """The command cannot do what was asked; the message says why, and what to do."""


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn every foreseeable failure into CommandFailed."""
    try:
        yield
    except (ImportStopped, RecordRejected) as error:
        raise CommandFailed(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise CommandFailed(_aws_failure(error)) from error


def _aws_failure(error: BotoCoreError | ClientError) -> str:
    code = error_code(error) if isinstance(error, ClientError) else ""
    match error:
        case NoCredentialsError():
            return "There are no AWS credentials. Log in, or name a profile with --profile."
        case NoRegionError():
            return "It is not known which AWS region to use. Give --region, or set AWS_REGION."
        case ProfileNotFound():
            told = f"{error}. `aws configure list-profiles` lists those there are."
        case EndpointConnectionError():
            told = f"{error} Is the region right, and is there a connection to the internet?"
        case _ if code in _EXPIRED:
            told = "The AWS credentials have expired. Log in again."
        case _ if code in _DENIED:
            told = f"AWS does not permit it: {error}"
        case _:
            told = f"AWS: {error}"
    return told
