"""A file, or a record, that can never be imported is given up, and the next file goes on."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError

from payments.errors import AccessRefused, AnswerLost, ServerFault
from payments.importer import PutBack
from payments.models import SourceFile
from resilience.invariants import check, check_same, check_settled, ending
from resilience.points import Plan, no_trouble
from resilience.scenario import FILE, RECORDS, file_of, uninterrupted, world
from resilience.world import Settings, World

ALONE = Settings(connections=1)  # nothing of a later record is on its way
POISONED = 9
# The first time it is a create, then perhaps the payment is found.
PLACES = [f"before (GET|POST) {POISONED}/", f"after (POST|PATCH) {POISONED}/"]
HALF_AN_HOUR = [60, 120, 240, 480, 900]
FOUR_HOURS = [*HALF_AN_HOUR, *[900] * 14]


def numbers(world: World, folder: str) -> list[int]:
    """The records of a success or fail file."""
    root = ET.fromstring(world.bucket.read(f"{folder}/a.xml"))
    return [int(record.attrib["n"]) for record in root.iter("InvoicePayment")]


def errors(world: World) -> dict[int, str]:
    """The error of each record in the fail file; 0 is the file as a whole."""
    root = ET.fromstring(world.bucket.read("fail/a.xml"))
    records = {int(record.attrib["n"]): record for record in root.iter("InvoicePayment")}
    return {n: each.findtext("ErrorMessage") or "" for n, each in {0: root, **records}.items()}


def kill_until_given_up(world: World, source: SourceFile, place: str) -> list[int]:
    """Have every run killed at a place; return how many records were done after each kill."""
    done: list[int] = []
    while world.run(source, Plan(kill_where=place)).result is None:
        done.append(int(world.import_row(source).get("done", 0)))
        assert len(done) < 20, "it is never given up"
    return done


def server_fault(call: str, before: bool) -> None:
    """ConnectWise answers one record's calls with 500, and all others."""
    if before and f"{POISONED}/payments" in call:
        if call.startswith("POST"):
            raise AnswerLost("500", server_fault=True)
        if call.startswith("PATCH"):
            raise ServerFault("ConnectWise fails at this call alone (500).")


def only_beginnings(call: str, before: bool) -> None:
    """The imports table takes that a run begins, and refuses all other writes."""
    if before and call.startswith("update") and "if_not_exists" not in call:
        raise ClientError({"Error": {"Code": "InternalError", "Message": "sorry"}}, call)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("connections", [1, 3])
def test_after_three_kills_without_progress_the_file_is_given_up(
    tmp_path: Path, place: str, connections: int
) -> None:
    """What is done is in the success file, all the rest in the fail file, with the reason."""
    new = world(tmp_path, Settings(connections=connections))
    source = new.upload(FILE)
    done = kill_until_given_up(new, source, place)
    assert done.count(done[-1]) == 3

    row = new.import_row(source)
    reason = f"The import was given up: 3 runs ended without a word at record {done[-1] + 1}."
    assert row["status"] == "Failed"
    assert row["error"].startswith(reason)
    found = errors(new)
    assert found.pop(0) == row["error"]
    assert [n for n, error in found.items() if "given up" in error] == list(range(done[-1] + 1, 20))
    assert done[-1] + 1 == POISONED, "the last try finds out which record it is"
    check(new, source, FILE)
    check_settled(new, source)


def test_a_given_up_import_sends_nothing_more(tmp_path: Path) -> None:
    """The run that gives up only writes down what is known."""
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    kill_until_given_up(new, source, PLACES[0])
    points = new.last_points
    assert points[-1].startswith("after update")
    assert not [point for point in points if "payments" in point or "invoices" in point]


def test_a_file_that_cannot_even_be_read_is_given_up(tmp_path: Path) -> None:
    """Its records are not known, but the reason is."""
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    assert kill_until_given_up(new, source, "after get incoming/a.xml") == [0, 0, 0]
    assert new.import_row(source)["status"] == "Failed"
    assert list(errors(new)) == [0]
    assert numbers(new, "success") == []
    assert new.connectwise.calls == []


