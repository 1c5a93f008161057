"""The demo, step by step."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import boto3
from rich.console import Console
from rich.syntax import Syntax

from demo.aws import use_local_stack
from demo.scene import (
    FIRST_INVOICE,
    LAST_INVOICE,
    MOST_PAYMENTS,
    Wanted,
    add_what_is_named,
    set_scene,
)
from local_stack import LocalStack
from payments.command.deployment import Deployment
from payments.command.import_file import Imported, import_file, result
from payments.command.tables import table
from simulator.control import Simulator

STACK = "connectwise-payments"
ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"

# Slow enough to watch: ConnectWise itself takes 0.1 to 0.4 seconds for a call.
_LATENCY_SECONDS = 0.4
_CONNECTIONS = "1"
_XML_LINES = 30
_FAILURES_SHOWN = 20

_STORY = (
    ("payments-good.xml", "Payments as they should be."),
    ("payments-with-errors.xml", "Payments with mistakes of several kinds."),
    ("payments-twice.xml", "A file …"),
    (
        "payments-twice.xml",
        "… uploaded once more: Prevent Reprocessing is on, so that nothing is sent twice.",
    ),
)


def run(console: Console, own_file: Path | None) -> None:
    """Start everything, import, tell what happened, and end everything."""
    started = monotonic()
    with ExitStack() as running:
        with _step(console, "Starting ConnectWise and AWS on this machine"):
            connectwise = running.enter_context(Simulator())
            local_stack = running.enter_context(LocalStack())
        _demonstrate(console, connectwise, local_stack, own_file)
    console.print(f"Done in {monotonic() - started:.0f} seconds. Nothing is left running.")


def _demonstrate(
    console: Console, connectwise: Simulator, local_stack: LocalStack, own_file: Path | None
) -> None:
    deployment = _deploy(console, connectwise, local_stack)
    set_scene(connectwise)
    if own_file is not None:
        wanted = add_what_is_named(connectwise, own_file)
        _say_what_was_added(console, own_file, wanted)
        invoice_ids = sorted(wanted.totals)
        story = [(own_file, "Your own payments.")]
    else:
        invoice_ids = list(range(FIRST_INVOICE, LAST_INVOICE + 1))
        story = [(EVENTS / name, about) for name, about in _STORY]
    before = connectwise.invoices(invoice_ids)
    connectwise.configure(latency_seconds=_LATENCY_SECONDS)
    with tempfile.TemporaryDirectory(prefix="payments-demo-") as folder:
        for file, about in story:
            _import(console, deployment, file, about, Path(folder), own=own_file is not None)
    connectwise.configure(latency_seconds=0.0)
    _show_invoices(console, before, connectwise.invoices(invoice_ids))
    _say_what_next(console, own_file)


def _deploy(console: Console, connectwise: Simulator, local_stack: LocalStack) -> Deployment:
    with _step(console, "Deploying template.yaml (the first time, its layer is built)"):
        use_local_stack(local_stack)
        local_stack.put_secret(STACK, connectwise.secret)
        parameters = {"PreventReprocessing": "true", "MaxConnections": _CONNECTIONS}
        local_stack.deploy(ROOT / "template.yaml", parameters, STACK)
    return Deployment.find(boto3.Session(), STACK)


def _import(
    console: Console, deployment: Deployment, file: Path, about: str, folder: Path, *, own: bool
) -> None:
    name = file if own else file.relative_to(ROOT)
    console.rule(f"{name}", align="left")
    console.print(about)
    key = file.name if file.suffix in (".xml", ".XML") else f"{file.name}.xml"
    done = import_file(deployment, file, console, key, folder)
    for number, line in enumerate(result(done, _FAILURES_SHOWN)):
        console.print(line, style="" if number else "bold", soft_wrap=True)
    _show_files(console, deployment, done, key)


def _show_files(console: Console, deployment: Deployment, done: Imported, key: str) -> None:
    for parameter, path in (("SuccessPrefix", done.success_file), ("FailPrefix", done.fail_file)):
        console.print(f"\n{deployment.parameters[parameter]}{key}", style="bold")
        lines = path.read_text(encoding="utf-8").splitlines()
        xml = "\n".join(lines[:_XML_LINES])
        shown = Syntax(xml, "xml", theme="ansi_dark", background_color="default", word_wrap=True)
        console.print(shown if console.is_terminal else xml, soft_wrap=not console.is_terminal)
        if len(lines) > _XML_LINES:
            console.print(f"  … and {len(lines) - _XML_LINES} more lines")
    console.print()


def _show_invoices(
    console: Console, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    if not before:
        return
    columns = ("Invoice", "Total", "Paid before", "Paid after", "Still open")
    shown = table("Invoices in ConnectWise", *columns)
    untouched = 0
    for old, new in zip(before, after, strict=True):
        if old["payments"] == new["payments"]:
            untouched += 1
            continue
        amounts = (new["total"], old["payments"], new["payments"], new["balance"])
        shown.add_row(new["invoiceNumber"], *(f"{Decimal(amount):.2f}" for amount in amounts))
    console.print(shown)
    if untouched:
        console.print(f"{untouched} more are as they were.")
    console.print()


def _say_what_was_added(console: Console, file: Path, wanted: Wanted) -> None:
    if wanted.totals:
        console.print(
            f"The ConnectWise on this machine has been given the invoices that {file} names "
            f"({len(wanted.totals)}), each with a total of 100.00, or of the largest amount that "
            "the file pays on it. In your own ConnectWise a payment on an invoice that is not "
            "there fails.",
            soft_wrap=True,
        )
    if wanted.payments:
        console.print(
            "It has also been given payments of 1.00 with the ids that the file names, up to "
            f"{MOST_PAYMENTS}.",
            soft_wrap=True,
        )


def _say_what_next(console: Console, own_file: Path | None) -> None:
    console.print("What to try next", style="bold")
    if own_file is None:
        console.print("  make demo FILE=path/to/your.xml   the same with a file of yours")
    else:
        console.print("  make demo                         the same with our own files")
    console.print("  make test                         all tests, also on this machine")
    console.print(
        "  sam build && sam deploy           your own AWS account; the README tells how\n"
    )


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    started = monotonic()
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
    else:
        yield
    console.print(f"{what}: {monotonic() - started:.1f} s")
