"""Between spreadsheets and XML."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from payments.command.cli.base import reporting
from payments.command.convert import columns_told, convert, separator_told
from payments.command.spreadsheets.amount_cells import Point
from payments.command.spreadsheets.csv_table import SaidOfCsv
from payments.command.spreadsheets.day_cells import Order
from payments.command.tables import new_console
from payments.files.record import ReadingRules


def convert_command(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="CSV or fail file."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, else standard output.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ELEMENT=NAME",
            help="Which column an element is in: amount=Betrag. Without a name it is in none, and "
            "without an element the column is not read.",
        ),
    ] = None,
    dates: Annotated[Order | None, typer.Option(help="How days are written.")] = None,
    decimals: Annotated[Point | None, typer.Option(help="What is before the decimals.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency's sign, such as kr.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as windows-1252, else UTF.")] = None,
    separator: Annotated[str | None, typer.Option(help="What is between columns, or tab.")] = None,
    header_line: Annotated[
        int | None, typer.Option(min=1, help="The line with the columns' names, below titles.")
    ] = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="A CSV file may have no payments.")
    ] = False,
    zeros: Annotated[
        bool, typer.Option("--zeros", help="An amount of 0 is meant: it takes a payment back.")
    ] = False,
    currency_decimals: Annotated[
        int, typer.Option(min=0, max=3, help="The stack's CurrencyDecimals.")
    ] = 2,
    refunds: Annotated[
        bool,
        typer.Option(
            "--refunds", help="Negative amounts are refunds: the stack has SecondPayment=Add."
        ),
    ] = False,
) -> None:
    """Make the XML to import of a CSV file, or a CSV file of a fail file to correct it.

    What can be read in two ways has to be told. Ends with 2 if anything is wrong: then nothing is
    written.
    """
    rules = ReadingRules(currency_decimals, datetime.now(UTC).date(), refunds)
    with reporting():
        told = columns_told(column or [])
        between = separator_told(separator)
        said = SaidOfCsv(
            told, dates, decimals, currency, encoding, between, header_line, allow_empty, zeros
        )
        done = convert(file, output, said, rules)
    new_console(stderr=True).print(done, soft_wrap=True)
