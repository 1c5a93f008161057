"""The page about an import, as a real browser draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from component.browser import Browser, Look, find_browser
from payments.import_state import Tally
from payments.page.import_page import PageHead, import_page
from payments.page.rows import PageRow, PageRows

PHONE, DESK, PAPER = Look(360), Look(1280), Look(718, media="print")
HOSTILE = (
    "<script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "</td></table></main><style>body{display:none}</style>",
    '"><svg onload=alert(1)>',
    "{{7*7}} ${7*7} &lt;b&gt; \u202egnp.exe",
)
LONG = "W" * 200
MUCH = "999,999,999,999,999.99"
HEAD = PageHead(
    "0123456789abcdef0123456789abcdef",
    LONG[:63],
    f"incoming/{LONG}/<b>october<b>.xml",
    f"success/{LONG}.xml",
    f"fail/{LONG}.xml",
    "2026-03-04T10:15:00Z",
    Tally(
        created=1,
        updated=2,
        replaced=2,
        skipped=1,
        failed=7,
        recorded_amount=Decimal("123456789012345.67"),
        failed_amount=Decimal("999999999999999.99"),
    ),
    error=f"{LONG}{LONG}",
)
ROWS = [
    *(PageRow(text, text, "1.00", "2026-03-04", (text, text)) for text in HOSTILE),
    PageRow(LONG, LONG, MUCH, "2026-03-04", (LONG * 2, "No such invoice.")),
    PageRow(reasons=("Give <invoice> with its <id> or <identifier>.",)),
]
REPLACED = [
    PageRow(LONG, LONG, MUCH, "2026-03-04", (f"Payment 7 held {MUCH}, recorded from {LONG}.",)),
    PageRow("R-1", "INV-1", "10.00", "2026-03-04", ("Payment 8 held 1.00.",)),
]
LOOKS = [PHONE, Look(360, scheme="dark"), DESK, PAPER]

# Of the elements those that stand out at the right, or hold more than they are wide.
_TOO_WIDE = """
[...document.querySelectorAll('body, body *')].filter(e => !e.closest('thead'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5
    || getComputedStyle(e).display != 'inline' && e.scrollWidth > e.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))
"""
_TEXTS = """
[...document.querySelector('.rows').tBodies[0].rows].map(row => row.cells[0].textContent)
"""
_CONTRASTS = """
[...document.querySelectorAll('body *')].filter(e => e.checkVisibility()).map(e => {
  const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05 };
  let under = e; const ground = e => getComputedStyle(e).backgroundColor;
  while (ground(under) == 'rgba(0, 0, 0, 0)') under = under.parentElement;
  const [a, b] = [light(getComputedStyle(e).color), light(ground(under))];
  return Math.max(a, b) / Math.min(a, b) })
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("THE PAGE WAS NOT LOOKED AT: this machine has no Chromium")
    with Browser(program) as running:
        yield running


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(more: bytes = b"") -> Path:
        file = tmp_path / "page.html"
        file.write_bytes(import_page(HEAD, PageRows(ROWS, REPLACED, ROWS[:1])) + more)
        return file

    return write


@pytest.fixture
def page(written: Callable[[bytes], Path]) -> Path:
    return written(b"")


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_nothing_is_wider_than_the_page(browser: Browser, page: Path, look: Look) -> None:
    assert browser.evaluate(page, look, "document.documentElement.scrollWidth") <= look.width
    assert browser.evaluate(page, look, _TOO_WIDE) == []


def test_hostile_text_is_text(browser: Browser, page: Path) -> None:
    texts = browser.evaluate(page, DESK, _TEXTS)
    assert texts[: len(HOSTILE)] == [text.replace("\u202e", "\ufffd") for text in HOSTILE]
    made = "document.querySelectorAll('script, img, svg, b, body style').length"
    assert browser.evaluate(page, DESK, made) == 0
    assert browser.evaluate(page, DESK, "document.title") == "Payments: <b>october<b>.xml"


def test_it_asks_for_nothing(browser: Browser, page: Path) -> None:
    assert browser.requests(page) == [page.as_uri()]


def test_a_script_would_not_run_even_if_one_came_in(
    browser: Browser, written: Callable[[bytes], Path]
) -> None:
    page = written(b"<script>document.title = 'run'</script>")
    assert browser.evaluate(page, DESK, "document.scripts.length") == 1
    assert browser.evaluate(page, DESK, "document.title") != "run"


def test_on_a_phone_each_value_says_what_it_is(browser: Browser, page: Path) -> None:
    label = "getComputedStyle(document.querySelector('.rows td.number'), '::before').content"
    assert browser.evaluate(page, PHONE, label) == '"Amount"'
    assert browser.evaluate(page, DESK, label) == "none"
    assert browser.evaluate(page, PAPER, label) == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_read_by_day_and_by_night(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    """WCAG 2, level AA: a contrast of 4.5 at least."""
    look = Look(width, scheme=scheme)
    assert min(browser.evaluate(page, look, _CONTRASTS)) >= 4.5
    ground = "getComputedStyle(document.body).backgroundColor"
    is_white = browser.evaluate(page, look, ground) == "rgb(255, 255, 255)"
    assert is_white == (scheme == "light")


def test_paper_is_white_at_night_too(browser: Browser, page: Path) -> None:
    look = Look(718, media="print", scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert browser.evaluate(page, look, ground) == "rgb(255, 255, 255)"
    assert browser.pdf(page).startswith(b"%PDF")
