"""Import files, and look after the imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from payments.command.cli.base import deployment_of, reporting
from payments.command.import_file import exit_code, import_file, object_key, result
from payments.command.imports import list_imports
from payments.command.problem import CommandFailed
from payments.command.stop import stop_import
from payments.command.tables import import_details, imports_table, new_console

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
        str | None, typer.Argument(metavar="KEY", help="Only the imports of this file.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many imports to show.")] = 20,
) -> None:
    """List the imports, the newest first, and how they stand."""
    console = new_console()
    with reporting():
        deployment = deployment_of(context)
        wanted = None if key is None else object_key(deployment.incoming_prefix, key)
        rows = [row for row in list_imports(deployment.imports_table) if wanted in (None, row.key)]
        if wanted is not None and not rows:
            raise CommandFailed(f"No import of {wanted} has begun yet.")
    if key is not None:
        console.print(import_details(rows[0]))
    if key is None or len(rows) > 1:
        console.print(imports_table(rows[:limit]))
    if len(rows) > limit:
        console.print(f"… and {len(rows) - limit} more: --limit shows them.")
    if not rows:
        console.print("There has been no import yet.")


def stop(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The file, as `status` names it.")],
) -> None:
    """End an import at its next checkpoint, or keep it from beginning; the rest is not sent."""
    with reporting():
        deployment = deployment_of(context)
        told = stop_import(deployment, object_key(deployment.incoming_prefix, key))
    new_console().print(told, soft_wrap=True)
