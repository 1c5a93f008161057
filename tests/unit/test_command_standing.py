"""How an upload stands, told from what can be seen of a deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.dynamodb import client_error
from payments.clock import iso
from payments.command.imports import ImportRow
from payments.command.letters import Letters
from payments.command.scene import Scene
from payments.command.standing import Standing, State, elsewhere, rate, standings
from payments.command.uploads import Upload, Uploads
from payments.import_state import Status, Tally
from payments.stores.aws import verdict

NOW = 1_750_000_000.0
HOUR = 3600.0


def upload(name: str, ago: float = HOUR, *, newest: bool = True) -> Upload:
    """An upload; its import's id is its name."""
    return Upload(name, f"incoming/{name}.xml", "v1", NOW - ago, newest)


def row(name: str, status: Status = Status.RUNNING, ago: float = 0.0, **more: Any) -> ImportRow:
    """An import that was heard of last so long ago."""
    known: dict[str, Any] = {
        "total": 10,
        "started_at": iso(NOW - HOUR),
        "updated_at": iso(NOW - ago),
    }
    tally = more.pop("tally", Tally())
    return ImportRow(name, f"incoming/{name}.xml", status, tally, **(known | more))


def scene(*found: Upload | ImportRow, **more: Any) -> Scene:
    uploads = tuple(it for it in found if isinstance(it, Upload))
    rows = {it.import_id: it for it in found if isinstance(it, ImportRow)}
    return Scene(NOW, uploads=Uploads(uploads), rows=rows, **more)


def standing(seen: Scene, name: str = "a") -> Standing:
    [found] = [it for it in standings(seen) if it.import_id == name]
    return found


def letters(*names: str, count: int | None = None) -> Letters:
    return Letters(len(names) if count is None else count, frozenset(names))


# ---- Before an import begins ---------------------------------------------------------------------


def test_a_file_waits_behind_those_that_came_earlier_and_have_not_ended() -> None:
    seen = scene(
        upload("d", 10), upload("a", 100), upload("b", 200), upload("c", 300), row("c"), queued=4
    )
    found = standing(seen)
    assert found.state is State.QUEUED
    assert found.before == ("incoming/c.xml", "incoming/b.xml")


def test_beyond_the_uploads_that_were_looked_at_the_queue_counts_what_is_before() -> None:
    """The oldest, which are first in the queue, are those that are not seen."""
    seen = scene(upload("b", 10), upload("a", 100), upload("c", 200), queued=1500)
    cut = replace(seen, uploads=replace(seen.uploads or Uploads(), cut=True))
    found = standing(cut)
    assert (found.before_count, found.before) == (1498, ("incoming/c.xml",))
    assert found.before_it.startswith("at least 1498 files: incoming/c.xml and")
    uncounted = standing(replace(cut, queued=None))
    assert uncounted.before_it == "at least 1 file: incoming/c.xml"


def test_a_file_that_has_just_come_may_be_on_its_way_to_the_queue() -> None:
    assert standing(scene(upload("a", 300), queued=0)).state is State.QUEUED


def test_a_file_that_the_queue_does_not_hold_is_never_imported() -> None:
    found = standing(scene(upload("a"), queued=0))
    assert found.state is State.NOT_IMPORTED
    assert "Upload it again" in found.told.to_do
    assert found.unclaimed


def test_the_queue_may_hold_only_the_file_that_is_at_work() -> None:
    seen = scene(upload("a"), upload("b", 2 * HOUR), row("b", at_work=True), queued=1)
    assert standing(seen).state is State.NOT_IMPORTED


def test_a_file_is_lost_if_a_later_one_has_begun_and_the_queue_has_no_room_for_all() -> None:
    seen = scene(upload("c", 500), upload("b", 1000), upload("a"), row("b"), queued=2)
    assert standing(seen).state is State.NOT_IMPORTED
    assert standing(seen, "c").state is State.QUEUED


def test_as_long_as_the_queue_may_hold_it_a_file_is_not_called_lost() -> None:
    seen = scene(upload("b", 1000), upload("a"), row("b"), queued=2)
    assert standing(seen).state is State.QUEUED


def test_what_came_since_imports_were_switched_off_is_not_in_the_queue() -> None:
    seen = scene(upload("b", 1000), upload("a"), queued=1, enabled=False)
    assert standing(seen).state is State.QUEUED
    assert standing(seen, "b").state is State.NOT_IMPORTED
    assert "Enabled=true" in standing(seen, "b").told.to_do


def test_what_comes_while_imports_are_switched_off_is_not_called_queued() -> None:
    seen = scene(upload("b", 10), upload("a"), queued=1, enabled=False)
    assert standing(seen).state is State.QUEUED
    assert standing(seen, "b").state is State.NOT_IMPORTED
    assert standing(seen, "b").told.why == (
        "Probably it is not in the queue: imports are switched off (Enabled is false)."
    )
    assert standing(replace(seen, queued=2), "b").state is State.QUEUED


def test_while_the_queue_is_held_a_file_is_paused() -> None:
    assert standing(scene(upload("a"), queued=1, paused=True)).state is State.PAUSED


