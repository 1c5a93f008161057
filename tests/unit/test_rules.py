"""What is done with one payment: the four rules, and everything that comes before and after."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from payments.decisions import Create, Decision, FoundInvoices, Known, Policy, Update
from payments.errors import RecordRejected, RecordStuck
from payments.models import (
    Action,
    Fields,
    Invoice,
    JsonValue,
    Outcome,
    Payment,
    PaymentRecord,
    Replaced,
    There,
    TruthRecord,
)
from payments.rules import answered, decide, invoice_of, names_payment, settled, to_learn
from payments.sending import Sent
from payments.wording import first_reasons
from unit.records import payment_record, truth_record

POLICY = Policy("this import", "incoming/this.xml")
PREVENT = replace(POLICY, prevent_reprocessing=True)
TEN = {"amount": Decimal("10.00")}
JANUARY = "2024-01-31T00:00:00Z"
DAY = {"paymentDate": JANUARY}
NOW = "2026-01-01T00:00:00Z"


def some_payments(*ids: int) -> tuple[Payment, ...]:
    return tuple(Payment(number, {"amount": Decimal(5)}) for number in ids)


def rejection(record: PaymentRecord, known: Known) -> str:
    with pytest.raises(RecordRejected) as rejected:
        decide(record, known)
    return str(rejected.value)


# The four rules and their order

BY_ID = Update(1, 50, TEN)
BY_TRUTH = Update(1, 70, TEN, known_as="A")
BY_INVOICE = Update(1, 90, TEN, replaced=Replaced(Decimal(5)))
CREATE = Create(1, TEN)


@pytest.mark.parametrize(
    ("has_id", "is_in_truth_table", "has_payment", "expected"),
    [
        (True, True, True, BY_ID),
        (True, True, False, BY_ID),
        (True, False, True, BY_ID),
        (True, False, False, BY_ID),
        (False, True, True, BY_TRUTH),
        (False, True, False, BY_TRUTH),
        (False, False, True, BY_INVOICE),
        (False, False, False, CREATE),
    ],
)
def test_id_goes_before_truth_table_before_the_invoices_payment_before_create(
    has_id: bool, is_in_truth_table: bool, has_payment: bool, expected: Decision
) -> None:
    record = payment_record(payment_id=50 if has_id else None, external_id="A", invoice_id=1)
    truth = truth_record() if is_in_truth_table else None
    known = Known(1, There(1), truth, some_payments(90) if has_payment else ())
    assert decide(record, known) == expected


def test_what_is_sent_are_exactly_the_given_fields() -> None:
    """Everything else keeps its value in ConnectWise."""
    fields: dict[str, JsonValue] = {"type": "P", "credit": {"id": 3}}
    update = payment_record(payment_id=50, invoice_id=1, amount=None, other_fields=fields)
    assert decide(update, Known(1, There(1))) == Update(1, 50, fields)
    create = payment_record(invoice_id=1, other_fields=DAY)
    assert decide(create, Known(1, There(1), payments=())) == Create(1, {**TEN, **DAY})


def test_a_payment_that_is_named_needs_no_look_at_its_invoice() -> None:
    assert names_payment(payment_record(payment_id=50), None)
    assert names_payment(payment_record(external_id="A"), truth_record())
    assert not names_payment(payment_record(external_id="A", invoice_id=1), None)


def test_an_id_that_the_truth_table_knows_says_by_which_name() -> None:
    """If the payment is gone, the message has to name the entry."""
    record = payment_record(payment_id=70, external_id="A", invoice_id=1)
    assert decide(record, Known(1, There(1), truth_record("A", 70))) == Update(
        1, 70, TEN, known_as="A"
    )


def test_where_the_id_decides_the_truth_table_may_name_another_invoice() -> None:
    record = payment_record(payment_id=50, external_id="A", invoice_id=1)
    assert decide(record, Known(1, There(1), truth_record("A", 70, 9))) == BY_ID


def test_a_truth_table_entry_for_another_invoice_rejects_and_tells_how_to_move_a_payment() -> None:
    record = payment_record(external_id="A", invoice_id=2)
    message = rejection(record, Known(2, There(2), truth_record("A", 70, 9)))
    assert "payment 70 on invoice 9, but this record names invoice 2" in message
    assert "<amount>0</amount>" in message
    assert "payments truth delete A" in message


@pytest.mark.parametrize("name", ["A", "'" * 20, "x" * 100])
def test_the_longest_instruction_is_shown_to_its_end(name: str) -> None:
    record = payment_record(external_id=name, invoice_id=1234567)
    known = Known(1234567, There(1234567), truth_record(name, 12345678, 1234568), number="N" * 99)
    message = rejection(record, known)
    assert first_reasons([message]) == [message]


def test_an_entry_that_knows_no_invoice_is_taken_with_the_records_own() -> None:
    """Zynk's truth records do not keep it."""
    assert decide(
        payment_record(external_id="A"), Known(1, There(1), truth_record("A", 70, None))
    ) == (BY_TRUTH)