def test_the_next_file_goes_on_and_the_fail_file_can_be_uploaded_again(tmp_path: Path) -> None:
    """What the killed runs have sent is found: nothing is created twice."""
    _, expected = uninterrupted(tmp_path, ALONE)
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    kill_until_given_up(new, source, PLACES[1])
    next_file = new.upload(
        file_of("<invoice><id>20</id></invoice><amount>5</amount>"), "incoming/b"
    )
    new.deliver(next_file)
    assert new.import_row(next_file)["status"] == "Succeeded"

    again = new.upload(new.bucket.read("fail/a.xml"))
    new.deliver(again)
    assert new.connectwise.held.pop(20)
    assert new.connectwise.held == expected.held
    assert max(new.connectwise.creates.values()) == 1


def test_giving_up_can_be_killed_anywhere_too(tmp_path: Path) -> None:
    """It ends with the same records in the two files."""

    def given_up(disk: Path, *plans: Plan) -> tuple[World, SourceFile]:
        new = world(disk, ALONE)
        source = new.upload(FILE)
        new.run(source, Plan(kill_where=PLACES[1]))
        while new.import_row(source)["tries"] < 3:
            new.run(source, Plan(kill_where=PLACES[1]))
        new.deliver(source, *plans)
        return new, source

    new, source = given_up(tmp_path / "not killed")
    expected = ending(new, source)
    assert expected.status == "Failed"
    for point in range(1, len(new.last_points) + 1):
        killed, source = given_up(tmp_path / str(point), Plan(kill_at=point))
        check(killed, source, FILE)
        found = ending(killed, source)
        assert (found.status, found.success) == (expected.status, expected.success)
        assert found.fail == expected.fail, "it names the record that ended the runs"
        assert found.held == expected.held


def test_a_file_that_kills_its_run_while_it_is_closed_does_not_stop_the_queue(
    tmp_path: Path,
) -> None:
    """Its fail file may be larger than the disk, for example."""
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    kill_until_given_up(new, source, "before put success/a.xml")
    assert new.import_row(source)["status"] == "Failed"


@pytest.mark.parametrize("connections", [1, 3])
def test_runs_that_could_not_note_that_they_were_put_back_are_no_kills(
    tmp_path: Path, connections: int
) -> None:
    """The imports table takes every beginning and nothing else; the file is not given up."""
    settings = Settings(connections=connections)
    _, expected = uninterrupted(tmp_path, settings)
    new = world(tmp_path, settings)
    source = new.upload(FILE)
    new.aws_trouble = only_beginnings
    for _ in range(10):
        assert isinstance(new.run(source).result, PutBack)
    new.aws_trouble = no_trouble
    new.deliver(source)
    check_same(ending(new, source), expected)
    check_settled(new, source)


def test_kills_after_a_run_that_could_not_note_its_end_are_counted(tmp_path: Path) -> None:
    """Three of them end the import as ever."""
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    new.aws_trouble = only_beginnings
    for _ in range(5):
        new.run(source)
    new.aws_trouble = no_trouble
    done = kill_until_given_up(new, source, PLACES[0])
    assert done.count(done[-1]) == 3
    assert new.import_row(source)["status"] == "Failed"


@pytest.mark.parametrize("seed", range(5))
def test_a_record_that_alone_gets_server_errors_is_rejected_after_half_an_hour(
    tmp_path: Path, seed: int
) -> None:
    """The others are applied, those behind it in the same run."""
    settings = Settings(seed=seed)
    _, expected = uninterrupted(tmp_path, settings)
    new = world(tmp_path, settings)
    source = new.upload(FILE)
    new.connectwise.trouble = server_fault
    delays = []
    while isinstance(result := new.run(source).result, PutBack):
        delays.append(result.delay_seconds)
    # What was under way beside it may be stored in the second run. Where nothing was, there is
    # nothing to compare with.
    possible = (HALF_AN_HOUR, FOUR_HOURS)
    assert delays in [*possible, *([60, *waits] for waits in possible)]
    assert "It was tried for half an hour" in errors(new)[POISONED]
    assert new.connectwise.held.pop(POISONED, {}) == {}
    assert new.connectwise.held == {n: held for n, held in expected.held.items() if n != POISONED}
    assert len(numbers(new, "success")) + len(numbers(new, "fail")) == len(RECORDS)
    check_settled(new, source)


