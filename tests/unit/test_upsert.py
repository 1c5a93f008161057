"""Carrying out one payment record after another, against ConnectWise in memory."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import permutations
from random import Random
from typing import Any

import pytest

from fakes.clock import VirtualClock
from fakes.connectwise import FakeConnectWise, FakeInvoice, answer, error
from fakes.ledger import FakeLedger
from fakes.mishaps import Mishap, Mishaps, answering, lost
from payments.connectwise.api import Api
from payments.connectwise.credentials import Credentials
from payments.connectwise.finance import Finance
from payments.connectwise.gate import Gate
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.login import Login
from payments.connectwise.patience import Patience, drive
from payments.decisions import Policy
from payments.errors import RecordStuck
from payments.gathering import Books, Gathering
from payments.models import (
    Action,
    JsonValue,
    LedgerEntry,
    Outcome,
    PaymentRecord,
    There,
    TruthRecord,
)
from payments.quiet import CALL_SECONDS, SETTLE_SECONDS, Quiet
from payments.rules import no_invoice
from payments.sending import Sender
from payments.upsert import Upsert
from unit.records import payment_record, truth_record

DAY = "2024-01-31T00:00:00Z"
REFUSED = error(400, "Refused", "The invoice is closed.")
UNTIL_SURE = CALL_SECONDS + SETTLE_SECONDS


class Office:
    """One run over a tenant; records are applied one after another."""

    def __init__(
        self,
        *invoices: FakeInvoice,
        truth: Iterable[TruthRecord] = (),
        ledger: Iterable[There] = (),
        doubtful_until: int = 0,
        prevent_reprocessing: bool = False,
        **tenant: bool,
    ) -> None:
        self.clock, self.mishaps = VirtualClock(), Mishaps()
        shelf = invoices or (FakeInvoice(1), FakeInvoice(2))
        self.connectwise = FakeConnectWise(*shelf, way=self.mishaps, **tenant)
        self.truth = {record.external_id: record for record in truth}
        self.quiet = Quiet(doubtful_until)
        login = Login(lambda: Credentials("na.example.com", "acme", "key", "secret", "client"))
        gate = Gate(3, float("inf"), self.clock)
        api = Api(self.connectwise, login, gate, "2024.1", self.clock)
        patience = Patience(self.clock, api.answers, Random(1))
        finance = Finance(api)
        policy = Policy("this import", "incoming/this.xml", prevent_reprocessing)
        sender = Sender(finance, patience, self.quiet, self.clock)
        lookup = InvoiceLookup(finance, patience)
        self.ledger = FakeLedger(*ledger)
        gathering = Gathering(sender, lookup, Books(self, self.ledger), self.quiet, policy)
        self.upsert = Upsert(gathering, sender, policy, self.clock)

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        return {name: self.truth[name] for name in external_ids if name in self.truth}

    def apply(self, *records: PaymentRecord, chunk: int = 1) -> list[Outcome]:
        """Look records up together, then carry them out."""
        prepared = drive(self.upsert.prepare(records, chunk), self.clock)
        return [drive(self.upsert.steps(record, prepared), self.clock) for record in records]

    def one(self, record: PaymentRecord) -> Outcome:
        (outcome,) = self.apply(record)
        return outcome

    def kinds(self) -> list[str]:
        """Return which calls were made, but for the one that asks for the codebase."""
        return [call.kind for call in self.connectwise.calls if call.kind != "company"]

    def amounts(self, invoice_id: int = 1) -> list[Decimal]:
        return self.connectwise.amounts(invoice_id)


def on(
    invoice_id: int = 1, amount: str | None = "10", number: int = 1, **more: Any
) -> PaymentRecord:
    return payment_record(number, invoice_id=invoice_id, amount=amount, **more)


def both_values(outcome: Outcome) -> str:
    assert outcome.action is Action.FAILED
    return outcome.messages[0]


# What it costs


def recorded(amount: str, payment_id: int = 101) -> There:
    time = "2024-01-01T00:00:00Z"
    return There(1, LedgerEntry(1, payment_id, time, Decimal(amount), None, "RC-71"))


def test_the_payment_of_an_invoice_that_was_paid_here_before_is_one_call() -> None:
    """And a share of a lookup, whose sum says that it is as it was recorded."""
    office = Office(ledger=[recorded("40")])
    office.connectwise.add_payment(1, amount=Decimal(40))
    outcome = office.one(on(external_id="RC-72", amount="60"))
    assert office.kinds() == ["invoices", "update"]
    assert outcome.replaced is not None
    assert outcome.replaced.external_id == "RC-71"


def test_a_payment_that_was_taken_back_is_one_call_too() -> None:
    """Its sum is zero as that of an invoice without a payment is."""
    office = Office(ledger=[recorded("0")])
    office.connectwise.add_payment(1, amount=Decimal(0))
    assert office.one(on(amount="60")).action is Action.UPDATED
    assert office.kinds() == ["invoices", "update"]


def test_a_sum_that_is_not_what_was_recorded_is_looked_into() -> None:
    """Somebody has changed the payment."""
    office = Office(ledger=[recorded("40")])
    office.connectwise.add_payment(1, amount=Decimal(45))
    outcome = office.one(on(amount="60"))
    assert office.kinds() == ["invoices", "payments", "update"]
    assert str(outcome.replaced) == "45.00, which was not recorded from a file"


def test_a_recorded_payment_that_is_gone_is_looked_for() -> None:
    """Another is in its place, with the same amount; or none."""
    office = Office(ledger=[recorded("40", payment_id=99)])
    office.connectwise.add_payment(1, amount=Decimal(40))
    outcome = office.one(on(amount="60"))
    proof = "invoices"  # that a 404 is the payment's
    assert office.kinds() == ["invoices", "update", proof, "payments", "update"]
    assert outcome.payment_id == 101
    assert str(outcome.replaced) == "40.00, which was not recorded from a file"
    gone = Office(ledger=[recorded("0")])
    assert gone.one(on(amount="60")).action is Action.CREATED
    assert gone.kinds() == ["invoices", "update", proof, "payments", "create"]


def test_a_new_payment_is_one_call_and_a_share_of_a_lookup() -> None:
    office = Office()
    outcomes = office.apply(on(1, external_id="A"), on(2))
    assert [outcome.action for outcome in outcomes] == [Action.CREATED, Action.CREATED]
    assert office.kinds() == ["invoices", "create", "create"]
    assert outcomes[0].learned is not None
    assert outcomes[0].learned.payment_id == outcomes[0].payment_id == 101


def test_a_payment_that_is_named_is_one_call() -> None:
    """By its id or by the truth table."""
    office = Office(truth=[truth_record("A", 201, 2)])
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.connectwise.add_payment(2, amount=Decimal(5))
    outcomes = office.apply(on(1, payment_id=101), payment_record(external_id="A"))
    assert [outcome.action for outcome in outcomes] == [Action.UPDATED, Action.UPDATED]
    assert office.kinds() == ["update", "update"]
    assert office.amounts(1) == office.amounts(2) == [10]


def test_a_record_that_is_wrong_or_processed_costs_no_call() -> None:
    office = Office(truth=[truth_record("A")], prevent_reprocessing=True)
    outcomes = office.apply(on(errors=("wrong",)), on(external_id="A"), on(amount=None))
    actions = [outcome.action for outcome in outcomes]
    assert actions == [Action.FAILED, Action.SKIPPED, Action.FAILED]
    assert office.connectwise.calls == []
    assert not any(outcome.rests_on_state for outcome in outcomes)


# The payment that an invoice has


def test_an_invoice_that_has_a_payment_gets_no_second_one() -> None:
    office = Office(takes_second_payment=True)
    office.connectwise.add_payment(1, amount=Decimal(5))
    assert office.one(on()).action is Action.UPDATED
    assert office.amounts() == [10]


def test_a_payment_of_zero_that_no_sum_shows_is_found_when_a_create_is_refused() -> None:
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(0))
    assert office.one(on()).action is Action.UPDATED
    assert office.amounts() == [10]


@pytest.mark.parametrize("amount", ["0", None])
def test_a_record_that_would_not_show_in_the_sum_looks_at_the_payments(amount: str | None) -> None:
    office = Office()
    office.one(on(amount=amount, other_fields={"paymentDate": DAY}))
    assert office.kinds()[:2] == ["invoices", "payments"]


def test_what_a_killed_run_may_have_sent_is_looked_up_and_looked_at_again_in_the_end() -> None:
    """The sum of zero may be from before its create arrived."""
    office = Office(doubtful_until=1)
    behind, beyond = office.apply(on(1, number=1), on(2, number=2))
    assert office.kinds() == ["invoices", "payments", "create", "create"]
    assert (behind.look_again, beyond.look_again) == (1, None)


def test_credit_memos_are_no_payments() -> None:
    """Not for rule 3, not for several payments, not for a create whose answer was lost."""
    office = Office(doubtful_until=9, takes_second_payment=True)
    office.connectwise.add_payment(1, amount=Decimal(3), credit={"id": 9})
    office.mishaps.plan("create", lost(office.clock))
    assert office.one(on()).action is Action.CREATED
    assert office.kinds().count("create") == 2
    assert office.one(on(amount="11", number=2)).action is Action.UPDATED
    assert office.amounts() == [11]
    assert office.connectwise.held[1][101]["amount"] == 3


def test_several_payments_reject_the_record_and_the_verdict_comes_before_the_next_one() -> None:
    office = Office()
    for amount in (1, 2):
        office.connectwise.add_payment(1, amount=Decimal(amount))
    outcome = office.one(on())
    assert "several payments: 101 of" in outcome.messages[0]
    assert office.upsert.holds_lane(outcome)


def test_a_payment_that_a_record_has_named_need_not_be_the_only_one_for_the_next() -> None:
    office = Office()
    for amount in (5, 6):
        office.connectwise.add_payment(1, amount=Decimal(amount))
    named, unnamed = office.apply(on(payment_id=101, amount="7"), on(amount="8", number=2))
    assert named.action is Action.UPDATED
    assert "several payments: 101 of" in unnamed.messages[0]


def test_a_text_is_the_same_whatever_blanks_connectwise_shows_in_it() -> None:
    """A line break comes back as a blank: a lost update that has arrived is found all the same."""
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    sent = on(payment_id=101, amount=None, other_fields={"type": "P", "appliedBy": "a\nb"})
    assert office.one(sent).action is Action.UPDATED
    office.mishaps.plan("update", answering(error(400, "InvalidObject", "closed")), times=9)
    assert office.one(sent).action is Action.UPDATED


def memo(number: int, credit: int, amount: str, **more: Any) -> PaymentRecord:
    return on(amount=amount, number=number, other_fields={"credit": {"id": credit}}, **more)


def held_rows(office: Office) -> set[tuple[Decimal, int | None]]:
    """Return amount and credit memo of the first invoice's rows, none of which are alike."""
    held = list(office.connectwise.held[1].values())
    rows = {(row["amount"], (row.get("credit") or {}).get("id")) for row in held}
    assert len(rows) == len(held)
    return rows


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_payments_and_each_credit_memo_have_a_row_of_their_own(order: tuple[int, ...]) -> None:
    """One never becomes another."""
    office = Office(takes_second_payment=True)
    records = memo(1, 5, "10"), on(amount="20", number=2), memo(3, 6, "7")
    outcomes = office.apply(*(records[place] for place in order))
    assert all(outcome.action is Action.CREATED for outcome in outcomes)
    assert held_rows(office) == {(Decimal(7), 6), (Decimal(10), 5), (Decimal(20), None)}


