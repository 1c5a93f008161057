"""The operator's command: its subcommands, options and exit codes."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from typer.core import TyperGroup

from payments.command import check as checking
from payments.command import truth as truths
from payments.command.connectwise_access import credentials, open_access
from payments.command.convert import columns_told, convert, separator_told
from payments.command.deployment import Deployment
from payments.command.import_file import exit_code, import_file, object_key, result
from payments.command.imports import list_imports
from payments.command.preview import PreviewRow, preview
from payments.command.probe.report import show
from payments.command.probe.run import Asked, probe
from payments.command.problem import CommandFailed, in_plain_words
from payments.command.progress import SayDone, progress_bar
from payments.command.spreadsheets.amount_cells import Point
from payments.command.spreadsheets.csv_table import SaidOfCsv
from payments.command.spreadsheets.day_cells import Order
from payments.command.stop import stop_import
from payments.command.sums import Change, Standing, Sums, adoption, check_mode, reset
from payments.command.tables import (
    checks_table,
    import_details,
    imports_table,
    new_console,
    preview_json,
    preview_table,
    standing_table,
    truth_details,
    truth_table,
)
from payments.command.truth_import import Loaded, load
from payments.command.truth_xml import TYPE
from payments.files.record import ReadingRules
from payments.models import Action

DEFAULT_STACK = "connectwise-payments"
FAILURES_SHOWN = 10
ROWS_SHOWN = 1000
PROBE_SECONDS = 900.0

_SOME_FAILED = 1
_REFUSED = 2
_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT
_ANYWHERE = ("--stack", "--region", "--profile")
_IN_ONE_ANYWHERE = ("--debug", *(f"{option}=" for option in _ANYWHERE))


@dataclass(frozen=True, slots=True)
class Where:
    """Which stack, and in which account and region."""

    stack: str
    region: str | None
    profile: str | None

    def deployment(self) -> Deployment:
        """Find the stack."""
        session = boto3.Session(region_name=self.region, profile_name=self.profile)
        return Deployment.find(session, self.stack)


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
truth = typer.Typer(
    no_args_is_help=True, help="The truth table: which payment is which external id."
)
app.add_typer(truth, name="truth")

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
    _print_anything()
    # The import's own modules log for CloudWatch; here their errors are said in plain words.
    logging.getLogger().addHandler(logging.NullHandler())
    context.obj = Where(stack, region, profile)


@app.command("import")
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
    with _reporting():
        try:
            done = import_file(_deployment(context), file, console, key, output)
        except KeyboardInterrupt:
            raise CommandFailed("Not waiting any longer. `status` shows how it goes on.") from None
        for line in result(done, FAILURES_SHOWN):
            console.print(line, soft_wrap=True)
        console.print(f"Success file: {done.success_file}", soft_wrap=True)
        console.print(f"Fail file:    {done.fail_file}", soft_wrap=True)
    raise typer.Exit(exit_code(done.row.status))


@app.command()
def status(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Only the imports of this file.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many imports to show.")] = 20,
) -> None:
    """List the imports, the newest first, and how they stand."""
    console = new_console()
    with _reporting():
        deployment = _deployment(context)
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


@app.command()
def stop(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The file, as `status` names it.")],
) -> None:
    """End a running import at its next checkpoint; the rest goes to its fail file."""
    with _reporting():
        deployment = _deployment(context)
        stopped = stop_import(deployment, object_key(deployment.incoming_prefix, key))
    new_console().print(
        f"The import of {stopped.key} will end soon: what is already under way is brought to its "
        "end, and what is not sent goes to the fail file. `status` shows how it goes on.",
        soft_wrap=True,
    )


@app.command()
def check(context: typer.Context) -> None:
    """Try the secret and the permissions in ConnectWise, without writing anything.

    Ends with 0 if all that was tried is well, 1 if something has to be done.
    """
    with _reporting():
        found = list(checking.run_checks(_deployment(context)))
    console = new_console()
    console.print(checks_table(found))
    missing = any(result.verdict.bad for result in found)
    console.print(checking.MEND_FIRST if missing else checking.NEXT, soft_wrap=True)
    raise typer.Exit(_SOME_FAILED if missing else 0)


@app.command("probe")
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
    progress = new_console(stderr=True)
    with _reporting():
        deployment = _deployment(context)
        asked = Asked(
            invoice.strip(),
            credentials(deployment).connection,
            deployment.parameters["ConnectWiseApiVersion"],
            Path(typer.get_app_dir(DEFAULT_STACK)),
            yes,
            typer.confirm,
            lambda text: progress.print(text, soft_wrap=True),
        )
        result = probe(open_access(deployment, PROBE_SECONDS), asked)
    show(result, new_console(), output)
    raise typer.Exit(_INTERRUPTED if result.interrupted else 0 if result.clean else _SOME_FAILED)


@app.command("preview")
def preview_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The payments.")],
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

    with _reporting(), _progress("Looking records up") as say_done:
        preview(_deployment(context), file, report, say_done)
    if not json:
        _print_preview(rows, counts)
    raise typer.Exit(_SOME_FAILED if counts[Action.FAILED] else 0)


@app.command("convert")
def convert_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or fail file.")],
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
    currency_decimals: Annotated[
        int, typer.Option(min=0, max=3, help="The stack's CurrencyDecimals.")
    ] = 2,
) -> None:
    """Make the XML to import of a CSV file, or a CSV file of a fail file to correct it.

    What can be read in two ways has to be told. Ends with 2 if anything is wrong: then nothing is
    written.
    """
    rules = ReadingRules(currency_decimals, datetime.now(UTC).date())
    with _reporting():
        told = columns_told(column or [])
        between = separator_told(separator)
        said = SaidOfCsv(told, dates, decimals, currency, encoding, between)
        done = convert(file, output, said, rules)
    new_console(stderr=True).print(done, soft_wrap=True)


@truth.command("list")
def truth_list(
    context: typer.Context,
    connection: Connection = None,
    limit: Annotated[int, typer.Option(min=1, help="How many records to show.")] = 100,
) -> None:
    """List truth records, in no order."""
    console = new_console()
    with _reporting():
        stored = _truth(context, connection)
        found = list(islice(stored.records(), limit + 1))
    console.print(truth_table(found[:limit]))
    if len(found) > limit:
        console.print("… and more: --limit shows them, `truth export` writes all to a file.")
    if not found:
        console.print(f"The truth table has no records for {stored.connection}.")


@truth.command("show")
def truth_show(
    context: typer.Context, external_id: ExternalId, connection: Connection = None
) -> None:
    """Show which payment an external id is, and what is known of its invoice."""
    with _reporting():
        stored = _truth(context, connection)
        record = stored.find(external_id)
        entry = stored.recorded(record)
    new_console().print(truth_details(record, entry))


@truth.command("delete")
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
    with _reporting():
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


@truth.command("adopt")
def truth_adopt(context: typer.Context, invoice: InvoiceName, yes: Yes = False) -> None:
    """Take what ConnectWise holds on INVOICE beyond its receipts as one more receipt.

    Only where receipts are added up (SecondPayment=Add). Nothing is written in ConnectWise.
    """
    _change_sum(context, invoice, adoption, yes)


@truth.command("reset")
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
    with _reporting():
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
            _say_under_way(under_way, yes)
        if not yes:
            typer.confirm("Shall it be so?", abort=True)
        sums.store(decided.entry, decided.adopted)
    console.print("Done. Upload again what was rejected for it.")


def _say_under_way(keys: list[str], yes: bool) -> None:
    """Warn of imports that have not ended; raises CommandFailed where nobody would be asked."""
    told = (
        f"Not imported to its end: {', '.join(keys)}. If a record of this invoice is in there, it "
        "may be what has changed the payment, and would count twice."
    )
    if yes:
        raise CommandFailed(
            f"{told} Wait for it, or end it with `python -m payments stop KEY`; if this invoice is "
            "not in it, decide without --yes."
        )
    new_console().print(told, soft_wrap=True)


@truth.command("export")
def truth_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write.")],
    connection: Connection = None,
) -> None:
    """Write all truth records to FILE, as Zynk's XML, with attributes of our own."""
    with _reporting(), _progress("Writing truth records") as say_done:
        written = truths.export(_truth(context, connection), file, say_done)
    new_console().print(f"{written} truth records written to {file}.", soft_wrap=True)


