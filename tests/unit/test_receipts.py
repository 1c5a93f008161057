"""Receipts that add up: what is sent, and what is no sum of ours."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from payments.decisions import Create, Known, Update
from payments.errors import RecordRejected
from payments.models import (
    Found,
    LedgerEntry,
    Payment,
    PaymentRecord,
    Receipt,
    Receipts,
    Replaced,
    There,
)
from payments.receipts import (
    MAX_BYTES,
    add_up,
    adopted,
    forgotten,
    is_known,
    sums_in_doubt,
    take_away,
    to_add_up,
)
from unit.records import payment_record, truth_record

JANUARY, MARCH = "2026-01-31T00:00:00Z", "2026-03-28T00:00:00Z"


def receipts(**amounts: Any) -> Receipts:
    return {name: Receipt(Decimal(amount), JANUARY) for name, amount in amounts.items()}


def entry(amount: object, added_up: Receipts | None = None, **more: Any) -> LedgerEntry:
    return LedgerEntry(1, 70, "", Decimal(str(amount)), JANUARY, added_up=added_up, **more)


def payment(amount: object, number: int = 70) -> Payment:
    return Payment(number, {"amount": Decimal(str(amount))})


def place(there: LedgerEntry | Found | None) -> There:
    found = there if isinstance(there, Found) else None
    recorded = there if isinstance(there, LedgerEntry) else None
    return There(1, recorded, found)


def known(there: LedgerEntry | Found | None, *payments: Payment, **more: Any) -> Known:
    return Known(1, place(there), payments=payments, **more)


def receipt(amount: str | None = "600.00", name: str | None = "RC2", **more: Any) -> PaymentRecord:
    return payment_record(external_id=name, invoice_id=1, amount=amount, **more)


ONE = entry(400, receipts(RC1=400))


def rejection(record: PaymentRecord, there: Known) -> str:
    with pytest.raises(RecordRejected) as rejected:
        add_up(record, there)
    return str(rejected.value)


def sent(record: PaymentRecord, there: Known) -> Any:
    return add_up(record, there).fields["amount"]


def test_the_first_receipt_is_a_payment() -> None:
    decision = add_up(receipt(), known(None))
    assert isinstance(decision, Create)
    assert decision.fields == {"amount": Decimal("600.00")}
    assert decision.receipts == {"RC2": Receipt(Decimal("600.00"))}


def test_a_further_receipt_is_added_and_the_newest_day_is_the_payment_s() -> None:
    """Whatever their order."""
    for day, newest in ((MARCH, MARCH), ("2025-12-31T00:00:00Z", JANUARY)):
        decision = add_up(
            receipt(other_fields={"paymentDate": day, "type": "P"}), known(ONE, payment(400))
        )
        assert isinstance(decision, Update)
        assert decision.payment_id == 70
        assert decision.fields == {"amount": 1000, "paymentDate": newest, "type": "P"}


@pytest.mark.parametrize(
    ("amount", "total"), [("450", 1050), ("0", 600), ("-100", 500), ("400", 1000)]
)
def test_the_same_receipt_again_replaces_itself(amount: str, total: int) -> None:
    both = entry(1000, receipts(RC1=400, RC2=600))
    assert sent(receipt(amount, "RC1"), known(both, payment(1000))) == total


def test_a_receipt_of_zero_is_none() -> None:
    """It is not counted, and its day is not the newest."""
    decision = add_up(
        receipt("0", "RC1", other_fields={"paymentDate": MARCH}), known(ONE, payment(400))
    )
    assert (decision.receipts, decision.fields["amount"]) == ({}, 0)


def test_what_a_record_does_not_say_stays_of_its_receipt() -> None:
    decision = add_up(receipt(None, "RC1", other_fields={"type": "P"}), known(ONE, payment(400)))
    assert decision.receipts == ONE.receipts
    assert "Give its <amount>" in rejection(receipt(None, "RC9"), known(ONE, payment(400)))


def test_a_payment_of_other_times_is_one_receipt() -> None:
    """It was recorded under its external id when payments were replaced."""
    before = entry(400, external_id="RC1")
    assert sent(receipt(), known(before, payment(400))) == 1000
    assert sent(receipt("450", "RC1"), known(before, payment(400))) == 450


def test_a_receipt_needs_an_external_id() -> None:
    assert "Give an <externalId>" in rejection(receipt(name=None), known(None))


def test_no_more_can_be_given_back_than_was_received() -> None:
    told = rejection(receipt("-500", "RC2"), known(ONE, payment(400)))
    assert "would come to -100" in told
    assert "400.00 that were received" in told


@pytest.mark.parametrize(
    ("there", "payments"),
    [
        (ONE, [payment(450)]),
        (ONE, [payment(400, number=71)]),
        (ONE, []),
        (entry(400), [payment(400)]),
        (None, [payment(400)]),
        (Found("import", looked=True, payment=payment(400)), [payment(400)]),
    ],
    ids=["changed", "another", "gone", "without external id", "somebody's", "found"],
)
def test_what_is_no_sum_of_ours_is_for_a_human_to_judge(
    there: LedgerEntry | Found | None, payments: Iterable[Payment]
) -> None:
    """Both numbers are told, and what to do."""
    told = rejection(receipt(), known(there, *payments))
    assert "Nothing was sent" in told
    assert "truth adopt 1" in told
    assert "truth reset 1" in told


@pytest.mark.parametrize("there", [None, ONE], ids=["nothing is known", "a receipt is known"])
def test_what_comes_to_the_sum_already_has_the_receipt_in_it(there: LedgerEntry | None) -> None:
    """By hand, or by an import that was given up: that is told, and it counts once."""
    total = 600 if there is None else 1000
    decision = add_up(receipt(), known(there, payment(total)))
    assert decision.fields["amount"] == total
    assert decision.replaced == Replaced(Decimal(total))


@pytest.mark.parametrize(
    ("there", "found"),
    [(ONE, payment(1000, number=71)), (entry(600), payment(600))],
    ids=["a payment of others", "a payment without an external id"],
)
def test_another_payment_has_no_receipt_in_it(there: LedgerEntry, found: Payment) -> None:
    assert "Nothing was sent" in rejection(receipt(), known(there, found))


def test_a_payment_of_zero_may_be_anybody_s() -> None:
    assert sent(receipt(), known(None, payment(0, number=71))) == 600


def test_several_payments_are_not_added_up() -> None:
    assert "70, 71" in rejection(receipt(), known(None, payment(1), payment(2, number=71)))


def test_an_id_must_be_that_of_the_sum() -> None:
    assert sent(receipt(payment_id=70), known(ONE, payment(400))) == 1000
    assert "leave out the <id>" in rejection(receipt(payment_id=71), known(ONE, payment(400)))


def test_an_invoice_has_only_so_many_receipts_as_fit_into_its_entry() -> None:
    long = {f"{number:01000}": Receipt(Decimal(1)) for number in range(MAX_BYTES // 1000)}
    many = entry(len(long), long)
    assert "no more fit in" in rejection(receipt(), known(many, payment(len(long))))


# After a kill


@pytest.mark.parametrize(("held", "is_ours"), [(400, True), (1000, True), (700, False)])
def test_a_killed_run_may_have_left_a_sum_of_its_own(held: int, is_ours: bool) -> None:
    found = known(ONE, payment(held), is_doubtful=True, may_hold=frozenset([Decimal(1000)]))
    if is_ours:
        assert sent(receipt(), found) == 1000
    else:
        assert f"{held}" in rejection(receipt(), found)


def test_a_killed_run_may_have_left_a_sum_that_was_cut_to_the_balance() -> None:
    cut = {"is_doubtful": True, "may_hold": frozenset([Decimal(1000)])}
    assert sent(receipt(), known(ONE, payment(900), is_paid_up=True, **cut)) == 1000
    assert "900" in rejection(receipt(), known(ONE, payment(900), **cut))


@pytest.mark.parametrize("there", [Found("i"), Found("i", looked=True, payment=payment(600))])
def test_what_was_there_before_is_not_this_import_s_own_although_it_is_the_same(
    there: Found,
) -> None:
    found = known(there, payment(600), is_doubtful=True, may_hold=frozenset([Decimal(600)]))
    assert add_up(receipt(), found).replaced == Replaced(Decimal(600))
    assert "600" in rejection(receipt("500"), found)


def test_what_records_come_to_is_known_beforehand() -> None:
    """One after another; a receipt that moves changes both invoices."""
    records = [
        (receipt("10", "A"), 1),
        (receipt("20", "B"), 1),
        (receipt(name=None), 1),
        (receipt("15", "A"), 1),
        (receipt("15", "A"), 2),
    ]
    sums = sums_in_doubt(records, {"A": 1}, {1: entry(5, receipts(Z=5))})
    assert sums == {1: {15, 35, 40, 25}, 2: {15}}


# Moving, and what is learned


def test_a_receipt_that_moves_leaves_the_others_behind() -> None:
    both = entry(1000, receipts(RC1=400, RC2=600))
    leaving = take_away(truth_record("RC2"), known(both, payment(1000)))
    assert leaving is not None
    assert (leaving.payment_id, leaving.fields["amount"]) == (70, 400)
    assert leaving.receipts == receipts(RC1=400)


def test_of_a_receipt_that_was_taken_back_nothing_moves() -> None:
    assert take_away(truth_record("RC9", amount="0"), known(ONE, payment(400))) is None


def test_what_is_no_receipt_does_not_move() -> None:
    with pytest.raises(RecordRejected, match="<amount>0</amount> first"):
        take_away(truth_record("RC9"), known(ONE, payment(400)))


def test_what_connectwise_has_not_taken_is_no_receipt() -> None:
    """But the ledger knows what it holds."""
    decision = add_up(receipt(), known(ONE, payment(400)))
    cut = to_add_up(decision, There(1, ONE), payment(900))
    assert cut == entry(900, ONE.receipts)
    taken = to_add_up(decision, There(1, ONE), payment(1000))
    assert taken == entry(1000, decision.receipts)


def test_what_was_forgotten_on_purpose_is_replaced() -> None:
    """By `truth reset`."""
    assert sent(receipt(), known(entry(400, {}), payment(400))) == 600


# What an operator decides

TODAY = "2026-11-26"
ADOPTED = f"adopted-{TODAY}-1"
SEEN = Found("import", looked=True, payment=payment(450))


@pytest.mark.parametrize(
    ("there", "held", "known", "difference"),
    [
        (place(ONE), 450, ONE.receipts, 50),
        (place(ONE), 350, ONE.receipts, -50),
        (place(entry(400, external_id="RC1")), 450, receipts(RC1=400), 50),
        (place(entry(400)), 400, {}, 400),
        (place(None), 450, {}, 450),
        (There(1, None, SEEN), 450, {}, 450),
        (There(1, ONE, SEEN), 450, ONE.receipts, 50),
        (place(replace(ONE, payment_id=69)), 450, {}, 450),
    ],
    ids=["more", "less", "one", "unnamed", "unknown", "found", "both", "another payment"],
)
def test_what_is_adopted_is_what_the_receipts_do_not_come_to(
    there: There, held: int, known: Receipts, difference: int
) -> None:
    is_held = payment(held)
    taken = adopted(there, is_held, TODAY)
    assert taken == LedgerEntry(
        1, 70, "", Decimal(held), added_up={**known, ADOPTED: Receipt(Decimal(difference))}
    )
    assert sent(receipt(), Known(1, place(taken), payments=(is_held,))) == held + 600


def test_an_adopted_receipt_has_the_day_of_its_payment() -> None:
    held = Payment(70, {"amount": Decimal(450), "paymentDate": MARCH})
    taken = adopted(place(ONE), held, TODAY)
    assert taken.receipts[ADOPTED] == Receipt(Decimal(50), MARCH)
    assert add_up(receipt(), known(taken, held)).fields["paymentDate"] == MARCH


def test_a_second_adoption_of_a_day_is_another_receipt() -> None:
    first = adopted(place(ONE), payment(450), TODAY)
    second = adopted(place(first), payment(500), TODAY)
    third = adopted(place(second), payment(510), TODAY)
    assert {name: it.amount for name, it in third.receipts.items()} == {
        "RC1": 400,
        ADOPTED: 50,
        f"{ADOPTED}-2": 50,
        f"{ADOPTED}-3": 10,
    }


def test_adopted_receipts_of_two_invoices_have_two_names() -> None:
    """A correction of one must not take it for the other, which moves here."""
    names = [set(adopted(There(number), payment(450), TODAY).receipts) for number in (1, 2)]
    assert not names[0] & names[1]


def test_an_adopted_receipt_can_be_taken_back() -> None:
    taken = adopted(place(ONE), payment(450), TODAY)
    assert sent(receipt("0", ADOPTED), known(taken, payment(450))) == 400


def test_a_sum_that_was_corrected_by_hand_needs_no_receipt_to_be_known() -> None:
    """What was recorded had been cut to the balance; then somebody has put it right."""
    cut = entry(300, receipts(RC1=400))
    taken = adopted(place(cut), payment(400), TODAY)
    assert taken.added_up == cut.receipts
    assert not is_known(taken, place(cut))
    assert is_known(taken, place(taken))


def test_after_forgetting_the_next_receipt_replaces_what_is_held() -> None:
    held = payment(450)
    left = forgotten(place(ONE), held)
    assert left == LedgerEntry(1, 70, "", Decimal(450), added_up={})
    decision = add_up(receipt(), known(left, held))
    assert isinstance(decision, Update)
    assert (decision.payment_id, decision.fields["amount"]) == (70, 600)


def test_after_forgetting_a_payment_that_is_gone_the_next_receipt_makes_one() -> None:
    left = forgotten(place(ONE), None)
    assert left == LedgerEntry(1, 70, "", Decimal(0), added_up={})
    decision = add_up(receipt(), known(left))
    assert isinstance(decision, Create)
    assert decision.fields["amount"] == 600


@pytest.mark.parametrize("found", [None, SEEN])
def test_without_payment_and_entry_nothing_is_forgotten(found: Found | None) -> None:
    assert forgotten(place(found), None) is None


def test_what_leaves_an_invoice_must_not_leave_its_refunds_behind() -> None:
    refunded = entry(40, receipts(RC1=100, RC2=-60))
    with pytest.raises(RecordRejected, match="would come to -60"):
        take_away(truth_record("RC1"), known(refunded, payment(40)))


def test_the_day_of_a_receipt_that_is_taken_back_is_nobody_s() -> None:
    """Nor is it the sum's where no receipt that is left has one."""
    left = {"RC1": Receipt(Decimal(400)), "RC2": Receipt(Decimal(10), MARCH)}
    gone = receipt("0", "RC2", other_fields={"paymentDate": JANUARY})
    decision = add_up(gone, known(entry(410, left), payment(410)))
    assert decision.fields == {"amount": 400}