def test_nothing_is_claimed_of_a_queue_that_cannot_be_seen() -> None:
    found = standing(scene(upload("a"), queued=None))
    assert found.state is State.QUEUED
    assert "not shown" in found.told.why


@pytest.mark.parametrize("where", ["dead", "undelivered"])
def test_a_file_that_could_not_even_begin_can_be_redriven(where: str) -> None:
    found = standing(scene(upload("a"), queued=0, **{where: letters("a")}))
    assert found.state is State.DEAD_LETTERED
    assert "redrive" in found.told.to_do


@pytest.mark.parametrize(
    ("name", "cure"),
    [("a.csv", "convert"), ("a.CSV", "convert"), ("a.pdf", "such a name"), ("._a.xml", "Delete")],
)
def test_an_incoming_file_that_is_no_payment_file_is_named(name: str, cure: str) -> None:
    found = standing(scene(replace(upload("a", 10), key=f"incoming/{name}"), queued=5))
    assert found.state is State.NOT_IMPORTED
    assert cure in found.told.to_do


def test_a_file_in_another_folder_is_named() -> None:
    lying = Uploads((replace(upload("a"), key="inbox/a.xml"),))
    [found] = elsewhere(replace(scene(), elsewhere=lying))
    assert (found.state, found.told.why) == (
        State.NOT_IMPORTED,
        "Only files in incoming/ are imported.",
    )


def test_a_lost_upload_that_was_repeated_needs_no_one() -> None:
    assert not standing(scene(upload("a", newest=False), queued=0)).unclaimed


def test_a_folder_s_own_object_is_no_upload() -> None:
    assert standings(scene(replace(upload("a"), key="incoming/"), queued=0)) == []


# ---- While it goes on ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begun", "state"),
    [
        (row("a", at_work=True), State.RUNNING),
        (row("a"), State.RUNNING),
        (row("a", error="ConnectWise does not answer."), State.WAITING),
        (row("a", error="ConnectWise throttles, and so on."), State.THROTTLED),
        (row("a", error="down", stop_asked="me", run=1), State.STOPPING),
    ],
)
def test_an_import_that_has_begun_runs_or_waits(begun: ImportRow, state: State) -> None:
    found = standing(scene(upload("a"), begun, queued=1))
    assert found.state is state
    assert not found.state.ended
    assert found.state.exit_code == 0


def test_an_import_that_waits_says_until_when_and_why() -> None:
    waits = row("a", error="down", waits_until=iso(NOW + 60))
    found = standing(scene(waits, queued=1))
    assert (found.until, found.told.why) == (iso(NOW + 60), "down")


def test_what_an_import_waited_for_is_said_while_it_is_tried_again() -> None:
    found = standing(scene(row("a", error="down", at_work=True), queued=1))
    assert found.told.why == "It is tried again now. Before: down"


def test_a_run_that_ended_without_a_word_is_told_from_one_at_work() -> None:
    found = standing(scene(row("a", ago=1000.0, at_work=True), queued=1))
    assert "without a word" in found.told.why


def test_a_run_without_news_says_what_that_may_be() -> None:
    found = standing(scene(row("a", ago=180.0, at_work=True), queued=1))
    assert found.state is State.RUNNING
    assert found.told.why.startswith(
        "No news since 2025-06-15 15:03:40 UTC: ConnectWise throttles, or"
    )


def test_an_import_between_two_runs_is_paused_with_the_queue() -> None:
    seen = scene(row("a", error="down"), queued=1, paused=True)
    assert standing(seen).state is State.PAUSED
    at_work = scene(row("a", at_work=True), queued=1, paused=True)
    assert standing(at_work).state is State.RUNNING


def test_an_import_in_the_dead_letter_queue_is_not_running() -> None:
    found = standing(scene(row("a", error="down", at_work=True), queued=3, dead=letters("a")))
    assert (found.state, found.told.why) == (State.DEAD_LETTERED, "down")


def test_more_dead_letters_than_are_shown_are_told_by_the_empty_queue() -> None:
    silent = row("a", ago=HOUR, error="down")
    seen = scene(silent, queued=0, dead=letters("b", count=11))
    assert standing(seen).state is State.DEAD_LETTERED
    assert standing(replace(seen, queued=1)).state is State.WAITING


def test_an_import_whose_message_is_in_no_queue_does_not_go_on() -> None:
    found = standing(scene(row("a", ago=HOUR), queued=0))
    assert found.state is State.NOT_IMPORTED
    assert "no queue" in found.told.why


def test_an_import_that_waits_long_is_not_silent() -> None:
    waits = row("a", ago=HOUR, error="down", waits_until=iso(NOW + 60))
    assert standing(scene(waits, queued=0)).state is State.WAITING


def test_a_stop_takes_effect_once_the_queue_goes_on() -> None:
    asked = row("a", stop_asked="me", run=1)
    assert standing(scene(asked, queued=1)).told.why.endswith("at its next checkpoint.")
    assert "payments resume" in standing(scene(asked, queued=1, paused=True)).told.why


def kept(name: str, **more: Any) -> ImportRow:
    """An import that was stopped before any run."""
    return row(name, stop_asked="me", updated_at="", total=None, **more)