@truth.command("import")
def truth_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Zynk's XML.")],
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
    with _reporting(), _progress("Loading truth records") as say_done:
        stored = _truth(context, connection)
        loaded = load(stored, file, record_type.rpartition(".")[2], overwrite, say_done)
    _print_loaded(loaded, stored.connection)
    _print_conflicts(loaded.conflicts, overwrite)
    left_out = loaded.changed or (loaded.conflicts and not overwrite)
    raise typer.Exit(_SOME_FAILED if left_out else 0)


@contextmanager
def _reporting() -> Iterator[None]:
    """Say what went wrong in one paragraph, and end with 2."""
    try:
        with in_plain_words():
            yield
    except CommandFailed as failure:
        new_console(stderr=True).print(str(failure), soft_wrap=True)
        raise typer.Exit(_REFUSED) from failure


def _print_anything() -> None:
    """Print escaped what the output's encoding does not have.

    A file's name may hold bytes that are no text, and a terminal may know no ü.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _progress(description: str) -> AbstractContextManager[SayDone]:
    """Show progress beside the results: on standard error."""
    return progress_bar(new_console(stderr=True), description)


def _deployment(context: typer.Context) -> Deployment:
    where: Where = context.obj
    return where.deployment()


def _truth(context: typer.Context, connection: str | None) -> truths.StoredTruth:
    return truths.StoredTruth.of(_deployment(context), connection)


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
