"""What goes wrong with a command, said so that an operator can do something about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    MissingDependencyException,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from payments.errors import CallFailed, ImportStopped, OutOfTime, RecordRejected
from payments.stores.aws import error_code

OUR_ERRORS = (ImportStopped, CallFailed, RecordRejected)
"""Every error of ours: see `payments.errors`."""

_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired"))
DENIED = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    )
)
"""AWS's codes for what the operator may not do."""


class CommandFailed(Exception):
    """The command cannot do what was asked; the message says why, and what to do."""


class NotFinished(CommandFailed):
    """The command does not wait any longer; the message says what goes on."""


class Interrupted(CommandFailed):
    """Somebody has pressed Ctrl-C; the message says what has happened until then."""


@contextmanager
def interrupted_as(words: str) -> Iterator[None]:
    """Say after Ctrl-C what has happened, and what goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(words) from None


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn every foreseeable failure into CommandFailed."""
    try:
        yield
    except OUR_ERRORS as error:
        raise CommandFailed(sentence(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise CommandFailed(_aws_failure(error)) from error


def sentence(error: ImportStopped | CallFailed | RecordRejected) -> str:
    """Return an error of ours as a sentence for somebody who is not an import."""
    match error:
        case OutOfTime():
            return "ConnectWise throttles (429), and wants a longer silence than a command waits."
        case CallFailed():
            return f"ConnectWise does not answer as it should: {error}."
        case _:
            return str(error)


def _aws_failure(error: BotoCoreError | ClientError) -> str:
    code = error_code(error)
    match error:
        case NoCredentialsError():
            return (
                "There are no AWS credentials. Log in (`aws login`, `aws sso login`), or name a "
                "profile with --profile."
            )
        case MissingDependencyException():
            return (
                "The credentials of `aws login` need one package more: python -m pip install "
                "'botocore[crt]'"
            )
        case NoRegionError():
            return "It is not known which AWS region to use. Give --region, or set AWS_REGION."
        case ProfileNotFound():
            told = f"{error}. `aws configure list-profiles` lists those there are."
        case EndpointConnectionError():
            told = f"{error} Is the region right, and is there a connection to the internet?"
        case _ if code in _EXPIRED:
            told = "The AWS credentials have expired. Log in again."
        case _ if code in DENIED:
            told = f"AWS does not permit it: {error}"
        case _:
            told = f"AWS: {error}"
    return told
