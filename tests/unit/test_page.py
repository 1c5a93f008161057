"""The page about one import: what it says, and that it is made as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.page.import_page import (
    MAX_REASON_CHARACTERS,
    MAX_REASONS,
    MAX_ROWS,
    PageHead,
    PageRow,
    Replacement,
    import_page,
)
from payments.page.markup import Markup, element

HEAD = PageHead(
    "incoming/a/october.xml",
    "success/a/october.xml",
    "fail/a/october.xml",
    "2026-03-04T10:15:00Z",
    "2026-03-04T10:16:30Z",
)
ROW = PageRow("PAY-9", "INV-351", Decimal("1234.50"), "2026-03-04T00:00:00Z", ("No such invoice.",))


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


def page(head: PageHead = HEAD, **rows: list[PageRow] | list[Replacement]) -> str:
    """Return a page as it stands in its file."""
    return b"".join(import_page(head, **rows)).decode()  # type: ignore[arg-type]


def text(html: str) -> str:
    """Return what can be read of a page, its pieces separated by |."""
    body = html.partition("<body>")[2]
    return unescape(re.sub(r"(<[^>]*>\s*)+", "|", body)).strip("|")


def test_it_says_what_came_in_and_what_became_of_it() -> None:
    head = replace(
        HEAD,
        created=1000,
        updated=20,
        replaced=1,
        skipped=2,
        failed=1,
        recorded_amount=Decimal("10200.05"),
        skipped_amount=Decimal(20),
        failed_amount=Decimal("1234.50"),
    )
    taken = Replacement(ROW, Decimal(10), "2026-01-31T00:00:00Z", "record 3 of this file")
    assert text(page(head, failed=[ROW], replaced=[taken], skipped=[replace(ROW, day=None)])) == (
        "1 of 1,023 payments failed"
        "|incoming/a/october.xml"
        "|2026-03-04 10:15:00 UTC to 2026-03-04 10:16:30 UTC"
        "|Payments|Amount"
        "|Recorded|1,000 created, 20 updated, 1 of them replaced|1,020|10,200.05"
        "|Skipped|2|20"
        "|Failed|1|1,234.50"
        "|All|1,023|11,454.55"
        "|Success file: |success/a/october.xml"
        "|Fail file: |fail/a/october.xml"
        "|Failed: 1"
        "|Correct these in the fail file, and upload that as it is, under any name: its error "
        "messages are ignored, and the payments that succeeded are not in it."
        "|External id|Invoice|Amount|Day|Reason"
        "|PAY-9|INV-351|1,234.50|2026-03-04|No such invoice."
        "|Replaced: 1"
        "|These invoices had a payment that another record, or somebody else, had made. It has "
        "been changed to what this file says."
        "|External id|Invoice|Amount|Day|Before"
        "|PAY-9|INV-351|1,234.50|2026-03-04|10, 2026-01-31|record 3 of this file"
        "|Skipped: 2"
        "|Nothing was sent for these. They are in the fail file."
        "|External id|Invoice|Amount|Day|Reason"
        "|PAY-9|INV-351|1,234.50|No such invoice."
        "|… and 1 more."
    )


@pytest.mark.parametrize(
    ("head", "headline"),
    [
        (replace(HEAD, created=1), "1 of 1 payment imported, none failed"),
        (replace(HEAD, created=2, skipped=1), "2 of 3 payments imported, none failed"),
        (replace(HEAD, failed=2, updated=1), "2 of 3 payments failed"),
        (replace(HEAD, error="line 3, column 1: cut off."), "The file was not imported"),
        (
            replace(HEAD, error="Stopped by kim.", updated=1, failed=4),
            "1 of 5 payments imported, then it ended",
        ),
    ],
)
def test_its_headline_says_how_it_went(head: PageHead, headline: str) -> None:
    shown = text(page(head)).split("|")
    assert shown[0] == headline
    assert (head.error in shown) == (head.error is not None)


def test_what_there_is_none_of_has_no_list() -> None:
    assert "<h2>" not in page(replace(HEAD, created=5))


def test_the_first_thousand_are_shown_and_the_rest_is_counted() -> None:
    html = page(replace(HEAD, failed=MAX_ROWS + 1500), failed=[ROW] * (MAX_ROWS + 1500))
    assert html.count("<td>") == 0
    assert html.count('data-label="External id"') == MAX_ROWS
    assert "… and 1,500 more." in html


def test_no_more_rows_are_taken_than_are_shown_and_each_when_it_is_written() -> None:
    """However many there are, memory holds one."""
    taken = 0

    def rows() -> Iterator[PageRow]:
        nonlocal taken
        while True:
            taken += 1
            yield ROW

    behind = [
        piece.count(b"PAY-9") and taken
        for piece in import_page(replace(HEAD, failed=10**7), failed=rows())
    ]
    assert [place for place in behind if place] == list(range(1, MAX_ROWS + 1))
    assert taken == MAX_ROWS


def test_what_is_long_is_cut() -> None:
    long = PageRow("x" * 3000, "y" * 3000, reasons=("z" * 3000,) * 20)
    html = page(replace(HEAD, failed=1), failed=[long])
    assert html.count("z") <= MAX_REASONS * (MAX_REASON_CHARACTERS + 1)
    assert "… and 15 more." in html
    assert max(map(len, re.findall("x+|y+", html))) == 200


def test_it_needs_nothing_from_elsewhere_and_may_fetch_nothing() -> None:
    html = page(replace(HEAD, failed=1), failed=[ROW])
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img", html)
    assert (
        '<meta http-equiv="Content-Security-Policy" '
        'content="default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;">' in html
    )


def test_no_text_becomes_markup() -> None:
    row = PageRow('<b>"x"</b>', "&amp;", reasons=("</td><script>1</script>",))
    html = page(replace(HEAD, failed=1, error="<i>"), failed=[row])
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
    row = PageRow(number, number, None, None, (reason, reason))
    head = replace(HEAD, key=key, fail_key=key, error=error, failed=1, skipped=1, replaced=1)
    html = page(head, failed=[row], replaced=[Replacement(row, origin=reason)], skipped=[row])
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    known = page(replace(HEAD, error="e", failed=1), failed=[ROW])
    usual = _Tags()
    usual.feed(known)
    assert tags.names <= usual.names
    assert tags.attributes <= usual.attributes
