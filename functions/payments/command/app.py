"""The operator's command: its options, and its subcommands."""

from __future__ import annotations

import logging
from itertools import islice
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from payments.command.cli import convert, holding, imports, tenant
from payments.command.cli.base import DEFAULT_STACK, Where, print_anything
from payments.command.cli.truth import truth

_ANYWHERE = ("--stack", "--region", "--profile")
_IN_ONE_ANYWHERE = ("--debug", *(f"{option}=" for option in _ANYWHERE))


def options_first(arguments: list[str]) -> list[str]:
    """Move the options that say where, and how, to the front: they may stand anywhere."""
    front: list[str] = []
    others: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            others += [argument, *remaining]
        elif argument in _ANYWHERE:
            front += [argument, *islice(remaining, 1)]
        elif argument.startswith(_IN_ONE_ANYWHERE):
            front.append(argument)
        else:
            others.append(argument)
    return front + others


class _Commands(TyperGroup):
    """The subcommands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, options_first(args))


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables
    epilog="--stack, --region, --profile and --debug may stand behind the subcommand too.",
)
app.add_typer(truth, name="truth")


@app.callback()
def operate(
    context: typer.Context,
    stack: Annotated[
        str, typer.Option(envvar="PAYMENTS_STACK", help="The CloudFormation stack.")
    ] = DEFAULT_STACK,
    region: Annotated[str | None, typer.Option(help="The AWS region.")] = None,
    profile: Annotated[str | None, typer.Option(help="The profile with AWS credentials.")] = None,
    debug: Annotated[  # noqa: ARG001 # __main__ looks for it
        bool,
        typer.Option(
            "--debug", help="Show how it came to a fault of the command (or PAYMENTS_DEBUG=1)."
        ),
    ] = False,
) -> None:
    """Import invoice payments into ConnectWise, and look after the imports."""
    print_anything()
    # The import's own modules log for CloudWatch; here their errors are said in plain words.
    logging.getLogger().addHandler(logging.NullHandler())
    context.obj = Where(stack, region, profile)


app.command("import")(imports.import_command)
app.command()(imports.status)
app.command()(imports.stop)
app.command("fetch")(imports.fetch_command)
app.command()(holding.pause)
app.command()(holding.resume)
app.command()(holding.redrive)
app.command()(tenant.check)
app.command("probe")(tenant.probe_command)
app.command("preview")(tenant.preview_command)
app.command("convert")(convert.convert_command)
