"""The few calls that an import makes, as ConnectWise gets them."""

from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from component.link import Link
from payments.connectwise.invoices import batches
from payments.errors import NotFound
from payments.models import Invoice, JsonValue
from payments.payment_fields import WRITABLE
from simulator.control import Simulator

EXACT = ["12.50", "0.10", "100", "-5.00", "12345678901234567890.01", "0.00000001"]


def last_body(connectwise: Simulator) -> str:
    return connectwise.calls()[-1].body


# Invoices


def test_many_invoices_are_found_with_one_call(connectwise: Simulator, link: Link) -> None:
    """Those that do not exist are not among them."""
    connectwise.add_invoices(count=5, number="INV-{id}")
    connectwise.add_payment(2, "25.50")
    found = link.finance.invoices_by_id([1, 2, 99])
    assert found == [
        Invoice(1, "INV-1", Decimal(0), Decimal("100.00")),
        Invoice(2, "INV-2", Decimal("25.50"), Decimal("74.50")),
    ]
    assert connectwise.counts().calls["GET", "invoices"] == 1


def test_only_the_fields_that_are_needed_are_asked_for(connectwise: Simulator, link: Link) -> None:
    """And as many rows as ConnectWise returns at once."""
    link.finance.invoices_by_id([1])
    query = parse_qs(connectwise.calls()[-1].query)
    assert query == {
        "conditions": ["id in (1)"],
        "fields": ["id,invoiceNumber,payments,balance"],
        "pageSize": ["1000"],
    }


def test_pages_that_are_shorter_than_asked_for_are_followed_by_their_links(
    connectwise: Simulator, link: Link
) -> None:
    """An invoice on a later page must not pass for one that is not there."""
    connectwise.configure(max_page_size=2)
    connectwise.add_invoices(count=5)
    assert [invoice.id for invoice in link.finance.invoices_by_id(range(1, 8))] == [1, 2, 3, 4, 5]
    assert connectwise.counts().calls["GET", "invoices"] == 3


@pytest.mark.parametrize("number", ['say "hi"', "back\\slash", "a,b (c)", "50 % & more", "Ü-1 €"])
def test_an_awkward_number_is_found(connectwise: Simulator, link: Link, number: str) -> None:
    """It cannot break out of its quotes."""
    connectwise.add_invoices([{"id": 1, "invoiceNumber": number}, {"id": 2, "invoiceNumber": "x"}])
    assert [invoice.id for invoice in link.finance.invoices_by_number([number])] == [1]


def test_a_lookup_s_url_stays_below_two_thousand_characters(
    connectwise: Simulator, link: Link
) -> None:
    """Working clients keep to it; the simulator answers 414 above."""
    connectwise.add_invoices(count=5_000, first_id=2_000_000_000, number="Überweisung {id}")
    ids = range(2_000_000_000, 2_000_005_000, 5)
    found = 0
    for batch in batches(ids, [f"Überweisung {number}" for number in ids]):
        if batch.ids:
            found += len(link.finance.invoices_by_id(batch.ids))
        else:
            found += len(link.finance.invoices_by_number(batch.numbers))
    assert found == 2_000
    lookups = [call for call in connectwise.calls() if call.kind == "invoices"]
    longest = max(len(f"{connectwise.site}{call.path}?{call.query}") for call in lookups)
    assert 1_400 < longest < 2_000


@pytest.mark.parametrize(("matches", "pages"), [(999, 1), (1_000, 2), (2_500, 3)])
def test_all_matches_are_read_page_by_page(
    connectwise: Simulator, link: Link, matches: int, pages: int
) -> None:
    """Numbers need not be unique."""
    connectwise.add_invoices({"id": n, "invoiceNumber": "same"} for n in range(1, matches + 1))
    found = link.finance.invoices_by_number(["same"])
    assert [invoice.id for invoice in found] == list(range(1, matches + 1))
    assert connectwise.counts().calls["GET", "invoices"] == pages


# Payments


def test_all_payments_of_an_invoice_are_returned(connectwise: Simulator, link: Link) -> None:
    """More than the 25 of a page by default."""
    connectwise.add_invoices(count=1, total="1000.00")
    added = [connectwise.add_payment(1, "1.00")["id"] for _ in range(30)]
    found = link.finance.payments(1)
    assert [(payment.id, payment.amount) for payment in found] == [
        (number, Decimal("1.00")) for number in added
    ]


def test_credit_memos_that_were_applied_are_no_payments(connectwise: Simulator, link: Link) -> None:
    """They are rows of the same list, and can be asked for by their ids."""
    connectwise.add_invoices(count=1)
    memo = connectwise.add_payment(1, "5.00", credit={"id": 7})["id"]
    payment = connectwise.add_payment(1, "25.00", paymentDate="2026-03-02T00:00:00Z")["id"]
    shown = {"amount": Decimal("25.00"), "paymentDate": "2026-03-02T00:00:00Z"}
    [found] = link.finance.payments(1)
    assert (found.id, dict(found.fields).items() >= shown.items()) == (payment, True)
    assert link.finance.payment(1, payment) == found
    assert link.finance.payment(1, memo).fields["credit"] == {"id": 7}


def test_all_fields_that_can_be_written_are_asked_for(connectwise: Simulator, link: Link) -> None:
    """They are what proves that a write took effect."""
    connectwise.add_invoices(count=1)
    link.finance.payments(1)
    query = parse_qs(connectwise.calls()[-1].query)
    assert query["pageSize"] == ["1000"]
    assert query["fields"][0].split(",") == ["id", *(field.name for field in WRITABLE)]


def test_the_payments_of_an_unknown_invoice_are_not_found(link: Link) -> None:
    """That is the record's fault."""
    with pytest.raises(NotFound):
        link.finance.payments(99)


@pytest.mark.parametrize("amount", EXACT)
def test_a_create_sends_the_digits_of_the_file_and_the_invoice(
    connectwise: Simulator, link: Link, amount: str
) -> None:
    """A JSON number, and the invoice in the body as in the URL."""
    connectwise.configure(overpayment="accept")
    connectwise.add_invoices(count=1)
    payment = link.finance.create_payment(
        1, {"amount": Decimal(amount), "paymentDate": "2026-03-02T00:00:00Z"}
    )
    assert last_body(connectwise) == (
        f'{{"amount":{amount},"paymentDate":"2026-03-02T00:00:00Z","invoice":{{"id":1}}}}'
    )
    assert (payment.id, payment.amount) == (connectwise.payments(1)[0]["id"], Decimal(amount))
    assert payment.fields["paymentDate"] == "2026-03-02T00:00:00Z"


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
    payment = link.finance.update_payment(1, number, fields)
    assert last_body(connectwise) == (
        f'[{{"op":"replace","path":"amount","value":{amount}}},'
        '{"op":"replace","path":"appliedBy","value":"P \\"x\\" \\u00dc"},'
        '{"op":"replace","path":"credit","value":{"id":7}}]'
    )
    [held] = connectwise.payments(1)
    assert (held["amount"], held["paymentAccount"]) == (Decimal(amount), "Bank")
    assert (held["appliedBy"], held["credit"]) == ('P "x" Ü', {"id": 7})
    assert payment.id == number
    assert payment.fields.items() >= {**fields, "paymentAccount": "Bank"}.items()


def test_an_update_of_a_payment_that_is_gone_is_not_found(
    connectwise: Simulator, link: Link
) -> None:
    """The record is rejected for it."""
    connectwise.add_invoices(count=1)
    with pytest.raises(NotFound):
        link.finance.update_payment(1, 99, {"amount": Decimal(1)})
