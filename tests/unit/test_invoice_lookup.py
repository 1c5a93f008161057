"""Finding the invoices of many records with few calls."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from random import Random
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.clock import VirtualClock
from payments.connectwise.finance import Finance
from payments.connectwise.invoices import Batch, InvoiceLookup, batches
from payments.connectwise.patience import Patience, drive
from payments.decisions import FoundInvoices
from payments.errors import (
    CallFailed,
    ConnectWiseDown,
    NoAnswer,
    NotPermitted,
    RecordRejected,
    RecordStuck,
    ServerFault,
)
from payments.files.record import MAX_ID, MAX_INVOICE_NUMBER_CHARACTERS
from payments.models import Invoice

LONGEST_URL = 2000
BASE = "https://" + "h" * 60 + ".example.com/v4_6_release/apis/3.0/finance/invoices?"
ONE, TWO, TWIN = (Invoice(n, t, Decimal(p)) for n, t, p in ((1, "A", 0), (2, "B", 5), (3, "B", 0)))


class Shelf:
    """Invoices, of which some questions are answered with an error."""

    def __init__(self, *invoices: Invoice) -> None:
        self.invoices = invoices
        self.asked: list[tuple[int | str, ...]] = []
        self.error_for: Callable[[tuple[int | str, ...]], Exception | None] = lambda _: None
        self.answers = True

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        wanted = self._ask(ids)
        return [invoice for invoice in self.invoices if invoice.id in wanted]

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        wanted = [str(text).casefold() for text in self._ask(numbers)]
        return [invoice for invoice in self.invoices if invoice.number.casefold() in wanted]

    def _ask(self, names: Iterable[int | str]) -> tuple[int | str, ...]:
        wanted = tuple(names)
        self.asked.append(wanted)
        error = self.error_for(wanted)
        if error is not None:
            raise error
        return wanted


class Lookups:
    """Look things up, as often as a test wants."""

    def __init__(self, shelf: Shelf) -> None:
        self.clock = VirtualClock()
        patience = Patience(self.clock, lambda: shelf.answers, Random(1))
        self._lookup = InvoiceLookup(shelf, patience)

    def of(self, *wanted: Batch) -> FoundInvoices:
        return drive(self._lookup.look_up_all(wanted), self.clock)


# Batches


def test_what_is_asked_for_more_than_once_is_looked_up_once_ids_and_numbers_apart() -> None:
    assert batches([], []) == []
    assert batches([3, 1, 3], ["B", "A", "B"]) == [Batch(ids=(3, 1)), Batch(numbers=("B", "A"))]


def test_about_170_ids_of_seven_digits_fit_into_one_call() -> None:
    (first, *_) = batches(range(1_000_000, 1_002_000), [])
    assert len(first.ids) >= 150


class OnlyUrls:
    """Calls that find nothing; the URL of each is noted."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def get_page(self, path: str, query: object = None) -> tuple[object, bool]:
        assert path == "/finance/invoices"
        assert isinstance(query, dict)
        self.urls.append(BASE + urlencode(query))
        return [], False

    def get(self, path: str, query: object = None) -> object: ...
    def post(self, path: str, body: object) -> object: ...
    def patch(self, path: str, operations: object) -> object: ...


def longest_url(ids: Iterable[int] = (), numbers: Iterable[str] = ()) -> int:
    calls = OnlyUrls()
    finance = Finance(calls)
    for batch in batches(ids, numbers):
        if batch.ids:
            finance.invoices_by_id(batch.ids)
        else:
            finance.invoices_by_number(batch.numbers)
    return max(map(len, calls.urls))


@pytest.mark.parametrize("first", [1, 99_990, 10_000_000, MAX_ID - 5000])
def test_urls_stay_short_enough_whatever_the_ids(first: int) -> None:
    assert longest_url(range(first, first + 2000)) < LONGEST_URL


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_INVOICE_NUMBER_CHARACTERS),
        min_size=1,
        max_size=30,
    )
)
def test_urls_stay_short_enough_whatever_the_numbers(numbers: list[str]) -> None:
    assert longest_url(numbers=numbers) < LONGEST_URL


@pytest.mark.parametrize("character", ["x", '"', "\\", "[", " ", "é", "払", "😀"])
def test_urls_stay_short_enough_for_the_longest_numbers(character: str) -> None:
    numbers = (f"{n}{character * (MAX_INVOICE_NUMBER_CHARACTERS - 2)}" for n in range(50))
    assert longest_url(numbers=numbers) < LONGEST_URL