def test_an_invoice_with_several_payments_rejects_the_record_and_names_them() -> None:
    message = rejection(
        payment_record(invoice_id=1), Known(1, There(1), payments=some_payments(90, 91))
    )
    assert message.startswith(
        "Invoice 1 has several payments: 90 of 5.00, 91 of 5.00. Nothing was sent."
    )
    assert "give its <id>" in message


def test_a_create_needs_an_amount() -> None:
    record = payment_record(invoice_id=1, amount=None, other_fields=DAY)
    assert rejection(record, Known(1, There(1), payments=())) == (
        "Invoice 1 has no payment yet: give its <amount>."
    )


# Which invoice

SEVEN, THREE, FOUR = Invoice(7, "INV-7", None), Invoice(3, "N", None), Invoice(4, "N", None)
FOUND = FoundInvoices(
    by_id={7: SEVEN, 9: None},
    by_number={"INV-7": (SEVEN,), "N": (THREE, FOUR), "X": ()},
    troubles={"Y": RecordRejected("Y is no number")},
)
KNOWN = truth_record("A", 70, 9)


@pytest.mark.parametrize(
    ("record", "truth", "expected"),
    [
        (payment_record(invoice_id=7), None, 7),
        (payment_record(invoice_id=8), None, 8),  # nobody could look it up
        (payment_record(invoice_number="INV-7"), None, 7),
        (payment_record(invoice_id=7, invoice_number="INV-7"), None, 7),
        (payment_record(invoice_id=4, invoice_number="N"), None, 4),
        (payment_record(external_id="A"), KNOWN, 9),
        (payment_record(external_id="A", payment_id=5), KNOWN, 9),
        (payment_record(external_id="A", invoice_id=7), KNOWN, 7),
    ],
)
def test_an_invoice_is_named_by_id_by_number_or_else_by_the_truth_table(
    record: PaymentRecord, truth: TruthRecord | None, expected: int
) -> None:
    assert invoice_of(record, truth, FOUND) == expected


OR_HIDDEN = (
    ", or the API member may not see it: then set the member's System Level to 1 (in ConnectWise, "
    "System > Members > API Members)."
)


@pytest.mark.parametrize(
    ("record", "truth", "told"),
    [
        (payment_record(invoice_id=9), None, f"ConnectWise has no invoice with id 9{OR_HIDDEN}"),
        (
            payment_record(invoice_number="X"),
            None,
            f"ConnectWise has no invoice with number X{OR_HIDDEN}",
        ),
        (
            payment_record(invoice_number="INV\u201120"),
            None,
            f"ConnectWise has no invoice with number INV[U+2011]20{OR_HIDDEN}",
        ),
        (payment_record(invoice_number="Y"), None, "Y is no number"),
        (
            payment_record(invoice_number="N"),
            None,
            "ConnectWise has several invoices with number N: give the <id> of one of 3, 4.",
        ),
        (
            payment_record(invoice_id=1, invoice_number="INV-7", payment_id=5),
            None,
            "Invoice id 1 and invoice number INV-7 disagree: the number belongs to invoice id 7.",
        ),
        (payment_record(), None, "Give <invoice> with its <id> or <identifier>."),
        (
            payment_record(payment_id=5),
            None,
            "Give <invoice> with its <id> or <identifier>: ConnectWise finds a payment only by its "
            "invoice.",
        ),
        (
            payment_record(external_id="A"),
            truth_record("A", 70, None),
            "Give <invoice> with its <id> or <identifier>: external id A is payment 70, but the "
            "truth table does not know of which invoice.",
        ),
    ],
)
def test_no_single_invoice_rejects_the_record(
    record: PaymentRecord, truth: TruthRecord | None, told: str
) -> None:
    with pytest.raises(RecordRejected) as rejected:
        invoice_of(record, truth, FOUND)
    assert str(rejected.value) == told