@pytest.mark.parametrize("doubtful_until", [0, 9])
def test_a_credit_memo_that_was_applied_before_is_found_again(doubtful_until: int) -> None:
    """Done again after a kill, or after an answer that was lost, it is not applied twice."""
    office = Office(takes_second_payment=True, doubtful_until=doubtful_until)
    office.connectwise.add_payment(1, amount=Decimal(10), credit={"id": 6})
    office.mishaps.plan("create", lost(office.clock, arrives_after=0.5))
    for _ in range(2):
        assert office.one(memo(1, 5, "10")).action.succeeded
    assert held_rows(office) == {(Decimal(10), 5), (Decimal(10), 6)}


def test_an_update_that_takes_effect_though_it_is_never_answered_is_found_in_the_end() -> None:
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", lost(office.clock, arrives_after=0.1), times=99)
    assert office.one(on()).action is Action.UPDATED


# What this run has done itself


@pytest.mark.parametrize("chunks", [(1, 1), (1, 2)])
def test_later_records_of_the_invoice_know_the_payment_that_was_created(
    chunks: tuple[int, int],
) -> None:
    office = Office(takes_second_payment=True)
    for number, chunk in enumerate(chunks, 1):
        office.apply(on(number=number, amount=f"{number}"), chunk=chunk)
    assert office.amounts() == [2]
    assert "payments" not in office.kinds()


