"""Try and foresee what ConnectWise does: `check`, `probe`, `preview`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from payments.command import check as checking
from payments.command.cli.base import (
    INTERRUPTED,
    SOME_FAILED,
    asking,
    deployment_of,
    progress,
    reporting,
)
from payments.command.connectwise_access import credentials, open_access
from payments.command.preview import PreviewRow, preview
from payments.command.probe.report import show
from payments.command.probe.run import Asked, probe
from payments.command.tables import (
    new_console,
    preview_json,
    preview_table,
    settings_columns,
    show_check,
)
from payments.models import Action
from payments.wording import DEFAULT_STACK

ROWS_SHOWN = 1000
PROBE_SECONDS = 900.0


def check(context: typer.Context) -> None:
    """Look at the stack, the secret and the permissions in ConnectWise, without writing anything.

    Ends with 0 if all that was tried is well, 1 if something has to be done.
    """
    console = new_console()
    bad = False
    with reporting():
        deployment = deployment_of(context)
        for result in checking.run_checks(deployment):
            show_check(console, result)
            bad = bad or result.verdict.bad
    console.print("\nSettings in force:")
    console.print(settings_columns(deployment.parameters))
    console.print(f"\n{checking.what_next(deployment, bad=bad)}", soft_wrap=True)
    raise typer.Exit(SOME_FAILED if bad else 0)


def probe_command(
    context: typer.Context,
    invoice: Annotated[
        str, typer.Option(help="The number of an invoice without payments, made for tests.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    output: Annotated[
        Path, typer.Option(dir_okay=False, help="The file for the maintainers; it names nobody.")
    ] = Path("connectwise-probe.json"),
) -> None:
    """Try on an invoice what ConnectWise documents nowhere, and take it back.

    Ends with 0 if all was tried and nothing is left, 1 if not, 2 if nothing was tried.
    """
    console = new_console(stderr=True)
    with reporting():
        deployment = deployment_of(context)
        asked = Asked(
            invoice.strip(),
            credentials(deployment).connection,
            deployment.parameters["ConnectWiseApiVersion"],
            Path(typer.get_app_dir(DEFAULT_STACK)),
            yes,
            asking(yes=yes),
            lambda text: console.print(text, soft_wrap=True),
        )
        result = probe(open_access(deployment, PROBE_SECONDS), asked)
    show(result, new_console(), output)
    raise typer.Exit(INTERRUPTED if result.interrupted else 0 if result.clean else SOME_FAILED)


def preview_command(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="The payments.")
    ],
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each record.")] = False,
) -> None:
    """Say, record by record, what an import of FILE would do, without writing anything.

    Ends with 0 if no record would be rejected, 1 if some would, 2 if the file would be refused.
    """
    counts: Counter[Action] = Counter()
    rows: list[PreviewRow] = []

    def report(part: list[PreviewRow]) -> None:
        counts.update(row.action for row in part)
        if json:
            sys.stdout.writelines(f"{preview_json(row)}\n" for row in part)
        else:
            rows.extend(part[: ROWS_SHOWN - len(rows)])

    with reporting(), progress("Looking records up") as say_done:
        preview(deployment_of(context), file, report, say_done)
    if not json:
        _print_preview(rows, counts)
    raise typer.Exit(SOME_FAILED if counts[Action.FAILED] else 0)


def _print_preview(rows: list[PreviewRow], counts: Counter[Action]) -> None:
    console = new_console()
    console.print(preview_table(rows))
    total = counts.total()
    if total > len(rows):
        console.print(f"… and {total - len(rows)} more: --json shows all.")
    console.print(
        f"{total} record{'s'[: total != 1]}: {counts[Action.CREATED]} to create, "
        f"{counts[Action.UPDATED]} to update, {counts[Action.SKIPPED]} to skip, "
        f"{counts[Action.FAILED]} to reject. "
        "Nothing was written."
    )
