"""The few calls that an import makes, as ConnectWise gets them."""

from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from component.link import Link
from payments.errors import AnswerLost, ConnectWiseDown, NotFound
from payments.connectwise.invoices import batches
from payments.models import Invoice, JsonValue, Payment
from payments.rules import InvoiceQuery
from simulator.control import Simulator

EXACT = ["12.50", "0.10", "100", "-5.00", "12345678901234567890.01", "0.00000001"]


def last_body(connectwise: Simulator) -> str:
    return connectwise.calls()[-1].body


# Invoices


def test_many_invoices_are_found_with_one_call(connectwise: Simulator, link: Link) -> None:
    """Those that do not exist are not among them."""
    connectwise.add_invoices(count=5, number="INV-{id}")
    connectwise.add_payment(2, "25.50")
    found = link.api.invoices_by_id([1, 2, 99])
    assert found == [Invoice(1, "INV-1", Decimal(0)), Invoice(2, "INV-2", Decimal("25.50"))]
    assert connectwise.counts().calls["GET", "invoices"] == 1


def test_only_the_fields_that_are_needed_are_asked_for(connectwise: Simulator, link: Link) -> None:
    """And as many rows as ConnectWise returns at once."""
    link.api.invoices_by_id([1])
    query = parse_qs(connectwise.calls()[-1].query)
    assert query == {
        "conditions": ["id in (1)"],
        "fields": ["id,invoiceNumber,payments"],
        "pageSize": ["1000"],
    }


def test_pages_that_are_shorter_than_asked_for_are_followed_by_their_links(
    connectwise: Simulator, link: Link
) -> None:
    """An invoice on a later page must not pass for one that is not there."""
    connectwise.configure(max_page_size=2)
    connectwise.add_invoices(count=5)
    assert [invoice.id for invoice in link.api.invoices_by_id(range(1, 8))] == [1, 2, 3, 4, 5]
    assert connectwise.counts().calls["GET", "invoices"] == 3


def test_a_row_without_a_number_for_its_id_is_no_record(connectwise: Simulator, link: Link) -> None:
    """Who answers that is not ConnectWise, or is out of order."""
    connectwise.add_fault(method="GET", path="invoices", answer=[{"id": "1"}], status=200)
    with pytest.raises(ConnectWiseDown):
        link.api.invoices_by_id([1])


@pytest.mark.parametrize("number", ['say "hi"', "back\\slash", "a,b (c)", "50 % & more", "Ü-1 €"])
def test_an_awkward_number_is_found(connectwise: Simulator, link: Link, number: str) -> None:
    """It cannot break out of its quotes."""
    connectwise.add_invoices([{"id": 1, "invoiceNumber": number}, {"id": 2, "invoiceNumber": "x"}])
    assert [invoice.id for invoice in link.api.invoices_by_number([number])] == [1]


def test_a_lookup_s_url_stays_below_two_thousand_characters(
    connectwise: Simulator, link: Link
) -> None:
    """Working clients keep to it; the simulator answers 414 above."""
    connectwise.add_invoices(count=5_000, first_id=2_000_000_000, number="Überweisung {id}")
    ids = range(2_000_000_000, 2_000_005_000, 5)
    queries = [InvoiceQuery(number, None) for number in ids]
    queries += [InvoiceQuery(None, f"Überweisung {number}") for number in ids]
    found = 0
    for batch in batches(queries):
        if batch.ids:
            found += len(link.api.invoices_by_id(batch.ids))
        else:
            found += len(link.api.invoices_by_number(batch.numbers))
    assert found == 2_000
    lookups = [call for call in connectwise.calls() if call.kind == "invoices"]
    longest = max(len(f"{connectwise.site}{call.path}?{call.query}") for call in lookups)
    assert 1_500 < longest < 2_000


@pytest.mark.parametrize(("matches", "pages"), [(999, 1), (1_000, 2), (2_500, 3)])
def test_all_matches_are_read_page_by_page(
    connectwise: Simulator, link: Link, matches: int, pages: int
) -> None:
    """Numbers need not be unique."""
    connectwise.add_invoices({"id": n, "invoiceNumber": "same"} for n in range(1, matches + 1))
    found = link.api.invoices_by_number(["same"])
    assert [invoice.id for invoice in found] == list(range(1, matches + 1))
    assert connectwise.counts().calls["GET", "invoices"] == pages