def test_a_later_record_knows_the_external_id_even_without_an_invoice() -> None:
    office = Office()
    office.apply(on(external_id="A"), payment_record(2, external_id="A", amount="20"))
    assert office.amounts() == [20]


def test_what_was_looked_up_before_a_record_was_sent_is_not_relied_on() -> None:
    """The record names its payment, so the sum has to be asked for anew."""
    office = Office(takes_second_payment=True)
    early = drive(office.upsert.prepare([on(number=2)], 2), office.clock)
    office.connectwise.add_payment(1, amount=Decimal(0))
    office.apply(on(payment_id=101, amount="5"))
    drive(office.upsert.steps(on(number=2), early), office.clock)
    assert office.amounts() == [10]


def test_what_a_record_has_just_corrected_goes_before_what_the_truth_table_said() -> None:
    office = Office(truth=[truth_record("A", 101)])
    for amount in (1, 2):
        office.connectwise.add_payment(1, amount=Decimal(amount))
    corrected = on(payment_id=102, external_id="A", amount="5")
    office.apply(corrected, payment_record(2, external_id="A", amount="6"))
    assert office.amounts() == [1, 6]


def test_of_two_records_with_one_external_id_the_second_was_processed_before() -> None:
    office = Office(prevent_reprocessing=True)
    one, two, three = office.apply(
        on(external_id="A"),
        on(external_id="A", number=2),
        on(external_id="A", amount="9", number=3),
    )
    assert (one.action, two.action) == (Action.CREATED, Action.SKIPPED)
    assert "the amount was 10.00 then, and is 9.00 here" in both_values(three)
    assert office.amounts() == [10]


