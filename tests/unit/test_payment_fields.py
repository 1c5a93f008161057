"""Whether ConnectWise holds what was sent: only the fields that prove it are compared."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.models import Fields
from payments.payment_fields import (
    WRITABLE,
    accepts,
    differences,
    holds,
    same_amount,
    same_day,
)

TEN: Fields = {"amount": Decimal(10)}
DAY: Fields = {"paymentDate": "2024-01-31T00:00:00Z"}
TEXT: Fields = {"type": "P"}


def test_the_writable_fields_are_those_of_connectwises_description() -> None:
    """Everything else is known and ignored, or not known at all."""
    assert [field.name for field in WRITABLE] == [
        "amount",
        "paymentDate",
        "appliedBy",
        "type",
        "credit",
        "paymentAccount",
        "aRPaymentAccount",
    ]


@pytest.mark.parametrize(
    ("sent", "held", "same"),
    [
        ("10", "10.00", True),
        ("0.1", "0.1000000000000000055511151231257827", True),
        ("10", "10.01", False),
        ("9007199254740993", "9007199254740992", True),
        ("0", "-0", True),
    ],
)
def test_amounts_are_compared_as_connectwise_can_store_them(
    sent: str, held: str, same: bool
) -> None:
    assert same_amount(Decimal(sent), Decimal(held)) is same
    assert not same_amount(Decimal(sent), sent)


@given(st.decimals("0", "1e9", places=2))
def test_an_amount_that_went_through_a_double_is_the_same(amount: Decimal) -> None:
    assert same_amount(amount, Decimal(float(amount)))


@pytest.mark.parametrize(
    ("held", "same"),
    [
        ("2024-01-31T00:00:00Z", True),
        ("2024-01-31T23:59:59Z", True),
        ("2024-01-31", True),
        ("2024-01-30T14:00:00Z", True),
        ("2024-01-31T00:00:00-08:00", True),
        ("2024-01-30T10:00:00+00:00", True),
        ("2024-01-30T00:00:00Z", False),
        ("2024-02-01T00:00:00Z", False),
        ("2023-01-31T00:00:00Z", False),
        ("soon", False),
        ("", False),
    ],
)
def test_a_day_is_the_same_in_whatever_zone_it_is_answered(held: str, same: bool) -> None:
    assert same_day("2024-01-31T00:00:00Z", held) is same


def test_a_difference_names_what_was_sent_and_what_is_held() -> None:
    (difference,) = differences({**TEN, **TEXT}, {"amount": Decimal(8), "type": "Q"})
    assert (difference.name, difference.sent, difference.held) == ("amount", 10, 8)


def test_a_field_that_is_not_shown_differs_from_nothing() -> None:
    assert differences({**TEN, **DAY}, TEN) == ()


def test_only_what_is_shown_whole_holds_what_was_sent() -> None:
    assert holds({**TEN, **DAY}, {**TEN, **DAY})
    assert not holds({**TEN, **DAY}, TEN)
    assert not holds(TEN, {"amount": Decimal(8)})


def test_a_payment_date_may_stay_empty_as_long_as_the_amount_is_shown() -> None:
    """ConnectWise fills it when the invoice is paid in full."""
    assert accepts({**TEN, **DAY}, TEN)
    assert not accepts({**TEN, **DAY}, {})
    assert not accepts(DAY, {})


def test_without_amount_and_day_any_answer_accepts() -> None:
    assert accepts(TEXT, {})
