"""What is done with one payment: the four rules, and everything that comes before them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.models import Action, Invoice, JsonValue, Outcome, Payment, PaymentRecord, TruthRecord
from payments.rules import (
    Create,
    Decision,
    FoundInvoices,
    InvoiceQuery,
    LookUpPayments,
    Policy,
    Settled,
    Update,
    accepted,
    decide,
    failed,
    invoice_query,
    is_own,
    same_amount,
    was_known,
)
from unit.records import payment_record, truth_record

POLICY = Policy("this import")
PREVENT = Policy("this import", prevent_reprocessing=True)
NOT_LOOKED_UP = FoundInvoices()
TEN = {"amount": Decimal("10.00")}


def invoices(*found: Invoice) -> FoundInvoices:
    """Return a lookup that was asked, by id and by number, for just these."""
    return FoundInvoices(
        by_id={invoice.id: invoice for invoice in found},
        by_number={invoice.number: (invoice,) for invoice in found},
    )


def invoice(
    invoice_id: int = 1, number: str = "INV-1", paid: Decimal | None = Decimal(0)
) -> Invoice:
    return Invoice(invoice_id, number, paid)


def some_payments(*ids: int) -> tuple[Payment, ...]:
    return tuple(Payment(number, Decimal(5)) for number in ids)


def decision(
    record: PaymentRecord,
    truth: TruthRecord | None = None,
    found: FoundInvoices = NOT_LOOKED_UP,
    payments: tuple[Payment, ...] | None = None,
    policy: Policy = POLICY,
) -> Decision:
    return decide(record, truth, found, payments, policy)


def rejection(decided: Decision) -> str:
    """Return the one message with which a record goes to the fail file unsent."""
    assert isinstance(decided, Settled)
    assert decided.outcome.action is Action.FAILED
    (message,) = decided.outcome.messages
    return message


# The four rules and their order

BY_ID = Update(1, 50, TEN)
BY_TRUTH = Update(1, 70, TEN, known_as="A")
BY_INVOICE = Update(1, 90, TEN)
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
    payments = some_payments(90) if has_payment else ()
    assert decision(record, truth, invoices(invoice()), payments) == expected


def test_an_update_carries_exactly_the_given_fields() -> None:
    fields: dict[str, JsonValue] = {"type": "P", "credit": {"id": 3}}
    record = payment_record(payment_id=50, invoice_id=1, amount=None, other_fields=fields)
    assert decision(record) == Update(1, 50, fields)


def test_a_create_carries_exactly_the_given_fields() -> None:
    record = payment_record(invoice_id=1, other_fields={"paymentDate": "2018-10-11T00:00:00Z"})
    expected = Create(1, {**TEN, "paymentDate": "2018-10-11T00:00:00Z"})
    assert decision(record, payments=()) == expected


def test_a_payment_named_by_id_needs_no_lookup_at_all() -> None:
    assert decision(payment_record(payment_id=50, invoice_id=1)) == BY_ID


def test_a_payment_in_the_truth_table_needs_no_invoice() -> None:
    assert decision(payment_record(external_id="A"), truth_record()) == BY_TRUTH


def test_an_id_without_invoice_takes_the_truth_tables_invoice() -> None:
    record = payment_record(payment_id=50, external_id="A")
    assert decision(record, truth_record(invoice_id=8)) == Update(8, 50, TEN)


def test_an_id_without_invoice_is_rejected_if_the_external_id_is_unknown() -> None:
    message = rejection(decision(payment_record(payment_id=50, external_id="A")))
    assert "<invoice>" in message
    assert "<identifier>" in message


def test_where_the_id_decides_the_truth_table_may_name_another_invoice() -> None:
    record = payment_record(payment_id=50, external_id="A", invoice_id=1)
    assert decision(record, truth_record(invoice_id=8)) == BY_ID


def test_a_truth_table_entry_for_another_invoice_rejects_the_record() -> None:
    record = payment_record(external_id="A", invoice_id=1)
    message = rejection(decision(record, truth_record(invoice_id=8)))
    assert all(part in message for part in ("A", "70", "invoice 8", "invoice 1"))


def test_a_truth_table_entry_for_another_invoice_number_rejects_the_record() -> None:
    record = payment_record(external_id="A", invoice_number="INV-1")
    message = rejection(decision(record, truth_record(invoice_id=8), invoices(invoice())))
    assert "invoice 8" in message


# Whether the invoice has a payment


def test_a_sum_of_zero_proves_that_there_is_no_payment() -> None:
    assert decision(payment_record(invoice_id=1), found=invoices(invoice())) == CREATE


@pytest.mark.parametrize("paid", [Decimal("0.01"), Decimal(-5), None])
def test_any_other_sum_has_the_payments_looked_up(paid: Decimal | None) -> None:
    found = invoices(invoice(paid=paid))
    assert decision(payment_record(invoice_id=1), found=found) == LookUpPayments(1)


def test_an_invoice_that_could_not_be_looked_up_has_its_payments_looked_up() -> None:
    assert decision(payment_record(invoice_id=1)) == LookUpPayments(1)


@pytest.mark.parametrize("amount", ["0", "0.00", "-0"])
def test_a_payment_of_zero_has_the_payments_looked_up(amount: str) -> None:
    """One of zero that is there already would not show in the sum."""
    record = payment_record(invoice_id=1, amount=amount)
    assert decision(record, found=invoices(invoice())) == LookUpPayments(1)


def test_a_payment_of_zero_is_created_if_there_is_none() -> None:
    record = payment_record(invoice_id=1, amount="0")
    assert decision(record, payments=()) == Create(1, {"amount": Decimal(0)})


@pytest.mark.parametrize(("number", "is_in_doubt"), [(1, True), (5, True), (6, False)])
def test_after_a_kill_the_sum_is_relied_on_only_behind_what_may_have_been_sent(
    number: int, is_in_doubt: bool
) -> None:
    policy = Policy("this import", in_doubt_until=5)
    decided = decision(
        payment_record(number, invoice_id=1), found=invoices(invoice()), policy=policy
    )
    assert decided == (LookUpPayments(1) if is_in_doubt else CREATE)


def test_an_invoice_with_several_payments_rejects_the_record() -> None:
    message = rejection(decision(payment_record(invoice_id=1), payments=some_payments(8, 9)))
    assert "8, 9" in message


def test_a_create_needs_an_amount() -> None:
    record = payment_record(invoice_id=1, amount=None, other_fields={"type": "P"})
    assert "<amount>" in rejection(decision(record, payments=()))


def test_without_amount_the_payments_are_looked_up_even_if_the_sum_is_zero() -> None:
    record = payment_record(invoice_id=1, amount=None, other_fields={"type": "P"})
    assert decision(record, found=invoices(invoice())) == LookUpPayments(1)


# The invoice, by id or by number


def test_the_invoice_can_be_named_by_its_number() -> None:
    record = payment_record(invoice_number="INV-1")
    assert decision(record, found=invoices(invoice())) == CREATE


def test_id_and_number_of_the_same_invoice_agree() -> None:
    record = payment_record(invoice_id=1, invoice_number="INV-1")
    assert decision(record, found=invoices(invoice())) == CREATE


def test_id_and_number_of_different_invoices_reject_the_record() -> None:
    record = payment_record(invoice_id=2, invoice_number="INV-1")
    message = rejection(decision(record, found=invoices(invoice())))
    assert all(part in message for part in ("id 2", "INV-1", "id 1"))


def test_id_and_number_are_compared_even_if_the_payment_is_named() -> None:
    record = payment_record(payment_id=50, invoice_id=2, invoice_number="INV-1")
    assert "disagree" in rejection(decision(record, found=invoices(invoice())))


def test_a_number_of_no_invoice_rejects_the_record() -> None:
    found = FoundInvoices(by_number={"INV-9": ()})
    assert "INV-9" in rejection(decision(payment_record(invoice_number="INV-9"), found=found))


TWINS = FoundInvoices(by_number={"INV-1": (invoice(1), invoice(2))})


def test_a_number_of_several_invoices_rejects_the_record() -> None:
    message = rejection(decision(payment_record(invoice_number="INV-1"), found=TWINS))
    assert "1, 2" in message


def test_an_id_chooses_among_several_invoices_with_the_number() -> None:
    record = payment_record(invoice_id=2, invoice_number="INV-1")
    assert decision(record, found=TWINS) == Create(2, TEN)


def test_an_id_of_no_invoice_rejects_the_record() -> None:
    found = FoundInvoices(by_id={1: None})
    assert "id 1" in rejection(decision(payment_record(invoice_id=1), found=found))


def test_a_number_that_connectwise_cannot_search_for_rejects_the_record_in_its_words() -> None:
    found = FoundInvoices(rejected_numbers={"x": ("one reason", "another")})
    decided = decision(payment_record(invoice_number="x"), found=found)
    assert decided == Settled(
        failed(payment_record(invoice_number="x"), "one reason", "another"),
    )


def test_no_invoice_at_all_rejects_the_record() -> None:
    assert "<invoice>" in rejection(decision(payment_record(external_id="A")))


# Nothing to send, and records that are wrong


def test_a_record_without_any_field_is_rejected_before_any_call() -> None:
    record = payment_record(payment_id=50, invoice_id=1, amount=None)
    assert "nothing to send" in rejection(decision(record))
    assert invoice_query(record, None, POLICY) is None


def test_a_record_with_errors_is_rejected_with_all_of_them() -> None:
    record = payment_record(payment_id=50, invoice_id=1, errors=("first", "second"))
    outcome = Outcome(record, Action.FAILED, None, ("first", "second"))
    assert decision(record) == Settled(outcome)
    assert invoice_query(record, None, POLICY) is None


def test_a_record_with_errors_is_not_skipped() -> None:
    record = payment_record(external_id="A", errors=("wrong",))
    assert rejection(decision(record, truth_record(), policy=PREVENT)) == "wrong"


# Prevent Reprocessing


@pytest.mark.parametrize("payment_id", [None, 50, 70])
def test_a_known_external_id_is_skipped_even_with_an_id(payment_id: int | None) -> None:
    record = payment_record(payment_id=payment_id, external_id="A", invoice_id=1)
    decided = decision(record, truth_record(), policy=PREVENT)
    assert isinstance(decided, Settled)
    assert decided.outcome.action is Action.SKIPPED
    (message,) = decided.outcome.messages
    assert message.startswith("Already processed: ")
    assert all(part in message for part in ("70", "2024-02-03T04:05:06Z", "incoming/earlier.xml"))


def test_a_known_external_id_with_nothing_to_send_is_skipped() -> None:
    record = payment_record(external_id="A", amount=None)
    decided = decision(record, truth_record(), policy=PREVENT)
    assert isinstance(decided, Settled)
    assert decided.outcome.action is Action.SKIPPED


def test_an_entry_that_does_not_know_its_file_is_told_without_one() -> None:
    """Entries taken over from elsewhere have none."""
    truth = truth_record(import_id=None, record_number=None, key=None)
    decided = decision(payment_record(external_id="A"), truth, policy=PREVENT)
    assert isinstance(decided, Settled)
    assert "None" not in decided.outcome.messages[0]


def test_a_known_external_id_is_processed_if_the_setting_is_off() -> None:
    record = payment_record(external_id="A", invoice_id=1)
    assert decision(record, truth_record(), policy=POLICY) == BY_TRUTH


def test_an_unknown_external_id_is_processed() -> None:
    record = payment_record(external_id="A", invoice_id=1)
    assert decision(record, None, invoices(invoice()), policy=PREVENT) == CREATE


def test_a_record_without_external_id_is_always_processed() -> None:
    record = payment_record(payment_id=50, invoice_id=1)
    assert decision(record, None, policy=PREVENT) == BY_ID


def test_an_earlier_record_of_the_same_file_is_a_reason_to_skip() -> None:
    truth = truth_record(import_id="this import", record_number=1)
    decided = decision(payment_record(2, external_id="A"), truth, policy=PREVENT)
    assert isinstance(decided, Settled)
    assert decided.outcome.action is Action.SKIPPED


def test_the_same_record_number_of_another_import_is_a_reason_to_skip() -> None:
    truth = truth_record(import_id="earlier import", record_number=2)
    decided = decision(payment_record(2, external_id="A"), truth, policy=PREVENT)
    assert isinstance(decided, Settled)
    assert decided.outcome.action is Action.SKIPPED


# Records that a stopped run of the same import has sent


@pytest.mark.parametrize("policy", [POLICY, PREVENT])
@pytest.mark.parametrize("action", [Action.CREATED, Action.UPDATED])
def test_a_resumed_import_takes_its_own_record_as_done(policy: Policy, action: Action) -> None:
    truth = truth_record(import_id="this import", record_number=2, action=action)
    record = payment_record(2, external_id="A", invoice_id=1)
    assert decision(record, truth, policy=policy) == Settled(Outcome(record, action, 70))


def test_a_resumed_import_remembers_that_another_amount_was_recorded() -> None:
    truth = truth_record(import_id="this import", record_number=2, amount="8.00")
    message = rejection(decision(payment_record(2, external_id="A"), truth, policy=PREVENT))
    assert "8.00" in message
    assert "10.00" in message


@pytest.mark.parametrize("policy", [POLICY, PREVENT])
def test_its_own_record_is_sent_once_more_behind_an_earlier_one_for_the_payment(
    policy: Policy,
) -> None:
    truth = truth_record(import_id="this import", record_number=2)
    record = payment_record(2, external_id="A", invoice_id=1)
    assert decide(record, truth, NOT_LOOKED_UP, None, policy, sent_since=True) == BY_TRUTH


def test_only_its_own_record_is_sent_once_more() -> None:
    record = payment_record(2, external_id="A", invoice_id=1)
    decided = decide(record, truth_record(), NOT_LOOKED_UP, None, PREVENT, sent_since=True)
    assert isinstance(decided, Settled)
    assert decided.outcome.action is Action.SKIPPED


@pytest.mark.parametrize(
    ("import_id", "record_number", "expected"),
    [
        ("this import", 2, True),
        ("this import", 1, False),
        ("this import", 3, False),
        ("this import", None, False),
        ("earlier import", 2, False),
        (None, None, False),
    ],
)
def test_an_entry_is_a_records_own_if_that_has_written_it(
    import_id: str | None, record_number: int | None, expected: bool
) -> None:
    truth = truth_record(import_id=import_id, record_number=record_number)
    assert is_own(payment_record(2), truth, POLICY) is expected


@pytest.mark.parametrize(
    ("import_id", "first_record", "expected"),
    [
        ("earlier import", 9, True),
        ("this import", None, True),
        ("this import", 1, True),
        ("this import", 2, True),
        ("this import", 3, False),
    ],
)
def test_what_only_a_later_record_has_made_known_is_not_known_yet(
    import_id: str, first_record: int | None, expected: bool
) -> None:
    """A stopped run may have been further on than where the next one begins."""
    truth = truth_record(import_id=import_id, first_record=first_record)
    assert was_known(payment_record(2), truth, POLICY) is expected


# What ConnectWise has accepted


@pytest.mark.parametrize("held", ["10.00", "10", "10.0000", None])
def test_the_amount_that_was_sent_is_a_success(held: str | None) -> None:
    record = payment_record()
    payment = Payment(3, None if held is None else Decimal(held))
    assert accepted(record, Action.CREATED, payment) == Outcome(record, Action.CREATED, 3)


def test_another_amount_than_was_sent_is_a_failure_that_names_both() -> None:
    outcome = accepted(payment_record(amount="10.00"), Action.CREATED, Payment(3, Decimal("7.5")))
    assert (outcome.action, outcome.payment_id) == (Action.FAILED, 3)
    assert all(part in outcome.messages[0] for part in ("payment 3", "10.00", "7.5"))


def test_without_a_sent_amount_any_answer_is_a_success() -> None:
    record = payment_record(amount=None, other_fields={"type": "P"})
    outcome = accepted(record, Action.UPDATED, Payment(3, Decimal(99)))
    assert outcome == Outcome(record, Action.UPDATED, 3)


@pytest.mark.parametrize(
    ("sent", "held", "is_same"),
    [
        ("0.1", "0.1000", True),
        ("0.1", "0.1000000000000000055511151231257827", True),
        ("12345678.91", "12345678.910000000", True),
        ("0.10", "0.11", False),
        ("10", "-10", False),
        ("0", "-0", True),
        ("9007199254740993", "9007199254740992", True),
        ("1" + "0" * 400, "1" + "0" * 400, True),
    ],
)
def test_amounts_are_compared_as_connectwise_can_store_them(
    sent: str, held: str, is_same: bool
) -> None:
    assert same_amount(Decimal(sent), Decimal(held)) is is_same


# What has to be looked up


@pytest.mark.parametrize(
    ("record", "truth", "expected"),
    [
        (payment_record(invoice_id=1), None, InvoiceQuery(1, None)),
        (payment_record(invoice_number="N"), None, InvoiceQuery(None, "N")),
        (payment_record(invoice_id=1, invoice_number="N"), None, InvoiceQuery(None, "N")),
        (payment_record(payment_id=50, invoice_id=1), None, None),
        (payment_record(payment_id=50, invoice_number="N"), None, InvoiceQuery(None, "N")),
        (payment_record(external_id="A", invoice_id=1), truth_record(), None),
        (
            payment_record(external_id="A", invoice_number="N"),
            truth_record(),
            InvoiceQuery(None, "N"),
        ),
        (payment_record(external_id="A"), truth_record(), None),
    ],
)
def test_only_what_a_decision_needs_is_looked_up(
    record: PaymentRecord, truth: TruthRecord | None, expected: InvoiceQuery | None
) -> None:
    assert invoice_query(record, truth, POLICY) == expected


ids = st.integers(1, 3)
numbers = st.sampled_from(("INV-1", "INV-2"))
amounts = st.sampled_from((None, "0", "10.00", "-3"))
records_of_all_kinds = st.builds(
    payment_record,
    st.integers(1, 3),
    payment_id=st.none() | ids,
    external_id=st.none() | st.just("A"),
    invoice_id=st.none() | ids,
    invoice_number=st.none() | numbers,
    amount=amounts,
    other_fields=st.sampled_from(({}, {"type": "P"})),
    errors=st.sampled_from(((), (), ("wrong",))),
)
truth_records = st.builds(
    truth_record,
    payment_id=ids,
    invoice_id=ids,
    import_id=st.sampled_from(("this import", "earlier import", None)),
    record_number=st.none() | st.integers(1, 3),
    action=st.sampled_from((Action.CREATED, Action.UPDATED, None)),
    amount=amounts,
)
policies = st.builds(
    Policy,
    st.just("this import"),
    prevent_reprocessing=st.booleans(),
    in_doubt_until=st.integers(0, 3),
)
payments_of_an_invoice = st.none() | st.lists(
    st.builds(Payment, ids, st.none() | st.just(Decimal(10))), max_size=2
).map(tuple)


@st.composite
def answers(draw: st.DrawFn, query: InvoiceQuery | None) -> FoundInvoices:
    """Return anything that looking up exactly this query can find, or nothing of it."""
    if query is None or draw(st.booleans()):
        return NOT_LOOKED_UP
    paid = st.none() | st.sampled_from((Decimal(0), Decimal(5)))
    if query.invoice_number is None:
        assert query.invoice_id is not None
        found = st.builds(Invoice, st.just(query.invoice_id), st.just("INV-1"), paid)
        return FoundInvoices(by_id={query.invoice_id: draw(st.none() | found)})
    if draw(st.booleans()):
        return FoundInvoices(rejected_numbers={query.invoice_number: ("not searchable",)})
    found = st.builds(Invoice, ids, st.just(query.invoice_number), paid)
    matches = st.lists(found, max_size=2, unique_by=lambda match: match.id)
    return FoundInvoices(by_number={query.invoice_number: tuple(draw(matches))})


@given(
    st.data(),
    records_of_all_kinds,
    st.none() | truth_records,
    policies,
    payments_of_an_invoice,
    st.booleans(),
)
def test_every_record_is_decided_with_what_was_looked_up_for_it(
    data: st.DataObject,
    record: PaymentRecord,
    truth: TruthRecord | None,
    policy: Policy,
    payments: tuple[Payment, ...] | None,
    sent_since: bool,
) -> None:
    known = truth if record.external_id else None
    query = invoice_query(record, known, policy)
    has_query = query is not None and (query.invoice_id or query.invoice_number)
    found = data.draw(answers(query if has_query else None))
    decided = decide(record, known, found, payments, policy, sent_since)
    if isinstance(decided, LookUpPayments):
        assert payments is None
        decided = decide(record, known, found, (), policy, sent_since)
    assert not isinstance(decided, LookUpPayments)
    if isinstance(decided, Create | Update):
        assert decided.fields == record.fields
        assert record.fields
    else:
        assert isinstance(decided, Settled)
        assert decided.outcome.record is record


@given(records_of_all_kinds, st.none() | truth_records, policies)
def test_what_is_settled_without_lookup_stays_settled_whatever_a_lookup_would_find(
    record: PaymentRecord, truth: TruthRecord | None, policy: Policy
) -> None:
    known = truth if record.external_id else None
    if invoice_query(record, known, policy) is None:
        alone = decide(record, known, NOT_LOOKED_UP, None, policy)
        found = invoices(*(invoice(number, f"INV-{number}") for number in (1, 2, 3)))
        assert decide(record, known, found, some_payments(1), policy) == alone
        assert not isinstance(alone, LookUpPayments)