# Payments


def test_all_payments_of_an_invoice_are_returned(connectwise: Simulator, link: Link) -> None:
    """More than the 25 of a page by default."""
    connectwise.add_invoices(count=1, total="1000.00")
    added = [connectwise.add_payment(1, "1.00")["id"] for _ in range(30)]
    assert link.api.payments(1) == tuple(Payment(number, Decimal("1.00")) for number in added)


def test_the_payments_of_an_unknown_invoice_are_not_found(link: Link) -> None:
    """That is the record's fault."""
    with pytest.raises(NotFound):
        link.api.payments(99)


def test_a_list_that_is_no_list_is_not_taken_for_an_empty_one(
    connectwise: Simulator, link: Link
) -> None:
    """A payment might be created twice for it."""
    connectwise.add_invoices(count=1)
    connectwise.add_fault(path="payments", times=None, status=200, answer={"message": "hello"})
    with pytest.raises(ConnectWiseDown):
        link.api.payments(1)


@pytest.mark.parametrize("amount", EXACT)
def test_a_create_sends_the_digits_of_the_file_and_the_invoice(
    connectwise: Simulator, link: Link, amount: str
) -> None:
    """A JSON number, and the invoice in the body as in the URL."""
    connectwise.configure(overpayment="accept")
    connectwise.add_invoices(count=1)
    payment = link.api.create_payment(
        1, {"amount": Decimal(amount), "paymentDate": "2026-03-02T00:00:00Z"}
    )
    assert last_body(connectwise) == (
        f'{{"amount":{amount},"paymentDate":"2026-03-02T00:00:00Z","invoice":{{"id":1}}}}'
    )
    assert payment == Payment(connectwise.payments(1)[0]["id"], Decimal(amount))


@pytest.mark.parametrize("amount", EXACT)
def test_an_update_sends_one_operation_for_each_given_field(
    connectwise: Simulator, link: Link, amount: str
) -> None:
    """Nothing but those, with the digits of the file."""
    connectwise.configure(overpayment="accept")
    connectwise.add_invoices(count=1)
    number = connectwise.add_payment(1, "1.00", paymentAccount="Bank")["id"]
    fields: dict[str, JsonValue] = {
        "amount": Decimal(amount),
        "appliedBy": 'P "x" Ü',
        "credit": {"id": 7},
    }
    payment = link.api.update_payment(1, number, fields)
    assert last_body(connectwise) == (
        f'[{{"op":"replace","path":"amount","value":{amount}}},'
        '{"op":"replace","path":"appliedBy","value":"P \\"x\\" \\u00dc"},'
        '{"op":"replace","path":"credit","value":{"id":7}}]'
    )
    [held] = connectwise.payments(1)
    assert (held["amount"], held["paymentAccount"]) == (Decimal(amount), "Bank")
    assert (held["appliedBy"], held["credit"]) == ('P "x" Ü', {"id": 7})
    assert payment == Payment(number, Decimal(amount))


def test_an_update_of_a_payment_that_is_gone_is_not_found(
    connectwise: Simulator, link: Link
) -> None:
    """The record is rejected for it."""
    connectwise.add_invoices(count=1)
    with pytest.raises(NotFound):
        link.api.update_payment(1, 99, {"amount": Decimal(1)})


@pytest.mark.parametrize("answer", [None, [], {}, {"amount": 1}, {"id": "x"}])
def test_a_create_that_is_answered_without_its_payment_may_have_taken_effect(
    connectwise: Simulator, link: Link, answer: object
) -> None:
    """Which payment it is must be read back."""
    connectwise.add_invoices(count=1)
    text = "null" if answer is None else answer
    connectwise.add_fault(method="POST", after=True, status=201, answer=text)
    with pytest.raises(AnswerLost):
        link.api.create_payment(1, {"amount": Decimal(1)})
