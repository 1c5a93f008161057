"""The page about one import: what it says, and that nothing in it steers a browser."""

from __future__ import annotations

import re
from dataclasses import astuple, replace
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.files.output import StoredOutcome
from payments.import_state import Ending, Result, Tally
from payments.models import Action, Replaced
from payments.page.import_page import PageHead, import_page
from payments.page.markup import Markup, element
from payments.page.rows import (
    MAX_ROWS,
    MAX_VALUE_CHARACTERS,
    PageRow,
    PageRows,
)
from payments.wording import ABOUT_REPLACED, MAX_CHARACTERS_OF_REASONS, MAX_REASON_CHARACTERS

HEAD = PageHead(
    "i1",
    "books",
    "incoming/a/october.xml",
    "success/a/october.xml",
    "fail/a/october.xml",
    "2026-03-04T10:15:00Z",
)
ROW = PageRow("PAY-9", "INV-351", "1,234.50", "2026-03-04", ("No such invoice.",))


class _Tags(HTMLParser):
    """Follow the elements of a page: each is closed where it must be."""

    empty = ("meta",)

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.empty:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outcome(
    action: Action = Action.FAILED,
    *messages: str,
    external_id: str | None = "PAY-9",
    invoice: str | None = "INV-351",
    amount: str | None = "1234.5",
    replaced: Replaced | None = None,
) -> StoredOutcome:
    result = Result(action, None if amount is None else Decimal(amount), replaced)
    about = external_id, invoice, "2026-03-04T00:00:00Z"
    return StoredOutcome(1, result, 77, messages, None, None, b"", *about)


def rows_of(*outcomes: StoredOutcome) -> PageRows:
    rows = PageRows()
    for each in outcomes:
        if each.result.replaced is not None:
            rows.add_replaced(each)
        if not each.result.action.succeeded:
            rows.add_failed(each)
    return rows


def page(head: PageHead = HEAD, rows: PageRows | None = None, **counts: int) -> str:
    """Return a page as it stands in its file."""
    head = replace(head, tally=Tally(**counts)) if counts else head  # type: ignore[arg-type]
    return import_page(head, rows or PageRows()).decode()


def text(html: str) -> str:
    """Return what can be read of a page, its pieces separated by |."""
    body = html.partition("<body>")[2]
    return unescape(re.sub(r"(<[^>]*>\s*)+", "|", body)).strip("|")


# What it says


def test_it_says_what_came_in_and_what_became_of_it() -> None:
    tally = Tally(
        created=1000,
        updated=20,
        replaced=1,
        skipped=2,
        failed=1,
        recorded_amount=Decimal("10200.05"),
        skipped_amount=Decimal(20),
        failed_amount=Decimal("1234.5"),
    )
    there = Replaced(Decimal(10), "2026-01-31T00:00:00Z", "RC-1", "incoming/january.xml")
    rows = rows_of(
        outcome(Action.FAILED, "No such invoice."),
        outcome(Action.CREATED),
        outcome(Action.UPDATED, replaced=there),
        outcome(Action.SKIPPED, "Already processed."),
    )
    assert text(page(replace(HEAD, tally=tally), rows)) == (
        "1 of 1,023 payments failed, 1 replaced"
        "|s3://books/incoming/a/october.xml"
        "|Import begun 2026-03-04 10:15:00 UTC"
        "|Payments|Amount"
        "|Recorded|1,000 created, 20 updated|1,020|10,200.05"
        "|Skipped|2|20.00"
        "|Failed|1|1,234.50"
        "|All|without failed records whose amount cannot be read|1,023|11,454.55"
        "|Success file: |s3://books/success/a/october.xml"
        "|Fail file: |s3://books/fail/a/october.xml"
        "|Failed: 1"
        "|What to do: correct these records in the fail file, and upload that as it is, under "
        "another name. Its error messages are ignored, and the payments that succeeded are not in "
        "it."
        "|External id|Invoice|Amount|Day|Why, and what to do"
        "|PAY-9|INV-351|1,234.50|2026-03-04|No such invoice."
        "|Replaced: 1"
        "|The payments of these invoices had been made by another record, or by somebody else, and "
        f"have been changed, or a receipt was taken from another invoice. {ABOUT_REPLACED}"
        "|External id|Invoice|Amount|Day|Before"
        "|PAY-9|INV-351|1,234.50|2026-03-04"
        "|Payment 77 held 10.00 of 2026-01-31, recorded as RC-1 from incoming/january.xml."
        "|Skipped: 2"
        "|These were accepted before, so nothing was sent for them. They are in the fail file."
        "|External id|Invoice|Amount|Day|Why"
        "|PAY-9|INV-351|1,234.50|2026-03-04|Already processed."
        "|… and 1 more."
        "|Import i1"
    )


@pytest.mark.parametrize(
    ("tally", "headline"),
    [
        (Tally(created=1), "1 of 1 payment imported, none failed"),
        (Tally(created=2, skipped=1), "2 of 3 payments imported, none failed"),
        (Tally(updated=2, replaced=1), "2 of 2 payments imported, none failed, 1 replaced"),
        (Tally(updated=1, failed=2), "2 of 3 payments failed"),
        (Tally(), "0 of 0 payments imported, none failed"),
    ],
)
def test_its_headline_says_how_it_went(tally: Tally, headline: str) -> None:
    assert text(page(replace(HEAD, tally=tally))).split("|")[0] == headline


def test_a_refused_file_has_its_reason_and_what_to_do_instead_of_totals() -> None:
    refused = replace(HEAD, error="line 3, column 1: cut off.", ending=Ending.REFUSED)
    shown = text(page(refused)).split("|")
    assert shown[0] == "The file was not imported"
    assert "line 3, column 1: cut off." in shown
    assert "Nothing was sent to ConnectWise. Correct the file and upload it again." in shown
    assert "All" not in shown


