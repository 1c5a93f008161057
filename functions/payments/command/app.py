"""The operator's command: its options, and its subcommands."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from payments.command.cli import convert, holding, imports, tenant
from payments.command.cli.base import Where, print_anything
from payments.command.cli.commands import Commands
from payments.command.cli.truth import truth
from payments.command.version import this_version
from payments.wording import DEFAULT_STACK

_EPILOG = """\
Example: payments import october.xml --stack payments-uk

It ends with one of these codes:
  0    all is well
  1    some records failed, or something has to be done
  2    refused, or it could not be done; also for a slip in the command itself
  3    not finished yet, and going on (import --timeout)
  70   the command has a fault
  130  ended with Ctrl-C
  141  nobody reads its output any longer, as behind | head
"""

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=Path(sys.argv[0]).name != "__main__.py",  # shells complete names of programs
    pretty_exceptions_enable=False,  # its tracebacks show local variables
    epilog=_EPILOG,
)
app.add_typer(truth, name="truth")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"payments {this_version()}")
        raise typer.Exit


@app.callback()
def operate(
    context: typer.Context,
    stack: Annotated[
        str, typer.Option(envvar="PAYMENTS_STACK", help="The CloudFormation stack.")
    ] = DEFAULT_STACK,
    # boto3 itself knows only AWS_DEFAULT_REGION.
    region: Annotated[str | None, typer.Option(envvar="AWS_REGION", help="The AWS region.")] = None,
    profile: Annotated[str | None, typer.Option(help="The profile with AWS credentials.")] = None,
    debug: Annotated[  # noqa: ARG001 # __main__ looks for it
        bool,
        typer.Option(
            "--debug", help="Show how it came to a fault of the command (or PAYMENTS_DEBUG=1)."
        ),
    ] = False,
    version: Annotated[  # noqa: ARG001 # _show_version is given it
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Import invoice payments into ConnectWise, and look after the imports."""
    print_anything()
    # The import's own modules log for CloudWatch; here their errors are said in plain words.
    logging.getLogger().addHandler(logging.NullHandler())
    context.obj = Where(stack, region, profile)


def _example(arguments: str) -> str:
    return f"Example: payments {arguments}"


app.command("import", epilog=_example("import october.xml --timeout 10m"))(imports.import_command)
app.command(epilog=_example("status october.xml"))(imports.status)
app.command(epilog=_example("stop october.xml"))(imports.stop)
app.command("fetch", epilog=_example("fetch october.xml"))(imports.fetch_command)
app.command(epilog=_example("pause"))(holding.pause)
app.command(epilog=_example("resume"))(holding.resume)
app.command(epilog=_example("redrive"))(holding.redrive)
app.command(epilog=_example("check --stack payments-uk"))(tenant.check)
app.command("probe", epilog=_example("probe --invoice INV-TEST"))(tenant.probe_command)
app.command("preview", epilog=_example("preview october.xml"))(tenant.preview_command)
app.command("convert", epilog=_example("convert receipts.csv -o october.xml"))(
    convert.convert_command
)
