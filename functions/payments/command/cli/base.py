"""What every subcommand needs: the stack, the exit codes, and how failures are said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper

import boto3
import typer

from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed, Interrupted, NotFinished, in_plain_words
from payments.command.progress import SayDone, progress_bar
from payments.command.tables import new_console

SOME_FAILED = 1
REFUSED = 2
NOT_FINISHED = 3
INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


_CODES = {NotFinished: NOT_FINISHED, Interrupted: INTERRUPTED}


@dataclass(frozen=True, slots=True)
class Where:
    """Which stack, and in which account and region."""

    stack: str
    region: str | None
    profile: str | None

    def deployment(self) -> Deployment:
        """Find the stack."""
        session = boto3.Session(region_name=self.region, profile_name=self.profile)
        return Deployment.find(session, self.stack)


@contextmanager
def reporting() -> Iterator[None]:
    """Say what went wrong in one paragraph, and end with 2, or what else it comes to."""
    try:
        with in_plain_words():
            yield
    except CommandFailed as failure:
        new_console(stderr=True).print(str(failure), soft_wrap=True)
        raise typer.Exit(_CODES.get(type(failure), REFUSED)) from failure


def asking(*, yes: bool) -> Callable[[str], bool]:
    """Return how to ask; it raises CommandFailed where nobody can be asked.

    `yes`: --yes was said, and what is asked all the same needs somebody.
    """

    def ask(question: str) -> bool:
        try:
            return typer.confirm(question)
        except typer.Abort as end:
            if not isinstance(end.__context__, EOFError):
                raise
            how = "Run it on one." if yes else "Run it on one, or with --yes."
            raise CommandFailed(
                f"\nNothing was done: there is no terminal to ask on. {how}"
            ) from end

    return ask


def print_anything() -> None:
    """Print escaped what the output's encoding does not have.

    A file's name may hold bytes that are no text, and a terminal may know no ü.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def progress(description: str) -> AbstractContextManager[SayDone]:
    """Show progress beside the results: on standard error."""
    return progress_bar(new_console(stderr=True), description)


def deployment_of(context: typer.Context) -> Deployment:
    """Find the stack that the options name."""
    where: Where = context.obj
    return where.deployment()
