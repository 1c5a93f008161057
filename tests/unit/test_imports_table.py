"""The imports table: what it keeps of an import, and who may write there."""

from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from fakes.dynamodb import FakeDynamoDb, FakeTable, client_error
from fakes.way import Answer
from payments.errors import AwsDown, FileRefused, StopAsked, Superseded
from payments.import_state import ImportState, Root, Status, Tally
from payments.models import SecondPayment, SourceFile
from payments.stores.imports_table import ImportsTable, state_of

SOURCE = SourceFile("b", "incoming/a.xml", "v1", '"e"', "0055")
FIRST = ImportState("i1", SOURCE, run=1, run_token="t1", at_work=True, started_at=1000.0)


class World:
    """The table. With `repeats` every call arrives twice, as if its first answer was lost."""

    def __init__(self) -> None:
        self.rows = FakeTable(("importId",))
        self.error: Exception | None = None
        self.repeats = False
        self.table = ImportsTable(FakeDynamoDb({"imports": self.rows}, self._way), "imports")

    def _way(self, operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if self.error:
            raise self.error
        if self.repeats:
            effect()
        return effect()

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.rows.all()
        return row


@pytest.fixture
def world() -> World:
    return World()


whole = st.integers(0, 10**9)
seconds = st.integers(0, 2 * 10**9).map(float)
amounts = st.decimals(0, 10**15, places=2)
texts = st.none() | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), min_size=1
)
names = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=9)
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "import_id": st.just("i1"),
    "source": st.builds(SourceFile, names, names, *[st.none() | names] * 3),
    "status": st.sampled_from(Status),
    "run": whole,
    "run_token": names,
    "at_work": st.booleans(),
    "kills": whole,
    "waits": whole,
    "waits_until": seconds,
    "stuck": whole,
    "total": st.none() | whole,
    "root": st.builds(Root, names.map(str.encode), names.map(str.encode)),
    "tally": st.builds(Tally, *[whole] * 4, *[amounts] * 3, whole, amounts),
    "reach": whole,
    "quiet_until": whole.map(lambda number: number / 8),
    "connection": st.none() | names,
    "second_payment": st.none() | st.sampled_from(SecondPayment),
    "look_again": st.booleans(),
    "cut_short": texts,
    "given_up": st.booleans(),
    "error": texts,
    "waiting_since": seconds,
    "waiting_told": st.booleans(),
    "started_at": seconds,
    "updated_at": seconds,
    "finished_at": st.integers(1, 2 * 10**9).map(float),
    "first_failures": st.lists(names, max_size=3).map(tuple),
    "first_replaced": st.lists(names, max_size=3).map(tuple),
}
states = st.builds(ImportState, **ATTRIBUTES)


@given(states, states)
def test_an_import_is_found_as_it_was_saved_last(one: ImportState, other: ImportState) -> None:
    """With every attribute, and none of what it had before."""
    world = World()
    one = replace(one, status=Status.RUNNING)
    other = replace(other, run=one.run, run_token=one.run_token)
    world.table.begin(one, None)
    assert world.table.load("i1") == one
    world.table.save(other)
    assert world.table.load("i1") == other


def test_every_attribute_of_an_import_is_tried_above() -> None:
    """But for what only an operator writes."""
    assert {*ATTRIBUTES, "stop_asked"} == {field.name for field in fields(ImportState)}


def test_what_is_not_there_is_not_known(world: World) -> None:
    assert world.table.load("i1") is None


def test_attributes_have_the_names_that_others_rely_on(world: World) -> None:
    tally = Tally(3, 1, 1, 2, Decimal("40.00"), Decimal("5.50"), Decimal("0.05"))
    world.table.begin(replace(FIRST, total=10, tally=tally, updated_at=2000.0), None)
    row = world.row
    assert (row["importId"], row["status"], row["total"], row["done"]) == ("i1", "Running", 10, 7)
    assert (row["bucket"], row["key"], row["versionId"]) == ("b", "incoming/a.xml", "v1")
    assert (row["created"], row["updated"], row["skipped"], row["failed"]) == (3, 1, 1, 2)
    assert (row["totalAmount"], row["recordedAmount"]) == (Decimal("45.55"), Decimal("40.00"))
    assert (row["skippedAmount"], row["failedAmount"]) == (Decimal("5.50"), Decimal("0.05"))
    assert row["startedAt"] == "1970-01-01T00:16:40Z"
    assert "error" not in row
    assert "finishedAt" not in row


def test_an_operators_wish_is_heeded_at_the_next_write_and_kept(world: World) -> None:
    world.table.begin(FIRST, None)
    world.rows.put({**world.row, "stopAsked": "Kim"})
    with pytest.raises(StopAsked, match=r"^Stopped by Kim\.$"):
        world.table.save(replace(FIRST, reach=5))
    with pytest.raises(Superseded):
        world.table.save(replace(FIRST, run_token="other"))
    ending = replace(FIRST, cut_short="Stopped by Kim.")
    world.table.save(ending)
    assert world.table.load("i1") == replace(ending, stop_asked="Kim")


def test_errors_are_stored_whatever_is_in_them(world: World) -> None:
    """Of half a surrogate pair, or of megabytes, DynamoDB takes nothing at all."""
    world.table.begin(replace(FIRST, error="\ud83d" + "x" * 10**6, cut_short="\udc00"), None)
    assert world.row["error"].startswith("\ufffdx")
    assert len(world.row["error"]) <= 2000
    assert world.row["cutShort"] == "\ufffd"


