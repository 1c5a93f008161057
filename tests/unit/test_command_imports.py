"""Reading the imports table."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from payments.command.imports import find_import, list_imports
from payments.import_state import Status, Tally


@dataclass(frozen=True, slots=True)
class FakeTable:
    """A boto3 DynamoDB table that answers a scan in pages of one."""

    items: list[dict[str, Any]]

    def scan(self, ExclusiveStartKey: int = 0) -> dict[str, Any]:  # noqa: N803
        following = ExclusiveStartKey + 1
        page: dict[str, Any] = {"Items": self.items[ExclusiveStartKey:following]}
        return page | ({"LastEvaluatedKey": following} if following < len(self.items) else {})

    def get_item(self, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        found = [item for item in self.items if item["importId"] == Key["importId"]]
        return {"Item": found[0]} if found else {}


def item(import_id: str, started_at: str, **more: Any) -> dict[str, Any]:
    begun = {"importId": import_id, "key": "incoming/p.xml", "status": "Running"}
    return begun | {"startedAt": started_at} | more


def test_the_newest_import_comes_first_from_whatever_page() -> None:
    table = FakeTable([item("a", "2026-01-02"), item("b", "2026-01-03"), item("c", "2026-01-01")])
    assert [row.import_id for row in list_imports(table)] == ["b", "a", "c"]


def test_without_imports_the_list_is_empty() -> None:
    assert list_imports(FakeTable([])) == []


def test_an_import_that_has_just_begun_has_no_total_yet() -> None:
    row = find_import(FakeTable([item("a", "2026-01-02")]), "a")
    assert row is not None
    assert (row.total, row.tally, row.finished) == (None, Tally(), False)


def test_a_finished_import_has_its_counts() -> None:
    counts = {name: Decimal(place) for place, name in enumerate(("created", "updated", "skipped"))}
    ended = item("a", "2026-01-02", status="Succeeded", total=Decimal(3), **counts)
    row = find_import(FakeTable([ended]), "a")
    assert row is not None
    assert (row.status, row.total, row.finished) == (Status.SUCCEEDED, 3, True)
    assert row.tally == Tally(created=0, updated=1, skipped=2)


def test_an_import_that_has_not_begun_is_none() -> None:
    assert find_import(FakeTable([]), "a") is None
