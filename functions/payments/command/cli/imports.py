"""Import files, and look after the imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from payments.command.cli.base import INTERRUPTED, deployment_of, reporting
from payments.command.fetching import fetch_results
from payments.command.import_file import exit_code, import_file, object_key, result
from payments.command.problem import CommandFailed
from payments.command.status_view import one_line
from payments.command.status_watch import watched_file, watched_overview
from payments.command.stop import stop_import
from payments.command.tables import new_console
from payments.command.watching import show

FAILURES_SHOWN = 10


def import_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The payments.")],
    key: Annotated[
        str | None, typer.Option(help="Its name in the incoming folder, if not the file's.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The folder for its success and fail files, by default that of FILE."),
    ] = None,
) -> None:
    """Import FILE; of a.xml, a.success.xml and a.fail.xml come back.

    Ends with 0 if no record failed, 1 if some did, 2 if the file was refused.
    """
    console = new_console()
    with reporting():
        try:
            done = import_file(deployment_of(context), file, console, key, output)
        except KeyboardInterrupt:
            raise CommandFailed("Not waiting any longer. `status` shows how it goes on.") from None
        for line in result(done, FAILURES_SHOWN):
            console.print(line, soft_wrap=True)
        console.print(f"Success file: {done.success_file}", soft_wrap=True)
        console.print(f"Fail file:    {done.fail_file}", soft_wrap=True)
    raise typer.Exit(exit_code(done.row.status))


def status(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Only this file: all about it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many imports to show.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each import.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every few seconds, until a KEY has ended.")
    ] = False,
) -> None:
    """Say how the imports stand, the newest first, and which uploads nothing will import.

    Ends with 0; with a KEY with 0 if it succeeded or goes on, 1 if records failed, 2 if it was
    refused, stopped, given up or is not imported at all.
    """
    console = new_console()
    try:
        with reporting():
            deployment = deployment_of(context)
            if key is None:
                show(console, watched_overview(console, deployment, limit, json=json), again=watch)
                return
            wanted = object_key(deployment.incoming_prefix, key)
            one = watched_file(console, deployment, wanted, json=json)
            answer = show(console, one, again=watch)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(answer.newest.state.exit_code)


def fetch_command(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The file, as `status` names it.")],
    output: Annotated[Path, typer.Option(help="The folder for what is fetched.")] = Path(),
) -> None:
    """Fetch what the import of a.xml has left: a.success.xml, a.fail.xml and the page a.html.

    Ends with 0 if that is fetched, 2 if the newest upload of that name has no result yet.
    """
    console = new_console()
    with reporting():
        deployment = deployment_of(context)
        done = fetch_results(deployment, object_key(deployment.incoming_prefix, key), output)
    console.print(one_line(done.standing), soft_wrap=True)
    console.print(f"Success file: {done.success_file}", soft_wrap=True)
    console.print(f"Fail file:    {done.fail_file}", soft_wrap=True)
    console.print(f"Page:         {done.page or 'none, it was imported before there were pages'}")


def stop(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The file, as `status` names it.")],
) -> None:
    """End an import at its next checkpoint, or keep it from beginning; the rest is not sent."""
    with reporting():
        deployment = deployment_of(context)
        told = stop_import(deployment, object_key(deployment.incoming_prefix, key))
    new_console().print(told, soft_wrap=True)
