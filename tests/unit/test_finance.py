"""Answers that are not as they should be, and pages."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from payments.connectwise.finance import Finance, quoted
from payments.errors import NoAnswer, ServerFault
from payments.models import Invoice, Payment

NO_IDS = [None, "12", True, -1, 0, 1.9, Decimal("1.9"), 2**31, 10**50, [1], {"id": 1}]
NO_LISTS: list[Any] = [
    None,
    {"message": "hello"},
    "text",
    5,
    [None],
    [5],
    [[]],
    [{}],
    [{"amount": 1}],
]


class Answers:
    """ConnectWise that answers one prepared page after another; `asked` is what for."""

    def __init__(self, *pages: Any, has_next: bool = False) -> None:
        self.asked: list[Mapping[str, str | int]] = []
        self._pages = iter(pages)
        self._has_next = has_next

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        return self.get_page(path, query)[0]

    def get_page(self, path: str, query: Mapping[str, str | int] | None = None) -> tuple[Any, bool]:
        self.asked.append(query or {})
        return next(self._pages), self._has_next

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return next(self._pages)

    def patch(self, path: str, operations: list[Any]) -> Any:
        return next(self._pages)


def paid(*pages: Any, has_next: bool = False) -> tuple[Payment, ...]:
    return Finance(Answers(*pages, has_next=has_next)).payments(1)


# Odd answers


@pytest.mark.parametrize("answer", [*NO_LISTS, *([{"id": 1}, {"id": odd}] for odd in NO_IDS)])
def test_a_list_that_is_none_is_connectwise_s_fault(answer: Any) -> None:
    """Taken for an empty one, a payment might be created twice for it."""
    finance = Finance(Answers(*[answer] * 3))
    with pytest.raises(ServerFault):
        finance.payments(1)
    with pytest.raises(ServerFault):
        finance.invoices_by_id([1])
    with pytest.raises(ServerFault):
        finance.invoices_by_number(["a"])


@pytest.mark.parametrize("answer", [None, [], "text", 5, {}, *({"id": odd} for odd in NO_IDS)])
def test_an_answer_without_the_payment(answer: Any) -> None:
    """A create has taken effect, who knows on which; an update shows nothing; a look is odd."""
    finance = Finance(Answers(*[answer] * 3))
    with pytest.raises(NoAnswer):
        finance.create_payment(1, {"amount": Decimal(1)})
    assert finance.update_payment(1, 7, {"amount": Decimal(1)}) == Payment(7)
    with pytest.raises(ServerFault):
        finance.payment(1, 7)


def test_an_update_that_is_answered_with_another_payment_shows_nothing() -> None:
    finance = Finance(Answers({"id": 8, "amount": Decimal(2)}, {"id": 7, "amount": Decimal(2)}))
    assert finance.update_payment(1, 7, {}) == Payment(7)
    assert finance.update_payment(1, 7, {}) == Payment(7, {"amount": Decimal(2)})


def test_a_payment_shows_its_writable_fields_that_have_usable_values() -> None:
    good = {
        "id": 5,
        "amount": 12,
        "paymentDate": "2026-03-02T00:00:00Z",
        "appliedBy": "Kim",
        "type": None,
        "paymentAccount": 7,
        "balance": Decimal(3),
    }
    odd = {"id": 6, "amount": "12", "paymentDate": 5, "credit": {}, "type": ["P"]}
    assert paid([good, odd]) == (
        Payment(
            5,
            {
                "amount": Decimal(12),
                "paymentDate": "2026-03-02T00:00:00Z",
                "appliedBy": "Kim",
            },
        ),
        Payment(6),
    )


def test_credit_memos_that_were_applied_are_no_payments() -> None:
    """They are rows of the same list; one payment and any number of them is the normal case."""
    rows = [
        {"id": 1, "credit": None},
        {"id": 2, "credit": {"id": 9}},
        {"id": 3, "credit": {"x": 1}},
    ]
    assert paid(rows) == (Payment(1),)


def test_one_payment_shows_its_credit_as_well() -> None:
    """It was asked for by its id."""
    row = {"id": 2, "credit": {"id": 9, "identifier": "CM-9"}}
    assert Finance(Answers(row)).payment(1, 2) == Payment(2, {"credit": {"id": 9}})


@pytest.mark.parametrize(
    ("number", "text"),
    [("INV-1", "INV-1"), (15, "15"), (None, ""), (True, ""), ({}, ""), ("x" * 5000, "x" * 100)],
)
def test_an_invoice_s_number_is_a_short_text(number: Any, text: str) -> None:
    rows = [{"id": 1, "invoiceNumber": number, "payments": "12"}]
    assert Finance(Answers(rows)).invoices_by_id([1]) == [Invoice(1, text, None)]


def test_invoices_that_nobody_asked_for_are_left_out() -> None:
    found = Finance(Answers([{"id": 1}, {"id": 2}])).invoices_by_id([2, 3])
    assert [invoice.id for invoice in found] == [2]


def test_a_number_s_quotes_and_brackets_are_escaped() -> None:
    """`[` begins a set of characters there, and `[[]` is the set that holds it."""
    assert quoted('a"b\\c[1]') == '"a\\"b\\\\c[[]1]"'


# Pages


def endless() -> Iterator[list[dict[str, int]]]:
    number = 1
    while True:
        yield [{"id": number}, {"id": number + 1}]
        number += 2


def test_pages_without_end_are_connectwise_s_fault() -> None:
    """Cut off, they would pass for all there is."""
    answers = Answers(*(page for page, _ in zip(endless(), range(50), strict=False)), has_next=True)
    with pytest.raises(ServerFault, match="without end"):
        Finance(answers).payments(1)
    assert len(answers.asked) == 20


@pytest.mark.parametrize("second", [[], [{"id": 1}], [{"id": 2}, {"id": 1}]])
def test_a_page_that_brings_nothing_new_is_the_last(second: list[dict[str, int]]) -> None:
    pages = [[{"id": 1}, {"id": 2}], second]
    assert [payment.id for payment in paid(*pages, has_next=True)] == [1, 2]


def test_when_all_invoices_are_found_no_further_page_is_asked_for() -> None:
    answers = Answers([{"id": 1}], [{"id": 2}], has_next=True)
    assert len(Finance(answers).invoices_by_id([1, 2, 2])) == 2
    assert [query.get("page") for query in answers.asked] == [None, 2]
