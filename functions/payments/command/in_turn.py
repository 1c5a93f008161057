"""Import files one after another, in the order in which they are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from payments.command.deployment import Deployment
from payments.command.follow import Patience, has_begun
from payments.command.import_file import (
    Chosen,
    Imported,
    going_on,
    import_chosen,
    say_uploaded,
    wait_for,
)
from payments.command.problem import CommandFailed
from payments.command.upload import upload

# S3's events may pass each other: the next file is uploaded only when the one before has its place.


def import_in_turn(
    deployment: Deployment, files: Sequence[Chosen], console: Console, patience: Patience
) -> Iterator[Imported]:
    """Yield each import when it has ended; the next file is uploaded after that."""
    for number, chosen in enumerate(files):
        with _naming(files[number + 1 :]):
            yield import_chosen(deployment, chosen, console, patience)


def upload_in_turn(
    deployment: Deployment, files: Sequence[Chosen], console: Console, patience: Patience
) -> None:
    """Upload the files, and wait only so long that they are imported in this order."""
    for number, chosen in enumerate(files):
        rest = files[number + 1 :]
        with _naming(rest):
            source = upload(deployment, chosen.file, chosen.key, console)
            if rest:
                wait_for(
                    deployment, source, chosen.name, console, replace(patience, enough=has_begun)
                )
            else:
                say_uploaded(console, source)
        console.print(going_on(deployment, source.key), soft_wrap=True)


@contextmanager
def _naming(rest: Sequence[Chosen]) -> Iterator[None]:
    """Say with a failure which files were not uploaded for it."""
    try:
        yield
    except CommandFailed as failure:
        if not rest:
            raise
        names = ", ".join(str(chosen.file) for chosen in rest)
        raise type(failure)(f"{failure}\nNot uploaded: {names}.") from failure
