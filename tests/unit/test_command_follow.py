"""Following an import, and what is shown meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from fakes.dynamodb import FakeDynamoDb, FakeTable, client_error
from payments.command.follow import News, Watch, follow, show, standstill
from payments.command.imports import ImportRow
from payments.import_state import Status, Tally
from unit.operated import deployment_with

BEGUN = ImportRow("id", "incoming/p.xml", Status.RUNNING, Tally())
CHECKED = ImportRow("id", "incoming/p.xml", Status.RUNNING, Tally(), total=4)
HALF = ImportRow("id", "incoming/p.xml", Status.RUNNING, Tally(created=2), total=4)
DONE = ImportRow("id", "incoming/p.xml", Status.SUCCEEDED, Tally(created=4), total=4)
REFUSED = ImportRow("id", "incoming/p.xml", Status.FAILED, Tally(), error="line 1: no.")


@dataclass(slots=True)
class FakeImport:
    """An import that stands as listed, one entry a second, and then as the last one."""

    rows: list[ImportRow | None]
    second: int = 0
    asked: list[int] = field(default_factory=list)

    def watch(self) -> Watch:
        return Watch(self.read, self.explain, now=lambda: float(self.second), pause=self.pause)

    def read(self) -> ImportRow | None:
        return self.rows[min(self.second, len(self.rows) - 1)]

    def explain(self, _row: ImportRow | None) -> str:
        self.asked.append(self.second)
        return "It waits."

    def pause(self) -> None:
        self.second += 1


def news(*rows: ImportRow | None) -> list[News]:
    return list(follow(FakeImport(list(rows)).watch()))


def shown(*rows: ImportRow | None) -> list[str]:
    """The lines where the output is no terminal."""
    output, watch = StringIO(), FakeImport(list(rows)).watch()
    show(Console(file=output, width=80), "p.xml", follow(watch), watch.now)
    return output.getvalue().splitlines()


def bar(items: Iterator[News]) -> str:
    """All that is written to a terminal."""
    output = StringIO()
    show(Console(file=output, width=80, force_terminal=True, legacy_windows=False), "p.xml", items)
    return output.getvalue()


def test_the_last_news_are_the_final_state() -> None:
    assert news(None, BEGUN, HALF, DONE)[-1] == News(DONE)


def test_an_import_that_has_ended_already_is_told_once() -> None:
    assert news(DONE) == [News(DONE)]


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


def test_without_a_terminal_the_first_and_the_last_step_are_lines() -> None:
    assert shown(None, BEGUN, CHECKED, CHECKED, HALF, DONE) == [
        "p.xml: 0 of 4 records",
        "p.xml: 4 of 4 records",
    ]


def test_without_a_terminal_there_is_a_line_every_five_seconds_with_the_time_left() -> None:
    """Two records a second."""
    steps = [replace(CHECKED, tally=Tally(created=2 * n), total=100) for n in range(11)]
    assert shown(*steps, replace(DONE, tally=Tally(created=100), total=100)) == [
        "p.xml: 0 of 100 records",
        "p.xml: 10 of 100 records, 0:00:45 left",
        "p.xml: 20 of 100 records, 0:00:40 left",
        "p.xml: 100 of 100 records",
    ]


def test_without_a_terminal_an_explanation_is_said_once() -> None:
    assert shown(*[None] * 25, DONE) == ["It waits.", "p.xml: 4 of 4 records"]


def test_a_refused_file_has_no_progress_to_show() -> None:
    assert shown(None, REFUSED) == []


def test_on_a_terminal_there_is_a_bar() -> None:
    written = bar(iter([News(CHECKED), News(HALF), News(DONE)]))
    assert "━" in written
    assert "4/4" in written


def test_on_a_terminal_an_explanation_stands_above_the_bar() -> None:
    assert "It waits." in bar(iter([News(None, "It waits."), News(DONE)]))


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
    assert why(holding=where).endswith("`redrive` sends them on, once the cause is mended.")


@pytest.mark.parametrize("row", [None, HALF])
def test_a_queue_that_is_held_is_said_before_all_else(row: ImportRow | None) -> None:
    assert why("Disabled", row, holding="files").startswith("The queue is paused")


def test_who_may_not_look_whether_it_is_held_hears_the_rest() -> None:
    assert why("", holding="files").startswith("The queue holds 3 file(s)")