def test_a_record_that_was_not_accepted_was_not_processed() -> None:
    """Its corrected version is sent, in the same file or a later one."""
    office = Office(
        FakeInvoice(1, total=Decimal(8)), prevent_reprocessing=True, cuts_overpayments=True
    )
    one, two = office.apply(on(external_id="A"), on(external_id="A", number=2, amount="7"))
    assert "with the amount 8.00, but 10.00 was sent" in both_values(one)
    assert one.learned is not None
    assert (one.learned.payment_id, one.learned.accepted) == (101, False)
    assert two.action is Action.UPDATED
    assert office.amounts() == [7]


# Success has to be shown


def row(**fields: Any) -> Mishap:
    """Let an answer show these fields, after the call has taken effect."""

    def mishap(effect: Any) -> Any:
        effect()
        return answer(200, fields)

    return mishap


@pytest.mark.parametrize(
    "shown", [{"id": 101}, {"id": 999, "amount": 10}, {"id": 101, "amount": "x"}]
)
def test_an_answer_that_does_not_show_what_was_sent_is_followed_by_reading_back(
    shown: dict[str, Any],
) -> None:
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", row(**shown))
    assert office.one(on(payment_id=101)).action is Action.UPDATED
    assert office.kinds() == ["update", "payment"]


def test_a_200_that_has_changed_nothing_is_no_success() -> None:
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", answering(answer(200, {"id": 101})))
    outcome = office.one(on(payment_id=101, external_id="A"))
    assert "with the amount 5.00, but 10.00 was sent" in both_values(outcome)
    assert outcome.learned is not None
    assert not outcome.learned.accepted


