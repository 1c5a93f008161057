"""What `status` looks at, and what it says of one file, of all, and where it may not look."""

from __future__ import annotations

import pytest

from payments.command.problem import CommandFailed
from payments.command.standing import State
from payments.command.status import overview, status_of
from unit.watched_stack import WatchedStack

FINISHED = {"status": "Succeeded", "finishedAt": "2026-01-02T03:05:00Z"}


@pytest.fixture
def stack() -> WatchedStack:
    return WatchedStack()


def names(stack: WatchedStack, most: int = 20) -> list[str]:
    return [it.key for it in overview(stack.deployment, most).standings]


# ---- One file ------------------------------------------------------------------------------------


def test_a_result_is_that_of_the_newest_upload(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", **FINISHED)
    found = status_of(stack.deployment, "incoming/a.xml")
    assert (found.newest.state, found.older) == (State.SUCCEEDED, ())


def test_an_older_result_of_that_name_is_never_the_answer(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", **FINISHED)
    stack.upload("a.xml")
    stack.announce("queue", "a.xml", "v2")
    found = status_of(stack.deployment, "incoming/a.xml")
    assert found.newest.state is State.QUEUED
    assert [older.state for older in found.older] == [State.SUCCEEDED]


def test_for_a_result_no_queue_is_asked_and_no_folder_looked_through(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", **FINISHED)
    status_of(stack.deployment, "incoming/a.xml")
    assert stack.calls == ["ListObjectVersions", "GetItem"]


def test_what_waits_says_what_is_before_it(stack: WatchedStack) -> None:
    stack.begin(stack.upload("first.xml"), "first.xml", updatedAt="2999-01-01T00:00:00Z")
    stack.upload("second.xml")
    stack.upload("a.xml")
    for version, name in enumerate(("first.xml", "second.xml", "a.xml"), start=1):
        stack.announce("queue", name, f"v{version}")
    found = status_of(stack.deployment, "incoming/a.xml").newest
    assert (found.state, found.before) == (
        State.QUEUED,
        ("incoming/first.xml", "incoming/second.xml"),
    )


def test_a_version_that_was_deleted_since_is_said_to_be_imported(stack: WatchedStack) -> None:
    stack.upload("a.xml")
    stack.announce("queue", "a.xml", "v1")
    stack.bucket.put("incoming/a.xml", None)
    found = status_of(stack.deployment, "incoming/a.xml").newest
    assert found.state is State.QUEUED
    assert found.told.why == (
        "It was deleted since; this version is imported all the same: `payments --stack "
        "payments-uk stop incoming/a.xml` keeps it from that."
    )
    assert overview(stack.deployment, 20).standings[0].told == found.told


@pytest.mark.parametrize(
    "name", ["a.xml", "/a.xml", "incoming/a.xml", "/incoming/a.xml", "s3://bucket/incoming/a.xml"]
)
def test_a_file_may_be_named_by_its_name_its_key_and_its_address(
    stack: WatchedStack, name: str
) -> None:
    assert stack.deployment.key_of(name) == "incoming/a.xml"


@pytest.mark.parametrize("address", ["s3://other/incoming/a.xml", "s3://bucket/a.xml"])
def test_an_address_elsewhere_is_refused(stack: WatchedStack, address: str) -> None:
    """Nothing else is to be stopped in its place."""
    with pytest.raises(CommandFailed, match=r"not in the folder of the stack, s3://bucket/incom"):
        stack.deployment.key_of(address)


def test_a_table_is_said_to_be_there_and_not_imported(stack: WatchedStack) -> None:
    stack.upload("t.csv")
    found = status_of(stack.deployment, stack.deployment.key_of("t.csv")).newest
    assert (found.state, found.upload is None) == (State.NOT_IMPORTED, False)
    assert "only XML is imported" in found.told.why


def test_with_the_rule_switched_off_what_was_just_uploaded_is_not_called_queued(
    stack: WatchedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.command.status.time.time", lambda: 10.0)
    stack.upload("a.xml")
    assert status_of(stack.deployment, "incoming/a.xml").newest.state is State.QUEUED
    stack.rule = "DISABLED"
    told = status_of(stack.deployment, "incoming/a.xml").newest.told
    assert told.state is State.NOT_IMPORTED
    assert "the rule that brings it there is switched off" in told.why
    assert told.to_do.startswith("Run `payments --stack payments-uk check`, mend what it names")
    stack.denied = {"DescribeRule"}
    seen = status_of(stack.deployment, "incoming/a.xml")
    assert (seen.newest.state, seen.notes) == (State.QUEUED, ())


def test_a_dead_letter_is_none_that_runs(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", atWork=True, reach=0)
    stack.announce("dead", "a.xml", "v1")
    assert status_of(stack.deployment, "incoming/a.xml").newest.state is State.DEAD_LETTERED
    assert len(stack.queues["dead"]) == 1


def test_a_message_that_is_no_event_is_passed_by(stack: WatchedStack) -> None:
    stack.upload("a.xml")
    stack.queues["dead"] += ["no json", "[" * 100_000, "{}"]
    stack.announce("dead", "a.xml", "v1")
    assert status_of(stack.deployment, "incoming/a.xml").newest.state is State.DEAD_LETTERED


def test_while_the_queue_is_held_a_file_is_paused(stack: WatchedStack) -> None:
    stack.upload("a.xml")
    stack.announce("queue", "a.xml", "v1")
    stack.held = True
    assert status_of(stack.deployment, "incoming/a.xml").newest.state is State.PAUSED


def test_an_import_is_known_though_its_file_is_gone(stack: WatchedStack) -> None:
    stack.begin("id", "a.xml", **FINISHED)
    assert status_of(stack.deployment, "incoming/a.xml").newest.state is State.SUCCEEDED


def test_of_a_name_that_nobody_knows_there_is_nothing_to_say(stack: WatchedStack) -> None:
    with pytest.raises(CommandFailed, match=r"Nothing of the name incoming/a\.xml was uploaded"):
        status_of(stack.deployment, "incoming/a.xml")


def test_a_file_in_another_folder_is_named(stack: WatchedStack) -> None:
    stack.bucket.put("inbox/a.xml", b"<a/>")
    with pytest.raises(CommandFailed, match="only files in incoming/ are"):
        status_of(stack.deployment, "incoming/inbox/a.xml")


# ---- All -----------------------------------------------------------------------------------------


def test_the_newest_imports_are_shown_and_all_that_go_on(stack: WatchedStack) -> None:
    for day in range(1, 6):
        moment = f"2026-02-0{day}T00:00:00Z"
        ended = {"status": "Succeeded", "finishedAt": moment}
        stack.begin(f"{day}", f"{day}.xml", startedAt=moment, **ended)
    stack.begin("old", "old.xml", error="down", updatedAt="2026-01-01T00:00:00Z")
    stack.queues["queue"] = ["{}"]
    found = overview(stack.deployment, 2)
    assert [it.import_id for it in found.standings] == ["5", "4", "old"]
    assert found.more


def test_uploads_that_nothing_will_import_stand_apart(stack: WatchedStack) -> None:
    stack.upload("a.csv")
    stack.upload("lost.xml")
    stack.bucket.put("inbox/b.xml", b"<a/>")
    found = overview(stack.deployment, 20)
    assert found.standings == ()
    assert {it.key for it in found.unclaimed} == {
        "incoming/a.csv",
        "incoming/lost.xml",
        "inbox/b.xml",
    }


# ---- Where the operator may not look -------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("ListObjectVersions", "s3:ListBucketVersions"),
        ("GetQueueAttributes", "sqs:GetQueueAttributes"),
        ("ReceiveMessage", "sqs:ReceiveMessage"),
        ("ListEventSourceMappings", "lambda:ListEventSourceMappings"),
    ],
)
def test_what_may_not_be_seen_is_said_and_the_rest_is_shown(
    stack: WatchedStack, operation: str, permission: str
) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", **FINISHED)
    stack.announce("dead", "a.xml", "v1")
    stack.denied = {operation}
    found = overview(stack.deployment, 20)
    assert [it.state for it in found.standings] == [State.SUCCEEDED]
    assert any(permission in note for note in found.notes)


def test_without_the_imports_no_upload_is_said_to_wait(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", **FINISHED)
    stack.queues["queue"] = ["{}"]
    stack.denied = {"Scan"}
    found = overview(stack.deployment, 20)
    assert (found.standings, found.unclaimed) == ((), ())
    assert "dynamodb:Scan" in found.notes[0]


def test_without_the_other_imports_a_file_s_own_is_shown(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", error="down")
    stack.upload("b.xml")
    stack.denied = {"Scan"}
    assert status_of(stack.deployment, "incoming/a.xml").newest.state is State.WAITING
    queued = status_of(stack.deployment, "incoming/b.xml").newest
    assert (queued.state, queued.before) == (State.QUEUED, ())
    assert "not shown" in queued.told.why


def test_an_import_is_found_by_the_table_alone(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", **FINISHED)
    stack.denied = {"ListObjectVersions", "GetItem"}
    found = status_of(stack.deployment, "incoming/a.xml")
    assert found.newest.state is State.SUCCEEDED
    assert found.notes