def test_what_is_stopped_before_it_begins_is_closed_when_its_turn_comes() -> None:
    seen = scene(upload("b", 100), upload("a", 50), kept("a"), queued=2)
    found = standing(seen)
    assert found.state is State.STOPPING
    assert found.told.why == (
        "Stopped before it begins, by me: closed when its turn comes, without sending."
    )
    assert found.before == ("incoming/b.xml",)
    assert "payments resume" in standing(replace(seen, paused=True)).told.to_do


def test_a_later_file_that_is_stopped_is_not_before_an_earlier_one() -> None:
    seen = scene(upload("b", 50), upload("a", 100), upload("c", 200), kept("b"), kept("c"))
    assert standing(replace(seen, queued=3)).before == ("incoming/c.xml",)


def test_a_later_file_that_is_stopped_does_not_make_an_earlier_one_lost() -> None:
    seen = scene(upload("b", 500), upload("a", 3000), kept("b"), queued=1)
    assert standing(seen).state is State.QUEUED


def test_what_is_stopped_and_not_in_the_queue_is_no_more_waited_for() -> None:
    found = standing(scene(upload("a"), kept("a"), queued=0))
    assert (found.state, found.told.to_do) == (State.NOT_IMPORTED, "")
    dead = standing(scene(upload("a"), kept("a"), queued=0, dead=letters("a")))
    assert dead.state is State.DEAD_LETTERED
    assert "without sending" in dead.told.why


def test_an_import_that_is_to_end_says_what_it_waits_for() -> None:
    asked = row("a", error="down", stop_asked="me", run=1)
    assert standing(scene(asked, queued=1)).told.why.endswith("which waits: down")


def test_a_rate_is_told_as_soon_as_there_is_one() -> None:
    running = row("a", at_work=True, run=1, tally=Tally(created=5))
    assert rate(running) == "About 0 records a minute so far, 60 min left."
    quick = replace(running, total=6000, tally=Tally(created=3000), started_at=iso(NOW - 60))
    assert rate(quick) == "About 3,000 records a minute so far, 60 s left."
    assert rate(replace(quick, started_at=iso(NOW))) == ""


def test_no_rate_is_told_of_a_later_run_since_what_lies_between_is_no_work() -> None:
    assert rate(row("a", at_work=True, run=2, tally=Tally(created=5))) == ""


def test_whoever_waits_for_access_is_told_what_names_the_cure() -> None:
    refused = standing(scene(row("a", error="The keys are refused."), queued=1, stack="uk"))
    assert refused.told.to_do.startswith("Run `payments --stack uk check`, and mend what it names.")
    throttled = standing(scene(row("a", error="ConnectWise throttles."), queued=1))
    assert throttled.told.to_do == "It is tried again by itself."


# ---- When it has ended ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "state", "code"),
    [
        (Status.SUCCEEDED, None, State.SUCCEEDED, 0),
        (Status.COMPLETED_WITH_FAILURES, None, State.WITH_FAILURES, 1),
        (Status.FAILED, "line 1: no.", State.FAILED, 2),
        (Status.FAILED, "Stopped by me, now.", State.STOPPED, 2),
    ],
)
def test_a_finished_import_shows_its_result(
    status: Status, error: str | None, state: State, code: int
) -> None:
    found = standing(scene(row("a", status, error=error)))
    assert (found.state, found.state.ended, found.state.exit_code) == (state, True, code)


def test_of_a_file_without_any_record_done_there_is_no_fail_file_to_correct() -> None:
    refused = row("a", Status.FAILED, error="line 1: no.")
    assert standing(scene(refused)).told.to_do == "Correct the file and upload it again."
    given_up = replace(refused, tally=Tally(created=1, failed=9))
    assert "correct that, and upload it under another name" in standing(scene(given_up)).told.to_do


def test_nobody_is_told_to_upload_what_somebody_has_stopped() -> None:
    stopped = row("a", Status.FAILED, error="Stopped by me, now.", tally=Tally(failed=10))
    assert "upload" not in standing(scene(stopped)).told.to_do


def test_of_what_was_stopped_before_it_began_the_original_holds_all_records() -> None:
    stopped = row("a", Status.FAILED, error="Stopped by me, now.", total=None)
    told = standing(scene(stopped)).told.to_do
    assert "fail file" not in told
    assert "the original holds all records: upload it again if" in told


def test_a_file_that_was_deleted_before_its_turn_is_not_to_be_corrected() -> None:
    error = str(verdict(client_error("NoSuchVersion"), "S3", "incoming/a.xml"))
    told = standing(scene(row("a", Status.FAILED, error=error, total=None))).told
    assert "deleted before its import ended" in told.why
    assert told.to_do == "Nothing was sent. Upload it again if it is to be imported."


def test_what_happened_last_comes_first() -> None:
    seen = scene(
        upload("a", 10),
        row("b", Status.SUCCEEDED, finished_at=iso(NOW - 5)),
        row("c", ago=20.0),
        queued=1,
    )
    assert [it.import_id for it in standings(seen)] == ["b", "a", "c"]
