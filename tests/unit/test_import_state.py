"""The states of an import, and each transition between them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.import_state import Ending, ImportState, Result, Status, Tally
from payments.models import Action, SourceFile

NEW = ImportState("import", SourceFile("bucket", "incoming/a.xml", "v1"))
BEGUN = NEW.begun("one", 100.0, 30.0)
CREATED = Result(Action.CREATED, Decimal(10))
UPDATED = Result(Action.UPDATED, Decimal(5))
SKIPPED = Result(Action.SKIPPED, Decimal(3))
FAILED = Result(Action.FAILED)

results = st.lists(
    st.builds(Result, st.sampled_from(Action), st.none() | st.decimals("0", "1e6", places=2)),
    max_size=8,
)


def sending(reach: int = 5, done: int = 2) -> ImportState:
    """Return an import in the middle of a run."""
    state = replace(BEGUN, total=9).reaching(reach, 101.0)
    return state.committed(Tally(created=done), 102.0)


# Counting


def test_a_tally_counts_records_and_money_by_what_became_of_them() -> None:
    tally = Tally.of([CREATED, UPDATED, UPDATED, SKIPPED, FAILED])
    amounts = Decimal(20), Decimal(3), Decimal(0)
    assert tally == Tally(1, 2, 1, 1, *amounts)
    assert (tally.done, tally.total_amount) == (5, Decimal(23))


@given(results, results)
def test_parts_count_together_what_they_count_alone(one: list[Result], two: list[Result]) -> None:
    assert Tally.of(one) + Tally.of(two) == Tally.of([*one, *two])


@given(results)
def test_overruled_successes_count_as_failures_with_their_money(found: list[Result]) -> None:
    successes = [result for result in found if result.action.succeeded]
    others = [result for result in found if not result.action.succeeded]
    overruled = [Result(Action.FAILED, result.amount) for result in successes]
    assert Tally.of(found).overruled(successes) == Tally.of([*others, *overruled])


# Runs


def test_a_run_has_its_number_and_its_token_and_keeps_when_the_import_began() -> None:
    assert (BEGUN.run, BEGUN.run_token, BEGUN.at_work, BEGUN.started_at) == (1, "one", True, 100)
    second = BEGUN.begun("two", 500.0, 30.0)
    assert (second.run, second.run_token, second.started_at) == (2, "two", 100)


def test_what_a_killed_run_has_sent_is_left_time_to_arrive() -> None:
    assert sending().begun("two", 500.0, 30.0).quiet_until == 530.0


@pytest.mark.parametrize("state", [BEGUN, sending().put_back(103.0, 0.0)])
def test_where_nothing_can_be_under_way_nothing_is_waited_for(state: ImportState) -> None:
    assert state.begun("two", 500.0, 30.0).quiet_until <= 103.0


def test_until_when_a_file_waits_is_known_until_its_next_run() -> None:
    state = sending().put_back(103.0, 0.0, "down").hidden(163.0)
    assert state.waits_until == 163.0
    assert state.begun("two", 164.0, 30.0).waits_until == 0.0


def test_a_run_that_has_only_waited_says_until_when() -> None:
    assert sending().begun("two", 200.0, 30.0).rested(201.0).waits_until == 230.0


def test_a_longer_wait_is_not_cut_short() -> None:
    state = sending().put_back(103.0, 900.0).begun("two", 104.0, 30.0)
    assert state.quiet_until == 900.0
    assert state.begun("three", 105.0, 30.0).quiet_until == 900.0


def test_runs_that_end_without_a_word_are_counted_until_there_is_progress() -> None:
    state = BEGUN.begun("two", 200.0, 30.0).begun("three", 300.0, 30.0)
    assert state.kills == 2
    assert state.committed(Tally(failed=1), 301.0).kills == 0
    assert state.put_back(301.0, 0.0).kills == 0


def test_a_run_that_has_only_waited_is_neither_a_kill_nor_progress() -> None:
    state = sending().begun("two", 200.0, 30.0).rested(201.0)
    assert (state.kills, state.at_work) == (1, False)
    assert state.begun("three", 300.0, 30.0).kills == 1


# The checkpoint


def test_the_checkpoint_is_behind_what_is_stored() -> None:
    state = sending(reach=5, done=2).reaching(4, 103.0)
    assert (state.done, state.in_doubt) == (2, True)
    state = state.committed(Tally(updated=3), 103.0)
    assert (state.done, state.in_doubt) == (5, False)


def test_progress_ends_what_was_waited_for() -> None:
    waiting = sending().put_back(103.0, 0.0, "down", is_down=True)
    assert (waiting.waits, waiting.error) == (1, "down")
    going_on = waiting.begun("two", 200.0, 30.0).committed(Tally(created=1), 201.0)
    assert (going_on.waits, going_on.stuck, going_on.error) == (0, 0, None)


def test_a_look_at_the_end_is_not_forgotten() -> None:
    state = sending().committed(Tally(created=1), 103.0, look_again=True)
    assert state.committed(Tally(created=1), 104.0).look_again


# Putting back


def test_an_outage_and_a_stuck_record_are_counted_apart() -> None:
    state = BEGUN.put_back(1.0, 0.0, is_stuck=True).put_back(2.0, 0.0, is_stuck=True)
    assert (state.waits, state.stuck) == (0, 2)
    state = state.put_back(3.0, 0.0, is_down=True)
    assert (state.waits, state.stuck) == (1, 0)


def test_a_pause_for_lack_of_time_counts_as_neither() -> None:
    state = BEGUN.put_back(1.0, 0.0, is_stuck=True).put_back(2.0, 0.0)
    assert (state.waits, state.stuck, state.at_work) == (0, 1, False)


def test_an_import_waits_since_it_was_first_put_back_for_a_reason_until_a_record_gets_on() -> None:
    """A run that was only short of time makes no difference."""
    assert BEGUN.put_back(1.0, 0.0).waiting_since == 0.0
    state = BEGUN.put_back(1.0, 0.0, "down").put_back(2.0, 0.0).put_back(3.0, 0.0, "stuck")
    assert state.waiting_since == 1.0
    assert state.begun("two", 4.0, 30.0).rested(5.0).waiting_since == 1.0
    assert state.committed(Tally(created=1), 4.0).waiting_since == 0.0
    assert state.closed(Status.SUCCEEDED, Tally(), 4.0).waiting_since == 0.0


def test_that_an_import_has_waited_for_an_hour_is_told_for_good() -> None:
    """But not by a run that waits for nothing."""
    state = BEGUN.put_back(1.0, 0.0, "down").put_back(3600.0, 0.0, "down").put_back(3602.0, 0.0)
    assert not state.waiting_told
    state = state.put_back(3603.0, 0.0, "down")
    assert state.waiting_told
    assert state.committed(Tally(created=1), 3604.0).put_back(3605.0, 0.0, "down").waiting_told


# The ends


def test_the_first_reason_for_ending_early_stays() -> None:
    state = sending().cut("deleted", 103.0).cut("given up", 104.0, given_up=True)
    assert (state.cut_short, state.given_up) == ("deleted", True)
    assert not sending().cut("deleted", 103.0).given_up


@pytest.mark.parametrize(
    ("reason", "given_up", "ending"),
    [
        ("deleted", False, Ending.REFUSED),
        ("Stopped by kim.", False, Ending.STOPPED),
        ("given up", True, Ending.GIVEN_UP),
    ],
)
def test_what_is_cut_short_ends_early_if_something_was_left_out(
    reason: str, given_up: bool, ending: Ending
) -> None:
    """Also if the files are written by a later run."""
    state = sending(reach=5, done=2).cut(reason, 103.0, given_up=given_up)
    state = state.committed(Tally(created=3, failed=4), 104.0).put_back(105.0, 0.0, begun=5)
    assert state.is_stored
    assert state.ending is ending
    all_sent = sending(reach=9, done=2).cut(reason, 103.0, given_up=given_up)
    assert all_sent.ending is (ending if given_up else Ending.COMPLETE)
    assert all_sent.closed(Status.SUCCEEDED, Tally(), 106.0).error == (reason if given_up else None)


def test_an_import_that_is_given_up_does_not_start_to_hope_again() -> None:
    state = replace(sending(), kills=3).cut("given up", 103.0, given_up=True)
    assert state.committed(Tally(failed=1), 104.0).kills == 3


@pytest.mark.parametrize("reason", [None, "deleted"])
def test_a_closed_import_has_ended_for_good(reason: str | None) -> None:
    state = replace(sending(), cut_short=reason, error="waiting")
    closed = state.closed(Status.FAILED, Tally(failed=2), 110.0)
    assert (closed.finished, closed.finished_at, closed.at_work) == (True, 110.0, False)
    assert (closed.error, closed.tally) == (reason, Tally(failed=2))
    assert not state.finished


def test_an_import_belongs_to_the_company_that_it_has_sent_to() -> None:
    """Before, a corrected secret may name another one."""
    assert sending().connected("one/acme").connected("two/other").connection == "one/acme"
    assert BEGUN.connected("one/acme").connected("two/other").connection == "two/other"


def test_a_run_that_ends_in_good_order_says_how_far_it_has_begun() -> None:
    """What was only about to be begun is no matter of doubt."""
    assert sending(reach=9).put_back(103.0, 0.0, begun=5).reach == 5
    assert sending(reach=9).put_back(103.0, 0.0, begun=0).reach == sending().done
    assert sending(reach=9).put_back(103.0, 0.0).reach == 9