def test_of_several_with_a_number_the_sum_of_the_named_one_counts() -> None:
    assert FOUND.named(payment_record(invoice_id=4, invoice_number="N"), 4) == FOUR


# What is not sent


def unsent(
    record: PaymentRecord, truth: TruthRecord | None, policy: Policy = PREVENT
) -> tuple[Action, tuple[str, ...]]:
    """Return what becomes of a record that is not sent."""
    outcome = settled(record, truth, policy)
    assert outcome is not None
    return outcome.action, outcome.messages


def test_a_record_with_errors_fails_with_all_of_them_even_if_it_was_processed_before() -> None:
    record = payment_record(external_id="A", errors=("one", "two"))
    assert unsent(record, truth_record()) == (Action.FAILED, ("one", "two"))


def test_a_record_with_nothing_to_send_fails() -> None:
    record = payment_record(payment_id=5, invoice_id=1, amount=None)
    told = ("There is nothing to send: no <amount> or other field is given.",)
    assert unsent(record, None, POLICY) == (Action.FAILED, told)


@pytest.mark.parametrize("payment_id", [None, 70, 99])
@pytest.mark.parametrize(("amount", "known"), [("10", "10.00"), ("010.000", "10"), ("11", None)])
def test_what_was_accepted_before_is_skipped_even_with_an_id(
    payment_id: int | None, amount: str, known: str | None
) -> None:
    """In whatever digits its amount is; and where nobody knows what was sent, nothing differs."""
    record = payment_record(payment_id=payment_id, external_id="A", invoice_id=1, amount=amount)
    told = "external id A is payment 70, 2024-02-03T04:05:06Z in incoming/earlier.xml."
    skipped = Action.SKIPPED, (f"Already processed: {told}",)
    assert unsent(record, truth_record(amount=known)) == skipped


@pytest.mark.parametrize(
    ("amount", "fields", "told"),
    [
        ("11", {}, "But the amount was 10.00 then, and is 11.00 here. "),
        (None, DAY, "But the date was 2023-05-05 then, and is 2024-01-31 here. "),
        (
            "11",
            DAY,
            "But the amount was 10.00 then, and is 11.00 here, and "
            "the date was 2023-05-05 then, and is 2024-01-31 here. ",
        ),
    ],
)
def test_a_correction_that_is_not_made_is_a_failure_that_names_both_values(
    amount: str | None, fields: Mapping[str, JsonValue], told: str
) -> None:
    record = payment_record(external_id="A", amount=amount, other_fields=fields)
    action, (message,) = unsent(record, truth_record(day="2023-05-05"))
    assert action is Action.FAILED
    assert told in message
    assert "payments truth delete A" in message


@pytest.mark.parametrize(
    ("truth", "policy"),
    [(truth_record(accepted=False), PREVENT), (None, PREVENT), (truth_record(), POLICY)],
    ids=["failed before", "unknown", "setting is off"],
)
def test_all_others_are_sent(truth: TruthRecord | None, policy: Policy) -> None:
    """What failed before was not processed: its corrected version is sent."""
    assert settled(payment_record(external_id="A", invoice_id=1), truth, policy) is None


# What ConnectWise has made of it


def told(record: PaymentRecord, action: Action, payment: Payment) -> Outcome:
    decision = Update(1, payment.id, record.fields)
    return answered(record, Known(1, There(1)), decision, Sent(action, payment), None)


@pytest.mark.parametrize("held", [TEN, {**TEN, **DAY}])
def test_a_payment_that_is_held_as_it_was_sent_is_a_success(held: Mapping[str, JsonValue]) -> None:
    outcome = told(payment_record(other_fields=DAY), Action.CREATED, Payment(5, held))
    assert (outcome.action, outcome.payment_id, outcome.messages) == (Action.CREATED, 5, ())


