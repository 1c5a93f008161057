"""The truth table in DynamoDB."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from payments.stores import truth_table
from payments.errors import AwsDown
from payments.models import Action, TruthRecord
from payments.stores.truth_table import TruthTable
from unit.fake_dynamodb import FakeDynamoDb, client_error
from unit.records import truth_record

CONNECTION = "na.myconnectwise.net/acme"


@pytest.fixture
def dynamodb() -> FakeDynamoDb:
    return FakeDynamoDb("externalId", "connection")


@pytest.fixture
def table(dynamodb: FakeDynamoDb) -> TruthTable:
    return TruthTable(dynamodb, "truth", CONNECTION)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the waits between tries instead of waiting."""
    found: list[float] = []
    monkeypatch.setattr(truth_table, "sleep", found.append)
    return found


def some(number: int) -> list[TruthRecord]:
    return [truth_record(f"E{n}", payment_id=n, invoice_id=n) for n in range(1, number + 1)]


def in_turn(*limits: int) -> Callable[[], int]:
    """Return limits one after another, then none."""
    left = list(limits)
    return lambda: left.pop(0) if left else 100


whole_records = st.builds(
    truth_record,
    st.text(min_size=1, max_size=20),
    st.integers(1, 2**31 - 1),
    st.integers(1, 2**31 - 1),
    import_id=st.none() | st.text(min_size=1, max_size=5),
    record_number=st.none() | st.integers(1, 10**9),
    action=st.none() | st.sampled_from((Action.CREATED, Action.UPDATED)),
    amount=st.none()
    | st.sampled_from(("0", "10.00", "-0.50", "1" * 60 + ".5", "1E-200", "0.1000000000000001")),
    key=st.none() | st.text(min_size=1, max_size=5),
    first_record=st.none() | st.integers(1, 10**9),
)


@given(whole_records)
def test_what_is_stored_is_found_as_it_was(record: TruthRecord) -> None:
    table = TruthTable(FakeDynamoDb("externalId", "connection"), "truth", CONNECTION)
    table.store([record])
    assert table.find([record.external_id]) == {record.external_id: record}


def test_items_have_the_names_that_others_rely_on(
    dynamodb: FakeDynamoDb, table: TruthTable
) -> None:
    table.store([truth_record("A", 70, 1)])
    ((key, item),) = dynamodb.items.items()
    assert key == ("A", CONNECTION)
    assert (item["externalId"], item["connection"]) == ("A", CONNECTION)
    assert (item["paymentId"], item["invoiceId"]) == (70, 1)
    assert (item["created"], item["modified"]) == ("2024-01-01T00:00:00Z", "2024-02-03T04:05:06Z")
    assert item["importId"] == "earlier import"


def test_an_item_that_somebody_else_has_written_is_understood(
    dynamodb: FakeDynamoDb, table: TruthTable
) -> None:
    """Only the ids are needed; DynamoDB gives numbers as decimals."""
    dynamodb.items["A", CONNECTION] = {
        "externalId": "A",
        "connection": CONNECTION,
        "paymentId": Decimal(70),
        "invoiceId": Decimal(1),
    }
    found = table.find(["A"])["A"]
    assert found == TruthRecord("A", 70, 1, created="", modified="")
    assert type(found.payment_id) is int


def test_connections_do_not_see_each_others_records(dynamodb: FakeDynamoDb) -> None:
    one = TruthTable(dynamodb, "truth", "na.myconnectwise.net/acme")
    other = TruthTable(dynamodb, "truth", "na.myconnectwise.net/globex")
    one.store([truth_record("A", payment_id=1)])
    other.store([truth_record("A", payment_id=2)])
    assert one.find(["A"])["A"].payment_id == 1
    assert other.find(["A"])["A"].payment_id == 2


def test_what_is_not_there_is_left_out(table: TruthTable) -> None:
    table.store(some(2))
    assert sorted(table.find(["E2", "none", "E1"])) == ["E1", "E2"]


def test_nothing_asked_for_or_given_is_no_request(
    dynamodb: FakeDynamoDb, table: TruthTable
) -> None:
    assert table.find([]) == {}
    table.store([])
    assert dynamodb.requests == []


def test_records_are_read_and_written_in_batches(dynamodb: FakeDynamoDb, table: TruthTable) -> None:
    table.store(some(260))
    assert len(dynamodb.requests) == 11  # of 25 at most
    found = table.find(f"E{n}" for n in range(1, 261))
    assert len(dynamodb.requests) == 11 + 3  # of 100 at most
    assert list(found.values()) == some(260)


def test_an_external_id_is_read_once_however_often_it_is_asked_for(
    dynamodb: FakeDynamoDb, table: TruthTable
) -> None:
    """DynamoDB refuses a batch with the same key twice."""
    table.store(some(1))
    assert list(table.find(["E1"] * 150)) == ["E1"]
    assert len(dynamodb.requests) == 2


def test_of_several_records_for_one_external_id_the_last_stays(table: TruthTable) -> None:
    table.store([truth_record("A", payment_id=number) for number in range(1, 60)])
    assert table.find(["A"])["A"].payment_id == 59


def test_reads_see_what_was_written_just_before(dynamodb: FakeDynamoDb, table: TruthTable) -> None:
    table.find(["A"])
    (request,) = dynamodb.requests
    assert request["truth"]["ConsistentRead"] is True


def test_what_dynamodb_leaves_unprocessed_is_asked_for_again(
    dynamodb: FakeDynamoDb, table: TruthTable, waits: list[float]
) -> None:
    dynamodb.at_once = in_turn(10, 0, 3)
    table.store(some(25))
    assert len(dynamodb.items) == 25
    dynamodb.at_once = in_turn(1, 0, 20)
    assert len(table.find(f"E{n}" for n in range(1, 26))) == 25
    assert len(waits) == 6


def test_the_waits_grow(dynamodb: FakeDynamoDb, table: TruthTable, waits: list[float]) -> None:
    dynamodb.at_once = in_turn(0, 0, 0, 0)
    table.store(some(1))
    assert waits == sorted(set(waits))


def test_reading_that_is_throttled_for_long_is_tried_later(
    dynamodb: FakeDynamoDb, table: TruthTable, waits: list[float]
) -> None:
    dynamodb.at_once = lambda: 0
    with pytest.raises(AwsDown, match="throttled"):
        table.find(["A"])
    assert len(waits) == len(dynamodb.requests)


def test_writing_that_is_throttled_for_long_is_tried_later(
    dynamodb: FakeDynamoDb, table: TruthTable, waits: list[float]
) -> None:
    dynamodb.at_once = lambda: 0
    with pytest.raises(AwsDown, match="throttled"):
        table.store(some(1))
    assert dynamodb.items == {}
    assert len(waits) == len(dynamodb.requests)


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("ProvisionedThroughputExceededException"),
        EndpointConnectionError(endpoint_url="https://dynamodb.example"),
    ],
)
def test_when_dynamodb_fails_the_import_is_tried_later(
    dynamodb: FakeDynamoDb, table: TruthTable, error: Exception
) -> None:
    def fail(_: object) -> None:
        raise error

    dynamodb.fail = fail
    with pytest.raises(AwsDown, match="truth table"):
        table.find(["A"])
    with pytest.raises(AwsDown, match="truth table"):
        table.store(some(1))
