"""The truth table's batches, with a DynamoDB that does not take or give everything at once."""

from decimal import Decimal
from typing import Any

import pytest

from component.office import TRUTH, Writes
from payments.errors import AwsDown
from payments.models import Action, TruthRecord
from payments.stores.truth_table import TruthTable
from resilience.fake_dynamodb import FakeDynamoDb, FakeTable

CONNECTION = "na.myconnectwise.net/acme"


class Sparing(FakeDynamoDb):
    """Take and give only the first three of each batch, and call the rest unprocessed."""

    at_once = 3

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803 # boto3's name
        [(name, request)] = RequestItems.items()
        now, later = self._divided(request["Keys"])
        answer = super().batch_get_item(RequestItems={name: {**request, "Keys": now}})
        unprocessed = {name: {**request, "Keys": later}} if later else {}
        return {**answer, "UnprocessedKeys": unprocessed}

    def batch_write_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        [(name, requests)] = RequestItems.items()
        now, later = self._divided(requests)
        super().batch_write_item(RequestItems={name: now})
        return {"UnprocessedItems": {name: later} if later else {}}

    def _divided(self, several: list[Any]) -> tuple[list[Any], list[Any]]:
        return several[: self.at_once], several[self.at_once :]


@pytest.fixture
def table() -> FakeTable:
    return FakeTable(("externalId", "connection"))


def truth(number: int, **changed: Any) -> TruthRecord:
    times = {"created": "2026-03-02T08:00:00Z", "modified": "2026-03-02T09:00:00Z"}
    return TruthRecord(
        **{"external_id": f"R-{number}", "payment_id": number, "invoice_id": 1, **times, **changed}
    )


def test_unprocessed_keys_and_items_are_asked_for_again(table: FakeTable) -> None:
    """Nothing is taken for missing that was only not given yet."""
    sparing = TruthTable(Sparing({TRUTH: table}, Writes()), TRUTH, CONNECTION)
    records = [truth(number) for number in range(1, 11)]
    sparing.store(records)
    found = sparing.find(record.external_id for record in records)
    assert list(found.values()) == records


def test_a_table_that_never_gives_everything_is_down(
    table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file waits; an entry that is not read must not pass as unknown."""
    monkeypatch.setattr(Sparing, "at_once", 0)
    monkeypatch.setattr("payments.stores.truth_table.sleep", lambda _: None)

    class Empty(Sparing):
        def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    with pytest.raises(AwsDown):
        TruthTable(Empty({TRUTH: table}, Writes()), TRUTH, CONNECTION).find(["R-1"])


def test_a_record_comes_back_as_it_was_stored(table: FakeTable) -> None:
    """Amounts with all their digits."""
    whole = TruthTable(FakeDynamoDb({TRUTH: table}, Writes()), TRUTH, CONNECTION)
    record = truth(
        7,
        import_id="abc",
        record_number=3,
        action=Action.CREATED,
        amount=Decimal("12345678901234567890123456789012345678901234567890.10"),
        key="incoming/a.xml",
    )
    whole.store([record])
    assert whole.find(["R-7"]) == {"R-7": record}


def test_connections_do_not_see_each_other_s_records(table: FakeTable) -> None:
    """Two ConnectWise companies can share a table."""
    writes = Writes()
    first = TruthTable(FakeDynamoDb({TRUTH: table}, writes), TRUTH, CONNECTION)
    second = TruthTable(FakeDynamoDb({TRUTH: table}, writes), TRUTH, "eu.myconnectwise.net/acme")
    first.store([truth(7)])
    assert second.find(["R-7"]) == {}


def test_of_several_records_for_one_external_id_the_last_stays(table: FakeTable) -> None:
    """DynamoDB refuses a batch that writes one item twice."""
    writes = Writes()
    whole = TruthTable(FakeDynamoDb({TRUTH: table}, writes), TRUTH, CONNECTION)
    whole.store([truth(7, payment_id=1), truth(8), truth(7, payment_id=2)])
    assert writes.passed.count("put truth R-7") == 1
    assert whole.find(["R-7"])["R-7"].payment_id == 2