def test_a_payment_that_is_held_otherwise_fails_and_names_both_values() -> None:
    """An overpayment that was cut to the balance, or a 200 that has changed nothing."""
    held: Fields = {"amount": Decimal(8), "paymentDate": "2023-01-01T00:00:00Z"}
    outcome = told(payment_record(other_fields=DAY), Action.UPDATED, Payment(5, held))
    assert (outcome.action, outcome.payment_id) == (Action.FAILED, 5)
    assert outcome.messages == (
        "ConnectWise has recorded payment 5 with the amount 8.00, but 10.00 was sent. It seems "
        "that no more was open on the invoice. If 10.00 is a slip, correct it and upload it again; "
        "if so much was paid, give <id>5</id> and <amount>8.00</amount> here, upload it again, and "
        "book the rest elsewhere.",
        "ConnectWise has recorded payment 5 with the date 2023-01-01, but 2024-01-31 was sent. "
        "Correct it in ConnectWise, or give <paymentDate>2023-01-01</paymentDate> and upload it "
        "again.",
    )
    assert outcome.rests_on_state


@pytest.mark.parametrize(
    ("held", "before", "words"),
    [
        ("25", "25", "has not changed payment 5: it still holds 25.00, and 10.00 was sent. Upload"),
        ("10.4", None, "it seems to round"),
        ("25", "5", "Look at the invoice in ConnectWise, and correct the payment there"),
    ],
)
def test_only_what_was_cut_is_called_an_overpayment(
    held: str, before: str | None, words: str
) -> None:
    there = () if before is None else (Payment(5, {"amount": Decimal(before)}),)
    record, known = payment_record(), Known(1, There(1), payments=there)
    sent = Sent(Action.UPDATED, Payment(5, {"amount": Decimal(held)}))
    [message] = answered(record, known, Update(1, 5, record.fields), sent, None).messages
    assert words in message
    assert "rest" not in message


def test_a_payment_that_shows_nothing_of_what_was_sent_is_no_success() -> None:
    outcome = told(payment_record(), Action.CREATED, Payment(5))
    assert outcome.action is Action.FAILED
    assert "does not show what it holds" in outcome.messages[0]


# What the truth table learns


def learned(
    record: PaymentRecord, truth: TruthRecord | None, payment: Payment
) -> TruthRecord | None:
    decision = Update(1, payment.id, record.fields)
    found = to_learn(record, Known(1, There(1), truth), decision, payment, POLICY)
    return found and replace(found, created=found.created or NOW, modified=NOW)


FIRST = TruthRecord("A", 5, 1, NOW, NOW, "this import", "incoming/this.xml", True, TEN["amount"])


@pytest.mark.parametrize("held", [10, 8])
def test_the_truth_table_learns_the_payment_what_was_sent_and_whether_it_is_held(
    held: int,
) -> None:
    found = learned(payment_record(external_id="A"), None, Payment(5, {"amount": Decimal(held)}))
    assert found == replace(FIRST, accepted=held == 10)


def test_without_external_id_there_is_nothing_to_learn() -> None:
    assert learned(payment_record(), None, Payment(5, TEN)) is None


def test_what_an_update_does_not_send_stays_known_of_the_same_payment_alone() -> None:
    """Where the <id> decides, the truth table is corrected."""
    record = payment_record(external_id="A", amount=None, other_fields=DAY)
    known = truth_record("A", 5)
    same = replace(FIRST, created=known.created, day=JANUARY)
    assert learned(record, known, Payment(5, DAY)) == same
    other = replace(FIRST, payment_id=6, amount=None, day=JANUARY)
    assert learned(record, known, Payment(6, DAY)) == other


@pytest.mark.parametrize("named", [{"invoice_id": 2}, {"invoice_number": "INV-2"}])
def test_a_processed_external_id_on_another_invoice_is_no_repetition(named: dict[str, Any]) -> None:
    """Skipped in silence, the second payment would never be made."""
    found = FoundInvoices(by_number={"INV-2": (Invoice(2, "INV-2", None),)})
    record = payment_record(external_id="A", **named)
    policy = Policy("this import", prevent_reprocessing=True)
    outcome = settled(record, truth_record("A", 70, 1), policy, found)
    assert outcome is not None
    assert outcome.action is Action.FAILED
    assert "But that was invoice 1" in outcome.messages[0]
    assert "give this one an external id of its own" in outcome.messages[0]


def test_what_cannot_be_looked_up_is_not_taken_for_processed() -> None:
    stuck = RecordStuck("no answer")
    found = FoundInvoices(troubles={"INV-2": stuck})
    record = payment_record(external_id="A", invoice_number="INV-2")
    with pytest.raises(RecordStuck):
        settled(record, truth_record("A"), Policy("import", prevent_reprocessing=True), found)
