"""The page about one import: what came in, what became of it, and what is to be done.

It is one file without a script, made as a stream: no more rows are taken than are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice

from payments.page.markup import Markup, closing, element, joined, opening
from payments.page.style import STYLE

MAX_ROWS = 1000
"""So many of each kind are shown; of the rest the page says how many they are."""

MAX_REASONS = 5
MAX_REASON_CHARACTERS = 500
MAX_VALUE_CHARACTERS = 200
MAX_KEY_CHARACTERS = 1024

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class PageHead:
    """What there is to say about a finished import as a whole.

    Of the updated payments, `replaced` had been made by another record or by somebody else. `error`
    says why the file was refused or given up. Times are ISO 8601 UTC, keys are S3 keys.
    """

    key: str
    success_key: str
    fail_key: str
    started_at: str
    finished_at: str
    created: int = 0
    updated: int = 0
    replaced: int = 0
    skipped: int = 0
    failed: int = 0
    recorded_amount: Decimal = Decimal(0)
    skipped_amount: Decimal = Decimal(0)
    failed_amount: Decimal = Decimal(0)
    error: str | None = None

    @property
    def recorded(self) -> int:
        """How many payments ConnectWise holds as the file says."""
        return self.created + self.updated

    @property
    def total(self) -> int:
        """How many payments that are together."""
        return self.recorded + self.skipped + self.failed

    @property
    def total_amount(self) -> Decimal:
        """How much money that is together."""
        return self.recorded_amount + self.skipped_amount + self.failed_amount


@dataclass(frozen=True, slots=True)
class PageRow:
    """A payment of the file as its sender names it; `reasons` say why it is in its list."""

    external_id: str | None = None
    invoice: str | None = None
    amount: Decimal | None = None
    day: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replacement:
    """A payment of the file, and what was there before; `origin` says who had made that."""

    row: PageRow
    amount_before: Decimal | None = None
    day_before: str | None = None
    origin: str | None = None


def import_page(
    head: PageHead,
    failed: Iterable[PageRow] = (),
    replaced: Iterable[Replacement] = (),
    skipped: Iterable[PageRow] = (),
) -> Iterator[bytes]:
    """Yield the page in pieces, as UTF-8."""
    sections = (
        _section(_FAILED, head.failed, ((row, row.reasons) for row in failed)),
        _section(_REPLACED, head.replaced, ((each.row, _before(each)) for each in replaced)),
        _section(_SKIPPED, head.skipped, ((row, row.reasons) for row in skipped)),
    )
    for piece in chain(_beginning(head), *sections, [_END]):
        yield piece.encode()


@dataclass(frozen=True, slots=True)
class _Kind:
    """A list of payments: its title, what to say of it, and what its last column is."""

    title: str
    note: str
    why: str


_FAILED = _Kind(
    "Failed",
    "Correct these in the fail file, and upload that as it is, under any name: its error messages "
    "are ignored, and the payments that succeeded are not in it.",
    "Reason",
)
_REPLACED = _Kind(
    "Replaced",
    "These invoices had a payment that another record, or somebody else, had made. It has been "
    "changed to what this file says.",
    "Before",
)
_SKIPPED = _Kind("Skipped", "Nothing was sent for these. They are in the fail file.", "Reason")

_HEAD = joined(
    Markup('<!doctype html>\n<html lang="en">'),
    opening("meta", {"charset": "utf-8"}),
    opening("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
    opening("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
    element("style", STYLE),
)
_END = Markup("</main></body></html>\n")


def _beginning(head: PageHead) -> Iterator[Markup]:
    yield _HEAD
    name = head.key.rpartition("/")[2]
    yield element("title", f"Payments: {_short(name, MAX_VALUE_CHARACTERS)}")
    yield joined(opening("body"), opening("main"), _headline(head))
    moments = f"{_moment(head.started_at)} to {_moment(head.finished_at)}"
    yield element("p", _short(head.key, MAX_KEY_CHARACTERS))
    yield element("p", moments, class_="faint")
    if head.error:
        yield element("p", _short(head.error, MAX_REASON_CHARACTERS), class_="error")
    yield _totals(head)
    for label, key in (("Success file", head.success_key), ("Fail file", head.fail_key)):
        told = element("span", f"{label}: ", class_="faint")
        yield element("p", told, _short(key, MAX_KEY_CHARACTERS))


def _headline(head: PageHead) -> Markup:
    payments = f"{head.total:,} payment{'s'[: head.total != 1]}"
    if head.error and not head.total:
        told = "The file was not imported"
    elif head.error:
        told = f"{head.recorded:,} of {payments} imported, then it ended"
    elif head.failed:
        told = f"{head.failed:,} of {payments} failed"
    else:
        return element("h1", f"{head.recorded:,} of {payments} imported, none failed")
    return element("h1", told, class_="bad")


def _totals(head: PageHead) -> Markup:
    parts = f"{head.created:,} created, {head.updated:,} updated"
    if head.replaced:
        parts += f", {head.replaced:,} of them replaced"
    recorded = joined("Recorded", element("div", parts, class_="faint"))
    lines = (
        (recorded, head.recorded, head.recorded_amount),
        ("Skipped", head.skipped, head.skipped_amount),
        ("Failed", head.failed, head.failed_amount),
        ("All", head.total, head.total_amount),
    )
    titles = [_title("", ""), _title("Payments", "number"), _title("Amount", "number")]
    rows = (
        element(
            "tr",
            element("th", label, scope="row"),
            element("td", f"{count:,}", class_="number"),
            element("td", _money(amount), class_="number"),
        )
        for label, count, amount in lines
    )
    head_row = element("thead", element("tr", *titles))
    return element("table", head_row, element("tbody", *rows), class_="totals")


def _section(
    kind: _Kind, total: int, rows: Iterator[tuple[PageRow, Iterable[str]]]
) -> Iterator[Markup]:
    """Yield a list with its first rows, and how many more there are; nothing if there are none."""
    if not total:
        return
    yield element("h2", f"{kind.title}: {total:,}")
    yield element("p", kind.note)
    columns = (("External id", ""), ("Invoice", ""), ("Amount", "number"), ("Day", ""))
    titles = (_title(name, style) for name, style in (*columns, (kind.why, "")))
    yield opening("table", {"class": "rows"})
    yield joined(element("thead", element("tr", *titles)), opening("tbody"))
    shown = 0
    for shown, (row, why) in enumerate(islice(rows, MAX_ROWS), 1):  # noqa: B007
        yield _row(row, kind.why, why)
    yield joined(closing("tbody"), closing("table"))
    if total > shown:
        yield element("p", f"… and {total - shown:,} more.", class_="rest")


def _row(row: PageRow, title: str, why: Iterable[str]) -> Markup:
    paragraphs = (element("p", _short(line, MAX_REASON_CHARACTERS)) for line in _first(why))
    return element(
        "tr",
        _cell("External id", "key", _short(row.external_id or "", MAX_VALUE_CHARACTERS)),
        _cell("Invoice", "key", _short(row.invoice or "", MAX_VALUE_CHARACTERS)),
        _cell("Amount", "number", _money(row.amount)),
        _cell("Day", "day", _day(row.day)),
        _cell(title, "why", *paragraphs),
    )


def _cell(label: str, style: str, *content: str) -> Markup:
    return element("td", *content, class_=style, data_label=label)


def _title(name: str, style: str) -> Markup:
    return element("th", name, scope="col", class_=style)


def _before(replacement: Replacement) -> tuple[str, ...]:
    known = (_money(replacement.amount_before), _day(replacement.day_before))
    values = ", ".join(filter(None, known))
    return tuple(filter(None, (values, replacement.origin)))


def _first(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = len(found) - MAX_REASONS
    return [*found[:MAX_REASONS], f"… and {more} more."] if more > 0 else found


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:,f}"


def _day(day: str | None) -> str:
    return (day or "")[:10]


def _moment(moment: str) -> str:
    return moment.replace("T", " ").replace("Z", " UTC")
