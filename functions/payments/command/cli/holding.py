"""Hold the queue, let it go on, and send on what fell out of it."""

from __future__ import annotations

import typer

from payments.command import pausing
from payments.command import redrive as redriving
from payments.command.cli.base import deployment_of, reporting
from payments.command.tables import new_console


def pause(context: typer.Context) -> None:
    """Hold the queue: no file begins or goes on until `resume`."""
    with reporting():
        deployment = deployment_of(context)
        switched = pausing.pause(deployment)
    new_console().print(switched.told(deployment.command("resume")), soft_wrap=True)


def resume(context: typer.Context) -> None:
    """Let the queue go on after `pause`."""
    with reporting():
        deployment = deployment_of(context)
        switched = pausing.resume(deployment)
    new_console().print(switched.told(deployment.command("resume")), soft_wrap=True)


def redrive(context: typer.Context) -> None:
    """Send on the files that fell out of the queue, or never came into it, once it is mended."""
    with reporting():
        deployment = deployment_of(context)
        done = redriving.redrive(deployment)
    new_console().print(done.told(deployment.command("status")), soft_wrap=True)
