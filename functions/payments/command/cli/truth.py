"""The truth table: which payment is which external id."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from payments.command import truth as truths
from payments.command.cli.base import SOME_FAILED, deployment_of, progress, reporting
from payments.command.connectwise_access import open_access
from payments.command.deployment import Deployment
from payments.command.import_file import FAILURES_SHOWN
from payments.command.imports import list_imports
from payments.command.problem import CommandFailed, interrupted_as
from payments.command.sums import Change, Standing, Sums, adoption, check_mode, reset
from payments.command.tables import new_console, standing_table, truth_details, truth_table
from payments.command.truth_import import Loaded, load
from payments.command.truth_xml import TYPE

_INTERRUPTED = "Ended with Ctrl-C. What was written until then stays: load the file again."

truth = typer.Typer(
    no_args_is_help=True, help="The truth table: which payment is which external id."
)

Connection = Annotated[
    str | None,
    typer.Option(
        help="Another connection than that of the secret, as site/company.", metavar="SITE/COMPANY"
    ),
]
ExternalId = Annotated[str, typer.Argument(metavar="EXTERNAL_ID")]
InvoiceName = Annotated[
    str, typer.Argument(metavar="INVOICE", help="ConnectWise's id of it, or its number.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@truth.command("list", epilog="Example: payments truth list --limit 1000")
def truth_list(
    context: typer.Context,
    connection: Connection = None,
    limit: Annotated[int, typer.Option(min=1, help="How many records to show.")] = 100,
) -> None:
    """List truth records, in no order."""
    console = new_console()
    with reporting():
        stored = _truth(context, connection)
        found = list(islice(stored.records(), limit + 1))
    console.print(truth_table(found[:limit]))
    if len(found) > limit:
        console.print("… and more: --limit shows them, `truth export` writes all to a file.")
    if not found:
        console.print(f"The truth table has no records for {stored.connection}.")


@truth.command("show", epilog="Example: payments truth show 1234")
def truth_show(
    context: typer.Context, external_id: ExternalId, connection: Connection = None
) -> None:
    """Show which payment an external id is, and what is known of its invoice."""
    with reporting():
        stored = _truth(context, connection)
        record = stored.find(external_id)
        entry = stored.recorded(record)
    new_console().print(truth_details(record, entry))


@truth.command("delete", epilog="Example: payments truth delete 1234")
def truth_delete(
    context: typer.Context,
    external_id: ExternalId,
    connection: Connection = None,
    yes: Yes = False,
) -> None:
    """Forget which payment an external id is.

    The payment itself stays in ConnectWise. Imported again, the record counts as new; where
    receipts are added up (SecondPayment=Add), as a correction of its receipt.
    """
    console = new_console()
    with reporting():
        stored = _truth(context, connection)
        record = stored.find(external_id)
        if not yes:
            console.print(truth_details(record))
            typer.confirm(f"Delete it from the truth table of {stored.connection}?", abort=True)
        is_gone = stored.delete(record)
    told = f"Deleted {external_id} (payment {record.payment_id})."
    if not is_gone:
        told = (
            f"{external_id} still counts on invoice {record.invoice_id}. The next record with it "
            "is processed, PreventReprocessing or not: it corrects the receipt, moves it to "
            "another invoice, or takes it back (<amount>0</amount>)."
        )
    console.print(told, soft_wrap=True)


@truth.command("adopt", epilog="Example: payments truth adopt INV-206")
def truth_adopt(context: typer.Context, invoice: InvoiceName, yes: Yes = False) -> None:
    """Take what ConnectWise holds on INVOICE beyond its receipts as one more receipt.

    Only where receipts are added up (SecondPayment=Add). Nothing is written in ConnectWise.
    """
    _change_sum(context, invoice, adoption, yes)


@truth.command("reset", epilog="Example: payments truth reset INV-206")
def truth_reset(context: typer.Context, invoice: InvoiceName, yes: Yes = False) -> None:
    """Forget the receipts of INVOICE: those from now on replace what ConnectWise holds.

    Only where receipts are added up (SecondPayment=Add). Nothing is written in ConnectWise.
    """
    _change_sum(context, invoice, reset, yes)


def _change_sum(
    context: typer.Context, invoice: str, change: Callable[[Standing], Change], yes: bool
) -> None:
    """Show how an invoice stands and what would change, and change it if that is confirmed."""
    console = new_console()
    with reporting():
        stored = _truth(context, None)
        check_mode(stored)
        under_way = [
            row.key for row in list_imports(stored.deployment.imports_table) if not row.finished
        ]
        sums = Sums(stored, open_access(stored.deployment))
        standing = sums.standing(invoice)
        decided = change(standing)
        console.print(standing_table(standing, decided.entry))
        console.print(decided.meaning, soft_wrap=True)
        if decided.entry is None:
            return
        if under_way:
            _say_under_way(stored.deployment, under_way, yes)
        if not yes:
            typer.confirm("Shall it be so?", abort=True)
        sums.store(decided.entry, decided.adopted)
    console.print("Done. Upload again what was rejected for it.")


def _say_under_way(deployment: Deployment, keys: list[str], yes: bool) -> None:
    """Warn of imports that have not ended; raises CommandFailed where nobody would be asked."""
    told = (
        f"Not imported to its end: {', '.join(keys)}. If a record of this invoice is in there, it "
        "may be what has changed the payment, and would count twice."
    )
    if yes:
        ends = ", ".join(f"`{deployment.command('stop', key)}`" for key in keys)
        raise CommandFailed(
            f"{told} Wait for it, or end it with {ends}; if this invoice is not "
            "in it, decide without --yes."
        )
    new_console().print(told, soft_wrap=True)


@truth.command("export", epilog="Example: payments truth export truth.xml")
def truth_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(dir_okay=False, metavar="FILE", help="Where to write.")],
    connection: Connection = None,
) -> None:
    """Write all truth records to FILE, as Zynk's XML, with attributes of our own."""
    with reporting(), progress("Writing truth records") as say_done:
        written = truths.export(_truth(context, connection), file, say_done)
    new_console().print(f"{written} truth records written to {file}.", soft_wrap=True)


