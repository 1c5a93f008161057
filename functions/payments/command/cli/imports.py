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
from payments.command.cli.base import INTERRUPTED, deployment_of, reporting
from payments.command.fetching import fetch_results
from payments.command.follow import Patience
from payments.command.import_file import (
    FAILURES_SHOWN,
    Imported,
    exit_code,
    prepare,
    result,
    summary,
)
from payments.command.in_turn import import_in_turn, upload_in_turn
from payments.command.problem import interrupted_as
from payments.command.status_view import one_line
from payments.command.status_watch import watched_file, watched_overview
from payments.command.stop import stop_imports
from payments.command.tables import new_console
from payments.command.upload import NOTHING_UPLOADED
from payments.command.watching import show
from payments.wording import command

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
    typer.Option(help="The folder for what comes back, by default that of FILE."),
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
    """Import FILE; of a.xml, a.success.xml, a.fail.xml and the page a.html come back.

    Several files are imported one after another, in the order in which they are named.

    Ends with 0 if no record failed, 1 if some did, 2 if a file was refused, 3 if the time was over.
    """
    console, status_command = new_console(), command(context.obj.stack, "status")
    interrupted = f"Ended with Ctrl-C. `{status_command}` shows what was uploaded, how it stands."
    with reporting(), interrupted_as(interrupted):
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
    for line in (*result(done, FAILURES_SHOWN), *done.copies.told()):
        console.print(line, soft_wrap=True)


def _print_summary(console: Console, done: list[Imported]) -> None:
    console.print(f"\n{len(done)} files:")
    for each in done:
        console.print(f"  {each.row.key}: {summary(each.row)}", soft_wrap=True)


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
            one = watched_file(console, deployment, deployment.key_of(key), json=json)
            answer = show(console, one, again=watch)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(answer.newest.state.exit_code)


def fetch_command(
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The file, as `payments status` names it.")
    ],
    output: Annotated[Path, typer.Option(help="The folder for what is fetched.")] = Path(),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace local files that differ.")
    ] = False,
) -> None:
    """Fetch what the import of a.xml has left: a.success.xml, a.fail.xml and the page a.html.

    Ends with 0 if that is fetched, 2 if the newest upload of that name has no result yet, or a
    local file differs.
    """
    console = new_console()
    with reporting():
        deployment = deployment_of(context)
        wanted = deployment.key_of(key)
        done = fetch_results(deployment, wanted, output, overwrite=overwrite)
    for line in (one_line(done.standing), *done.copies.told()):
        console.print(line, soft_wrap=True)


def stop(
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The file, as `payments status` names it.")
    ],
) -> None:
    """End an import at its next checkpoint, or keep it from beginning; the rest is not sent.

    Of KEY all versions are stopped that are uploaded by now and have not ended. One that is
    uploaded later is imported.
    """
    console = new_console()
    with reporting():
        deployment = deployment_of(context)
        for told in stop_imports(deployment, deployment.key_of(key)):
            console.print(told, soft_wrap=True)
