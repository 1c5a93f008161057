"""Finding the invoices of many records with few calls."""

from collections.abc import Iterable
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.connectwise import invoices as invoice_lookup
from payments.connectwise.finance import ConnectWise, quoted
from payments.errors import ConnectWiseDown, NotPermitted, RecordRejected, ServerFault
from payments.connectwise.invoices import Batch, InvoiceLookup, batches, merged
from payments.models import Invoice
from payments.files.record import MAX_ID, MAX_INVOICE_NUMBER_CHARACTERS
from payments.rules import FoundInvoices, InvoiceQuery
from payments.connectwise.transport import Transport
from unit.fake_connectwise import FakeConnectWise

LONGEST_URL = 2000
BASE = "https://" + "h" * 60 + ".example.com/v4_6_release/apis/3.0/finance/invoices?"


def by_id(*ids: int) -> list[InvoiceQuery]:
    return [InvoiceQuery(number, None) for number in ids]


def by_number(*numbers: str) -> list[InvoiceQuery]:
    return [InvoiceQuery(None, number) for number in numbers]


# Batches


def test_nothing_to_look_up_needs_no_call() -> None:
    assert batches([]) == []
    assert batches([InvoiceQuery(None, None)]) == []


def test_an_invoice_is_asked_for_once() -> None:
    assert batches(by_id(3, 1, 3)) == [Batch(ids=(3, 1))]
    assert batches(by_number("B", "A", "B")) == [Batch(numbers=("B", "A"))]


def test_ids_and_numbers_are_asked_for_apart() -> None:
    queries = [*by_id(1), *by_number("A"), *by_id(2), *by_number("B")]
    assert batches(queries) == [Batch(ids=(1, 2)), Batch(numbers=("A", "B"))]


def test_about_170_ids_of_seven_digits_fit_into_one_call() -> None:
    (first, *_) = batches(by_id(*range(1_000_000, 1_002_000)))
    assert len(first.ids) >= 150


class OnlyUrls(Transport):
    """A transport that notes the URL of each call, and finds nothing."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def get_page(self, path: str, query: object = None) -> tuple[object, bool]:
        assert isinstance(query, dict)
        assert path == "/finance/invoices"
        self.urls.append(BASE + urlencode(query))
        return [], False


def longest_url(queries: Iterable[InvoiceQuery]) -> int:
    transport = OnlyUrls()
    lookup = InvoiceLookup(ConnectWise(transport))
    for batch in batches(queries):
        lookup.look_up(batch)
    return max(map(len, transport.urls))


@pytest.mark.parametrize("first", [1, 99_990, 10_000_000, MAX_ID - 5000])
def test_urls_stay_short_enough_whatever_the_ids(first: int) -> None:
    assert longest_url(by_id(*range(first, first + 2000))) < LONGEST_URL


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_INVOICE_NUMBER_CHARACTERS),
        min_size=1,
        max_size=30,
    )
)
def test_urls_stay_short_enough_whatever_the_numbers(numbers: list[str]) -> None:
    assert longest_url(by_number(*numbers)) < LONGEST_URL


@pytest.mark.parametrize("character", ["x", '"', "\\", " ", "é", "払", "😀"])
def test_urls_stay_short_enough_for_the_longest_numbers(character: str) -> None:
    numbers = (f"{n}{character * (MAX_INVOICE_NUMBER_CHARACTERS - 2)}" for n in range(50))
    assert longest_url(by_number(*numbers)) < LONGEST_URL


@given(st.lists(st.integers(1, MAX_ID), max_size=400), st.lists(st.text(min_size=1, max_size=20)))
def test_everything_is_asked_for_exactly_once(ids: list[int], numbers: list[str]) -> None:
    found = batches([*by_id(*ids), *by_number(*numbers)])
    assert [number for batch in found for number in batch.ids] == list(dict.fromkeys(ids))
    assert [text for batch in found for text in batch.numbers] == list(dict.fromkeys(numbers))
    assert all(bool(batch.ids) != bool(batch.numbers) for batch in found)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("INV-1", '"INV-1"'),
        ('5" pipe', '"5\\" pipe"'),
        ("a\\", '"a\\\\"'),
        ('") or (id>0 and x="', '"\\") or (id>0 and x=\\""'),
    ],
)
def test_a_number_is_quoted_so_that_it_stays_one(number: str, expected: str) -> None:
    assert quoted(number) == expected


# What is found


class Disturbed(FakeConnectWise):
    """Invoices of which some questions are answered with an error."""

    def __init__(self, *invoice_ids: int) -> None:
        super().__init__(*invoice_ids)
        self.error_for_ids: Exception | None = None
        self.refused_number: str | None = None
        self.asked: list[tuple[int | str, ...]] = []

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        self.asked.append(tuple(ids))
        if self.error_for_ids:
            raise self.error_for_ids
        return super().invoices_by_id(ids)

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        self.asked.append(tuple(numbers))
        if self.refused_number in list(numbers):
            raise RecordRejected(f"cannot search for {self.refused_number}")
        return super().invoices_by_number(numbers)


def test_each_id_is_found_or_known_not_to_be_there() -> None:
    connectwise = FakeConnectWise(1, 2)
    connectwise.add_payment(2, "5.00")
    found = InvoiceLookup(connectwise).look_up(Batch(ids=(1, 2, 3)))
    assert found == FoundInvoices(
        by_id={
            1: Invoice(1, "INV-1", Decimal(0)),
            2: Invoice(2, "INV-2", Decimal("5.00")),
            3: None,
        }
    )


def test_each_number_has_all_its_invoices() -> None:
    connectwise = FakeConnectWise(1, 2, 3)
    connectwise.set_number(2, "TWIN")
    connectwise.set_number(3, "TWIN")
    found = InvoiceLookup(connectwise).look_up(Batch(numbers=("INV-1", "TWIN", "NONE")))
    ids = {text: [invoice.id for invoice in some] for text, some in found.by_number.items()}
    assert ids == {"INV-1": [1], "TWIN": [2, 3], "NONE": []}
    assert found.by_id == {}


def test_a_number_is_found_whatever_its_case() -> None:
    """As ConnectWise does: its database compares so."""
    found = InvoiceLookup(FakeConnectWise(1)).look_up(Batch(numbers=("inv-1", "Inv-1")))
    assert [invoice.id for invoice in found.by_number["inv-1"]] == [1]
    assert [invoice.id for invoice in found.by_number["Inv-1"]] == [1]


class Log:
    """A logger that remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def warning(self, message: str, **_: object) -> None:
        self.messages.append(message)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    found = Log()
    monkeypatch.setattr(invoice_lookup, "logger", found)
    return found


