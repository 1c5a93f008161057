"""Rows as tables and as JSON: all that the commands show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from payments.command.finding import Check, Verdict
from payments.command.preview import PreviewRow
from payments.command.rehearsal import Change, Value
from payments.command.standing import State
from payments.command.sums import Standing
from payments.connectwise.answers import write_json
from payments.models import Action, LedgerEntry, Receipts, TruthRecord, day_of
from payments.receipts import sum_of
from payments.wording import money

WIDTH_WITHOUT_TERMINAL = 160
_CHECK_NAME = 34
_INDENT = 4

_WORDS = {
    Action.CREATED: "create",
    Action.UPDATED: "update",
    Action.SKIPPED: "skip",
    Action.FAILED: "reject",
}
_COLOURS = {
    "create": "green",
    "update": "cyan",
    "skip": "yellow",
    "reject": "red",
    State.SUCCEEDED: "green",
    State.RUNNING: "cyan",
    State.WITH_FAILURES: "yellow",
    State.FAILED: "red",
    State.STOPPED: "red",
    State.WAITING: "yellow",
    State.THROTTLED: "yellow",
    State.DEAD_LETTERED: "red",
    State.NOT_IMPORTED: "red",
    Verdict.GOOD: "green",
    Verdict.MISSING: "red",
    Verdict.FAILED: "red",
    Verdict.UNKNOWN: "yellow",
    Verdict.NOTE: "yellow",
}


def new_console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is, and tables wide enough for a log."""
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:  # noqa: SLF001
        return Console(
            stderr=stderr, highlight=False, markup=False, emoji=False, width=WIDTH_WITHOUT_TERMINAL
        )
    return console


def table(title: str, *columns: str) -> Table:
    """Return an empty table in the house's look."""
    empty = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty


def truth_table(records: Iterable[TruthRecord]) -> Table:
    """Return truth records."""
    shown = table("", "External id", "Payment", "Invoice", "Amount", "Date", "Modified", "By file")
    for column in shown.columns[1:-1]:
        column.no_wrap = True
    for record in records:
        shown.add_row(
            record.external_id,
            str(record.payment_id),
            _invoice(record),
            "" if record.amount is None else f"{record.amount:f}",
            _day(record.day),
            _day(record.modified),
            record.key or "",
        )
    return shown


def truth_details(record: TruthRecord, entry: LedgerEntry | None = None) -> Table:
    """Return everything about one truth record and its invoice, one thing a line."""
    shown = table("", "", record.external_id)
    for name, text in (
        ("Payment", str(record.payment_id)),
        ("Invoice", _invoice(record)),
        ("Amount", "" if record.amount is None else money(record.amount)),
        ("Payment date", _day(record.day)),
        ("As it was sent", "yes" if record.accepted else "no: the record failed"),
        ("Created", record.created),
        ("Modified", record.modified),
        ("By file", record.key or ""),
        ("Import id", record.import_id or ""),
        *(() if entry is None else _recorded(entry)),
    ):
        shown.add_row(name, text)
    return shown


def standing_table(standing: Standing, entry: LedgerEntry | None) -> Table:
    """Return how an invoice stands, and what the ledger is to know of it then."""
    number = f" ({standing.number})" if standing.number else ""
    held, known = standing.payment, standing.there.entry
    amount = None if held is None else held.amount
    day = None if held is None else day_of(held.fields)
    shown = table("", "", f"Invoice {standing.invoice_id}{number}")
    for name, text in (
        ("ConnectWise holds now", _payment(held.id, amount, day) if held else "no payment"),
        *((("Known here", "nothing"),) if known is None else _recorded(known)),
        *(() if entry is None else (("Receipts then", _receipts(entry.receipts)),)),
    ):
        shown.add_row(name, text)
    return shown


def show_check(console: Console, check: Check) -> None:
    """Print what was checked and how it stands; what does not fit beside it stands below."""
    line = Text(f"{check.name:{_CHECK_NAME}}  ") + coloured(check.verdict)
    beside = line + Text(f"  {check.remark}")
    if check.remark and beside.cell_len <= console.width and not check.verdict.bad:
        console.print(beside)
        return
    console.print(line)
    if check.remark:
        console.print(Padding(Text(check.remark), (0, 0, 0, _INDENT)))
    if check.command:  # in one piece, to be pasted
        console.print(f"{' ' * _INDENT}{check.command}", soft_wrap=True)


