"""Records in parallel come to the same as one after another, and a stop loses nothing."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments import pipeline
from payments.errors import (
    AccessRefused,
    AnswerLost,
    AwsDown,
    ConnectWiseDown,
    ImportStopped,
    OutOfTime,
    ServerFault,
    Superseded,
)
from payments.models import (
    Action,
    Invoice,
    JsonValue,
    Outcome,
    Payment,
    PaymentRecord,
    TruthRecord,
)
from payments.rules import Policy
from unit.fake_connectwise import Call, FakeConnectWise
from unit.fake_truth import FakeTruth
from unit.imports import NOW, Run, one_by_one, threads_that_switch_often
from unit.records import payment_record, truth_record

POLICY = Policy("this import")
PATIENCE_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pipeline, "utc_now", lambda: NOW)
    with threads_that_switch_often():
        yield


# Whatever is in the file


@dataclass(frozen=True)
class Scene:
    """A file, and what ConnectWise and the truth table hold before it is imported."""

    records: tuple[PaymentRecord, ...]
    payments: frozenset[int]
    known: frozenset[str]

    def connectwise(self) -> FakeConnectWise:
        found = FakeConnectWise(1, 2, 3, 4)
        found.set_number(4, "INV-3")  # a number that is not unique
        for invoice_id in sorted(self.payments):
            found.add_payment(invoice_id, "1.00")
        return found

    def truth(self) -> FakeTruth:
        """Return a table in which A and B point to payments, if those are known at all."""
        places = {"A": (101, 1), "B": (201, 2)}
        return FakeTruth(*(truth_record(name, *places[name]) for name in self.known))


def numbered(parts: list[dict[str, object]]) -> tuple[PaymentRecord, ...]:
    return tuple(payment_record(number, **part) for number, part in enumerate(parts, 1))  # type: ignore[arg-type]


def scenes(record: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[Scene]:
    return st.builds(
        Scene,
        st.lists(record, max_size=10).map(numbered),
        st.frozensets(st.integers(1, 4)),
        st.frozensets(st.sampled_from("AB")),
    )


any_record = st.fixed_dictionaries(
    {"amount": st.sampled_from((None, "0", "5.00", "7.00"))},
    optional={
        "payment_id": st.sampled_from((101, 201, 999)),
        "external_id": st.sampled_from("ABCD"),
        "invoice_id": st.integers(1, 5),
        "invoice_number": st.sampled_from(("INV-1", "inv-2", "INV-3", "INV-9")),
        "other_fields": st.just({"type": "P"}),
        "errors": st.just(("wrong",)),
    },
)
plain_record = st.fixed_dictionaries(
    {"amount": st.sampled_from(("5.00", "7.00")), "invoice_id": st.integers(1, 4)},
    optional={"external_id": st.sampled_from("ABCD")},
)
chunks = st.integers(1, 4)
connections = st.integers(1, 4)


@given(scenes(any_record) | scenes(plain_record), chunks, connections, st.booleans())
def test_in_parallel_it_comes_to_the_same_as_one_after_another(
    scene: Scene, chunk_records: int, connections: int, prevent_reprocessing: bool
) -> None:
    policy = Policy("this import", prevent_reprocessing)
    expected, expected_truth = scene.connectwise(), scene.truth()
    expected_outcomes = one_by_one(scene.records, expected, expected_truth, policy)
    run = Run(scene.connectwise(), scene.truth(), policy, chunk_records, connections)
    run.apply(scene.records)
    assert run.stored == expected_outcomes
    assert run.connectwise.held == expected.held
    assert run.truth.records == expected_truth.records
    for invoice_id in expected.held:
        assert changes_of(invoice_id, run.connectwise) == changes_of(invoice_id, expected)
    assert not run.pipeline.in_doubt


def changes_of(invoice_id: int, connectwise: FakeConnectWise) -> list[Call]:
    return [call for call in connectwise.changes if call.invoice_id == invoice_id]


@given(scenes(any_record), chunks, connections)
def test_the_truth_table_learns_a_payment_before_its_outcome_is_stored(
    scene: Scene, chunk_records: int, connections: int
) -> None:
    run = Run(scene.connectwise(), scene.truth(), POLICY, chunk_records, connections)
    run.apply(scene.records)
    by_number = {str(outcome.record.number): outcome for outcome in run.stored}
    remembered: list[str] = []
    for kind, names in run.events:
        if kind == "remembered":
            remembered += names
            continue
        for outcome in (by_number[name] for name in names):
            external_id = outcome.record.external_id
            if outcome.action in (Action.CREATED, Action.UPDATED) and external_id:
                assert external_id in remembered


def test_without_records_nothing_happens() -> None:
    run = Run(FakeConnectWise(), FakeTruth(), POLICY)
    run.apply([])
    assert (run.events, run.connectwise.calls) == ([], [])


# Order, and what is learned


@pytest.mark.parametrize("chunk_records", [1, 2, 3, 100])
def test_the_payments_of_one_invoice_are_sent_in_file_order(chunk_records: int) -> None:
    connectwise = FakeConnectWise(1)
    amounts = [Decimal(number) for number in range(1, 13)]
    records = [payment_record(int(amount), invoice_id=1, amount=str(amount)) for amount in amounts]
    Run(connectwise, FakeTruth(), POLICY, chunk_records, connections=4).apply(records)
    assert [call.amount for call in connectwise.writes] == amounts
    assert [call.action for call in connectwise.writes] == ["create"] + ["update"] * 11
    assert connectwise.held == {1: {101: Decimal(12)}}


@pytest.mark.parametrize("chunk_records", [1, 2, 100])
def test_an_invoice_is_one_whether_named_by_id_or_number(chunk_records: int) -> None:
    connectwise = FakeConnectWise(1)
    records = [
        payment_record(1, invoice_id=1, amount="1"),
        payment_record(2, invoice_number="INV-1", amount="2"),
        payment_record(3, invoice_number="inv-1", amount="3"),
        payment_record(4, payment_id=101, invoice_id=1, amount="4"),
    ]
    Run(connectwise, FakeTruth(), POLICY, chunk_records, connections=4).apply(records)
    assert [call.amount for call in connectwise.writes] == [1, 2, 3, 4]


@pytest.mark.parametrize("gap", range(6))
@pytest.mark.parametrize("chunk_records", [1, 2])
def test_a_created_payment_is_known_to_later_chunks(gap: int, chunk_records: int) -> None:
    """Their lookups may have been made before it was created."""
    connectwise = FakeConnectWise(*range(1, 10))
    between = [payment_record(2 + n, invoice_id=2 + n) for n in range(gap)]
    first = payment_record(1, invoice_id=1, external_id="A", amount="1")
    last = payment_record(gap + 2, invoice_id=1, amount="2")
    run = Run(connectwise, FakeTruth(), POLICY, chunk_records)
    run.apply([first, *between, last])
    assert changes_of(1, connectwise) == [
        Call("create", 1, None, Decimal(1)),
        Call("update", 1, 101, Decimal(2)),
    ]


@pytest.mark.parametrize("gap", range(6))
@pytest.mark.parametrize("chunk_records", [1, 2])
def test_an_external_id_is_known_to_later_chunks(gap: int, chunk_records: int) -> None:
    connectwise = FakeConnectWise(*range(1, 10))
    between = [payment_record(2 + n, invoice_id=2 + n) for n in range(gap)]
    first = payment_record(1, invoice_id=1, external_id="A", amount="1")
    last = payment_record(gap + 2, external_id="A", amount="2")
    run = Run(connectwise, FakeTruth(), POLICY, chunk_records)
    run.apply([first, *between, last])
    assert changes_of(1, connectwise)[-1] == Call("update", 1, 101, Decimal(2))
    assert run.stored[-1].action is Action.UPDATED


def test_what_a_chunk_was_looked_up_too_early_to_see_is_known_until_its_end() -> None:
    """The worst case: two chunks are under way, and the next one has begun as well."""
    third_chunk_is_looked_up, fourth_chunk_is_sent = threading.Event(), threading.Event()

    class SlowTruth(FakeTruth):
        lookups = 0

        def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
            found = super().find(external_ids)
            self.lookups += 1
            if self.lookups == 3:
                third_chunk_is_looked_up.set()
            return found

    def in_turn(call: Call) -> None:
        if call.invoice_id == 1:
            assert third_chunk_is_looked_up.wait(PATIENCE_SECONDS)
        elif call.invoice_id == 5:
            assert fourth_chunk_is_sent.wait(PATIENCE_SECONDS)
        elif call.invoice_id == 7:
            fourth_chunk_is_sent.set()

    connectwise = FakeConnectWise(*range(1, 9))
    connectwise.before = in_turn
    records = [payment_record(number, invoice_id=number) for number in range(1, 9)]
    records[0] = payment_record(1, external_id="A", invoice_id=1)
    records[5] = payment_record(6, external_id="A", invoice_id=5)  # behind record 5, which waits
    policy = Policy("this import", prevent_reprocessing=True)
    run = Run(connectwise, SlowTruth(), policy, chunk_records=2, connections=4)
    run.apply(records)
    assert run.stored[5].action is Action.SKIPPED


def test_a_new_payment_costs_one_call() -> None:
    connectwise = FakeConnectWise(*range(1, 51))
    records = [payment_record(number, invoice_id=number) for number in range(1, 51)]
    Run(connectwise, FakeTruth(), POLICY, chunk_records=20).apply(records)
    assert [call.action for call in connectwise.calls] == ["create"] * 50


def meeting(barrier: threading.Barrier) -> Callable[[Call], None]:
    def meet(_: Call) -> None:
        barrier.wait(PATIENCE_SECONDS)

    return meet


def test_calls_are_made_at_once() -> None:
    connectwise = FakeConnectWise(1, 2, 3)
    all_at_once = threading.Barrier(3)
    connectwise.before = meeting(all_at_once)
    records = [payment_record(number, invoice_id=number) for number in (1, 2, 3)]
    run = Run(connectwise, FakeTruth(), POLICY, chunk_records=10, connections=3)
    run.apply(records)
    assert len(run.stored) == 3


def test_a_chunk_does_not_wait_for_another_that_it_has_nothing_to_do_with() -> None:
    connectwise = FakeConnectWise(1, 2)
    both = threading.Barrier(2)
    connectwise.before = meeting(both)
    records = [payment_record(number, invoice_id=number) for number in (1, 2)]
    run = Run(connectwise, FakeTruth(), POLICY, chunk_records=1, connections=2)
    run.apply(records)
    assert len(run.stored) == 2


def test_what_the_truth_table_learns() -> None:
    connectwise = FakeConnectWise(1, 2)
    connectwise.add_payment(2, "1.00")
    truth = FakeTruth(truth_record("B", 201, 2))
    records = [
        payment_record(1, external_id="A", invoice_id=1, amount="5.00"),
        payment_record(2, external_id="B", amount="6.00"),
    ]
    Run(connectwise, truth, POLICY).apply(records)
    a, b = truth.records["A"], truth.records["B"]
    assert (a.payment_id, a.invoice_id, a.action, a.amount) == (
        101,
        1,
        Action.CREATED,
        Decimal("5.00"),
    )
    assert (a.created, a.modified) == (NOW, NOW)
    assert (a.import_id, a.record_number, a.key) == ("this import", 1, "incoming/payments.xml")
    assert (b.payment_id, b.action, b.amount) == (201, Action.UPDATED, Decimal("6.00"))
    assert (b.created, b.modified) == ("2024-01-01T00:00:00Z", NOW)


def test_where_the_id_decides_the_truth_table_is_corrected() -> None:
    connectwise = FakeConnectWise(1, 2)
    connectwise.add_payment(2, "1.00")
    truth = FakeTruth(truth_record("A", 101, 1))
    record = payment_record(1, payment_id=201, external_id="A", invoice_id=2)
    Run(connectwise, truth, POLICY).apply([record])
    corrected = truth.records["A"]
    assert (corrected.payment_id, corrected.invoice_id, corrected.created) == (201, 2, NOW)


class Cutting(FakeConnectWise):
    """ConnectWise that cuts an overpayment to the balance."""

    def add_payment(self, invoice_id: int, amount: str | None) -> int:
        assert amount is not None
        return super().add_payment(invoice_id, str(min(Decimal(amount), Decimal(8))))

    def create_payment(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> Payment:
        super().create_payment(invoice_id, fields)
        (payment,) = super().payments(invoice_id)
        return payment


def test_a_payment_of_another_amount_fails_but_is_remembered() -> None:
    truth = FakeTruth()
    run = Run(Cutting(1), truth, POLICY)
    run.apply([payment_record(1, external_id="A", invoice_id=1, amount="10.00")])
    (outcome,) = run.stored
    assert (outcome.action, outcome.payment_id) == (Action.FAILED, 101)
    assert "10.00" in outcome.messages[0]
    assert (truth.records["A"].payment_id, truth.records["A"].amount) == (101, Decimal(8))


def test_a_rejected_record_does_not_stop_the_others_nor_is_it_remembered() -> None:
    truth = FakeTruth()
    run = Run(FakeConnectWise(1), truth, POLICY)
    run.apply(
        [
            payment_record(1, external_id="A", payment_id=999, invoice_id=1),
            payment_record(2, external_id="B", invoice_id=1),
        ]
    )
    assert [outcome.action for outcome in run.stored] == [Action.FAILED, Action.CREATED]
    assert list(truth.records) == ["B"]


# Stopping

REASONS = [
    ConnectWiseDown("down"),
    AccessRefused("refused"),
    ServerFault("fault"),
    OutOfTime(),
    ZeroDivisionError("a fault of ours"),
]


def raising(error: Exception) -> Callable[[object], None]:
    def fail(_: object) -> None:
        raise error

    return fail


def stopped(run: Run, records: list[PaymentRecord]) -> Exception:
    """Apply records and return what has stopped that."""
    with pytest.raises(Exception) as stop:  # noqa: PT011
        run.apply(records)
    assert isinstance(stop.value, Exception)
    return stop.value


def numbers(outcomes: list[Outcome]) -> list[int]:
    return [outcome.record.number for outcome in outcomes]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: type(reason).__name__)
def test_what_stops_the_import_is_raised_and_nothing_more_is_sent(reason: Exception) -> None:
    connectwise = FakeConnectWise(1, 2, 3)
    connectwise.before = raising(reason)
    records = [payment_record(number, invoice_id=1) for number in (1, 2, 3)]
    run = Run(connectwise, FakeTruth(), POLICY, chunk_records=1)
    assert stopped(run, records) is reason
    assert len(connectwise.calls) == 1
    assert run.stored == []
    with pytest.raises(OutOfTime):
        run.gate.sleep(0.0)


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: type(reason).__name__)
def test_what_was_finished_before_a_stop_is_stored(reason: Exception) -> None:
    connectwise = FakeConnectWise(1)
    records = [payment_record(n, invoice_id=1, external_id=f"E{n}") for n in range(1, 7)]

    def fail_at_the_fourth(_: Call) -> None:
        if len(connectwise.writes) == 4:
            raise reason

    connectwise.before = fail_at_the_fourth
    truth = FakeTruth()
    run = Run(connectwise, truth, POLICY, chunk_records=3)
    assert stopped(run, records) is reason
    assert numbers(run.stored) == [1, 2, 3]
    assert sorted(truth.records) == ["E1", "E2", "E3"]
    assert not run.pipeline.in_doubt


def test_a_lookup_that_fails_stops_the_import_before_anything_of_its_chunk_is_sent() -> None:
    class Unreadable(FakeConnectWise):
        def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
            raise ConnectWiseDown("down")

    run = Run(Unreadable(1), FakeTruth(), POLICY)
    assert isinstance(stopped(run, [payment_record(invoice_id=1)]), ConnectWiseDown)
    assert run.connectwise.calls == []
    assert not run.pipeline.in_doubt


def test_what_finished_behind_a_gap_is_remembered_and_in_doubt_but_not_stored() -> None:
    connectwise = FakeConnectWise(1, 2)
    second_is_sent = threading.Event()

    def first_waits_and_fails(call: Call) -> None:
        if call.invoice_id == 1:
            second_is_sent.wait(PATIENCE_SECONDS)
            raise ConnectWiseDown("down")

    connectwise.before = first_waits_and_fails
    connectwise.after = lambda _: second_is_sent.set()
    truth = FakeTruth()
    run = Run(connectwise, truth, POLICY, chunk_records=2, connections=2)
    records = [payment_record(n, invoice_id=n, external_id=f"E{n}") for n in (1, 2)]
    stopped(run, records)
    assert run.stored == []
    assert list(truth.records) == ["E2"]
    assert run.pipeline.in_doubt


def test_a_create_of_which_nobody_knows_is_in_doubt() -> None:
    connectwise = FakeConnectWise(1)

    def lose(call: Call) -> None:
        raise AnswerLost("reset") if call.action == "create" else OutOfTime()

    connectwise.after = lose
    run = Run(connectwise, FakeTruth(), POLICY)
    assert isinstance(stopped(run, [payment_record(invoice_id=1)]), OutOfTime)
    assert run.pipeline.in_doubt


def test_if_the_truth_table_fails_nothing_is_stored_and_all_is_in_doubt() -> None:
    run = Run(FakeConnectWise(1), FakeTruth(), POLICY)
    reason = AwsDown("DynamoDB")
    run.on_remember = raising(reason)
    record = payment_record(external_id="A", invoice_id=1)
    assert stopped(run, [record]) is reason
    assert run.stored == []
    assert run.pipeline.in_doubt


@pytest.mark.parametrize("reason", [AwsDown("S3"), Superseded("another run")])
def test_if_outcomes_cannot_be_stored_it_is_not_tried_again(reason: Exception) -> None:
    run = Run(FakeConnectWise(1, 2), FakeTruth(), POLICY, chunk_records=1)
    attempts: list[int] = []

    def fail(times: int) -> None:
        attempts.append(times)
        raise reason

    run.on_store = fail
    records = [payment_record(number, invoice_id=number) for number in (1, 2)]
    assert stopped(run, records) is reason
    assert attempts == [0]
    assert run.pipeline.in_doubt


def test_if_storing_at_a_stop_fails_all_is_in_doubt() -> None:
    connectwise = FakeConnectWise(1)

    def fail_at_the_second(_: Call) -> None:
        if len(connectwise.writes) == 2:
            raise ConnectWiseDown("down")

    connectwise.before = fail_at_the_second
    run = Run(connectwise, FakeTruth(), POLICY)
    run.on_store = raising(AwsDown("S3"))
    records = [payment_record(number, invoice_id=1) for number in (1, 2)]
    assert isinstance(stopped(run, records), AwsDown)
    assert run.pipeline.in_doubt


def test_a_record_that_alone_gets_server_errors_is_rejected_only_when_it_is_blamed() -> None:
    def fault_at_the_first(call: Call) -> None:
        if call.invoice_id == 1:
            raise ServerFault("500: no reason")

    records = [payment_record(number, invoice_id=number) for number in (1, 2)]
    connectwise = FakeConnectWise(1, 2)
    connectwise.before = fault_at_the_first
    assert isinstance(stopped(Run(connectwise, FakeTruth(), POLICY), records), ServerFault)
    run = Run(connectwise, FakeTruth(), Policy("this import", blamed=1), connections=1)
    run.apply(records)
    assert run.stored[0].action is Action.FAILED
    assert "500: no reason" in run.stored[0].messages[0]
    assert run.stored[1].action in (Action.CREATED, Action.UPDATED)


def test_an_invoice_number_that_alone_gets_server_errors_is_its_record_s() -> None:
    """The other numbers of the same lookup are found."""

    class FailsAtOne(FakeConnectWise):
        def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
            wanted = list(numbers)
            if "INV-1" in wanted:
                raise ServerFault("500: no reason")
            return super().invoices_by_number(wanted)

    records = [payment_record(number, invoice_number=f"INV-{number}") for number in (1, 2)]
    assert isinstance(stopped(Run(FailsAtOne(1, 2), FakeTruth(), POLICY), records), ServerFault)
    run = Run(FailsAtOne(1, 2), FakeTruth(), Policy("this import", blamed=1))
    run.apply(records)
    assert [outcome.action for outcome in run.stored] == [Action.FAILED, Action.CREATED]


# Going on after a stop


def test_the_last_record_of_an_invoice_stays_in_force_when_records_are_sent_again() -> None:
    """Those without external id cannot be known as sent, and so are sent again."""
    connectwise, truth = FakeConnectWise(1), FakeTruth()
    records = [
        payment_record(1, invoice_id=1, amount="7.00"),
        payment_record(2, invoice_id=1, amount="5.00", external_id="A"),
    ]
    killed = Run(connectwise, truth, POLICY)
    killed.on_store = raising(AwsDown("S3"))
    stopped(killed, records)
    Run(connectwise, truth, Policy("this import", in_doubt_until=4)).apply(records)
    assert connectwise.held == {1: {101: Decimal("5.00")}}


@pytest.mark.parametrize("prevent", [True, False])
def test_records_that_a_killed_run_has_sent_are_successes_of_the_next(prevent: bool) -> None:
    connectwise, truth = FakeConnectWise(1, 2), FakeTruth()
    records = [
        payment_record(1, invoice_id=1, external_id="A"),
        payment_record(2, invoice_id=2),
        payment_record(3, invoice_id=1, external_id="A"),
    ]
    killed = Run(connectwise, truth, Policy("this import", prevent))
    killed.on_store = raising(AwsDown("S3"))
    stopped(killed, records)
    resumed = Run(connectwise, truth, Policy("this import", prevent, in_doubt_until=4))
    resumed.apply(records)
    third = Action.SKIPPED if prevent else Action.UPDATED
    assert [outcome.action for outcome in resumed.stored] == [
        Action.CREATED,
        Action.UPDATED,
        third,
    ]
    assert [call.action for call in connectwise.changes].count("create") == 2


@dataclass(frozen=True)
class Stop:
    """When a run ends, and how badly: `kind` says what its last call or write came to."""

    kind: str
    after: int

    def prepare(self, run: Run) -> None:
        if self.kind == "truth lost":
            run.on_remember = self._fail_later
        elif self.kind == "outcomes lost":
            run.on_store = self._fail_later
        else:
            connectwise = run.connectwise
            limit = len(connectwise.calls) + self.after
            connectwise.before = lambda _: self._stop_behind(limit, connectwise)
            if self.kind == "answer lost":
                connectwise.after = lambda call: self._lose_at(limit, call, connectwise)

    def _fail_later(self, times: int) -> None:
        if times >= self.after:
            raise AwsDown("a run that is killed, as far as others can see")

    def _stop_behind(self, limit: int, connectwise: FakeConnectWise) -> None:
        if len(connectwise.calls) > limit:
            raise OutOfTime

    def _lose_at(self, limit: int, call: Call, connectwise: FakeConnectWise) -> None:
        if call.action == "create" and len(connectwise.calls) >= limit:
            raise AnswerLost("reset")


stops = st.builds(
    Stop,
    st.sampled_from(("out of time", "answer lost", "truth lost", "outcomes lost")),
    st.integers(0, 6),
)


@given(
    scenes(plain_record),
    st.lists(stops, min_size=1, max_size=3),
    chunks,
    connections,
    st.booleans(),
)
def test_however_often_it_is_stopped_it_comes_to_the_same(
    scene: Scene, stops: list[Stop], chunk_records: int, connections: int, prevent: bool
) -> None:
    policy = Policy("this import", prevent)
    expected = scene.connectwise()
    expected_outcomes = one_by_one(scene.records, expected, scene.truth(), policy)

    connectwise, truth = scene.connectwise(), scene.truth()
    stored: list[Outcome] = []
    in_doubt = False
    for stop in [*stops, None]:
        doubtful_until = len(stored) + 2 * chunk_records if in_doubt else 0
        policy = Policy("this import", prevent, doubtful_until)
        run = Run(connectwise, truth, policy, chunk_records, connections)
        connectwise.before = connectwise.after = lambda _: None
        if stop is not None:
            stop.prepare(run)
        with suppress(ImportStopped):
            run.apply(scene.records[len(stored) :])
        stored += run.stored
        in_doubt = run.pipeline.in_doubt or len(stored) < doubtful_until
    assert numbers(stored) == [record.number for record in scene.records]
    assert [result(outcome) for outcome in stored] == list(map(result, expected_outcomes))
    assert connectwise.held == expected.held


def result(outcome: Outcome) -> str:
    """Return which file a record comes back in, or that it was skipped.

    A payment that a stopped run has created is found by the next, and then updated.
    """
    if outcome.action in (Action.CREATED, Action.UPDATED):
        return f"recorded as {outcome.payment_id}"
    return outcome.action
