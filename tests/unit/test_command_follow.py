"""Following an import, and what is shown meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from fakes.dynamodb import FakeDynamoDb, FakeTable, client_error
from payments.command.follow import News, Patience, Watch, follow, has_begun, show, standstill
from payments.command.imports import ImportRow
from payments.import_state import Status, Tally
from unit.operated import deployment_with

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

    def explain(self, _row: ImportRow | None) -> str:
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


def test_a_new_reason_is_said_and_how_far_another_file_is_is_none() -> None:
    first = "first comes a.xml, {} of 9 records done."
    reasons = [None, first.format(1), None, first.format(2), "It waits.", "It waits."]
    waiting = [News(HALF, reason) for reason in reasons]
    assert lines(waiting) == ["p.xml: 2 of 4 records", first.format(1), "It waits."]
    assert bar(*waiting).count("first comes a.xml") == 1


def test_a_refused_file_has_no_progress_to_show() -> None:
    assert shown(None, REFUSED) == []


def test_on_a_terminal_there_is_a_bar() -> None:
    written = bar(News(CHECKED), News(HALF), News(DONE))
    assert "━" in written
    assert "4/4" in written


def test_on_a_terminal_an_explanation_stands_above_the_bar() -> None:
    assert "It waits." in bar(News(None, "It waits."), News(DONE))


# Why nothing moves


class FakeQueues:
    """A client for queues that hold so many files, and know their ARN."""

    def __init__(self, **files: int) -> None:
        self._files = files

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        count = self._files.get(QueueUrl, 0)
        return {"Attributes": dict.fromkeys(AttributeNames, 0) | {AttributeNames[0]: count}}


class FakeLambda:
    """A client for one event source mapping, which not everybody may look at."""

    def __init__(self, state: str) -> None:
        self._state = state

    def list_event_source_mappings(self, **_: Any) -> dict[str, Any]:
        if not self._state:
            raise client_error("AccessDeniedException")
        return {"EventSourceMappings": [{"UUID": "u", "State": self._state}]}


def why(mapping: str = "Enabled", row: ImportRow | None = None, holding: str = "") -> str:
    """What is said of a file that does not move, while one of the queues holds three."""
    clients: dict[str, Any] = {
        "dynamodb": FakeDynamoDb({"imports": FakeTable(("importId",))}),
        "sqs": FakeQueues(**{holding: 3}),
        "lambda": FakeLambda(mapping),
    }
    urls = {"QueueUrl": "files", "DeadLetterQueueUrl": "dead"}
    urls |= {"UndeliveredEventsQueueUrl": "undelivered", "FunctionName": "importer"}
    deployment = deployment_with(**clients)
    return standstill(replace(deployment, outputs={**deployment.outputs, **urls}), "id", row)


def test_a_file_that_nothing_has_queued_may_have_come_too_soon() -> None:
    told = why()
    assert "S3 needs about five minutes after the first deployment" in told
    assert "redrive" not in told


@pytest.mark.parametrize("where", ["dead", "undelivered"])
def test_what_has_fallen_out_is_named_with_its_cure(where: str) -> None:
    assert why(holding=where).endswith(
        "`payments redrive` sends them on, once the cause is mended."
    )


@pytest.mark.parametrize("row", [None, HALF])
def test_a_queue_that_is_held_is_said_before_all_else(row: ImportRow | None) -> None:
    assert why("Disabled", row, holding="files").startswith("The queue is paused")


def test_who_may_not_look_whether_it_is_held_hears_the_rest() -> None:
    assert why("", holding="files").startswith("The queue holds 3 file(s)")
