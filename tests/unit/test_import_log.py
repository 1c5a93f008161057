"""The imports table: history, progress, and who may write."""

from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from payments.stores import imports_table as import_log
from payments.errors import AwsDown, ServerFault, Superseded
from payments.stores.imports_table import Counts, ImportLog, ImportState, Status
from payments.models import Action, SourceFile
from payments.files.reader import CheckedFile, Root
from unit.fake_dynamodb import FakeTable, client_error

NOW = "2026-01-01T00:00:00Z"
SOURCE = SourceFile("payments", "incoming/a.xml", version_id="v1", etag="e1")
FILE = CheckedFile(Root(b'<p:InvoicePayments xmlns:p="\xc3\xa9">', b"</p:InvoicePayments>"), 10)


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_log, "utc_now", lambda: NOW)


@pytest.fixture
def table() -> FakeTable:
    return FakeTable()


@pytest.fixture
def log(table: FakeTable) -> ImportLog:
    return ImportLog(table, table.name)


def begin(log: ImportLog) -> ImportState:
    return log.begin("i1", SOURCE)


# Beginning


def test_the_first_run_starts_from_nothing(log: ImportLog, table: FakeTable) -> None:
    state = begin(log)
    assert state == ImportState("i1", run=1, started_at=NOW)
    assert not state.finished
    assert state.done == 0
    item = dict(table.items["i1"])
    assert item.pop("started")
    assert item == {
        "importId": "i1",
        "bucket": "payments",
        "key": "incoming/a.xml",
        "versionId": "v1",
        "status": "Running",
        "startedAt": NOW,
        "run": 1,
        "tries": 1,
    }


def test_a_file_of_an_unversioned_bucket_has_no_version(log: ImportLog) -> None:
    state = log.begin("i1", SourceFile("payments", "incoming/a.xml", etag="e1"))
    assert log.begin("i1", SOURCE).run == state.run + 1


def test_imports_are_apart(log: ImportLog) -> None:
    begin(log)
    assert log.begin("i2", SOURCE).run == 1


def test_a_run_that_ended_without_a_word_is_counted_and_leaves_doubt(log: ImportLog) -> None:
    begin(log)
    again = begin(log)
    assert (again.run, again.tries, again.in_doubt) == (2, 2, True)
    assert (begin(log).run, begin(log).tries) == (3, 4)


def test_a_request_that_the_sdk_repeats_begins_one_run(log: ImportLog, table: FakeTable) -> None:
    """Otherwise a run would take itself for the one after a killed one."""
    table.repeats = True
    assert begin(log) == ImportState("i1", run=1, started_at=NOW)
    again = begin(log)
    assert (again.run, again.tries) == (2, 2)


def test_requests_that_the_sdk_repeats_change_nothing(log: ImportLog, table: FakeTable) -> None:
    table.repeats = True
    state = log.checkpoint(log.checked(begin(log), FILE), Counts(created=10))
    assert log.finish(state, Status.SUCCEEDED).done == 10
    assert begin(log).finished