def test_an_answer_about_another_payment_proves_no_other_field_either() -> None:
    """So it is read back, whatever was sent."""
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", answering(answer(200, {"id": 999})))
    office.one(on(payment_id=101, amount=None, other_fields={"type": "P"}))
    assert office.kinds() == ["update", "payment"]


# Answers that are lost


@pytest.mark.parametrize("seconds", [0.0, 1.0, 29.0, 31.0, 45.0, UNTIL_SURE - 0.5])
def test_a_create_that_arrives_late_is_adopted_and_never_made_twice(seconds: float) -> None:
    """Also by a tenant that would take a second payment."""
    office = Office(takes_second_payment=True)
    office.mishaps.plan("create", lost(office.clock, arrives_after=seconds))
    outcome = office.one(on(external_id="A"))
    assert (outcome.action, outcome.payment_id) == (Action.CREATED, 101)
    assert office.kinds().count("create") == 1
    assert office.amounts() == [10]


def test_a_create_that_never_arrives_is_sent_again_when_it_cannot_arrive_any_more() -> None:
    office = Office(takes_second_payment=True)
    office.mishaps.plan("create", lost(office.clock))
    outcome = office.one(on())
    assert office.clock.now >= UNTIL_SURE
    assert (outcome.action, outcome.look_again) == (Action.CREATED, 1)
    assert office.amounts() == [10]


def test_a_create_that_ends_in_a_server_error_after_all_is_adopted() -> None:
    office = Office(takes_second_payment=True)

    def mishap(effect: Any) -> Any:
        effect()
        return error(500, "Error", "A timeout has occured.")

    office.mishaps.plan("create", mishap)
    assert office.one(on()).action is Action.CREATED
    assert office.amounts() == [10]


def test_a_lost_create_that_was_cut_to_the_balance_is_set_to_what_was_meant() -> None:
    """And read as what it came to: a failure with both values."""
    office = Office(FakeInvoice(1, total=Decimal(8)), cuts_overpayments=True)
    office.mishaps.plan("create", lost(office.clock, arrives_after=1.0))
    assert "with the amount 8.00, but 10.00 was sent" in both_values(office.one(on()))


def test_a_create_without_any_answer_ends_after_a_few_tries() -> None:
    office = Office()
    office.mishaps.plan("create", lost(office.clock), times=99)
    with pytest.raises(RecordStuck):
        office.one(on())
    assert office.kinds().count("create") == 4


@pytest.mark.parametrize("seconds", [5.0, 31.0, 45.0, UNTIL_SURE - 0.5])
def test_an_update_that_arrives_late_does_not_undo_the_record_behind_it(seconds: float) -> None:
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", lost(office.clock, arrives_after=seconds))
    office.apply(on(amount="10"), on(amount="20", number=2))
    office.clock.sleep(100.0)
    assert office.amounts() == [20]


def test_what_was_looked_up_before_a_message_was_lost_is_not_relied_on() -> None:
    office = Office(takes_second_payment=True)
    early = drive(office.upsert.prepare([on()], 1), office.clock)
    office.quiet.begin(1, office.clock.monotonic())
    office.connectwise.add_payment(1, amount=Decimal(5))
    outcome = drive(office.upsert.steps(on(), early), office.clock)
    assert (outcome.action, office.amounts()) == (Action.UPDATED, [Decimal(10)])


def test_other_invoices_go_on_meanwhile() -> None:
    """A procedure that waits for quiet is parked, and has sent nothing."""
    office = Office()
    office.quiet.begin(1, office.clock.monotonic())
    prepared = drive(office.upsert.prepare([on(1), on(2)], 1), office.clock)
    assert next(office.upsert.steps(on(1), prepared)) == SETTLE_SECONDS
    drive(office.upsert.steps(on(2), prepared), office.clock)
    assert [call.invoice_id for call in office.connectwise.writes] == [2]
    assert office.clock.now == 0.0


# Refusals


def test_a_refused_update_that_had_taken_effect_is_a_success() -> None:
    """The second of one whose answer was lost: what ConnectWise holds decides."""
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", lost(office.clock, arrives_after=1.0))
    office.mishaps.plan("update", answering(REFUSED), skip=1)
    assert office.one(on()).action is Action.UPDATED


