"""Repeating calls that fail, and saying in the end whose fault it is."""

from random import Random

import pytest

from fakes.clock import VirtualClock
from payments.connectwise.patience import (
    FAULT_RUNS,
    NO_ANSWER_RUNS,
    OUTAGE_RECORDS,
    Patience,
    Retries,
    Tries,
    drive,
)
from payments.errors import (
    Busy,
    CallFailed,
    ConnectWiseDown,
    NoAnswer,
    RecordRejected,
    RecordStuck,
    ServerFault,
)

KIND = "change a payment"
FAULT = ServerFault("500: A timeout has occured.", for_log="500")
SILENCE = NoAnswer("timeout")
BUSY = Busy("409: in use")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


class Tenant:
    """ConnectWise as far as patience sees it: calls fail as often as planned."""

    def __init__(self, clock: VirtualClock, stuck_runs: int = 0, *, answers: bool = True) -> None:
        self.clock = clock
        self.patience = Patience(clock, self.proof, Random(1), stuck_runs=stuck_runs)
        self.proofs = 0
        self._answers = answers

    def proof(self) -> bool:
        self.proofs += 1
        return self._answers

    def call(self, *failures: CallFailed) -> str:
        """Make a call that fails so often, in this way, and is accepted then."""
        left = iter(failures)

        def once() -> str:
            for failure in left:
                raise failure
            return "accepted"

        return drive(self.patience.patiently(KIND, once), self.clock)


def fail_but_once(clock: VirtualClock, failure: CallFailed, *all_tries: Tries) -> None:
    """Let all of them fail so often that the next failure is the last."""
    for _ in range(Retries().tries - 1):
        clock.sleep(max(tries.failed(failure) for tries in all_tries) - clock.now)


def test_a_call_is_repeated_until_it_is_accepted(clock: VirtualClock) -> None:
    assert Tenant(clock).call(FAULT, SILENCE, FAULT) == "accepted"


def test_waits_between_tries_grow_up_to_a_bound_and_are_spread(clock: VirtualClock) -> None:
    tries = Tenant(clock).patience.tries(KIND)
    waits = [tries.failed(FAULT) for _ in range(6)]
    for wait, longest in zip(waits, (0.5, 1.0, 2.0, 4.0, 8.0, 8.0), strict=True):
        assert longest / 2 <= wait <= longest
    assert len(set(waits)) == 6


# Whose fault it is


def fail_beside_others(tenant: Tenant, *all_tries: Tries, times: int = Retries().tries - 1) -> None:
    """Let all of them fail, but one other is accepted before each time."""
    for _ in range(times):
        tenant.patience.tries(KIND).accepted()
        tenant.clock.sleep(max(tries.failed(FAULT) for tries in all_tries) - tenant.clock.now)


def test_records_that_alone_fail_while_others_are_accepted_are_rejected_within_their_tries(
    clock: VirtualClock,
) -> None:
    """The second must not close the gate before the first has its verdict."""
    tenant = Tenant(clock)
    poison = tenant.patience.tries(KIND), tenant.patience.tries(KIND)
    fail_beside_others(tenant, *poison)
    tenant.patience.tries(KIND).accepted()
    for tries in poison:
        with pytest.raises(RecordRejected, match=r"A timeout has occured.*Upload it again"):
            tries.failed(FAULT)


def test_an_outage_that_flaps_is_no_record_s_own_fault(clock: VirtualClock) -> None:
    """It lets others through now and then, but not each time that this one fails."""
    tenant = Tenant(clock)
    tries = tenant.patience.tries(KIND)
    fail_beside_others(tenant, tries, times=Retries().tries - 2)
    clock.sleep(tries.failed(FAULT) - clock.now)
    tenant.patience.tries(KIND).accepted()
    with pytest.raises(RecordStuck):
        tries.failed(FAULT)