def settings_columns(settings: Mapping[str, str]) -> Columns:
    """Return the settings in force, as many beside each other as there is room for."""
    given = (f"{name} = {value or '(none)'}" for name, value in sorted(settings.items()))
    return Columns(given, padding=(0, 4), column_first=True)


def preview_table(rows: Iterable[PreviewRow]) -> Table:
    """Return what would become of each record."""
    shown = table(
        "", "Record", "External id", "Invoice", "Would", "Payment", "What changes, or why not"
    )
    for row in rows:
        creates = row.action is Action.CREATED
        lines = [described(change, creates=creates) for change in row.changes]
        lines += [f"replaces {replaced_by(row)}"] if row.replaced else []
        shown.add_row(
            str(row.number),
            row.external_id or "",
            _named_invoice(row),
            coloured(_WORDS[row.action]),
            "" if not row.changes else str(row.payment_id or "new"),
            "\n".join((*lines, *row.messages)),
        )
    return shown


def preview_json(row: PreviewRow) -> str:
    """Return a row as one line of JSON, amounts with exactly their digits."""
    fields = {change.name: {"from": change.before, "to": change.after} for change in row.changes}
    line: dict[str, Any] = {
        "record": row.number,
        "externalId": row.external_id,
        "invoice": row.invoice,
        "invoiceNumber": row.invoice_number,
        "action": _WORDS[row.action],
        "paymentId": row.payment_id,
        "fields": fields,
        "replaces": _replaced_json(row),
        "messages": list(row.messages),
    }
    return write_json(line)


def described(change: Change, *, creates: bool) -> str:
    """Return a change in words: from what to what."""
    after = _value(change.after)
    if creates:
        return f"{change.name} {after}"
    if change.stays:
        return f"{change.name} stays {after}"
    return f"{change.name} {_value(change.before)} → {after}"


def replaced_by(row: PreviewRow) -> str:
    """Return in words what a record would replace, and who has made that."""
    where = f", record {row.replaced_record}" if row.replaced_record else ""
    return f"{row.replaced}{where}"


def coloured(word: str) -> Text:
    """Return a word in the colour that it has everywhere."""
    return Text(str(word), style=_COLOURS.get(word, ""))


def _replaced_json(row: PreviewRow) -> dict[str, Any] | None:
    there = row.replaced
    if there is None:
        return None
    return {
        "amount": there.amount,
        "paymentDate": there.day,
        "externalId": there.external_id,
        "file": there.key,
        "byRecord": row.replaced_record,
    }


def _named_invoice(row: PreviewRow) -> str:
    number = row.invoice_number
    if number is None or number == row.invoice:
        return row.invoice or ""
    return f"{row.invoice} ({number})"


def _value(value: Value) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, Decimal):
        return money(value)
    return value if isinstance(value, str) else write_json(value)


def _recorded(entry: LedgerEntry) -> tuple[tuple[str, str], ...]:
    """Return what the ledger knows of an invoice's payment."""
    held = _payment(entry.payment_id, entry.amount, entry.day)
    return (("ConnectWise held last", held), ("Receipts known", _receipts(entry.receipts)))


def _payment(number: int, amount: Decimal | None, day: str | None) -> str:
    of_day = f" of {_day(day)}" if day else ""
    return f"payment {number}: {money(amount or Decimal(0))}{of_day}"


def _receipts(receipts: Receipts) -> str:
    lines = [f"{name}: {money(it.amount)} {_day(it.day)}" for name, it in receipts.items()]
    return "\n".join((*lines, f"together {money(sum_of(receipts))}" if lines else "none"))


def _day(time: str | None) -> str:
    return (time or "")[:10]


def _invoice(record: TruthRecord) -> str:
    return "not known" if record.invoice_id is None else str(record.invoice_id)
