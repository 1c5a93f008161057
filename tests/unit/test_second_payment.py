"""What a record would overwrite that it has not made, and what the ledger learns of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from payments.decisions import Known
from payments.models import (
    Fields,
    Found,
    LedgerEntry,
    Payment,
    PaymentRecord,
    Receipt,
    Replaced,
    There,
)
from payments.second_payment import (
    is_rounded,
    may_be_left,
    replaced_by,
    replaced_entry,
    that_count,
    to_record,
)
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
    return Found("this import", looked, shown)


def known(there: LedgerEntry | Found | None, *payments: Payment, **more: Any) -> Known:
    note = there if isinstance(there, Found) else None
    recorded = there if isinstance(there, LedgerEntry) else None
    return Known(1, There(1, recorded, note), payments=payments, **more)


DOUBT: Any = {"is_doubtful": True, "may_hold": frozenset([Decimal("60.00")])}


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
    record: PaymentRecord, there: LedgerEntry | Found | None, replaced: Replaced | None
) -> None:
    """Whoever it was; what was recorded under the same external id is the record's own."""
    assert replaced_by(record, payment(), known(there)) == replaced


def test_what_somebody_has_changed_since_is_theirs() -> None:
    """Even under the record's own external id: it would be lost in silence."""
    own = payment_record(external_id="RC-71", amount="60.00")
    changed = replaced_by(own, payment("45.00"), known(entry()))
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
    there: LedgerEntry | Found | None, replaced: Replaced | None
) -> None:
    """A killed run may have sent it; only the ledger knows what was there."""
    assert replaced_by(RECORD, payment("60.00"), known(there, **DOUBT)) == replaced


@pytest.mark.parametrize("there", [None, entry("0"), found(payment("0"))], ids=str)
def test_a_payment_of_zero_has_been_taken_back(there: LedgerEntry | Found | None) -> None:
    assert replaced_by(RECORD, payment("0"), known(there)) is None


def test_a_payment_whose_amount_does_not_show_is_replaced_all_the_same() -> None:
    assert replaced_by(RECORD, payment(None), known(None)) == Replaced()


def test_a_payment_that_is_named_is_compared_with_the_ledger_alone() -> None:
    assert replaced_entry(RECORD, entry()) == RC_71


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        (RC_71, "40.00 of 2024-01-31, recorded as RC-71 from incoming/earlier.xml"),
        (Replaced(Decimal(5), key=FILE), "5.00, recorded from incoming/earlier.xml"),
        (SOMEBODY, "40.00, which was not recorded from a file"),
        (Replaced(), "a payment, which was not recorded from a file"),
    ],
    ids=str,
)
def test_what_was_replaced_is_told_in_words(replaced: Replaced, words: str) -> None:
    assert str(replaced) == words


# What the ledger learns


def learned(record: PaymentRecord, shown: Payment, there: Any = None, **more: Any) -> Any:
    recorded = to_record(record, known(there, *more.pop("payments", ()), **more), shown)
    return recorded and (recorded.payment_id, recorded.amount, recorded.external_id)


def named(record: PaymentRecord, shown: Payment, there: Any = None) -> Any:
    """Learn from a record that names its payment, so that nobody has looked."""
    return to_record(record, replace(known(there), payments=None), shown)


TEXT: Any = {"amount": None, "other_fields": {"type": "P"}}


def test_the_ledger_learns_the_amount_with_the_digits_that_were_sent() -> None:
    assert str(learned(RECORD, payment("60.0"))[1]) == "60.00"
    assert learned(RECORD, payment(None)) == (70, Decimal("60.00"), "RC-72")


def test_the_ledger_learns_what_connectwise_holds_if_that_is_something_else() -> None:
    """But nothing if that is what it held before: then it is still whose it was."""
    assert learned(RECORD, payment("55.00"), entry())[1] == Decimal("55.00")
    assert learned(RECORD, payment("40.00"), entry()) is None
    assert learned(RECORD, payment("40.00"), payments=[payment("40.00")]) is None
    assert learned(RECORD, payment("40.00"))[1] == Decimal("40.00")


def test_what_a_record_does_not_send_stays_as_it_was() -> None:
    """A later record of a killed run may have changed what shows."""
    text = payment_record(external_id="RC-72", **TEXT)
    assert learned(text, payment("60.00"), entry())[1] == Decimal("40.00")
    assert learned(text, payment("60.00"), found(payment("50.00")))[1] == Decimal("50.00")
    assert learned(text, payment("60.00"), payments=[payment("60.00")])[1] == Decimal("60.00")
    assert learned(text, payment("60.00"), is_doubtful=True) is None


@pytest.mark.parametrize("record", [{"payment_id": 70, **TEXT}, {"external_id": "A", **TEXT}])
def test_what_nobody_has_looked_at_is_not_learned(record: dict[str, Any]) -> None:
    assert named(payment_record(**record), payment()) is None
    assert named(payment_record(**record), payment("10.00"), entry()) is not None


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
    assert learned(record, shown) is None


def test_what_somebody_has_entered_meanwhile_is_not_this_import_s_own() -> None:
    """It shows something else than a killed run can have left."""
    shown = payment("45.00")
    assert replaced_by(RECORD, shown, known(None, **DOUBT)) == Replaced(Decimal("45.00"))
    assert replaced_by(RECORD, shown, known(entry(), **DOUBT)) == Replaced(Decimal("45.00"))


@pytest.mark.parametrize(
    ("amount", "paid_up", "left"),
    [
        ("60.45", False, True),
        ("45.00", True, True),
        ("45.00", False, False),
        ("62.00", True, False),
    ],
)
def test_a_killed_run_leaves_what_it_sent_or_what_was_cut_to_the_balance(
    amount: str, paid_up: bool, left: bool
) -> None:
    doubt = replace(known(None, **DOUBT), may_hold=frozenset([Decimal("60.45")]))
    assert may_be_left(Decimal(amount), replace(doubt, is_paid_up=paid_up)) is left


@pytest.mark.parametrize(
    ("amount", "sent", "is_it"),
    [
        ("60.00", "60.45", True),
        ("61", "60.45", True),
        ("60.50", "60.45", True),
        ("60.40", "60.00", False),
        ("60.42", "60.45", False),
        ("59.00", "60.45", False),
        ("500.00", "5E2", False),
    ],
)
def test_what_was_rounded_has_fewer_decimals(amount: str, sent: str, is_it: bool) -> None:
    assert is_rounded(Decimal(amount), Decimal(sent)) is is_it


def test_payments_of_zero_count_only_where_there_is_no_other() -> None:
    """Of several, the one that the ledger knows."""
    zero, other = payment("0", 70), payment("0", 71)
    assert that_count((zero, payment("5", 72))) == (payment("5", 72),)
    assert that_count((zero, payment(None, 72))) == (payment(None, 72),)
    assert that_count((zero, other)) == (zero,)
    known_one = LedgerEntry(1, 71, "")
    assert that_count((zero, other), known_one) == (other,)


def test_what_only_changes_the_rest_of_a_sum_leaves_its_receipts() -> None:
    """Also where payments are replaced by now."""
    summed = replace(entry(), added_up={"A": Receipt(Decimal("40.00"))})
    text = to_record(payment_record(external_id="B", **TEXT), known(summed), payment())
    assert text is not None
    assert text.receipts == summed.receipts
    amount = to_record(RECORD, known(summed), payment("60.00"))
    assert amount is not None
    assert amount.added_up is None
