"""The page about one import: what came in, what became of it, and what is to be done.

It is one file without a script. It says nothing that depends on which run writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from payments.advice import what_to_do
from payments.import_state import Ending, Tally
from payments.page.markup import Markup, closing, element, joined, opening
from payments.page.rows import PageRow, PageRows
from payments.page.style import STYLE
from payments.wording import ABOUT_REPLACED, NOT_IN_IT, harmless, moment, money, s3_address

_MAX_ERROR_CHARACTERS = 2000
_MAX_TITLE_CHARACTERS = 200

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class PageHead:
    """What there is to say about a finished import as a whole.

    `error` says why the file was refused, given up or stopped. `started_at` is ISO 8601 UTC, keys
    are S3 keys in `bucket`.
    """

    import_id: str
    bucket: str
    key: str
    success_key: str
    fail_key: str
    started_at: str
    tally: Tally = Tally()
    error: str | None = None
    ending: Ending = Ending.COMPLETE


def import_page(head: PageHead, rows: PageRows) -> bytes:
    """Return the page, as UTF-8."""
    tally = head.tally
    sections = (
        _section(_failed(head), tally.failed, rows.failed),
        _section(_REPLACED, tally.replaced, rows.replaced),
        _section(_SKIPPED, tally.skipped, rows.skipped),
    )
    pieces = chain(_beginning(head), *sections, _end(head))
    return b"".join(piece.encode() for piece in pieces)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A list of payments: its title, what to say of it, and what its last column is."""

    title: str
    note: str
    why: str


def _failed(head: PageHead) -> _Kind:
    return _Kind("Failed", what_to_do(head.ending, head.tally), "Why, and what to do")


_REPLACED = _Kind(
    "Replaced",
    "The payments of these invoices had been made by another record, or by somebody else, and have "
    f"been changed, or a receipt was taken from another invoice. {ABOUT_REPLACED}",
    "Before",
)
_SKIPPED = _Kind(
    "Skipped",
    "These were accepted before, so nothing was sent for them. They are in the fail file.",
    "Why",
)

_HEAD = joined(
    Markup('<!doctype html>\n<html lang="en">'),
    opening("meta", {"charset": "utf-8"}),
    opening("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
    opening("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
    element("style", STYLE),
)


def _beginning(head: PageHead) -> Iterator[Markup]:
    yield _HEAD
    name = head.key.rpartition("/")[2]
    yield element("title", f"Payments: {harmless(name, _MAX_TITLE_CHARACTERS)}")
    yield joined(opening("body"), opening("main"), _headline(head))
    yield element("p", s3_address(head.bucket, head.key))
    yield element("p", f"Import begun {moment(head.started_at)}", class_="faint")
    if head.error:
        yield element("p", harmless(head.error, _MAX_ERROR_CHARACTERS), class_="error")
    if head.error and not head.tally.done:
        yield element("p", what_to_do(head.ending, head.tally))
    else:
        yield _totals(head.tally)
    for label, key in (("Success file", head.success_key), ("Fail file", head.fail_key)):
        told = element("span", f"{label}: ", class_="faint")
        yield element("p", told, s3_address(head.bucket, key))


def _end(head: PageHead) -> Iterator[Markup]:
    yield element("p", f"Import {head.import_id}", class_="faint end")
    yield Markup("</main></body></html>\n")


def _headline(head: PageHead) -> Markup:
    tally = head.tally
    recorded = tally.created + tally.updated
    replaced = f", {tally.replaced:,} replaced" if tally.replaced else ""
    payments = f"{tally.done:,} payment{'s'[: tally.done != 1]}"
    if head.error and not tally.done:
        told = "The file was not imported"
    elif head.error:
        told = f"{recorded:,} of {payments} imported, then it ended{replaced}"
    elif tally.failed:
        told = f"{tally.failed:,} of {payments} failed{replaced}"
    else:
        return element("h1", f"{recorded:,} of {payments} imported, none failed{replaced}")
    return element("h1", told, class_="bad")


def _totals(tally: Tally) -> Markup:
    recorded = f"{tally.created:,} created, {tally.updated:,} updated"
    not_in_it = NOT_IN_IT if tally.failed else ""
    lines = (
        ("Recorded", recorded, tally.created + tally.updated, tally.recorded_amount),
        ("Skipped", "", tally.skipped, tally.skipped_amount),
        ("Failed", "", tally.failed, tally.failed_amount),
        ("All", not_in_it, tally.done, tally.total_amount),
    )
    titles = [_title("", ""), _title("Payments", "number"), _title("Amount", "number")]
    head_row = element("thead", element("tr", *titles))
    rows = (_total(*line) for line in lines)
    return element("table", head_row, element("tbody", *rows), class_="totals")


def _total(label: str, note: str, count: int, amount: Decimal) -> Markup:
    noted = element("div", note, class_="faint") if note else ""
    return element(
        "tr",
        element("th", label, noted, scope="row"),
        element("td", f"{count:,}", class_="number"),
        element("td", money(amount, thousands=True), class_="number"),
    )


def _section(kind: _Kind, total: int, rows: Sequence[PageRow]) -> Iterator[Markup]:
    """Yield a list with its rows, and how many more there are; nothing if there are none."""
    if not total:
        return
    yield element("h2", f"{kind.title}: {total:,}")
    yield element("p", kind.note)
    columns = (("External id", ""), ("Invoice", ""), ("Amount", "number"), ("Day", ""))
    titles = (_title(name, style) for name, style in (*columns, (kind.why, "")))
    yield opening("table", {"class": "rows"})
    yield joined(element("thead", element("tr", *titles)), opening("tbody"))
    yield from (_row(row, kind.why) for row in rows)
    yield joined(closing("tbody"), closing("table"))
    if total > len(rows):
        yield element("p", f"… and {total - len(rows):,} more.", class_="rest")


def _row(row: PageRow, why: str) -> Markup:
    return element(
        "tr",
        _cell("External id", "key", row.external_id),
        _cell("Invoice", "key", row.invoice),
        _cell("Amount", "number", row.amount),
        _cell("Day", "day", row.day),
        _cell(why, "why", *(element("p", reason) for reason in row.reasons)),
    )


def _cell(label: str, style: str, *content: str) -> Markup:
    return element("td", *content, class_=style, data_label=label)


def _title(name: str, style: str) -> Markup:
    return element("th", name, scope="col", class_=style)
