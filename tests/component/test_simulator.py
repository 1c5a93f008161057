"""The ConnectWise simulator, over real HTTP."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.budget import Limiter
from simulator.control import Budget, Simulator, SimulatorError, Switches

INVOICES = "/finance/invoices"
PAYMENTS = "/finance/invoices/1/payments"


class Caller:
    """A caller with the simulator's own credentials, unless told otherwise."""

    def __init__(self, connectwise: Simulator) -> None:
        self.connectwise = connectwise
        self.session = requests.Session()
        self.codebase = "v2026_1/"
        self.secret = connectwise.secret
        self.timeout_seconds = 5.0

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the API; `json`, `params` and `headers` as in requests."""
        secret = self.secret
        headers = {"clientId": secret["clientId"], **options.pop("headers", {})}
        url = f"{secret['site']}/{self.codebase}apis/3.0{path}"
        login = (f"{secret['company']}+{secret['publicKey']}", secret["privateKey"])
        return self.session.request(
            method, url, auth=login, headers=headers, timeout=self.timeout_seconds, **options
        )

    def found(self, conditions: str, **params: Any) -> list[int]:
        """Return the ids of the invoices that meet the conditions."""
        answer = self("GET", INVOICES, params={"conditions": conditions, **params})
        assert answer.status_code == 200, answer.text
        return [invoice["id"] for invoice in answer.json()]


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    """Run one simulator for all tests of this module."""
    with Simulator() as connectwise:
        yield connectwise


@pytest.fixture
def connectwise(running: Simulator) -> Simulator:
    """Give each test the simulator as it was when it started."""
    running.reset()
    return running


@pytest.fixture
def call(connectwise: Simulator) -> Iterator[Caller]:
    """Give each test a caller with connections of its own."""
    caller = Caller(connectwise)
    with caller.session:
        yield caller


def company(connectwise: Simulator, name: str) -> requests.Response:
    """Ask for a company as one does before logging in."""
    return requests.get(f"{connectwise.site}/login/companyinfo/{name}", timeout=5)


def exact(answer: requests.Response) -> Any:
    """Read an answer without losing digits."""
    return json.loads(answer.text, parse_float=Decimal)


def field_error(answer: requests.Response) -> tuple[int, str, str]:
    """Return the status, and the code and field of the first entry in `errors`."""
    entry = answer.json()["errors"][0]
    return answer.status_code, entry["code"], entry["field"]


# Companies, codebases and credentials


def test_a_known_company_is_answered_with_its_codebase_without_credentials(
    connectwise: Simulator,
) -> None:
    found = company(connectwise, "acme").json()
    assert (found["Codebase"], found["CompanyID"]) == ("v2026_1/", "acme")


def test_an_unknown_company_is_answered_with_null(connectwise: Simulator) -> None:
    answer = company(connectwise, "nobody")
    assert (answer.status_code, answer.json()) == (200, None)


def test_an_unknown_company_can_be_answered_with_404(connectwise: Simulator) -> None:
    connectwise.configure(unknown_company="404")
    assert company(connectwise, "nobody").status_code == 404


def test_after_an_upgrade_the_old_codebase_is_not_found(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.configure(codebase="v2026_2/")
    assert call("GET", INVOICES).status_code == 404
    call.codebase = company(connectwise, "acme").json()["Codebase"]
    assert call("GET", INVOICES).headers["api-current-version"] == "2026.2"


def test_the_router_codebase_leads_to_the_tenant_only_if_switched_on(
    connectwise: Simulator, call: Caller
) -> None:
    call.codebase = "v4_6_release/"
    assert call("GET", INVOICES).status_code == 404
    connectwise.configure(router_codebase=True)
    assert call("GET", INVOICES).status_code == 200


@pytest.mark.parametrize("part", ["company", "publicKey", "privateKey"])
def test_wrong_credentials_are_unauthorized(call: Caller, part: str) -> None:
    call.secret[part] = "wrong"
    answer = call("GET", "/system/info")
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthorized")


def test_wrong_credentials_can_be_answered_with_404(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(refused_credentials_status=404)
    call.secret["privateKey"] = "wrong"
    assert call("GET", "/system/info").status_code == 404


def test_a_wrong_client_id_is_forbidden(call: Caller) -> None:
    call.secret["clientId"] = "wrong"
    assert call("GET", "/system/info").status_code == 403


def test_rotated_keys_replace_the_old_ones(connectwise: Simulator, call: Caller) -> None:
    new = connectwise.rotate_keys()
    assert call("GET", "/system/info").status_code == 401
    call.secret = new
    assert call("GET", "/system/info").status_code == 200


@pytest.mark.parametrize(
    ("withdrawn", "statuses"),
    [
        (Switches(read_invoices=False), [403, 200, 201]),
        (Switches(read_payments=False), [200, 403, 201]),
        (Switches(write_payments=False), [200, 200, 403]),
    ],
)
def test_each_permission_can_be_withdrawn_alone(
    connectwise: Simulator, call: Caller, withdrawn: Switches, statuses: list[int]
) -> None:
    connectwise.add_invoices([{"id": 1}])
    connectwise.configure(**withdrawn)
    calls = (("GET", INVOICES, None), ("GET", PAYMENTS, None), ("POST", PAYMENTS, {"amount": 1}))
    assert [call(method, path, json=body).status_code for method, path, body in calls] == statuses


def test_a_url_over_the_limit_is_refused(connectwise: Simulator, call: Caller) -> None:
    long = {"conditions": f"id in ({','.join(str(number) for number in range(1, 600))})"}
    assert call("GET", INVOICES, params=long).status_code == 414
    connectwise.configure(url_limit=None)
    assert call("GET", INVOICES, params=long).status_code == 200


def test_every_answer_names_the_request_and_the_version(call: Caller) -> None:
    first, second = call("GET", INVOICES), call("GET", "/no/such/thing")
    assert first.headers["x-cw-request-id"] != second.headers["x-cw-request-id"]
    assert second.headers["api-current-version"] == "2026.1"


def test_a_method_that_a_resource_lacks_is_not_allowed(call: Caller) -> None:
    assert call("DELETE", INVOICES).status_code == 405


# Lists


def test_a_page_holds_25_unless_told_otherwise(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=30)
    assert len(call("GET", INVOICES).json()) == 25


def test_a_page_never_holds_more_than_1000(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=1001)
    assert len(call("GET", INVOICES, params={"pageSize": 5000}).json()) == 1000


def test_the_link_header_leads_through_all_pages(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=5)
    answer = call("GET", INVOICES, params={"pageSize": 2, "conditions": "id != 3"})
    assert answer.links["last"]["url"] == answer.links["next"]["url"]
    assert "page=2" in answer.links["next"]["url"]
    headers = dict(answer.request.headers)
    answer = requests.get(answer.links["next"]["url"], headers=headers, timeout=5)
    assert [invoice["id"] for invoice in answer.json()] == [4, 5]
    assert not answer.links


def test_past_the_last_page_there_is_nothing(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=5)
    assert call("GET", INVOICES, params={"page": 2}).json() == []


def test_fields_project_and_drop_info_unless_it_is_named(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_invoices([{"id": 1, "status": {"isClosed": True}}])
    answer = call("GET", INVOICES, params={"fields": "id,status/isClosed,total"})
    assert exact(answer) == [{"id": 1, "status": {"isClosed": True}, "total": Decimal("100.00")}]
    assert "_info" in call("GET", f"{INVOICES}/1", params={"fields": "id,_info"}).json()


def test_the_count_follows_the_conditions(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=30)
    answer = call("GET", f"{INVOICES}/count", params={"conditions": "id > 10"})
    assert answer.json() == {"count": 20}


@pytest.fixture
def four_invoices(connectwise: Simulator) -> None:
    connectwise.add_invoices(
        [
            {"id": 1, "invoiceNumber": "INV-1", "total": "10.10", "date": "2026-01-01T00:00:00Z"},
            {"id": 2, "invoiceNumber": "inv 2", "status": {"isClosed": True}},
            {"id": 3, "invoiceNumber": 'a"b', "company": {"identifier": "Zorg"}},
            {"id": 4, "invoiceNumber": "INV-1", "customerPO": "it's", "total": 0},
        ]
    )


@pytest.mark.usefixtures("four_invoices")
@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ("id = 2", [2]),
        ("id in (4, 1, 99)", [1, 4]),
        ("id not in (1,2)", [3, 4]),
        ("id not-in (1,2)", [3, 4]),
        ("id >= 2 and id < 4", [2, 3]),
        ("id = 1 or id = 4 and total = 0", [1, 4]),
        ("(id = 1 or id = 4) and total = 0", [4]),
        ("total = 10.1", [1]),
        ("total > -1 AND total <= 10.10", [1, 4]),
        ("status/isClosed = true", [2]),
        ("status/isClosed != True", [1, 3, 4]),
        ('company/identifier = "zorg"', [3]),
        ('invoiceNumber in ("INV-1","inv 2")', [1, 2, 4]),
        (r'invoiceNumber = "a\"b"', [3]),
        (r"customerPO = 'it\'s'", [4]),
        ('invoiceNumber like "inv%"', [1, 2, 4]),
        ('invoiceNumber like "*2"', [2]),
        ('invoiceNumber not contains "V-"', [2, 3]),
        ("customerPO = null", [1, 2, 3]),
        ("customerPO != null", [4]),
        ("date < [2026-01-15T00:00:00Z]", [1]),
        ("invoiceNumber = 'INV-1' and id in (4,2)", [4]),
    ],
)
def test_conditions_find(call: Caller, conditions: str, ids: list[int]) -> None:
    assert call.found(conditions) == ids


@pytest.mark.parametrize(
    "conditions",
    [
        "id",
        "id =",
        "id = 1 and",
        "id in ()",
        "id in (1,)",
        "(id = 1",
        "id = 1)",
        "id ? 1",
        "id = 'one'",
        "status/isClosed = 1",
        "status = 1",
        "total like '1%'",
        "invoiceNumber = 1",
        "date > '2026-01-01'",
        "date > [yesterday]",
        "total > null",
        "nonsense = 1",
        "status/isOpen = true",
        "(" * 400 + "id=1",
    ],
)
def test_bad_conditions_are_refused(call: Caller, conditions: str) -> None:
    answer = call("GET", INVOICES, params={"conditions": conditions})
    assert (answer.status_code, answer.json()["code"]) == (400, "ApiFindCondition")
    assert answer.json()["errors"][0]["resource"] == "invoice"


@pytest.mark.usefixtures("four_invoices")
def test_strings_can_be_compared_with_their_case(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(case_sensitive=True)
    assert call.found('invoiceNumber in ("inv-1","inv 2")') == [2]


def test_a_million_invoices_are_added_at_once_and_found_by_number(
    connectwise: Simulator, call: Caller
) -> None:
    started = time.monotonic()
    connectwise.add_invoices(count=1_000_000, first_id=500, number="A{id}-X", total="7.77")
    assert call.found('invoiceNumber in ("A1000499-X","A1000500-X","A0600-X")') == [1_000_499]
    assert time.monotonic() - started < 1


def test_an_invoice_of_a_series_can_be_deleted_and_overwritten(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_invoices(count=3)
    connectwise.delete_invoice(2)
    connectwise.add_invoices([{"id": 3, "invoiceNumber": "other"}])
    assert call("GET", f"{INVOICES}/2").status_code == 404
    assert call.found('invoiceNumber in ("INV-1","INV-2","INV-3")') == [1]
    assert call.found("id > 0") == [1, 3]


# Payments


@pytest.fixture
def invoice(connectwise: Simulator) -> None:
    connectwise.add_invoices([{"id": 1, "invoiceNumber": "INV-1", "total": "100.00"}])


@pytest.fixture
def paid(connectwise: Simulator, invoice: None) -> None:
    connectwise.add_payment(1, "30.00", paymentDate="2026-01-31T00:00:00Z", appliedBy="Eve")


@pytest.mark.usefixtures("invoice")
def test_a_payment_is_created_and_lowers_the_balance(connectwise: Simulator, call: Caller) -> None:
    body = {"amount": 30, "paymentDate": "2026-01-31T00:00:00Z", "invoice": {"id": 1}}
    answer = call("POST", PAYMENTS, json=body)
    assert answer.status_code == 201
    assert answer.json()["invoice"] == {"id": 1, "identifier": "INV-1"}
    assert call("GET", PAYMENTS).json() == [answer.json()]
    assert call("GET", f"{PAYMENTS}/{answer.json()['id']}").json() == answer.json()
    (found,) = connectwise.invoices([1])
    assert (found["payments"], found["balance"]) == (30, 70)


@pytest.mark.usefixtures("invoice")
def test_amounts_keep_their_digits(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(overpayment="accept")
    digits = "12345678901234567.123456789"
    answer = call(
        "POST", PAYMENTS, data=f'{{"amount":{digits}}}', headers={"Content-Type": "text/json"}
    )
    assert f'"amount":{digits},' in answer.text
    assert connectwise.payments(1)[0]["amount"] == Decimal(digits)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": "1"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 1, "paymentDate": "2026-01-31"}, "paymentDate"),
        ({"amount": 1, "paymentDate": "2026-01-31T00:00:00+00:00"}, "paymentDate"),
        ({"amount": 1, "paymentDate": "2026-02-30T00:00:00Z"}, "paymentDate"),
        ({"amount": 1, "invoice": {"id": 2}}, "invoice"),
        ({"amount": 1, "invoice": {"number": 2}}, "invoice"),
        ({"amount": 1, "externalId": "x"}, "externalId"),
        ({"amount": 1, "source": "Xero"}, "source"),
        ({"amount": 1, "glBatchID": "x" * 51}, "glBatchID"),
        ({"amount": 1, "credit": {"id": "1"}}, "credit"),
        ([], ""),
    ],
)
def test_a_wrong_payment_is_refused_by_field(call: Caller, body: Any, field: str) -> None:
    answer = call("POST", PAYMENTS, json=body)
    assert (answer.json()["code"], answer.json()["errors"][0]["resource"]) == (
        "InvalidObject",
        "payment",
    )
    assert field_error(answer)[::2] == (400, field)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("text", ["", "{", '{"amount":NaN}', "\xff", "[" * 100_000])
def test_a_body_that_is_not_json_is_refused(call: Caller, text: str) -> None:
    answer = call("POST", PAYMENTS, data=text.encode("latin-1"))
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidObject")


def test_a_payment_of_an_unknown_invoice_is_not_found(call: Caller) -> None:
    answer = call("POST", PAYMENTS, json={"amount": 1})
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


@pytest.mark.usefixtures("paid")
def test_a_second_payment_is_refused(connectwise: Simulator, call: Caller) -> None:
    answer = call("POST", PAYMENTS, json={"amount": 1})
    assert field_error(answer) == (400, "ObjectExists", "invoice")
    assert len(connectwise.payments(1)) == 1


@pytest.mark.usefixtures("paid")
def test_a_second_payment_can_be_allowed(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(second_payment="allow")
    assert call("POST", PAYMENTS, json={"amount": 1}).status_code == 201
    assert connectwise.invoices([1])[0]["payments"] == 31


@pytest.mark.usefixtures("invoice")
def test_an_overpayment_is_cut_to_the_open_balance(call: Caller) -> None:
    answer = call("POST", PAYMENTS, json={"amount": 150})
    assert answer.json()["amount"] == 100
    change = [{"op": "replace", "path": "amount", "value": 100.01}]
    answer = call("PATCH", f"{PAYMENTS}/{answer.json()['id']}", json=change)
    assert answer.json()["amount"] == 100


@pytest.mark.usefixtures("invoice")
def test_credits_count_against_the_open_balance(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices([{"id": 1, "total": "100.00", "credits": "40.00"}])
    assert call("POST", PAYMENTS, json={"amount": 150}).json()["amount"] == 60


@pytest.mark.usefixtures("invoice")
def test_an_overpayment_can_be_accepted(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(overpayment="accept")
    call("POST", PAYMENTS, json={"amount": 150})
    assert connectwise.invoices([1])[0]["balance"] == -50


@pytest.mark.usefixtures("invoice")
def test_an_overpayment_can_be_refused(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(overpayment="reject")
    answer = call("POST", PAYMENTS, json={"amount": 150})
    assert field_error(answer) == (400, "OutOfRange", "amount")
    assert connectwise.payments() == []


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("path", ["amount", "/amount"])
def test_an_update_changes_the_named_fields_only(
    connectwise: Simulator, call: Caller, path: str
) -> None:
    (before,) = connectwise.payments(1)
    change = [{"op": "replace", "path": path, "value": 12.50}]
    assert call("PATCH", f"{PAYMENTS}/{before['id']}", json=change).status_code == 200
    (after,) = connectwise.payments(1)
    assert after["amount"] == Decimal("12.5")
    assert (after["paymentDate"], after["appliedBy"]) == ("2026-01-31T00:00:00Z", "Eve")


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(
    ("path", "value"), [("credit/id", 77), ("credit", {"id": 77}), ("/credit/id", 77)]
)
def test_an_update_takes_a_reference_whole_or_in_part(
    connectwise: Simulator, call: Caller, path: str, value: Any
) -> None:
    change = [{"op": "add", "path": path, "value": value}]
    assert call("PATCH", f"{PAYMENTS}/1", json=change).json()["credit"] == {"id": 77}
    change = [{"op": "remove", "path": "credit"}]
    assert "credit" not in call("PATCH", f"{PAYMENTS}/1", json=change).json()


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(
    "change",
    [
        [],
        {"amount": 1},
        ["amount"],
        [{"op": "set", "path": "amount", "value": 1}],
        [{"op": "replace", "path": "ammount", "value": 1}],
        [{"op": "replace", "path": "Amount", "value": 1}],
        [{"op": "replace", "path": "amount", "value": "1"}],
        [{"op": "replace", "path": "amount"}],
        [{"op": "remove", "path": "amount"}],
        [{"op": "replace", "path": "credit/number", "value": 1}],
        [{"op": "replace", "path": "invoice/id", "value": 2}],
        [{"op": "replace", "path": "paymentDate", "value": "2026-01-31"}],
        [{"op": "replace", "value": 1}],
    ],
)
def test_a_wrong_update_is_refused_and_changes_nothing(
    connectwise: Simulator, call: Caller, change: Any
) -> None:
    before = connectwise.payments(1)
    answer = call("PATCH", f"{PAYMENTS}/1", json=change)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidObject")
    assert connectwise.payments(1) == before


@pytest.mark.usefixtures("paid")
def test_a_replacement_drops_what_it_does_not_name(call: Caller) -> None:
    answer = call("PUT", f"{PAYMENTS}/1", json={"amount": 5})
    assert answer.json()["amount"] == 5
    assert "paymentDate" not in answer.json()


@pytest.mark.usefixtures("paid")
def test_a_payment_can_be_deleted_once(connectwise: Simulator, call: Caller) -> None:
    answer = call("DELETE", f"{PAYMENTS}/1")
    assert (answer.status_code, answer.text) == (204, "")
    assert connectwise.payments() == []
    assert call("DELETE", f"{PAYMENTS}/1").status_code == 404


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_an_unknown_payment_is_not_found(call: Caller, method: str) -> None:
    assert call(method, f"{PAYMENTS}/99", json={"amount": 1}).status_code == 404


@pytest.mark.usefixtures("paid")
def test_payments_are_listed_with_conditions_and_fields(call: Caller) -> None:
    query = {"conditions": "amount >= 30 and invoice/id = 1", "fields": "id,amount"}
    assert call("GET", PAYMENTS, params=query).json() == [{"id": 1, "amount": 30}]
    assert call("GET", PAYMENTS, params={"conditions": "amount > 30"}).json() == []


# Failures


@pytest.mark.usefixtures("invoice")
def test_a_fault_answers_in_the_place_of_the_write(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(method="POST", status=500, answer={"code": "ConnectWiseApi"})
    answer = call("POST", PAYMENTS, json={"amount": 1})
    assert (answer.status_code, answer.json()) == (500, {"code": "ConnectWiseApi"})
    assert connectwise.payments() == []


@pytest.mark.usefixtures("invoice")
def test_a_fault_can_let_the_write_happen_first(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(
        status=502, answer="<html>", headers={"content-type": "text/html"}, after=True
    )
    answer = call("POST", PAYMENTS, json={"amount": 1})
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert len(connectwise.payments()) == connectwise.counts().creates == 1


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("after", [False, True])
def test_a_connection_is_reset_before_or_after_the_write(
    connectwise: Simulator, call: Caller, after: bool
) -> None:
    connectwise.add_fault(reset=True, after=after)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        call("POST", PAYMENTS, json={"amount": 1})
    assert len(connectwise.payments()) == int(after)
    assert connectwise.calls()[0].status is None


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("after", [False, True])
def test_silence_lasts_longer_than_the_callers_patience(
    connectwise: Simulator, call: Caller, after: bool
) -> None:
    connectwise.add_fault(hang_seconds=0.4, after=after)
    call.timeout_seconds = 0.2
    with pytest.raises(requests.ReadTimeout):
        call("POST", PAYMENTS, json={"amount": 1})
    assert len(connectwise.payments()) == int(after)


@pytest.mark.usefixtures("invoice")
def test_a_delayed_write_takes_effect_although_nobody_waits(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_fault(delay_seconds=0.3)
    call.timeout_seconds = 0.1
    with pytest.raises(requests.ReadTimeout):
        call("POST", PAYMENTS, json={"amount": 1})
    assert connectwise.payments() == []
    time.sleep(0.4)
    assert len(connectwise.payments()) == 1


@pytest.mark.usefixtures("invoice")
def test_somebody_elses_payment_can_appear_just_before(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_fault(method="POST", appear={"amount": 7})
    answer = call("POST", PAYMENTS, json={"amount": 1})
    assert field_error(answer)[1] == "ObjectExists"
    assert [payment["amount"] for payment in connectwise.payments(1)] == [7]


@pytest.mark.usefixtures("invoice")
def test_a_fault_strikes_the_calls_that_match_and_only_so_often(
    connectwise: Simulator, call: Caller
) -> None:
    number = connectwise.add_fault(method="GET", path=r"invoices/\d+$", skip=1, times=2, status=500)
    seen = [call("GET", f"{INVOICES}/1").status_code for _ in range(4)]
    assert seen == [200, 500, 500, 200]
    assert call("GET", INVOICES).status_code == 200
    assert connectwise.struck() == {number: 2}


@pytest.mark.usefixtures("invoice")
def test_a_fault_can_look_into_the_body(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(body=r'"amount": 2', status=500, times=None)
    assert call("POST", PAYMENTS, json={"amount": 2}).status_code == 500
    assert call("POST", PAYMENTS, json={"amount": 3}).status_code == 201


def test_a_fault_can_be_a_matter_of_chance(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(status=500, times=None, probability=0.5)
    seen = {call("GET", "/system/info").status_code for _ in range(40)}
    assert seen == {200, 500}


def test_faults_can_be_taken_back(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(status=500, times=None)
    connectwise.clear_faults()
    assert call("GET", "/system/info").status_code == 200


def test_an_outage_lasts_until_it_is_ended(connectwise: Simulator, call: Caller) -> None:
    connectwise.down()
    answer = call("GET", "/system/info")
    assert answer.status_code == company(connectwise, "acme").status_code == 503
    assert "Retry-After" not in answer.headers
    connectwise.up()
    assert call("GET", "/system/info").status_code == 200


def test_an_outage_can_reset_connections(connectwise: Simulator, call: Caller) -> None:
    connectwise.down(reset=True)
    with pytest.raises(requests.ConnectionError):
        call("GET", "/system/info")


def test_a_mistaken_command_says_what_is_wrong(connectwise: Simulator) -> None:
    with pytest.raises(SimulatorError, match="regular expression"):
        connectwise.add_fault(path="(", status=500)
    with pytest.raises(SimulatorError, match="no such switch: latency"):
        connectwise.configure(latency=1)  # type: ignore[call-arg]
    with pytest.raises(SimulatorError, match="cannot be given balance"):
        connectwise.add_invoices([{"id": 1, "balance": 3}])


# Speed and budgets


def test_latency_counts_for_each_call_alone(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(latency_seconds=0.2)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: call("GET", "/system/info"), range(8)))
    assert 0.2 <= time.monotonic() - started < 0.8
    assert connectwise.counts().max_in_flight == 8


def test_more_calls_than_the_budget_are_too_many(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(budget=Budget(requests=2, seconds=30, kind="window"))
    answers = [call("GET", "/system/info") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"] == "ConnectWiseAPI"
    assert 28 <= int(answers[2].headers["Retry-After"]) <= 30


def test_too_many_can_be_said_with_a_date_and_a_page(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(
        budget=Budget(requests=1, seconds=30, kind="window", retry_after="date", body="html")
    )
    answer = [call("GET", "/system/info") for _ in range(2)][1]
    moment = parsedate_to_datetime(answer.headers["Retry-After"])
    assert 25 < moment.timestamp() - time.time() <= 31
    assert answer.text.startswith("<!DOCTYPE")


def test_too_many_can_be_said_without_a_time(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(budget=Budget(requests=1, seconds=30, retry_after="none"))
    answer = [call("GET", "/system/info") for _ in range(2)][1]
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, None)


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_refills_steadily() -> None:
    clock = Clock()
    limiter = Limiter(Budget(requests=2, seconds=10), clock)
    assert [limiter.wait_seconds() for _ in range(3)] == [0, 0, 5]
    clock.now += 5
    assert [limiter.wait_seconds() for _ in range(2)] == [0, 5]


def test_a_window_is_full_again_all_at_once() -> None:
    clock = Clock()
    limiter = Limiter(Budget(requests=2, seconds=10, kind="window"), clock)
    clock.now += 4
    assert [limiter.wait_seconds() for _ in range(3)] == [0, 0, 6]
    clock.now += 6
    assert [limiter.wait_seconds() for _ in range(3)] == [0, 0, 10]


# The record of the calls


@pytest.mark.usefixtures("invoice")
def test_calls_are_remembered_with_all_that_matters(connectwise: Simulator, call: Caller) -> None:
    call("GET", INVOICES, params={"page": 1}, headers={"Accept": "application/x; version=1"})
    call("POST", PAYMENTS, json={"amount": 1})
    first, second = connectwise.calls()
    assert (first.kind, first.query, first.accept) == (
        "invoices",
        "page=1",
        "application/x; version=1",
    )
    assert (second.kind, second.body, second.status) == ("payment-create", '{"amount": 1}', 201)
    assert second.content_type == "application/json"
    assert second.answered is not None
    assert first.received < second.received < second.answered < time.monotonic()
    assert connectwise.calls(since=first.number) == [second]


@pytest.mark.usefixtures("invoice")
def test_counts_tell_what_was_called_how_often(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(second_payment="allow")
    for _ in range(2):
        call("POST", PAYMENTS, json={"amount": 1})
    call("GET", f"{INVOICES}/9")
    counts = connectwise.counts()
    assert counts.calls == {("POST", "payment-create"): 2, ("GET", "invoice"): 1}
    assert counts.statuses == {201: 2, 404: 1}
    assert (counts.total, counts.connections, counts.in_flight) == (3, 1, 0)
    assert (counts.creates, counts.max_creates_per_invoice) == (2, 2)


def test_calls_inside_an_asked_for_silence_are_told(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(silence_grace_seconds=0)
    connectwise.add_fault(status=503, headers={"Retry-After": "1"})
    call("GET", "/system/info")
    call("GET", "/system/info")
    time.sleep(1)
    call("GET", "/system/info")
    assert [found.inside_silence for found in connectwise.calls()] == [False, True, False]
    assert connectwise.counts().inside_silence == 1


def test_who_hung_up_is_no_longer_in_flight(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(hang_seconds=1)
    call.timeout_seconds = 0.1
    with pytest.raises(requests.ReadTimeout):
        call("GET", "/system/info")
    call("GET", "/system/info")
    assert connectwise.calls()[-1].in_flight == 1


def test_the_log_can_be_bounded_and_switched_off(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(log_limit=2)
    for _ in range(3):
        call("GET", "/system/info")
    assert [found.number for found in connectwise.calls()] == [2, 3]
    connectwise.configure(log_calls=False)
    call("GET", "/system/info")
    assert len(connectwise.calls()) == 2
    assert connectwise.counts().total == 4


def test_a_clearing_starts_the_record_again(connectwise: Simulator, call: Caller) -> None:
    call("GET", "/system/info")
    connectwise.clear_calls()
    assert (connectwise.calls(), connectwise.counts().total) == ([], 0)


def test_a_reset_brings_the_beginning_back(connectwise: Simulator, call: Caller) -> None:
    first = connectwise.secret
    connectwise.rotate_keys()
    connectwise.configure(latency_seconds=5)
    connectwise.add_invoices(count=3)
    connectwise.down()
    connectwise.reset()
    assert connectwise.secret == first
    assert call("GET", INVOICES).json() == []


# The process


def started_by_hand() -> subprocess.Popen[str]:
    """Start a simulator as a shell would."""
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--exit-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )


def test_one_line_says_that_it_is_ready_and_sigterm_ends_it() -> None:
    with started_by_hand() as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["site"].startswith("http://127.0.0.1:")
        process.terminate()
        assert (process.wait(5), process.stdout.read()) == (0, "")


def test_it_ends_when_its_standard_input_closes() -> None:
    with started_by_hand() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(5) == 0


def test_it_ends_although_a_call_is_hanging() -> None:
    with Simulator() as connectwise:
        call = Caller(connectwise)
        call.timeout_seconds = 0.1
        connectwise.add_fault(hang_seconds=60)
        with pytest.raises(requests.ReadTimeout):
            call("GET", "/system/info")
        started = time.monotonic()
    assert time.monotonic() - started < 2