# Who may write


def test_only_one_run_begins_an_import(world: World) -> None:
    world.table.begin(FIRST, None)
    with pytest.raises(Superseded):
        world.table.begin(replace(FIRST, run_token="other"), None)
    assert world.table.load("i1") == FIRST


def test_only_one_run_goes_on_from_where_the_import_stands(world: World) -> None:
    world.table.begin(FIRST, None)
    second = replace(FIRST, run=2, run_token="t2")
    world.table.begin(second, FIRST)
    with pytest.raises(Superseded):
        world.table.begin(replace(second, run_token="other"), FIRST)
    assert world.table.load("i1") == second


def test_a_run_that_another_has_taken_over_cannot_write_any_more(world: World) -> None:
    world.table.begin(FIRST, None)
    second = replace(FIRST, run=2, run_token="t2")
    world.table.begin(second, FIRST)
    for late in (FIRST, replace(second, run_token="other")):
        with pytest.raises(Superseded):
            world.table.save(late)
    world.table.save(replace(second, reach=1))


def test_an_import_that_is_closed_is_closed_to_its_own_run_too(world: World) -> None:
    """But for the very write that has closed it, whose answer may have been lost."""
    world.table.begin(FIRST, None)
    closed = FIRST.closed(Status.SUCCEEDED, Tally(created=1), 3000.0)
    world.table.save(closed)
    world.table.save(closed)
    world.rows.put({**world.row, "stopAsked": "Kim"})
    for late in (FIRST, FIRST.put_back(3001.0, 0.0), replace(closed, finished_at=3001.0)):
        with pytest.raises(Superseded):
            world.table.save(late)
    assert world.table.load("i1") == replace(closed, stop_asked="Kim")


def test_a_stop_that_comes_when_all_is_stored_is_not_heeded(world: World) -> None:
    world.table.begin(replace(FIRST, total=1), None)
    world.rows.put({**world.row, "stopAsked": "Kim"})
    world.table.save(replace(FIRST, total=1, tally=Tally(created=1)))


def test_writes_that_the_sdk_repeats_are_the_runs_own(world: World) -> None:
    world.repeats = True
    world.table.begin(FIRST, None)
    second = replace(FIRST, run=2, run_token="t2")
    world.table.begin(second, FIRST)
    world.table.save(replace(second, reach=7))
    assert world.table.load("i1") == replace(second, reach=7)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (client_error("AccessDeniedException"), AwsDown),
        (client_error("ThrottlingException"), AwsDown),
        (EndpointConnectionError(endpoint_url="https://dynamodb.example"), AwsDown),
        (client_error("ValidationException"), FileRefused),
    ],
)
def test_when_dynamodb_fails_the_import_waits_unless_that_does_not_help(
    world: World, error: Exception, raised: type[Exception]
) -> None:
    world.error = error
    calls: tuple[Callable[[], object], ...] = (
        lambda: world.table.load("i1"),
        lambda: world.table.begin(FIRST, None),
        lambda: world.table.save(FIRST),
    )
    for call in calls:
        with pytest.raises(raised, match="imports table"):
            call()


# Rows of the first version

ROW = {
    "importId": "i1",
    "bucket": "b",
    "key": "incoming/a.xml",
    "versionId": "v1",
    "status": "Running",
    "startedAt": "2026-01-01T00:00:00Z",
    "run": 4,
    "started": "a token of its own",
    "total": 5000,
    "root": ["<InvoicePayments a='1'>", "</InvoicePayments>"],
    "done": 700,
    "created": 600,
    "updated": 100,
    "skipped": 0,
    "failed": 0,
}


@pytest.mark.parametrize(
    ("left", "at_work", "kills", "reach"),
    [
        ({"tries": 0, "inDoubt": False}, False, 0, 0),
        ({"tries": 0, "inDoubt": True, "waits": 2}, False, 0, 1700),
        ({"tries": 1}, True, 0, 1700),
        ({"tries": 3, "inDoubt": True}, True, 2, 1700),
    ],
)
def test_an_import_that_the_first_version_was_at_is_gone_on_with(
    world: World, left: dict[str, Any], at_work: bool, kills: int, reach: int
) -> None:
    world.rows.put({**ROW, **left})
    before = world.table.load("i1")
    assert before is not None
    assert (before.done, before.total, before.run, before.run_token) == (700, 5000, 4, "")
    assert (before.at_work, before.kills, before.reach) == (at_work, kills, reach)
    assert before.waits == left.get("waits", 0)
    began = replace(before, run=5, run_token="t5")
    world.table.begin(began, before)
    assert world.table.load("i1") == began
    with pytest.raises(Superseded):
        world.table.begin(replace(began, run_token="other"), before)


def test_an_import_that_the_first_version_has_given_up_stays_given_up() -> None:
    state = state_of({**ROW, "tries": 5, "givenUpAt": 701})
    assert state.given_up
    assert state.cut_short == "The import was given up at record 701."


def test_an_import_that_the_first_version_has_finished_is_finished() -> None:
    state = state_of({**ROW, "tries": 1, "status": "Failed", "error": "no"})
    assert (state.finished, state.at_work, state.error) == (True, False, "no")
