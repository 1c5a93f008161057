"""Sending a payment so that it is never created twice."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from payments.errors import (
    AccessRefused,
    AnswerLost,
    ConnectWiseDown,
    NotFound,
    OutOfTime,
    RecordRejected,
    ServerFault,
)
from payments.models import Action, Payment
from payments.rules import Create, Update
from payments.sender import POST_TRIES, Sender
from unit.fake_connectwise import Call, FakeConnectWise, losing_answers

TEN = Decimal("10.00")
CREATE = Create(1, {"amount": TEN})


@pytest.fixture
def connectwise() -> FakeConnectWise:
    return FakeConnectWise(1)


@pytest.fixture
def sender(connectwise: FakeConnectWise) -> Sender:
    return Sender(connectwise)


def actions(connectwise: FakeConnectWise) -> list[str]:
    return [call.action for call in connectwise.calls]


def rejection(attempt: Callable[[], object]) -> str:
    with pytest.raises(RecordRejected) as rejected:
        attempt()
    assert type(rejected.value) is RecordRejected
    return str(rejected.value)


# Creating


def test_a_create_is_one_call(connectwise: FakeConnectWise, sender: Sender) -> None:
    assert sender.create(CREATE) == (Action.CREATED, Payment(101, TEN))
    assert connectwise.calls == [Call("create", 1, None, TEN)]
    assert not sender.in_doubt


def test_an_answer_lost_behind_the_write_is_adopted(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    connectwise.after = losing_answers(1)
    assert sender.create(CREATE) == (Action.CREATED, Payment(101, TEN))
    assert actions(connectwise) == ["create", "payments"]
    assert connectwise.held[1] == {101: TEN}
    assert not sender.in_doubt


@pytest.mark.parametrize("times", range(1, POST_TRIES))
def test_an_answer_lost_before_the_write_is_sent_again(
    connectwise: FakeConnectWise, sender: Sender, times: int
) -> None:
    connectwise.before = losing_answers(times)
    assert sender.create(CREATE) == (Action.CREATED, Payment(101, TEN))
    assert actions(connectwise) == ["create", "payments"] * times + ["create"]
    assert connectwise.held[1] == {101: TEN}
    assert not sender.in_doubt


def test_before_looking_whether_it_arrived_there_is_a_growing_wait(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    connectwise.before = losing_answers(POST_TRIES - 1)
    sender.create(CREATE)
    assert connectwise.waits == list(range(1, POST_TRIES))


def test_after_enough_lost_answers_connectwise_is_down(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    connectwise.before = losing_answers(POST_TRIES)
    with pytest.raises(ConnectWiseDown, match="a reset connection") as down:
        sender.create(CREATE)
    assert not isinstance(down.value, ServerFault)
    assert actions(connectwise) == ["create", "payments"] * POST_TRIES
    assert not sender.in_doubt  # the last look has shown that there is none


def test_server_errors_at_this_payment_alone_are_told_from_an_outage(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    def fail(call: Call) -> None:
        if call.action == "create":
            raise AnswerLost("500", server_fault=True)

    connectwise.before = fail
    with pytest.raises(ServerFault):
        sender.create(CREATE)
    assert not sender.in_doubt


def test_a_lost_create_that_was_cut_to_the_balance_is_set_to_what_was_meant(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    """Another amount on the invoice may also be somebody else's payment: it is updated."""

    def cut_and_lose(call: Call) -> None:
        if call.action == "create":
            connectwise.add_payment(1, "8.00")
            raise AnswerLost("a reset connection")

    connectwise.before = cut_and_lose
    assert sender.create(CREATE) == (Action.UPDATED, Payment(101, TEN))
    assert actions(connectwise) == ["create", "payments", "update"]