def test_without_permission_nothing_is_known_and_it_is_asked_and_logged_once(log: Log) -> None:
    connectwise = Disturbed(1)
    connectwise.error_for_ids = NotPermitted("403")
    lookup = InvoiceLookup(connectwise)
    for _ in range(3):
        assert lookup.look_up(Batch(ids=(1, 2))) == FoundInvoices()
    assert connectwise.asked == [(1, 2)]
    assert len(log.messages) == 1


def test_without_permission_numbers_cannot_be_found_and_the_import_waits() -> None:
    class Forbidden(FakeConnectWise):
        def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
            raise NotPermitted("403")

    with pytest.raises(NotPermitted):
        InvoiceLookup(Forbidden(1)).look_up(Batch(numbers=("INV-1",)))


@pytest.mark.parametrize("error", [RecordRejected("400"), ServerFault("500")])
def test_a_rejected_lookup_by_id_leaves_each_invoice_to_itself(error: Exception, log: Log) -> None:
    connectwise = Disturbed(1)
    connectwise.error_for_ids = error
    lookup = InvoiceLookup(connectwise)
    assert lookup.look_up(Batch(ids=(1,))) == FoundInvoices()
    assert len(log.messages) == 1
    connectwise.error_for_ids = None
    assert lookup.look_up(Batch(ids=(1,))).by_id[1] is not None


def test_an_outage_is_passed_on() -> None:
    connectwise = Disturbed(1)
    connectwise.error_for_ids = ConnectWiseDown("down")
    with pytest.raises(ConnectWiseDown):
        InvoiceLookup(connectwise).look_up(Batch(ids=(1,)))


def test_of_rejected_numbers_the_culprit_is_found_and_the_others_are_looked_up() -> None:
    connectwise = Disturbed(1, 2)
    connectwise.refused_number = "bad"
    found = InvoiceLookup(connectwise).look_up(Batch(numbers=("INV-1", "bad", "INV-2")))
    assert found.rejected_numbers == {"bad": ("cannot search for bad",)}
    assert [invoice.id for invoice in found.by_number["INV-1"]] == [1]
    assert [invoice.id for invoice in found.by_number["INV-2"]] == [2]
    assert "bad" not in found.by_number


def test_numbers_that_get_server_errors_are_told_one_by_one_but_not_for_ever() -> None:
    """Each takes as long as its retries do."""

    class Failing(Disturbed):
        def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
            wanted = list(numbers)
            found = super().invoices_by_number(wanted)
            if any(number.startswith("bad") for number in wanted):
                raise ServerFault("500")
            return found

    connectwise = Failing(1)
    names = ("bad 1", "INV-1", "bad 2", "bad 3", "bad 4", "bad 5")
    found = InvoiceLookup(connectwise).look_up(Batch(numbers=names))
    assert found.faults.keys() == set(names) - {"INV-1"}
    assert [invoice.id for invoice in found.by_number["INV-1"]] == [1]
    assert connectwise.asked == [names, *((name,) for name in names[:4])]


def test_what_several_lookups_found_is_put_together() -> None:
    one, two = Invoice(1, "A", None), Invoice(2, "B", None)
    assert merged(
        [
            FoundInvoices(by_id={1: one, 3: None}),
            FoundInvoices(by_number={"B": (two,)}),
            FoundInvoices(rejected_numbers={"C": ("no",)}),
            FoundInvoices(),
        ]
    ) == FoundInvoices({1: one, 3: None}, {"B": (two,)}, {"C": ("no",)})