@given(st.lists(st.integers(1, MAX_ID), max_size=400), st.lists(st.text(min_size=1, max_size=20)))
def test_everything_is_asked_for_exactly_once(ids: list[int], numbers: list[str]) -> None:
    found = batches(ids, numbers)
    assert [number for batch in found for number in batch.ids] == list(dict.fromkeys(ids))
    assert [text for batch in found for text in batch.numbers] == list(dict.fromkeys(numbers))


# What is found


def test_each_id_is_found_or_known_not_to_be_there() -> None:
    found = Lookups(Shelf(ONE, TWO)).of(Batch(ids=(1, 2, 9)))
    assert found == FoundInvoices(by_id={1: ONE, 2: TWO, 9: None})


def test_each_number_has_all_its_invoices_whatever_its_case() -> None:
    """As ConnectWise does: its database compares so."""
    found = Lookups(Shelf(ONE, TWO, TWIN)).of(Batch(numbers=("a", "b", "NONE")))
    assert found == FoundInvoices(by_number={"a": (ONE,), "b": (TWO, TWIN), "NONE": ()})


def test_without_permission_nothing_is_known_of_ids_and_it_is_asked_once() -> None:
    """Their payments are then asked for one invoice at a time."""
    shelf = Shelf(ONE)
    shelf.error_for = lambda _: NotPermitted("403")
    lookups = Lookups(shelf)
    for _ in range(3):
        assert lookups.of(Batch(ids=(1, 2))) == FoundInvoices()
    assert shelf.asked == [(1, 2)]


def test_without_permission_numbers_cannot_be_found_and_the_import_waits() -> None:
    shelf = Shelf(ONE)
    shelf.error_for = lambda _: NotPermitted("403")
    with pytest.raises(NotPermitted, match="need the right to read invoices"):
        Lookups(shelf).of(Batch(numbers=("A",)))


@pytest.mark.parametrize("error", [RecordRejected("400"), ServerFault("500")])
def test_a_lookup_that_is_refused_leaves_each_invoice_to_itself(error: Exception) -> None:
    shelf = Shelf(ONE)
    shelf.error_for = lambda _: error
    lookups = Lookups(shelf)
    assert lookups.of(Batch(ids=(1,))) == FoundInvoices()
    assert len(shelf.asked) == 1
    shelf.error_for = lambda _: None
    assert lookups.of(Batch(ids=(1,))) == FoundInvoices(by_id={1: ONE})


def test_an_outage_ends_it() -> None:
    shelf = Shelf(ONE)
    shelf.error_for = lambda _: NoAnswer("timeout")
    shelf.answers = False
    with pytest.raises(ConnectWiseDown):
        Lookups(shelf).of(Batch(ids=(1,)))


@pytest.mark.parametrize("error", [RecordRejected("no"), ServerFault("500")])
def test_among_many_numbers_the_culprits_are_singled_out_by_halves(error: Exception) -> None:
    """They are their records' own trouble; all others are found."""
    good = [Invoice(n, f"N{n}", Decimal(0)) for n in range(1, 31)]
    shelf = Shelf(*good)
    shelf.error_for = lambda names: error if {"bad 1", "bad 2"} & {*names} else None
    names = [invoice.number for invoice in good]
    found = Lookups(shelf).of(Batch(numbers=("bad 1", *names[:9], "bad 2", *names[9:])))
    assert found.by_number == {invoice.number: (invoice,) for invoice in good}
    assert found.troubles.keys() == {"bad 1", "bad 2"}
    assert len(set(shelf.asked)) < 20


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [(ServerFault("500"), RecordRejected), (NoAnswer("timeout"), RecordStuck)],
)
def test_a_number_that_alone_fails_is_its_records_trouble_after_its_own_tries(
    failure: CallFailed, verdict: type[Exception]
) -> None:
    """The others of its lookup are found; without an answer nobody can be blamed so soon."""
    shelf = Shelf(ONE)
    shelf.error_for = lambda names: failure if "bad" in names else None
    found = Lookups(shelf).of(Batch(numbers=("A", "bad")))
    assert found.by_number == {"A": (ONE,)}
    assert isinstance(found.troubles["bad"], verdict)
