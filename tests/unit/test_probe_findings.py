"""Each row of a probe tells tenants apart that do one thing or the other."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fakes.connectwise import error
from fakes.way import Answer
from payments.command.probe.questions import QUESTIONS
from payments.connectwise.wire import Response
from unit.operated import ending
from unit.probed import INVOICE, Tenant

TOLD_APART: list[tuple[str, dict[str, Any], str]] = [
    ("version", {}, "accepted"),
    ("number-lookup", {}, "works"),
    ("id-lookup", {}, "works"),
    ("id-lookup", {"refused_conditions": ["id"]}, "refused"),
    ("fields", {}, "honoured"),
    ("fields", {"honours_fields": False}, "ignored"),
    ("page-size", {}, "not reached"),
    ("page-size", {"max_page_size": 4}, "fewer"),
    ("page-size", {"max_page_size": 4, "links": False}, "fewer, no link"),
    ("wildcard", {}, "wildcard"),
    ("wildcard", {"wildcards": False}, "plain"),
    ("bracket", {}, "set"),
    ("bracket", {"sets": False}, "plain"),
    ("url", {"url_limit": 1500}, "shorter"),
    ("url", {"url_limit": 2000}, "2000"),
    ("url", {"url_limit": None}, "8000"),
    ("not-found", {}, "404"),
    ("not-found", {"missing_invoice": "empty"}, "empty"),
    ("type", {}, "amount"),
    ("type", {"required_fields": ["type"]}, "more needed"),
    ("type", {"required_fields": ["paymentDate", "type"]}, "more needed"),
    ("type", {"unwelcome_fields": ["invoice"]}, "without invoice"),
    ("type", {"required_fields": ["glBatchID"]}, "refused"),
    ("type", {"write_payments": False}, "forbidden"),
    ("payment-list", {}, "listed"),
    ("payment-list", {"honours_fields": False}, "all fields"),
    ("paid-sum", {}, "shown"),
    ("paid-sum", {"shows_paid": False}, "not shown"),
    ("unposted", {}, "same id"),
    ("unposted", {"refused_conditions": ["invoice/id"]}, "same id"),
    ("unposted", {"unposted": "other"}, "another id"),
    ("unposted", {"unposted": "none"}, "not listed"),
    ("unposted", {"unposted": "forbid"}, "forbidden"),
    ("unposted", {"unposted": "missing"}, "refused"),
    ("second-payment", {}, "refused"),
    ("second-payment", {"second_payment": "allow"}, "second"),
    ("second-payment", {"second_payment": "replace"}, "replaces"),
    *(
        row
        for name in ("amount", "paymentDate", "appliedBy", "type")
        for row in (
            (f"update-{name}", {}, "changed"),
            (f"update-{name}", {"fixed_fields": [name]}, "unchanged"),
        )
    ),
    ("update-paymentDate", {"shows_days": False}, "not shown"),
    ("update-paymentAccount", {}, "changed"),
    ("update-paymentAccount", {"fixed_fields": ["paymentAccount"]}, "not shown"),
    ("update-aRPaymentAccount", {"unwelcome_fields": ["aRPaymentAccount"]}, "refused"),
    ("delete", {}, "deleted"),
    ("delete", {"delete_payments": "forbid"}, "forbidden"),
    ("delete", {"delete_payments": "refuse"}, "refused"),
    ("delete", {"delete_payments": "pretend"}, "unchanged"),
    ("day", {}, "kept"),
    ("day", {"day_shift_hours": -5}, "shifted"),
    ("day", {"day_shift_hours": 10}, "same day"),
    ("day", {"day_shift_hours": -24}, "another day"),
    ("day", {"shows_days": False}, "not shown"),
    ("day", {"unwelcome_fields": ["paymentDate"]}, "refused"),
    ("decimals", {}, "kept"),
    ("decimals", {"amount_decimals": 2}, "changed"),
    ("zero", {}, "kept"),
    ("zero", {"zero_amounts": False}, "refused"),
    ("negative", {}, "kept"),
    ("negative", {"negative_amounts": False}, "refused"),
    ("overpayment", {}, "cut"),
    ("overpayment", {"overpayment": "accept"}, "kept"),
    ("overpayment", {"overpayment": "reject"}, "refused"),
    ("overpayment", {"overpayment": "reject", "delete_payments": "forbid"}, "refused"),
    ("rights", {}, "all"),
    ("rights", {"write_payments": False}, "missing"),
    ("rights", {"delete_payments": "forbid"}, "missing"),
    ("server-errors", {}, "none"),
]


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    return Tenant(tmp_path / "notes")


@pytest.mark.parametrize(("row", "switches", "result"), TOLD_APART, ids=str)
def test_a_row_says_what_the_tenant_does(
    tenant: Tenant, row: str, switches: dict[str, Any], result: str
) -> None:
    found = tenant.finds(**switches)
    assert found[row].result == result
    assert list(found) == [question.row for question in QUESTIONS]


@pytest.mark.parametrize("switches", [{}, {"delete_payments": "forbid"}], ids=str)
def test_with_or_without_deletion_the_rest_is_found_out_alike(
    tenant: Tenant, switches: dict[str, Any]
) -> None:
    found = tenant.finds(**switches, amount_decimals=2, overpayment="accept", day_shift_hours=-5)
    rows = ("day", "decimals", "zero", "negative", "overpayment")
    results = [found[row].result for row in rows]
    assert results == ["shifted", "changed", "kept", "kept", "kept"]


@pytest.mark.parametrize(
    ("kind", "result"),
    [("marked", "with credit"), ("unmarked", "unmarked"), ("hidden", "not listed")],
)
def test_credit_memos_are_looked_at_where_there_are_some(
    tenant: Tenant, kind: str, result: str
) -> None:
    values = {"amount": Decimal(5), "credit": {"id": 9}}
    tenant.do("add-payment", invoice_id=3, values=values)
    assert tenant.finds(credit_rows=kind)["credit-rows"].result == result


def test_a_full_page_is_seen(tenant: Tenant) -> None:
    tenant.do("add-series", count=1200, first_id=100, number="N-{id}", fields={})
    assert tenant.finds()["page-size"].result == "1000"


def test_a_limit_that_a_header_names_is_told(tenant: Tenant) -> None:
    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Any:
        answer = effect()
        assert isinstance(answer, Response)
        headers = {**answer.headers, "X-RateLimit-Limit": "1000"}
        return Response(answer.status, headers, answer.body)

    found = {row.row: row.finding for row in tenant.probe(way).rows}
    assert found["rate"].facts["limits"] == {"x-ratelimit-limit": "1000"}


def test_what_is_forbidden_but_for_creating_is_named(tenant: Tenant) -> None:
    way = ending("payment-update", error(403, "Forbidden", "No."))
    found = {row.row: row.finding for row in tenant.probe(way).rows}
    assert found["update-amount"].result == "forbidden"
    assert found["rights"].facts["may"]["update"] == "no"


def test_a_server_error_is_told(tenant: Tenant) -> None:
    way = ending("payment-update", error(500, "ConnectWiseApi", "No."))
    found = {row.row: row.finding for row in tenant.probe(way).rows}
    assert found["server-errors"].facts["kinds"] == ["update: 500"]


def test_the_invoice_is_as_it_was(tenant: Tenant) -> None:
    """And it takes no more calls than was said."""
    before = tenant.do("invoices", ids=[INVOICE])
    result = tenant.probe()
    assert result.clean
    assert tenant.do("invoices", ids=[INVOICE]) == before
    assert tenant.notes == []
    assert len(tenant.kinds) <= 85