STOPPED = replace(HEAD, error="Stopped by kim.", ending=Ending.STOPPED)


def test_an_import_that_was_stopped_says_how_far_it_came_and_asks_for_nothing() -> None:
    shown = text(page(STOPPED, updated=3, failed=4, replaced=1)).split("|")
    assert shown[0] == "3 of 7 payments imported, then it ended, 1 replaced"
    assert "Stopped by kim." in shown
    assert "All" in shown
    told = shown[shown.index("Failed: 4") + 1]
    assert told.startswith("3 payments were recorded before it was stopped; the rest is in the")
    assert "Nothing is to be done" in told
    assert "orrect" not in told


def test_a_file_that_was_stopped_before_it_began_needs_no_correction() -> None:
    shown = text(page(STOPPED))
    assert "It was stopped before it began. Nothing was sent, and the original file has" in shown
    assert "orrect" not in shown


def test_an_import_that_was_given_up_says_what_to_look_at_first() -> None:
    given_up = replace(HEAD, error="Given up.", ending=Ending.GIVEN_UP)
    shown = text(page(given_up, updated=1, failed=4))
    assert "|What to do: first look at those of which it is not known whether" in shown
    assert "take out of the fail file what is there" in shown
    assert "Mend the cause, then upload the file again." in text(page(given_up))


def test_what_there_is_none_of_has_no_list() -> None:
    assert "<h2>" not in page(created=5)


def test_a_record_that_names_nothing_has_a_row_all_the_same() -> None:
    (row,) = rows_of(outcome(external_id=None, invoice=None, amount=None)).failed
    assert astuple(row) == ("", "", "", "2026-03-04", ())


# How much it holds


def test_the_first_thousand_are_shown_and_the_rest_is_counted() -> None:
    rows = rows_of(*(outcome(external_id=f"P-{n}") for n in range(MAX_ROWS + 1500)))
    html = page(rows=rows, failed=MAX_ROWS + 1500)
    assert html.count('data-label="External id"') == len(rows.failed) == MAX_ROWS
    assert rows.failed[-1].external_id == f"P-{MAX_ROWS - 1}"
    assert "… and 1,500 more." in html


def test_no_row_grows_with_what_is_in_it() -> None:
    long = outcome(Action.FAILED, *["z" * 3000] * 20, external_id="x" * 3000, invoice="y" * 3000)
    (row,) = rows_of(long).failed
    assert row.external_id == "x" * MAX_VALUE_CHARACTERS + "…"
    assert row.invoice == "y" * MAX_VALUE_CHARACTERS + "…"
    cut = "z" * MAX_REASON_CHARACTERS + "…"
    assert row.reasons == (cut, cut, "and 18 more")
    assert sum(map(len, row.reasons[:-1])) <= MAX_CHARACTERS_OF_REASONS


@given(st.lists(st.tuples(st.sampled_from(Action), st.booleans())))
def test_rows_and_rest_are_what_was_counted(found: list[tuple[Action, bool]]) -> None:
    outcomes = [outcome(action, replaced=Replaced() if other else None) for action, other in found]
    tally = Tally.of(each.result for each in outcomes)
    rows = rows_of(*outcomes)
    shown = len(rows.failed), len(rows.replaced), len(rows.skipped)
    assert shown == (tally.failed, tally.replaced, tally.skipped)
    assert "more." not in page(replace(HEAD, tally=tally), rows)


# What it is made of


def test_it_needs_nothing_from_elsewhere_and_may_fetch_nothing() -> None:
    html = page(rows=PageRows([ROW]), failed=1)
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img", html)
    assert (
        '<meta http-equiv="Content-Security-Policy" '
        'content="default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;">' in html
    )


def test_no_text_becomes_markup() -> None:
    row = PageRow('<b>"x"</b>', "&amp;", reasons=("</td><script>1</script>",))
    html = page(replace(HEAD, error="<i>"), PageRows([row]), failed=1)
    assert "&lt;b&gt;&quot;x&quot;&lt;/b&gt;" in html
    assert "&amp;amp;" in html
    assert "<script" not in html
    assert "<i>" not in html


@pytest.mark.parametrize("character", ["\ud800", "\x00", "\x1b", "\u202e", "\u200b", "\ufeff"])
def test_what_cannot_be_seen_steers_nothing(character: str) -> None:
    assert element("p", f"a{character}b") == "<p>a\ufffdb</p>"


def test_attributes_are_escaped_too() -> None:
    assert element("p", class_='"><script>') == '<p class="&quot;&gt;&lt;script&gt;"></p>'


def test_markup_is_not_escaped_twice() -> None:
    assert element("p", Markup("<b>"), "<b>") == "<p><b>&lt;b&gt;</p>"


values = st.one_of(st.text(), st.text("<>&\"'/!-ab]", max_size=20))


@given(values, values, values, values)
def test_whatever_is_in_the_values_the_page_is_well_formed(
    key: str, number: str, reason: str, error: str
) -> None:
    there = Replaced(external_id=number, key=key, day=reason)
    known = {"external_id": number, "invoice": number, "replaced": there}
    rows = rows_of(*(outcome(action, reason, reason, **known) for action in Action))  # type: ignore[arg-type]
    head = replace(HEAD, key=key, fail_key=key, error=error)
    tags = _Tags()
    tags.feed(page(head, rows, failed=1, skipped=1, replaced=4))
    assert tags.open == []
    usual = _Tags()
    usual.feed(page(replace(HEAD, error="e"), PageRows([ROW]), failed=2))
    assert tags.names <= usual.names
    assert tags.attributes <= usual.attributes
