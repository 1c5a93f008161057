"""What a record would overwrite that it has not made, and what the ledger learns of it."""

from decimal import Decimal
from typing import Any

import pytest

from payments.models import Fields, Found, LedgerEntry, Payment, PaymentRecord, Replaced, There
from payments.second_payment import replaced_by, replaced_entry, to_record
from unit.records import payment_record

DAY = "2024-01-31T00:00:00Z"
FILE = "incoming/earlier.xml"


def payment(amount: str | None = "40.00", number: int = 70, **fields: Any) -> Payment:
    shown: Fields = fields if amount is None else {"amount": Decimal(amount), **fields}
    return Payment(number, shown)


def entry(amount: str | None = "40.00", external_id: str | None = "RC-71") -> LedgerEntry:
    exact = None if amount is None else Decimal(amount)
    return LedgerEntry(1, 70, "2024-02-03T04:05:06Z", exact, DAY, external_id, FILE)


def found(shown: Payment | None = None, *, looked: bool = True) -> Found:
    return Found(1, "this import", looked, shown)


RC_71 = Replaced(Decimal("40.00"), DAY, "RC-71", FILE)
SOMEBODY = Replaced(Decimal("40.00"))
RECORD = payment_record(external_id="RC-72", amount="60.00")


@pytest.mark.parametrize(
    ("record", "there", "replaced"),
    [
        (RECORD, entry(), RC_71),
        (payment_record(amount="60.00"), entry(), RC_71),
        (payment_record(external_id="RC-71", amount="60.00"), entry(), None),
        (RECORD, entry(external_id=None), Replaced(Decimal("40.00"), DAY, None, FILE)),
        (RECORD, None, SOMEBODY),
        (RECORD, found(), SOMEBODY),
        (RECORD, LedgerEntry(1, 60, "", Decimal(5), None, "RC-71", FILE), SOMEBODY),
    ],
    ids=str,
)
def test_what_others_have_made_is_replaced(
    record: PaymentRecord, there: There | None, replaced: Replaced | None
) -> None:
    """Whoever it was; what was recorded under the same external id is the record's own."""
    assert replaced_by(record, payment(), there, is_doubtful=False) == replaced


def test_what_somebody_has_changed_since_is_theirs() -> None:
    """Even under the record's own external id: it would be lost in silence."""
    own = payment_record(external_id="RC-71", amount="60.00")
    changed = replaced_by(own, payment("45.00"), entry(), is_doubtful=False)
    assert changed == Replaced(Decimal("45.00"))


@pytest.mark.parametrize(
    ("there", "replaced"),
    [
        (None, None),
        (found(), None),
        (found(looked=False), Replaced(Decimal("60.00"))),
        (found(payment("40.00")), SOMEBODY),
        (entry(), RC_71),
    ],
    ids=str,
)
def test_what_may_be_the_record_s_own_says_nothing_about_before(
    there: There | None, replaced: Replaced | None
) -> None:
    """A killed run may have sent it; only the ledger knows what was there."""
    assert replaced_by(RECORD, payment("60.00"), there, is_doubtful=True) == replaced


@pytest.mark.parametrize("there", [None, entry("0"), found(payment("0"))], ids=str)
def test_a_payment_of_zero_has_been_taken_back(there: There | None) -> None:
    assert replaced_by(RECORD, payment("0"), there, is_doubtful=False) is None


def test_a_payment_whose_amount_does_not_show_is_replaced_all_the_same() -> None:
    assert replaced_by(RECORD, payment(None), None, is_doubtful=False) == Replaced()


def test_a_payment_that_is_named_is_compared_with_the_ledger_alone() -> None:
    named = Payment(70)
    assert replaced_entry(RECORD, named, entry(), is_doubtful=False) == RC_71


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        (RC_71, "40.00 of 2024-01-31, recorded as RC-71 from incoming/earlier.xml"),
        (Replaced(Decimal(5), key=FILE), "5, recorded from incoming/earlier.xml"),
        (SOMEBODY, "40.00, which was not recorded from a file"),
        (Replaced(), "a payment, which was not recorded from a file"),
    ],
    ids=str,
)
def test_what_was_replaced_is_told_in_words(replaced: Replaced, words: str) -> None:
    assert str(replaced) == words


# What the ledger learns


def learned(record: PaymentRecord, shown: Payment, there: There | None = None) -> Any:
    recorded = to_record(record, there, 1, shown, was_looked_up=True)
    assert recorded is not None
    return recorded.payment_id, recorded.amount, recorded.external_id


def test_the_ledger_learns_the_amount_with_the_digits_that_were_sent() -> None:
    assert str(learned(RECORD, payment("60.0"))[1]) == "60.00"
    assert learned(RECORD, payment(None)) == (70, Decimal("60.00"), "RC-72")


def test_the_ledger_learns_what_connectwise_holds_if_that_is_something_else() -> None:
    assert learned(RECORD, payment("55.00"))[1] == Decimal("55.00")


def test_what_a_record_does_not_send_stays_as_the_ledger_knew_it() -> None:
    """A later record of a killed run may have changed what shows."""
    text = payment_record(external_id="RC-72", amount=None, other_fields={"type": "P"})
    assert learned(text, payment("60.00"), entry())[1] == Decimal("40.00")
    assert learned(text, payment("60.00"), found(payment("50.00")))[1] == Decimal("50.00")
    assert learned(text, payment("60.00"))[1] == Decimal("60.00")


def test_what_nobody_has_looked_at_is_not_learned_from_a_record_without_an_amount() -> None:
    text = payment_record(payment_id=70, amount=None, other_fields={"type": "P"})
    assert to_record(text, None, 1, payment(), was_looked_up=False) is None
    assert to_record(text, entry(), 1, payment(), was_looked_up=False) is not None


def test_a_record_with_an_id_corrects_a_payment_in_its_owner_s_name() -> None:
    by_id = payment_record(payment_id=70, amount="60.00")
    assert learned(by_id, payment("60.00"), entry())[2] == "RC-71"
    assert learned(payment_record(amount="60.00"), payment("60.00"), entry())[2] is None


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (payment_record(other_fields={"credit": {"id": 9}}), payment()),
        (payment_record(payment_id=70), payment(credit={"id": 9})),
    ],
)
def test_of_credit_memos_the_ledger_learns_nothing(record: PaymentRecord, shown: Payment) -> None:
    assert to_record(record, None, 1, shown, was_looked_up=True) is None
