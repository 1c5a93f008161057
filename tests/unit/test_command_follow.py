"""Following an import, and what is shown meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import StringIO

import pytest
from rich.console import Console

from payments.command.follow import News, Patience, Watch, follow, has_begun, show, watch_import
from payments.command.imports import ImportRow
from payments.import_state import Status, Tally
from payments.models import SourceFile
from unit.operated import STACK
from unit.watched_stack import WatchedStack

ENDLESS = Patience()
BEGUN = ImportRow("id", "incoming/p.xml", Status.RUNNING, Tally())
CHECKED = ImportRow("id", "incoming/p.xml", Status.RUNNING, Tally(), total=4)
HALF = ImportRow("id", "incoming/p.xml", Status.RUNNING, Tally(created=2), total=4)
DONE = ImportRow("id", "incoming/p.xml", Status.SUCCEEDED, Tally(created=4), total=4)
REFUSED = ImportRow("id", "incoming/p.xml", Status.FAILED, Tally(), error="line 1: no.")


@dataclass(slots=True)
class FakeImport:
    """An import that stands as listed, one entry a second, and then as the last one."""

    rows: list[ImportRow | None]
    patience: Patience = ENDLESS
    second: int = 0
    asked: list[int] = field(default_factory=list)

    def watch(self) -> Watch:
        return Watch(self.read, self.explain, self.patience, lambda: float(self.second), self.pause)

    def read(self) -> ImportRow | None:
        return self.rows[min(self.second, len(self.rows) - 1)]

    def explain(self) -> str:
        self.asked.append(self.second)
        return "It waits."

    def pause(self) -> None:
        self.second += 1


def news(*rows: ImportRow | None, patience: Patience = ENDLESS) -> list[News]:
    return list(follow(FakeImport(list(rows), patience).watch()))


def done_of(done: int, total: int) -> ImportRow:
    return replace(HALF, tally=Tally(created=done), total=total)


def shown(*rows: ImportRow | None) -> list[str]:
    """The lines where the output is no terminal."""
    return lines(follow(FakeImport(list(rows)).watch()))


def lines(items: Iterable[News]) -> list[str]:
    output = StringIO()
    show(Console(file=output, width=80), "p.xml", items)
    return output.getvalue().splitlines()


def bar(*items: News) -> str:
    """All that is written to a terminal."""
    output = StringIO()
    show(Console(file=output, width=80, force_terminal=True, legacy_windows=False), "p.xml", items)
    return output.getvalue()


def test_the_last_news_are_the_final_state() -> None:
    assert news(None, BEGUN, HALF, DONE)[-1] == News(DONE, at=3)


def test_an_import_that_has_ended_already_is_told_once() -> None:
    assert news(DONE) == [News(DONE)]


def test_it_is_not_followed_beyond_what_is_enough() -> None:
    assert news(None, BEGUN, HALF, DONE, patience=Patience(has_begun))[-1] == News(BEGUN, at=1)


def test_it_is_not_followed_beyond_the_time_that_was_given() -> None:
    assert news(*[None] * 9, DONE, patience=Patience(deadline=5))[-1] == News(None, at=5)


def test_as_long_as_something_moves_no_reason_is_asked_for() -> None:
    fake = FakeImport([None] * 9 + [BEGUN] * 9 + [HALF] * 9 + [DONE])
    list(follow(fake.watch()))
    assert fake.asked == []


def test_a_standstill_is_explained_every_ten_seconds() -> None:
    fake = FakeImport([None] * 25 + [DONE])
    told = [item.waits_for for item in follow(fake.watch())]
    assert fake.asked == [10, 20]
    assert told[9:11] == [None, "It waits."]


def test_progress_takes_the_explanation_back() -> None:
    told = news(*[None] * 12, HALF, DONE)
    assert [item.waits_for for item in told[-3:]] == ["It waits.", None, None]


def test_without_a_terminal_begin_and_end_are_lines() -> None:
    assert shown(None, BEGUN, CHECKED, CHECKED, HALF, DONE) == [
        "p.xml: 0 of 4 records",
        "p.xml: 4 of 4 records",
    ]


def test_without_a_terminal_a_line_each_half_minute_tells_the_time_left() -> None:
    rows = [done_of(10 * second, 6000) for second in range(61)]
    assert shown(*rows, replace(DONE, tally=Tally(created=6000), total=6000)) == [
        "p.xml: 0 of 6000 records",
        "p.xml: 300 of 6000 records, 10 a second, 10 min left",
        "p.xml: 600 of 6000 records, 10 a second, 9 min left",
        "p.xml: 6000 of 6000 records",
    ]


def test_a_slow_import_is_told_by_the_minute() -> None:
    slow = [News(done_of(done, 100), at=at) for done, at in ((10, 0), (11, 40))]
    assert lines(slow)[-1] == "p.xml: 11 of 100 records, 1.5 a minute, 59 min left"


def test_nothing_is_said_again_as_long_as_nothing_moves() -> None:
    assert lines(News(HALF, at=at) for at in range(100)) == ["p.xml: 2 of 4 records"]


def test_an_explanation_is_said_once() -> None:
    assert shown(*[None] * 45, DONE) == ["It waits.", "p.xml: 4 of 4 records"]


def test_only_a_new_reason_is_said() -> None:
    reasons = [None, "First a.xml.", None, "First a.xml.", "It waits.", "It waits."]
    waiting = [News(HALF, reason) for reason in reasons]
    assert lines(waiting) == ["p.xml: 2 of 4 records", "First a.xml.", "It waits."]
    assert bar(*waiting).count("First a.xml.") == 1


def test_a_refused_file_has_no_progress_to_show() -> None:
    assert shown(None, REFUSED) == []


def test_on_a_terminal_there_is_a_bar() -> None:
    written = bar(News(CHECKED), News(HALF), News(DONE))
    assert "━" in written
    assert "4/4" in written


def test_on_a_terminal_an_explanation_stands_above_the_bar() -> None:
    assert "It waits." in bar(News(None, "It waits."), News(DONE))


# Why nothing moves


@pytest.fixture
def stack() -> WatchedStack:
    return WatchedStack()


def why(stack: WatchedStack, key: str = "incoming/a.xml", version: str = "v1") -> str:
    """What is said of an upload that does not move."""
    return watch_import(stack.deployment, SourceFile("bucket", key, version), ENDLESS).explain()


def test_a_file_that_nothing_has_queued_may_have_come_too_soon(stack: WatchedStack) -> None:
    assert "S3 needs about five minutes after the first deployment" in why(stack)


def test_what_can_be_redriven_is_said_with_the_command_for_this_stack(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", error="down")
    stack.announce("dead", "a.xml", "v1")
    assert why(stack).startswith("Dead-lettered. down")
    assert f"`payments --stack {STACK} redrive`" in why(stack)


def test_a_file_that_fell_out_of_the_queue_is_in_nobody_s_way(stack: WatchedStack) -> None:
    stack.begin(stack.upload("dead.xml"), "dead.xml", error="down")
    stack.announce("dead", "dead.xml", "v1")
    stack.upload("a.xml")
    stack.announce("queue", "a.xml", "v2")
    assert "dead.xml" not in why(stack, version="v2")


def test_a_file_behind_others_names_them(stack: WatchedStack) -> None:
    stack.begin(stack.upload("b.xml"), "b.xml", error="down", updatedAt="2999-01-01T00:00:00Z")
    stack.upload("a.xml")
    stack.queues["queue"] = ["{}", "{}"]
    assert why(stack, version="v2") == "Queued. Before it: 1 file: incoming/b.xml."


def test_a_file_that_is_to_be_stopped_does_not_only_wait(stack: WatchedStack) -> None:
    stack.begin(stack.upload("a.xml"), "a.xml", error="down", stopAsked="me, now", run=1)
    stack.queues["queue"] = ["{}"]
    assert why(stack).startswith("Stopping. Asked by me, now.")


def test_a_queue_that_is_held_is_named_with_its_cure(stack: WatchedStack) -> None:
    stack.held, stack.queues["queue"] = True, ["{}"]
    assert (
        why(stack) == f"Paused. The queue is held. `payments --stack {STACK} resume` lets it go on."
    )


def test_who_may_only_import_hears_what_may_be_seen(stack: WatchedStack) -> None:
    stack.denied = {"ListObjectVersions", "ReceiveMessage", "ListEventSourceMappings"}
    stack.begin(stack.upload("a.xml"), "a.xml", error="down", updatedAt="2999-01-01T00:00:00Z")
    stack.queues["queue"] = ["{}"]
    assert why(stack).startswith("Waiting. down Run")
    assert why(stack, "incoming/b.xml") == "Queued. Before it: 1 file: incoming/a.xml."


def test_of_a_run_at_work_there_is_nothing_to_say(stack: WatchedStack) -> None:
    now = {"updatedAt": "2999-01-01T00:00:00Z", "atWork": True, "reach": 0}
    stack.begin(stack.upload("a.xml"), "a.xml", **now)
    stack.queues["queue"] = ["{}"]
    assert why(stack) == ""