def test_the_time_of_the_first_run_stays(
    log: ImportLog, table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(log)
    monkeypatch.setattr(import_log, "utc_now", lambda: "2027-01-01T00:00:00Z")
    begin(log)
    assert table.items["i1"]["startedAt"] == NOW


# Going on


def test_a_further_run_goes_on_where_the_last_one_was(log: ImportLog) -> None:
    counts = Counts(created=3, updated=1, skipped=1, failed=2)
    state = log.checked(begin(log), FILE)
    state = log.checkpoint(state, counts)
    log.put_back(state, in_doubt=False)
    again = begin(log)
    assert (again.total, again.root, again.counts, again.done) == (10, FILE.root, counts, 7)
    assert (again.run, again.tries, again.in_doubt) == (2, 1, False)


def test_progress_has_the_names_that_others_rely_on(log: ImportLog, table: FakeTable) -> None:
    state = log.checked(begin(log), FILE)
    log.checkpoint(state, Counts(created=3, updated=1, skipped=1, failed=2))
    item = table.items["i1"]
    assert (item["total"], item["done"]) == (10, 7)
    assert (item["created"], item["updated"], item["skipped"], item["failed"]) == (3, 1, 1, 2)


def test_progress_forgives_earlier_tries_and_waits(log: ImportLog) -> None:
    begin(log)
    log.put_back(begin(log), in_doubt=False, reason="ConnectWise is down", is_down=True)
    begin(log)
    state = begin(log)
    assert (state.tries, state.waits) == (2, 1)
    state = log.checkpoint(state, Counts(created=1))
    assert (state.tries, state.waits) == (1, 0)
    log.put_back(state, in_doubt=False)
    again = begin(log)
    assert (again.tries, again.waits) == (1, 0)


def test_while_giving_up_progress_forgives_nothing(log: ImportLog) -> None:
    for _ in range(4):
        state = begin(log)
    state = log.checkpoint(log.give_up(state), Counts(failed=1))
    assert (state.tries, state.given_up_at) == (4, 1)
    again = begin(log)
    assert (again.tries, again.given_up_at) == (5, 1)


@pytest.mark.parametrize("in_doubt", [True, False])
def test_a_run_that_puts_its_file_back_says_what_is_in_doubt(
    log: ImportLog, in_doubt: bool
) -> None:
    log.put_back(begin(log), in_doubt)
    again = begin(log)
    assert (again.tries, again.in_doubt) == (1, in_doubt)


def test_doubt_ends_when_a_later_run_ends_in_good_order(log: ImportLog) -> None:
    log.put_back(begin(log), in_doubt=True)
    log.put_back(begin(log), in_doubt=False)
    assert not begin(log).in_doubt


def test_waiting_for_something_that_is_down_is_counted_and_told(
    log: ImportLog, table: FakeTable
) -> None:
    for times in (1, 2, 3):
        log.put_back(begin(log), in_doubt=False, reason="ConnectWise is down", is_down=True)
        assert table.items["i1"]["error"] == "ConnectWise is down"
        assert table.items["i1"]["waits"] == times
    state = begin(log)
    assert state.waits == 3
    log.checkpoint(state, Counts(created=1))
    assert "error" not in table.items["i1"]


def test_being_short_of_time_is_no_waiting(log: ImportLog, table: FakeTable) -> None:
    log.put_back(begin(log), in_doubt=False)
    assert begin(log).waits == 0
    assert "error" not in table.items["i1"]


def test_server_errors_of_one_call_are_counted_while_nothing_else_comes_between(
    log: ImportLog,
) -> None:
    """Other reasons to wait tell nothing about that call."""
    alone, other = ServerFault("500"), ServerFault("500")
    alone.alone = True
    for fault in (other, alone, other):
        log.put_back(begin(log), in_doubt=False, reason="500", is_down=True, fault=fault)
    state = begin(log)
    assert (state.faults, state.fault_alone, state.waits) == (3, True, 3)
    log.put_back(begin(log), in_doubt=False, reason="no answer", is_down=True)
    state = begin(log)
    assert (state.faults, state.fault_alone, state.waits) == (0, False, 4)
    log.put_back(state, in_doubt=False, reason="500", is_down=True, fault=alone)
    state = log.checkpoint(begin(log), Counts(created=1))
    assert (state.faults, state.fault_alone) == (0, False)
    assert (begin(log).faults, begin(log).fault_alone) == (0, False)


# Finishing


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.RUNNING])
def test_a_finished_import_comes_back_as_it_is(
    log: ImportLog, table: FakeTable, status: Status
) -> None:
    counts = Counts(created=9, failed=1)
    state = log.checkpoint(log.checked(begin(log), FILE), counts)
    finished = log.finish(state, status)
    assert finished.finished
    before = dict(table.items["i1"])
    for _ in range(2):
        again = begin(log)
        assert again.finished
        assert (again.status, again.counts, again.run) == (status, counts, 1)
        assert (again.total, again.root) == (FILE.total, FILE.root)
    assert table.items["i1"] == before
    assert before["finishedAt"] == NOW


def test_why_an_import_failed_is_kept(log: ImportLog, table: FakeTable) -> None:
    log.finish(begin(log), Status.FAILED, "line 1, column 1: no")
    item = table.items["i1"]
    assert (item["status"], item["error"]) == ("Failed", "line 1, column 1: no")
    assert (item["done"], item["created"], item["failed"]) == (0, 0, 0)


def test_an_import_that_succeeded_has_no_error(log: ImportLog, table: FakeTable) -> None:
    log.put_back(begin(log), in_doubt=False, reason="ConnectWise is down", is_down=True)
    log.finish(begin(log), Status.SUCCEEDED)
    assert "error" not in table.items["i1"]


# Who may write


def test_a_run_that_another_has_taken_over_cannot_write_any_more(
    log: ImportLog, table: FakeTable
) -> None:
    old = begin(log)
    new = begin(log)
    before = dict(table.items["i1"])
    for write in (
        lambda: log.checked(old, FILE),
        lambda: log.checkpoint(old, Counts(created=1)),
        lambda: log.give_up(old),
        lambda: log.put_back(old, in_doubt=False),
        lambda: log.finish(old, Status.SUCCEEDED),
    ):
        with pytest.raises(Superseded):
            write()
    assert table.items["i1"] == before
    log.checkpoint(new, Counts(created=1))


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("ThrottlingException"),
        EndpointConnectionError(endpoint_url="https://dynamodb.example"),
    ],
)
def test_when_dynamodb_fails_the_import_is_tried_later(
    log: ImportLog, table: FakeTable, error: Exception
) -> None:
    state = begin(log)
    table.error = error
    with pytest.raises(AwsDown, match="imports table"):
        begin(log)
    with pytest.raises(AwsDown, match="imports table"):
        log.checkpoint(state, Counts(created=1))


# Counts

counts = st.builds(Counts, *[st.integers(0, 100)] * 4)


@given(st.lists(st.sampled_from(list(Action)), max_size=20))
def test_every_action_counts_once(actions: list[Action]) -> None:
    found = Counts.of(actions)
    assert found.done == len(actions)
    assert found.created == actions.count(Action.CREATED)
    assert found.updated == actions.count(Action.UPDATED)
    assert found.skipped == actions.count(Action.SKIPPED)
    assert found.failed == actions.count(Action.FAILED)


@given(counts, counts)
def test_counts_add_up(one: Counts, other: Counts) -> None:
    both = one + other
    assert both.done == one.done + other.done
    assert both.failed == one.failed + other.failed
    assert replace(both, created=0).created == 0
