"""Which invoice an operator means."""

from collections.abc import Sequence

import pytest

from payments.command.named_invoice import LookUp, find_invoice
from payments.command.problem import CommandFailed
from payments.decisions import FoundInvoices
from payments.errors import NotPermitted, RecordRejected
from payments.models import Invoice


def with_invoices(**numbers: str) -> LookUp:
    """Look up among these: i206="INV-7" is the invoice with id 206."""
    all_of_them = [Invoice(int(name[1:]), number, None) for name, number in numbers.items()]

    def look_up(ids: Sequence[int], wanted: Sequence[str]) -> FoundInvoices:
        there = {invoice.id: invoice for invoice in all_of_them}
        named = {text: tuple(it for it in all_of_them if it.number == text) for text in wanted}
        return FoundInvoices({number: there.get(number) for number in ids}, named)

    return look_up


def not_permitted(ids: Sequence[int], numbers: Sequence[str]) -> FoundInvoices:
    """Look up as an API member without the right to read invoices."""
    if numbers:
        raise NotPermitted("no")
    return FoundInvoices()


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("206", (206, "INV-7")),
        (" id:206 ", (206, "INV-7")),
        ("INV-7", (206, "INV-7")),
        ("9512", (8, "9512")),
        ("id:300", (300, "301")),
        ("id:301", (301, "INV-9")),
    ],
)
def test_an_invoice_is_named_by_its_id_or_its_number(named: str, found: tuple[int, str]) -> None:
    look_up = with_invoices(i206="INV-7", i8="9512", i300="301", i301="INV-9")
    assert find_invoice(named, look_up) == found


def test_what_is_an_id_and_a_number_is_neither() -> None:
    with pytest.raises(CommandFailed, match="write id:301 or id:300"):
        find_invoice("301", with_invoices(i300="301", i301="INV-9"))


def test_a_number_that_two_invoices_have_is_none() -> None:
    with pytest.raises(CommandFailed, match="write id:1 or id:2"):
        find_invoice("A", with_invoices(i1="A", i2="A"))


def test_an_invoice_with_its_own_id_for_a_number_is_one() -> None:
    assert find_invoice("301", with_invoices(i301="301")) == (301, "301")


@pytest.mark.parametrize("named", ["205", "INV-8", "id:INV-7", "id:0", "9" * 30, ""])
def test_what_is_not_there_is_said(named: str) -> None:
    with pytest.raises(CommandFailed, match="has no invoice with"):
        find_invoice(named, with_invoices(i206="INV-7"))


def test_without_the_right_to_read_invoices_an_id_is_taken_as_it_is() -> None:
    assert find_invoice("206", not_permitted) == (206, None)
    with pytest.raises(NotPermitted):
        find_invoice("INV-7", not_permitted)


def test_a_number_that_connectwise_fails_at_is_told() -> None:
    def in_trouble(ids: Sequence[int], numbers: Sequence[str]) -> FoundInvoices:
        return FoundInvoices(troubles={text: RecordRejected("odd") for text in numbers})

    with pytest.raises(RecordRejected, match="odd"):
        find_invoice("A", in_trouble)
