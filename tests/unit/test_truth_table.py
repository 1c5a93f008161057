"""The truth table in DynamoDB."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from fakes.dynamodb import FakeDynamoDb, FakeTable, client_error
from fakes.way import Answer
from payments.errors import AwsDown, FileRefused
from payments.models import TruthRecord
from payments.stores.truth_table import TruthTable
from unit.records import truth_record

CONNECTION = "na.myconnectwise.net/acme"


class World:
    """The table, its items, and how long was waited for it."""

    def __init__(self) -> None:
        self.items = FakeTable(("externalId", "connection"))
        self.requests: list[Any] = []
        self.waits: list[float] = []
        self.error: Exception | None = None
        self.dynamodb = FakeDynamoDb({"truth": self.items}, self._way)
        self.table = self.of(CONNECTION)

    def of(self, connection: str) -> TruthTable:
        return TruthTable(self.dynamodb, "truth", connection, self)

    def _way(self, operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        self.requests.append(request)
        if self.error:
            raise self.error
        return effect()

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def monotonic(self) -> float:
        return sum(self.waits)

    time = monotonic


@pytest.fixture
def world() -> World:
    return World()


def some(number: int) -> list[TruthRecord]:
    return [truth_record(f"E{n}", payment_id=n, invoice_id=n) for n in range(1, number + 1)]


def in_turn(*limits: int) -> Callable[[], int]:
    """Return limits one after another, then none."""
    left = list(limits)
    return lambda: left.pop(0) if left else 100


texts = st.none() | st.text(min_size=1, max_size=5)
whole_records = st.builds(
    truth_record,
    st.text(min_size=1, max_size=20),
    st.integers(1, 2**31 - 1),
    st.none() | st.integers(1, 2**31 - 1),
    import_id=texts,
    amount=st.none() | st.sampled_from(("0", "10.00", "1" * 15 + ".125")),
    key=texts,
    accepted=st.booleans(),
    day=texts,
)


@given(whole_records)
def test_what_is_stored_is_found_as_it_was(record: TruthRecord) -> None:
    table = World().table
    table.store([record])
    assert table.find([record.external_id]) == {record.external_id: record}


def test_items_have_the_names_that_others_rely_on(world: World) -> None:
    world.table.store([truth_record("A", 70, 1, accepted=False, day="2026-03-02T00:00:00Z")])
    assert world.items.all() == [
        {
            "externalId": "A",
            "connection": CONNECTION,
            "paymentId": 70,
            "invoiceId": 1,
            "created": "2024-01-01T00:00:00Z",
            "modified": "2024-02-03T04:05:06Z",
            "importId": "earlier import",
            "key": "incoming/earlier.xml",
            "accepted": False,
            "amount": "10.00",
            "day": "2026-03-02T00:00:00Z",
        }
    ]


ITEM = {"externalId": "A", "connection": CONNECTION, "paymentId": 70, "invoiceId": 1}


def test_an_item_that_somebody_else_has_written_is_understood(world: World) -> None:
    """Only the ids are needed; DynamoDB gives numbers as decimals."""
    world.items.put(ITEM)
    found = world.table.find(["A"])["A"]
    assert found == TruthRecord("A", 70, 1, created="", modified="")
    assert type(found.payment_id) is int


def test_an_item_of_the_first_version_was_accepted(world: World) -> None:
    world.items.put(
        {**ITEM, "recordNumber": 3, "action": "Created", "amount": "10.50", "firstRecord": 3}
    )
    found = world.table.find(["A"])["A"]
    assert (found.accepted, found.amount, found.day) == (True, Decimal("10.50"), None)


@pytest.mark.parametrize(
    "odd", [{"paymentId": "x"}, {"paymentId": None}, {"amount": "ten"}, {"invoiceId": ["1"]}]
)
def test_an_item_that_cannot_be_read_is_named(world: World, odd: dict[str, Any]) -> None:
    world.items.put({**ITEM, **odd})
    with pytest.raises(FileRefused, match="entry of externalId 'A' cannot be read"):
        world.table.find(["A"])


def test_connections_do_not_see_each_others_records(world: World) -> None:
    one, other = world.of("na.myconnectwise.net/acme"), world.of("na.myconnectwise.net/globex")
    one.store([truth_record("A", payment_id=1)])
    other.store([truth_record("A", payment_id=2)])
    assert one.find(["A"])["A"].payment_id == 1
    assert other.find(["A"])["A"].payment_id == 2


def test_what_is_not_there_is_left_out(world: World) -> None:
    world.table.store(some(2))
    assert sorted(world.table.find(["E2", "none", "E1"])) == ["E1", "E2"]


def test_nothing_asked_for_or_given_is_no_request(world: World) -> None:
    assert world.table.find([]) == {}
    world.table.store([])
    assert world.requests == []


def test_records_are_read_and_written_in_batches(world: World) -> None:
    world.table.store(some(260))
    assert len(world.requests) == 11  # of 25 at most
    found = world.table.find(f"E{n}" for n in range(1, 261))
    assert len(world.requests) == 11 + 3  # of 100 at most
    assert list(found.values()) == some(260)


def test_an_external_id_is_read_once_however_often_it_is_asked_for(world: World) -> None:
    """DynamoDB refuses a batch with the same key twice."""
    world.table.store(some(1))
    assert list(world.table.find(["E1"] * 150)) == ["E1"]
    assert len(world.requests) == 2


def test_of_several_records_for_one_external_id_the_last_stays(world: World) -> None:
    world.table.store([truth_record("A", payment_id=number) for number in range(1, 60)])
    assert world.table.find(["A"])["A"].payment_id == 59


def test_reads_see_what_was_written_just_before(world: World) -> None:
    world.table.find(["A"])
    (request,) = world.requests
    assert request["truth"]["ConsistentRead"] is True


def test_what_dynamodb_leaves_unprocessed_is_asked_for_again(world: World) -> None:
    world.dynamodb.at_once = in_turn(10, 0, 3)
    world.table.store(some(25))
    assert len(world.items.items) == 25
    world.dynamodb.at_once = in_turn(1, 0, 20)
    assert len(world.table.find(f"E{n}" for n in range(1, 26))) == 25
    assert len(world.waits) == 6


def test_the_waits_grow(world: World) -> None:
    world.dynamodb.at_once = in_turn(0, 0, 0, 0)
    world.table.store(some(1))
    assert world.waits == sorted(set(world.waits))


def test_reading_that_is_throttled_for_long_is_tried_later(world: World) -> None:
    world.dynamodb.at_once = lambda: 0
    with pytest.raises(AwsDown, match="throttled"):
        world.table.find(["A"])
    assert len(world.waits) == len(world.requests)


def test_writing_that_is_throttled_for_long_is_tried_later(world: World) -> None:
    world.dynamodb.at_once = lambda: 0
    with pytest.raises(AwsDown, match="throttled"):
        world.table.store(some(1))
    assert world.items.items == {}
    assert len(world.waits) == len(world.requests)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (client_error("AccessDeniedException"), AwsDown),
        (client_error("ProvisionedThroughputExceededException"), AwsDown),
        (EndpointConnectionError(endpoint_url="https://dynamodb.example"), AwsDown),
        (client_error("ValidationException"), FileRefused),
    ],
)
def test_when_dynamodb_fails_the_import_waits_unless_that_does_not_help(
    world: World, error: Exception, raised: type[Exception]
) -> None:
    world.error = error
    with pytest.raises(raised, match="truth table"):
        world.table.find(["A"])
    with pytest.raises(raised, match="truth table"):
        world.table.store(some(1))