@truth.command("import", epilog="Example: payments truth import truth.xml")
def truth_import(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="Zynk's XML.")
    ],
    connection: Connection = None,
    record_type: Annotated[
        str, typer.Option("--type", help="Which of the file's types are invoice payments.")
    ] = TYPE,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let the file win over records that differ.")
    ] = False,
) -> None:
    """Load truth records from FILE, as Zynk's task Export Truth Records or ours writes it.

    Where receipts are added up, those of invoices of which nothing is known here count on.

    Ends with 0 if all are in the table now, 1 if some were left out, 2 if nothing was written.
    """
    with reporting(), interrupted_as(_INTERRUPTED), progress("Loading truth records") as say_done:
        stored = _truth(context, connection)
        loaded = load(stored, file, record_type.rpartition(".")[2], overwrite, say_done)
    _print_loaded(loaded, stored.connection)
    _print_conflicts(loaded.conflicts, overwrite)
    left_out = loaded.changed or (loaded.conflicts and not overwrite)
    raise typer.Exit(SOME_FAILED if left_out else 0)


def _truth(context: typer.Context, connection: str | None) -> truths.StoredTruth:
    return truths.StoredTruth.of(deployment_of(context), connection)


def _print_loaded(loaded: Loaded, connection: str) -> None:
    console = new_console()
    console.print(
        f"{loaded.written} truth records written for {connection}, {loaded.present} were "
        "there already.",
        soft_wrap=True,
    )
    if loaded.sums:
        console.print(f"Of {loaded.sums} invoices the receipts are known now.")
    for name, count in sorted(loaded.other_types.items()):
        console.print(f"{count} of type {name} left out: no invoice payments.", soft_wrap=True)
    if loaded.unreadable_times:
        console.print(
            f"{loaded.unreadable_times} have a time that is not ISO 8601; for those the other "
            "time, or now, was noted."
        )
    if loaded.changed:
        console.print(
            f"{loaded.changed} changed meanwhile, left alone: an import has written them. Load the "
            "file again to see whether they differ.",
            soft_wrap=True,
        )


def _print_conflicts(conflicts: list[str], overwrite: bool) -> None:
    if not conflicts:
        return
    console = new_console()
    did = "were overwritten" if overwrite else "stay as they are in the table (see --overwrite)"
    console.print(f"{len(conflicts)} records differ, and {did}:", soft_wrap=True)
    for conflict in conflicts[:FAILURES_SHOWN]:
        console.print(f"  {conflict}", soft_wrap=True)
    if len(conflicts) > FAILURES_SHOWN:
        console.print(f"  … and {len(conflicts) - FAILURES_SHOWN} more.")
