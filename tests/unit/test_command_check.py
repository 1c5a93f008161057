"""What `check` says of ConnectWise."""

from typing import Any

import pytest

from fakes.connectwise import FakeConnectWise, FakeInvoice, answer, error, page_of_html
from payments.command.check import connectwise_checks
from payments.command.finding import Verdict
from payments.errors import NoAnswer
from unit.operated import access_through, ending

# ---- ConnectWise ---------------------------------------------------------------------------------


def checked(connectwise: FakeConnectWise) -> dict[str, tuple[Verdict, str]]:
    """What is said of each thing."""
    access = access_through(connectwise)
    return {
        check.name: (check.verdict, check.remark)
        for check in connectwise_checks(access.api, access.clock)
    }


@pytest.fixture
def connectwise() -> FakeConnectWise:
    return FakeConnectWise(FakeInvoice(7))


def test_where_nothing_is_missing_all_is_well(connectwise: FakeConnectWise) -> None:
    """An invoice that there is, is asked for its payments."""
    verdicts = {name: verdict for name, (verdict, _) in checked(connectwise).items()}
    assert verdicts.pop("Create and update payments") is Verdict.UNKNOWN
    assert set(verdicts.values()) == {Verdict.GOOD}
    assert [call.invoice_id for call in connectwise.calls if call.kind == "payments"] == [7]


def test_a_permission_that_is_missing_is_named(connectwise: FakeConnectWise) -> None:
    connectwise.way = ending("payments", error(403, "Forbidden", "No."))
    verdict, remark = checked(connectwise)["Read payments"]
    assert verdict is Verdict.MISSING
    assert "security role" in remark
    assert "Accounting Interface: add, edit, delete and inquire All" in remark
    assert "Invoicing: edit, delete and inquire All" in remark


def test_what_fails_once_is_asked_again(connectwise: FakeConnectWise) -> None:
    lost = NoAnswer("ReadTimeout")
    connectwise.way = ending("invoices", lost, lost, lost, None)
    assert checked(connectwise)["Site, company and keys"][0] is Verdict.FAILED
    assert checked(connectwise)["Site, company and keys"][0] is Verdict.GOOD


ODD: list[Any] = [None, {}, "text", [None], [{}], [{"id": "1"}], [{"id": True}], [{"id": 2**31}]]
NO_LISTS = ODD[:3]


@pytest.mark.parametrize("kind", ["invoices", "payments"])
@pytest.mark.parametrize("body", ODD, ids=str)
def test_an_odd_answer_is_no_traceback(connectwise: FakeConnectWise, kind: str, body: Any) -> None:
    connectwise.way = ending(kind, answer(200, body))
    said = checked(connectwise)
    if kind == "payments":
        assert said["Read payments"][0] is Verdict.FAILED
    elif body in NO_LISTS:
        verdict, remark = said["Site, company and keys"]
        assert verdict is Verdict.FAILED
        assert remark.startswith("ConnectWise does not answer as it should: ")


def test_a_page_of_something_in_between_is_no_traceback(connectwise: FakeConnectWise) -> None:
    connectwise.way = ending("invoices", page_of_html(451))
    assert checked(connectwise)["Site, company and keys"][0] is Verdict.FAILED
