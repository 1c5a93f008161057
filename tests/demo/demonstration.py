"""The demo, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from math import ceil
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
from payments.command.import_file import FAILURES_SHOWN, Imported, import_file, result
from payments.command.tables import table
from payments.connectwise.budget import CLOUD_CALLS_PER_MINUTE
from simulator.control import Simulator

STACK = "connectwise-payments"
ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"

# Our own files are few: slow enough to watch. ConnectWise takes 0.1 to 0.4 seconds for a call.
_LATENCY_SECONDS = 0.4
_SLOW = {"MaxConnections": "1"}
_XML_LINES = 30
_INVOICES_SHOWN = 30

_STORY = (
    ("payments-good.xml", "Payments as they should be."),
    ("payments-with-errors.xml", "Payments with mistakes of several kinds."),
    ("payments-twice.xml", "A file …"),
    (
        "payments-twice.xml",
        "… uploaded once more: Prevent Reprocessing is on, so that nothing is sent twice.",
    ),
)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is imported, and where."""

    console: Console
    connectwise: Simulator
    deployment: Deployment
    output: Path


def run(console: Console, own_files: Sequence[Path], output: Path) -> None:
    """Start everything, import, tell what happened, and end everything."""
    started = monotonic()
    with ExitStack() as running:
        with _step(console, "Starting ConnectWise and AWS on this machine"):
            connectwise = running.enter_context(Simulator())
            local_stack = running.enter_context(LocalStack())
        with _step(console, "Deploying template.yaml (the first time, its layer is built)"):
            deployment = _deploy(connectwise, local_stack, {} if own_files else _SLOW)
        set_scene(connectwise)
        scene = _Scene(console, connectwise, deployment, output)
        if own_files:
            _import_own(scene, own_files)
        else:
            _import_ours(scene)
    _say_what_next(console, own=bool(own_files))
    console.print(f"Done in {monotonic() - started:.0f} seconds. Nothing is left running.")


def _deploy(
    connectwise: Simulator, local_stack: LocalStack, parameters: Mapping[str, str]
) -> Deployment:
    use_local_stack(local_stack)
    local_stack.put_secret(STACK, connectwise.secret)
    given = {"PreventReprocessing": "true", **parameters}
    local_stack.deploy(ROOT / "template.yaml", given, STACK)
    return Deployment.find(boto3.Session(), STACK)


def _import_ours(scene: _Scene) -> None:
    with _paid_invoices(scene, range(FIRST_INVOICE, LAST_INVOICE + 1)):
        scene.connectwise.configure(latency_seconds=_LATENCY_SECONDS)
        for name, about in _STORY:
            _import(scene, EVENTS / name, f"{EVENTS.name}/{name}", about)
        scene.connectwise.configure(latency_seconds=0.0)


def _import_own(scene: _Scene, files: Sequence[Path]) -> None:
    with _step(scene.console, "Looking what your payments are about"):
        wanted = add_what_is_named(scene.connectwise, files)
    _say_what_was_added(scene.console, wanted)
    with _paid_invoices(scene, list(wanted.totals)):
        for file in files:
            scene.connectwise.clear_calls()
            started = monotonic()
            done = _import(scene, file, str(file), "Your own payments.")
            _say_how_fast(scene, done.row.tally.done, monotonic() - started)


def _import(scene: _Scene, file: Path, name: str, about: str) -> Imported:
    scene.console.print(f"\n{name}", style="bold", soft_wrap=True)
    scene.console.print(about)
    done = import_file(scene.deployment, file, scene.console, output=scene.output)
    for number, line in enumerate(result(done, FAILURES_SHOWN)):
        scene.console.print(line, style="" if number else "bold", soft_wrap=True)
    for path in (done.copies.success_file, done.copies.fail_file):
        _show_file(scene.console, path)
    scene.console.print(f"\n{done.copies.page}: a page to look at", soft_wrap=True)
    scene.console.print()
    return done


def _show_file(console: Console, path: Path) -> None:
    console.print(f"\n{path}", style="bold", soft_wrap=True)
    with path.open(encoding="utf-8") as lines:
        xml = "".join(islice(lines, _XML_LINES)).rstrip()
        more = sum(1 for _ in lines)
    shown = Syntax(xml, "xml", theme="ansi_dark", background_color="default", word_wrap=True)
    console.print(shown if console.is_terminal else xml, soft_wrap=not console.is_terminal)
    if more:
        console.print(f"  … and {more:,} more lines")


def _say_how_fast(scene: _Scene, records: int, seconds: float) -> None:
    """Say what ConnectWise itself would make of it."""
    calls = scene.connectwise.counts().total
    if not records or not calls:
        return
    scene.console.print(
        f"{records:,} records in {seconds:.1f} seconds, {records / seconds:,.0f} a second: the "
        "ConnectWise on this machine answers at once. Your own, in the cloud, takes "
        f"{CLOUD_CALLS_PER_MINUTE:,} calls a minute: for these {calls:,} calls at least "
        f"{ceil(calls / CLOUD_CALLS_PER_MINUTE):,} minutes.\n",
        soft_wrap=True,
    )


@contextmanager
def _paid_invoices(scene: _Scene, invoice_ids: Sequence[int]) -> Iterator[None]:
    """Show what is paid meanwhile on the first of these invoices."""
    first = invoice_ids[:_INVOICES_SHOWN]
    before = scene.connectwise.invoices(first)
    yield
    _show_invoices(scene.console, before, scene.connectwise.invoices(first))
    if len(invoice_ids) > len(first):
        scene.console.print(f"These are the first {len(first)} of {len(invoice_ids):,} invoices.\n")


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
    if shown.rows:
        console.print(shown)
    if untouched:
        console.print(f"{untouched} invoices are as they were.")
    console.print()


def _say_what_was_added(console: Console, wanted: Wanted) -> None:
    if wanted.totals:
        console.print(
            "The ConnectWise on this machine has been given the invoices that your payments name "
            f"({len(wanted.totals):,}), each with a total of 100.00, or of the largest amount that "
            "is paid on it. In your own ConnectWise a payment on an invoice that is not there "
            "fails.",
            soft_wrap=True,
        )
    if wanted.payments:
        console.print(
            "It has also been given payments of 1.00 with the ids that are named, up to "
            f"{MOST_PAYMENTS:,}.",
            soft_wrap=True,
        )


def _say_what_next(console: Console, *, own: bool) -> None:
    console.print("What to try next", style="bold")
    if own:
        console.print("  make demo                         the same with our own files")
    else:
        console.print("  make demo FILE=path/to/your.xml   the same with a file of yours")
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