def test_what_was_accepted_before_or_of_another_kind_says_nothing(clock: VirtualClock) -> None:
    """An outage of one kind of call begins in the middle of others."""
    patience = Tenant(clock).patience
    patience.tries(KIND).accepted()
    tries = patience.tries(KIND)
    patience.tries("read payments").accepted()
    fail_but_once(clock, FAULT, tries)
    with pytest.raises(RecordStuck):
        tries.failed(FAULT)


@pytest.mark.parametrize("failure", [FAULT, SILENCE])
def test_if_all_fail_it_is_an_outage(clock: VirtualClock, failure: CallFailed) -> None:
    patience = Tenant(clock).patience
    all_tries = [patience.tries(KIND) for _ in range(OUTAGE_RECORDS)]
    for _ in range(Retries().tries - 1):
        for tries in all_tries:
            tries.failed(failure)
    with pytest.raises(ConnectWiseDown):
        all_tries[0].failed(failure)


def test_an_outage_is_seen_before_the_last_try_of_any_record(clock: VirtualClock) -> None:
    """Each may take half a minute."""
    patience = Tenant(clock).patience
    all_tries = [patience.tries(KIND) for _ in range(OUTAGE_RECORDS)]
    for tries in all_tries:
        tries.failed(SILENCE)
    clock.sleep(30.0)
    with pytest.raises(ConnectWiseDown):
        all_tries[0].failed(SILENCE)


def test_records_that_fail_while_others_are_accepted_in_between_are_no_outage(
    clock: VirtualClock,
) -> None:
    patience = Tenant(clock).patience
    for _ in range(OUTAGE_RECORDS):
        patience.tries(KIND).failed(FAULT)
        patience.tries(KIND).accepted()
    last = patience.tries(KIND)
    fail_but_once(clock, FAULT, last)
    with pytest.raises(RecordStuck):
        last.failed(FAULT)


def test_if_nothing_is_answered_it_is_an_outage(clock: VirtualClock) -> None:
    tenant = Tenant(clock, answers=False)
    with pytest.raises(ConnectWiseDown, match="does not answer"):
        tenant.call(*[SILENCE] * 7)
    assert tenant.proofs == 1


def test_if_others_are_answered_meanwhile_nothing_has_to_be_asked(clock: VirtualClock) -> None:
    tenant = Tenant(clock, answers=False)
    tries = tenant.patience.tries(KIND)
    tenant.patience.tries("read payments").accepted()
    fail_but_once(clock, SILENCE, tries)
    with pytest.raises(RecordStuck):
        tries.failed(SILENCE)
    assert tenant.proofs == 0


@pytest.mark.parametrize(("failure", "runs"), [(FAULT, FAULT_RUNS), (SILENCE, NO_ANSWER_RUNS)])
def test_with_nothing_to_compare_a_record_is_stuck_until_it_was_so_often_enough(
    clock: VirtualClock, failure: CallFailed, runs: int
) -> None:
    for stuck_runs in range(runs):
        with pytest.raises(RecordStuck):
            Tenant(clock, stuck_runs).call(*[failure] * 7)
    told = "Upload it again" if failure is FAULT else "not known whether"
    with pytest.raises(RecordRejected, match=told):
        Tenant(clock, runs).call(*[failure] * 7)


@pytest.mark.parametrize("records", [1, OUTAGE_RECORDS])
def test_a_conflict_that_does_not_pass_is_a_rejection(clock: VirtualClock, records: int) -> None:
    """A conflict (409) is repeated a few times, then it is the record's own."""
    patience = Tenant(clock).patience
    all_tries = [patience.tries(KIND) for _ in range(records)]
    fail_but_once(clock, BUSY, *all_tries)
    for tries in all_tries:
        with pytest.raises(RecordRejected, match="in use"):
            tries.failed(BUSY)


def test_what_is_told_for_a_log_does_not_quote_connectwise(clock: VirtualClock) -> None:
    with pytest.raises(RecordStuck) as stuck:
        Tenant(clock).call(*[FAULT] * 7)
    assert "A timeout" in str(stuck.value)
    assert "A timeout" not in stuck.value.for_log