def test_a_refusal_behind_a_lost_update_is_judged_when_that_cannot_arrive_any_more() -> None:
    """In between, what is there may be the value of before."""
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5))
    office.mishaps.plan("update", lost(office.clock, arrives_after=45.0))
    office.mishaps.plan("update", answering(REFUSED), times=99)
    outcome = office.one(on())
    office.clock.sleep(100.0)
    assert office.amounts() == [10]
    assert outcome.action is Action.UPDATED


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("amount", [None, "5"])
@pytest.mark.parametrize("fields", [{"type": "bogus"}, {"credit": {"id": 9}}])
def test_a_refused_change_is_not_proven_by_what_was_there_before(
    fields: dict[str, JsonValue], amount: str | None, status: int
) -> None:
    """Neither by an amount that was the same, nor by fields that nobody has compared."""
    office = Office()
    office.connectwise.add_payment(1, amount=Decimal(5), type="P")
    office.mishaps.plan("update", answering(error(status, "Refused", "No.")), times=99)
    outcome = office.one(on(payment_id=101, amount=amount, other_fields=fields))
    assert outcome.action is Action.FAILED


def test_a_refused_create_is_a_rejection_in_connectwises_words_if_there_is_no_payment() -> None:
    office = Office()
    office.mishaps.plan("create", answering(REFUSED))
    outcome = office.one(on())
    assert outcome.action is Action.FAILED
    assert "The invoice is closed." in outcome.messages[0]
    assert office.upsert.holds_lane(outcome)


def test_a_payment_that_somebody_else_has_made_meanwhile_is_updated() -> None:
    """Also if it happens to be the same."""
    office = Office()
    prepared = drive(office.upsert.prepare([on()], 1), office.clock)
    office.connectwise.add_payment(1, amount=Decimal(10))
    outcome = drive(office.upsert.steps(on(), prepared), office.clock)
    assert outcome.action is Action.UPDATED


def test_a_create_that_is_refused_because_several_have_appeared_changes_none() -> None:
    office = Office()
    office.mishaps.plan("create", answering(REFUSED))
    prepared = drive(office.upsert.prepare([on()], 1), office.clock)
    for amount in (1, 2):
        office.connectwise.add_payment(1, amount=Decimal(amount))
    outcome = drive(office.upsert.steps(on(), prepared), office.clock)
    assert "several payments where there should be one: 101, 102" in outcome.messages[0]
    assert office.amounts() == [1, 2]


def test_an_invoice_or_payment_that_is_gone_rejects_the_record() -> None:
    office = Office(truth=[truth_record("A", 101)])
    gone, known, by_number = office.apply(
        on(9), payment_record(2, external_id="A"), payment_record(3, invoice_number="X")
    )
    assert gone.messages == (no_invoice(9),)
    assert known.messages[0].startswith("ConnectWise has no payment 101 on invoice 1.")
    assert "delete the truth table's entry (`payments truth delete A`)" in known.messages[0]
    assert by_number.messages[0].startswith("ConnectWise has no invoice with number X, or ")
    assert all(map(office.upsert.holds_lane, (gone, known, by_number)))


# What belongs together


def test_a_record_touches_what_it_names_by_whatever_name_and_what_the_truth_table_names() -> None:
    office = Office(FakeInvoice(3, "N"), FakeInvoice(4, "N"), truth=[truth_record("A", 70, 9)])
    named = on(8, payment_id=5, external_id="A")
    by_number, nothing = payment_record(invoice_number="N"), payment_record()
    prepared = drive(office.upsert.prepare([named, by_number, nothing], 1), office.clock)
    assert office.upsert.keys(named, prepared) == {
        ("external id", "A"),
        ("payment", 5),
        ("payment", 70),
        ("invoice", 8),
        ("invoice", 9),
    }
    assert office.upsert.keys(by_number, prepared) == {("invoice", 3), ("invoice", 4)}
    assert office.upsert.keys(nothing, prepared) == frozenset()
