"""Import files, and look after the imports."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console

from payments.command.choose import check_files, choose
from payments.command.cli.base import deployment_of, reporting
from payments.command.follow import Patience
from payments.command.import_file import (
    Imported,
    exit_code,
    object_key,
    prepare,
    result,
    summary,
)
from payments.command.imports import list_imports
from payments.command.in_turn import import_in_turn, upload_in_turn
from payments.command.problem import CommandFailed, interrupted_as
from payments.command.stop import stop_import
from payments.command.tables import import_details, imports_table, new_console
from payments.command.upload import NOTHING_UPLOADED

FAILURES_SHOWN = 10
_INTERRUPTED = "Ended with Ctrl-C. `payments status` shows what was uploaded, and how it stands."
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Return the seconds of a time such as 90, 90s, 10m or 2h."""
    told = re.fullmatch(r"([0-9]+)([smh]?)", text.strip())
    if told is None:
        raise typer.BadParameter("give seconds, or a number with s, m or h, such as 10m.")
    return float(told[1]) * _SECONDS[told[2]]


Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="The payments; - is standard input.")
]
Key = Annotated[str | None, typer.Option(help="Its name in the incoming folder, else the file's.")]
Output = Annotated[
    Path | None,
    typer.Option(help="The folder for the success and fail files, by default that of FILE."),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help="End when all is uploaded. Of several files, each waits until the one before has "
        "begun.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        parser=duration, metavar="SECONDS|10m", help="Wait so long at most; the import goes on."
    ),
]


def import_command(
    context: typer.Context,
    files: Files,
    key: Key = None,
    output: Output = None,
    no_wait: NoWait = False,
    timeout: Timeout = None,
) -> None:
    """Import FILE; of a.xml, a.success.xml and a.fail.xml come back.

    Several files are imported one after another, in the order in which they are named.

    Ends with 0 if no record failed, 1 if some did, 2 if a file was refused, 3 if the time was over.
    """
    console = new_console()
    with reporting(), interrupted_as(_INTERRUPTED):
        with interrupted_as(NOTHING_UPLOADED):
            check_files(files, key)
            deployment = deployment_of(context)
            chosen = choose(deployment.incoming_prefix, files, key, output)
            prepare(deployment, chosen)
        patience = Patience(deadline=inf if timeout is None else monotonic() + timeout)
        if no_wait:
            upload_in_turn(deployment, chosen, console, patience)
            return
        done: list[Imported] = []
        for each in import_in_turn(deployment, chosen, console, patience):
            _print_result(console, each)
            done.append(each)
    if len(done) > 1:
        _print_summary(console, done)
    raise typer.Exit(max(exit_code(each.row.status) for each in done))


def _print_result(console: Console, done: Imported) -> None:
    for line in result(done, FAILURES_SHOWN):
        console.print(line, soft_wrap=True)
    console.print(f"Success file: {done.success_file}", soft_wrap=True)
    console.print(f"Fail file:    {done.fail_file}", soft_wrap=True)


def _print_summary(console: Console, done: list[Imported]) -> None:
    console.print(f"\n{len(done)} files:")
    for each in done:
        console.print(f"  {each.row.key}: {summary(each.row)}", soft_wrap=True)


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
    """End a running import at its next checkpoint; the rest goes to its fail file."""
    with reporting():
        deployment = deployment_of(context)
        stopped = stop_import(deployment, object_key(deployment.incoming_prefix, key))
    new_console().print(
        f"The import of {stopped.key} will end soon: what is already under way is brought to its "
        "end, and what is not sent goes to the fail file. `status` shows how it goes on.",
        soft_wrap=True,
    )