@pytest.mark.parametrize("alone", [True, False])
def test_half_an_hour_is_enough_only_if_others_were_accepted_meanwhile(
    tmp_path: Path, alone: bool
) -> None:
    """Else it may be an outage of writes."""
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    new.connectwise.trouble = server_fault
    for _ in HALF_AN_HOUR:
        assert isinstance(new.run(source).result, PutBack)
        new.import_row(source)["faultAlone"] = alone
    assert new.import_row(source)["faults"] == len(HALF_AN_HOUR)
    is_rejected = not isinstance(new.run(source).result, PutBack)
    assert is_rejected is alone


def only_reads(call: str, before: bool) -> None:
    """ConnectWise can be read, and answers 500 to every write."""
    if before and call.startswith("POST"):
        raise AnswerLost("500", server_fault=True)
    if before and call.startswith("PATCH"):
        raise ServerFault("ConnectWise fails at this call alone (500).")


@pytest.mark.parametrize("seed", range(3))
def test_an_outage_of_writes_for_hours_fails_no_record(tmp_path: Path, seed: int) -> None:
    """That ConnectWise can be read does not make a record alone."""
    settings = Settings(seed=seed)
    _, expected = uninterrupted(tmp_path, settings)
    new = world(tmp_path, settings)
    source = new.upload(FILE)
    new.connectwise.trouble = only_reads
    for _ in FOUR_HOURS[:-1]:
        assert isinstance(new.run(source).result, PutBack)
    new.connectwise.trouble = no_trouble
    new.deliver(source)
    check_same(ending(new, source), expected)


def test_a_record_without_others_to_compare_with_is_rejected_after_four_hours(
    tmp_path: Path,
) -> None:
    """So that it does not stop the queue for ever."""
    new = world(tmp_path, Settings(connections=3))
    source = new.upload(file_of("<invoice><id>20</id></invoice><amount>5</amount>"))
    new.connectwise.trouble = only_reads
    delays = []
    while isinstance(result := new.run(source).result, PutBack):
        delays.append(result.delay_seconds)
    assert delays == FOUR_HOURS
    assert new.import_row(source)["status"] == "CompletedWithFailures"


def test_waiting_for_something_else_blames_no_record(tmp_path: Path) -> None:
    """Hours of refused keys, and then one server error of one record."""
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    new.trouble_connecting = AccessRefused("401")
    for _ in FOUR_HOURS:
        new.run(source)
    new.trouble_connecting = None
    new.connectwise.trouble = server_fault
    for _ in range(2):
        assert isinstance(new.run(source).result, PutBack)
    new.connectwise.trouble = no_trouble
    new.deliver(source)
    assert "half an hour" not in errors(new)[POISONED]
    assert new.connectwise.held[POISONED]


@pytest.mark.parametrize("waits", range(len(HALF_AN_HOUR)))
def test_a_record_whose_server_errors_end_in_time_is_not_rejected(
    tmp_path: Path, waits: int
) -> None:
    """Up to the last attempt."""
    _, expected = uninterrupted(tmp_path, ALONE)
    new = world(tmp_path, ALONE)
    source = new.upload(FILE)
    new.connectwise.trouble = server_fault
    for _ in range(waits + 1):
        assert isinstance(new.run(source).result, PutBack)
    new.connectwise.trouble = no_trouble
    new.deliver(source)
    check_same(ending(new, source), expected)