def test_among_several_payments_the_lost_create_is_known_by_its_amount(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    def appear_and_lose(call: Call) -> None:
        if call.action == "create":
            connectwise.add_payment(1, "3.00")
            connectwise.add_payment(1, "10.0")
            raise AnswerLost("a reset connection")

    connectwise.before = appear_and_lose
    assert sender.create(CREATE) == (Action.CREATED, Payment(102, TEN))
    assert connectwise.writes == [Call("create", 1, None, TEN)]


def test_several_payments_none_of_which_is_the_lost_one_are_left_alone(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    def appear_and_lose(call: Call) -> None:
        if call.action == "create":
            connectwise.add_payment(1, "3.00")
            connectwise.add_payment(1, "4.00")
            raise AnswerLost("a reset connection")

    connectwise.before = appear_and_lose
    assert "101, 102" in rejection(lambda: sender.create(CREATE))
    assert connectwise.writes == [Call("create", 1, None, TEN)]


def test_a_payment_of_unknown_amount_is_not_taken_for_the_lost_one(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    def appear_and_lose(call: Call) -> None:
        if call.action == "create":
            connectwise.add_payment(1, None)
            raise AnswerLost("a reset connection")

    connectwise.before = appear_and_lose
    assert sender.create(CREATE) == (Action.UPDATED, Payment(101, TEN))


@pytest.mark.parametrize("error", [OutOfTime(), AccessRefused("no"), ConnectWiseDown("down")])
def test_a_lost_create_that_cannot_be_looked_for_is_in_doubt(
    connectwise: FakeConnectWise, sender: Sender, error: Exception
) -> None:
    connectwise.after = losing_answers(1)

    def fail(call: Call) -> None:
        if call.action == "payments":
            raise error

    connectwise.before = fail
    with pytest.raises(type(error)):
        sender.create(CREATE)
    assert sender.in_doubt


# A payment that is there after all


def test_a_payment_that_exists_already_is_updated(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    connectwise.add_payment(1, "3.00")
    assert sender.create(CREATE) == (Action.UPDATED, Payment(101, TEN))
    assert actions(connectwise) == ["create", "payments", "update"]
    assert connectwise.held[1] == {101: TEN}


def test_of_several_existing_payments_none_is_updated(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    connectwise.add_payment(1, "3.00")
    connectwise.add_payment(1, "4.00")
    assert "101, 102" in rejection(lambda: sender.create(CREATE))
    assert [call.action for call in connectwise.writes] == ["create"]


def test_a_rejected_create_without_any_payment_is_rejected_in_connectwises_words(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    original = RecordRejected("amount too large", "and something else")

    def reject(call: Call) -> None:
        if call.action == "create":
            raise original

    connectwise.before = reject
    with pytest.raises(RecordRejected) as rejected:
        sender.create(CREATE)
    assert rejected.value is original


def test_an_invoice_that_is_gone_is_named(connectwise: FakeConnectWise, sender: Sender) -> None:
    gone = Create(5, {"amount": TEN})
    assert "invoice with id 5" in rejection(lambda: sender.create(gone))
    assert "invoice with id 5" in rejection(lambda: sender.payments(5))
    assert actions(connectwise) == ["create", "payments"]


def test_an_existing_payment_that_vanishes_meanwhile_is_named(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    connectwise.add_payment(1, "3.00")

    def vanish(call: Call) -> None:
        if call.action == "update":
            connectwise.held[1].clear()

    connectwise.before = vanish
    assert "payment 101 on invoice 1" in rejection(lambda: sender.create(CREATE))


# Updating


def test_an_update_is_one_call(connectwise: FakeConnectWise, sender: Sender) -> None:
    connectwise.add_payment(1, "3.00")
    sent = sender.update(Update(1, 101, {"amount": TEN}))
    assert sent == (Action.UPDATED, Payment(101, TEN))
    assert connectwise.calls == [Call("update", 1, 101, TEN)]


def test_a_payment_that_is_gone_is_named(sender: Sender) -> None:
    message = rejection(lambda: sender.update(Update(1, 101, {"amount": TEN})))
    assert "payment 101 on invoice 1" in message
    assert "truth table" not in message


def test_a_payment_that_is_gone_but_in_the_truth_table_tells_which_entry_to_delete(
    sender: Sender,
) -> None:
    update = Update(1, 101, {"amount": TEN}, known_as="A-17")
    message = rejection(lambda: sender.update(update))
    assert "payment 101 on invoice 1" in message
    assert "delete" in message
    assert message.count("A-17") == 2


@pytest.mark.parametrize("error", [OutOfTime(), AccessRefused("no"), ConnectWiseDown("down")])
def test_what_stops_the_import_is_passed_on(
    connectwise: FakeConnectWise, sender: Sender, error: Exception
) -> None:
    def fail(_call: Call) -> None:
        raise error

    connectwise.before = fail
    for attempt in (
        lambda: sender.create(CREATE),
        lambda: sender.update(Update(1, 101, {"amount": TEN})),
        lambda: sender.payments(1),
    ):
        with pytest.raises(type(error)):
            attempt()
    assert not sender.in_doubt


def test_the_payments_of_an_invoice_are_passed_on(
    connectwise: FakeConnectWise, sender: Sender
) -> None:
    assert sender.payments(1) == ()
    connectwise.add_payment(1, "3.00")
    assert sender.payments(1) == (Payment(101, Decimal("3.00")),)


def test_not_found_is_a_rejection_that_is_reworded(sender: Sender) -> None:
    """`NotFound` tells a caller nothing that a bookkeeper could use."""
    with pytest.raises(RecordRejected) as rejected:
        sender.payments(9)
    assert not isinstance(rejected.value, NotFound)


def test_a_server_error_is_alone_if_others_like_it_are_accepted_meanwhile() -> None:
    """Those of another kind tell nothing, nor do those before."""
    connectwise = FakeConnectWise(1, 2, 3)
    sender = Sender(connectwise)

    def fail_at_the_first(call: Call) -> None:
        if call.action == "create" and call.invoice_id == 1:
            raise AnswerLost("500", server_fault=True)

    connectwise.before = fail_at_the_first
    first = Create(1, {"amount": Decimal(1)})
    sender.create(Create(2, {"amount": Decimal(1)}))
    with pytest.raises(ServerFault) as found:
        sender.create(first)
    assert found.value.alone is False

    def accept_another(failures: int) -> None:
        if failures == 1:
            sender.create(Create(3, {"amount": Decimal(1)}))

    connectwise.wait_after = accept_another  # type: ignore[method-assign]
    with pytest.raises(ServerFault) as found:
        sender.create(first)
    assert found.value.alone is True
