"""The ConnectWise simulator, over real HTTP: other tests stand on what it plays."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from local_stack import wait_for
from simulator.budget import Limiter
from simulator.control import Budget, Simulator, SimulatorError, Switches
from simulator.forms import FOREIGN_PAGES, ODD_ANSWERS, ODD_ERRORS

INVOICES = "/finance/invoices"
PAYMENTS = "/finance/invoices/1/payments"
DATE = "2026-01-31T00:00:00Z"


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

    def pay(self, amount: Any = 1, **fields: Any) -> requests.Response:
        """Create a payment on invoice 1."""
        return self("POST", PAYMENTS, json={"amount": amount, **fields})

    def change(self, payment_id: int, name: str, value: Any) -> requests.Response:
        """Update one field of a payment of invoice 1."""
        operation = {"op": "replace", "path": name, "value": value}
        return self("PATCH", f"{PAYMENTS}/{payment_id}", json=[operation])

    def found(self, conditions: str) -> list[int]:
        """Return the ids of the invoices that meet the conditions."""
        answer = self("GET", INVOICES, params={"conditions": conditions})
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


@pytest.fixture
def invoice(connectwise: Simulator) -> None:
    connectwise.add_invoices([{"id": 1, "invoiceNumber": "INV-1", "total": "100.00"}])


@pytest.fixture
def paid(connectwise: Simulator, invoice: None) -> None:
    connectwise.add_payment(1, "30.00", paymentDate=DATE, appliedBy="Eve")


def company(connectwise: Simulator, name: str) -> requests.Response:
    """Ask for a company as one does before logging in."""
    return requests.get(f"{connectwise.site}/login/companyinfo/{name}", timeout=5)


def field_error(answer: requests.Response) -> tuple[int, str, str]:
    """Return the status, and the code and field of the first entry in `errors`."""
    entry = answer.json()["errors"][0]
    return answer.status_code, entry["code"], entry["field"]


def amounts(connectwise: Simulator) -> list[Decimal]:
    return [payment["amount"] for payment in connectwise.payments(1)]


# Companies, codebases and credentials


def test_a_known_company_is_answered_with_its_codebase_without_credentials(
    connectwise: Simulator,
) -> None:
    found = company(connectwise, "acme").json()
    assert (found["Codebase"], found["CompanyID"]) == ("v2026_1/", "acme")


def test_an_unknown_company_is_answered_with_null_or_404(connectwise: Simulator) -> None:
    answer = company(connectwise, "nobody")
    assert (answer.status_code, answer.json()) == (200, None)
    connectwise.configure(unknown_company="404")
    assert company(connectwise, "nobody").status_code == 404


def test_after_an_upgrade_the_old_codebase_is_not_found(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.configure(codebase="v2026_2/")
    assert call("GET", INVOICES).status_code == 404
    call.codebase = company(connectwise, "acme").json()["Codebase"]
    assert call("GET", INVOICES).headers["api-current-version"] == "2026.2"


@pytest.mark.parametrize("part", ["company", "publicKey", "privateKey"])
def test_wrong_credentials_are_refused(connectwise: Simulator, call: Caller, part: str) -> None:
    call.secret[part] = "wrong"
    answer = call("GET", INVOICES)
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthorized")
    connectwise.configure(refused_credentials_status=404)
    assert call("GET", INVOICES).status_code == 404


def test_a_wrong_client_id_is_forbidden(call: Caller) -> None:
    call.secret["clientId"] = "wrong"
    assert call("GET", INVOICES).status_code == 403


def test_rotated_keys_replace_the_old_ones(connectwise: Simulator, call: Caller) -> None:
    new = connectwise.rotate_keys()
    assert call("GET", INVOICES).status_code == 401
    call.secret = new
    assert call("GET", INVOICES).status_code == 200


@pytest.mark.usefixtures("invoice")
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
    connectwise.configure(**withdrawn)
    answers = [call("GET", INVOICES), call("GET", PAYMENTS), call.pay()]
    assert [answer.status_code for answer in answers] == statuses


def test_a_url_over_the_limit_is_refused(call: Caller) -> None:
    long = {"conditions": f"id in ({','.join(str(number) for number in range(1, 600))})"}
    assert call("GET", INVOICES, params=long).status_code == 414


def test_what_is_not_there_is_said(call: Caller) -> None:
    assert call("DELETE", INVOICES).status_code == 405
    assert call("GET", "/no/such/thing").status_code == 404


# Lists


def test_a_page_holds_25_unless_told_otherwise_and_never_more_than_1000(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_invoices(count=1001)
    assert len(call("GET", INVOICES).json()) == 25
    assert len(call("GET", INVOICES, params={"pageSize": 5000}).json()) == 1000


def test_the_link_header_leads_through_all_pages(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=5)
    answer = call("GET", INVOICES, params={"pageSize": 2, "conditions": "id in (1,2,4,5)"})
    assert answer.links["last"]["url"] == answer.links["next"]["url"]
    assert "page=2" in answer.links["next"]["url"]
    headers = dict(answer.request.headers)
    answer = requests.get(answer.links["next"]["url"], headers=headers, timeout=5)
    assert [invoice["id"] for invoice in answer.json()] == [4, 5]
    assert not answer.links
    assert call("GET", INVOICES, params={"page": 2}).json() == []


def test_fields_project(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices([{"id": 1, "status": {"isClosed": True}}])
    answer = call("GET", INVOICES, params={"fields": "id,status/isClosed,nonsense,total"})
    assert answer.json() == [{"id": 1, "status": {"isClosed": True}, "total": 100}]


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ("id in (4, 1, 99)", [1, 4]),
        ('invoiceNumber in ("INV-1","inv 2")', [1, 2, 4]),
        (r'invoiceNumber in ("a\"b")', [3]),
        ('invoiceNumber in ("A[[]1]")', [5]),
        ('invoiceNumber in ("A[1]")', []),
        ('invoiceNumber in ("inv*")', [1, 2, 4]),
        ('invoiceNumber in ("*[26]")', [2]),
    ],
)
def test_conditions_find(
    connectwise: Simulator, call: Caller, conditions: str, ids: list[int]
) -> None:
    numbers = ["INV-1", "inv 2", 'a"b', "INV-1", "A[1]"]
    connectwise.add_invoices(
        {"id": number, "invoiceNumber": text} for number, text in enumerate(numbers, 1)
    )
    assert call.found(conditions) == ids


@pytest.mark.parametrize(
    "conditions",
    ["id", "id in ()", "id in (1,)", "id in (1", "id in ('1')", "invoiceNumber in (1)", "x in (1)"],
)
def test_bad_conditions_are_refused(call: Caller, conditions: str) -> None:
    answer = call("GET", INVOICES, params={"conditions": conditions})
    assert (answer.status_code, answer.json()["code"]) == (400, "ApiFindCondition")


def test_a_million_invoices_are_added_at_once_and_found_by_number(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_invoices(count=1_000_000, first_id=500, number="A{id}-X", total="7.77")
    assert call.found('invoiceNumber in ("A1000499-X","A1000500-X","A0600-X")') == [1_000_499]
    connectwise.delete_invoice(501)
    connectwise.add_invoices([{"id": 502, "invoiceNumber": "other"}])
    assert call.found("id in (500,501,502)") == [500, 502]
    assert call.found('invoiceNumber in ("A500-X","A501-X","A502-X")') == [500]


# Payments


@pytest.mark.usefixtures("invoice")
def test_a_payment_is_created_and_lowers_the_balance(connectwise: Simulator, call: Caller) -> None:
    answer = call.pay(30, paymentDate=DATE, invoice={"id": 1})
    assert answer.status_code == 201
    assert answer.json()["invoice"] == {"id": 1, "identifier": "INV-1"}
    assert call("GET", PAYMENTS).json() == [answer.json()]
    (found,) = connectwise.invoices([1])
    assert (found["payments"], found["balance"]) == (30, 70)


@pytest.mark.usefixtures("invoice")
def test_amounts_keep_their_digits(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(overpayment="accept")
    digits = "12345678901234567.123456789"
    answer = call("POST", PAYMENTS, data=f'{{"amount":{digits}}}')
    assert f'"amount":{digits},' in answer.text
    assert amounts(connectwise) == [Decimal(digits)]


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": "1"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 1, "paymentDate": "2026-01-31"}, "paymentDate"),
        ({"amount": 1, "paymentDate": "2026-01-31T00:00:00+00:00"}, "paymentDate"),
        ({"amount": 1, "paymentDate": "2026-02-30T00:00:00Z"}, "paymentDate"),
        ({"amount": 1, "invoice": {"id": 2}}, "invoice"),
        ({"amount": 1, "externalId": "x"}, "externalId"),
        ({"amount": 1, "credit": {"id": "1"}}, "credit"),
        ([], ""),
    ],
)
def test_a_wrong_payment_is_refused_by_field(call: Caller, body: Any, field: str) -> None:
    answer = call("POST", PAYMENTS, json=body)
    assert answer.json()["code"] == "InvalidObject"
    assert field_error(answer)[::2] == (400, field)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("text", ["", "{", '{"amount":NaN}', "\xff", "[" * 100_000])
def test_a_body_that_is_not_json_is_refused(call: Caller, text: str) -> None:
    answer = call("POST", PAYMENTS, data=text.encode("latin-1"))
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidObject")


@pytest.mark.usefixtures("invoice")
def test_an_unknown_invoice_or_payment_is_not_found(call: Caller) -> None:
    assert call("POST", "/finance/invoices/2/payments", json={"amount": 1}).status_code == 404
    assert call.change(99, "amount", 1).json()["code"] == "NotFound"


@pytest.mark.usefixtures("paid")
def test_a_second_payment_is_refused_or_taken(connectwise: Simulator, call: Caller) -> None:
    assert field_error(call.pay()) == (400, "ObjectExists", "invoice")
    assert len(amounts(connectwise)) == 1
    connectwise.configure(second_payment="allow")
    assert call.pay().status_code == 201
    assert connectwise.invoices([1])[0]["payments"] == 31


@pytest.mark.usefixtures("invoice")
def test_an_applied_credit_memo_is_listed_and_no_payment(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_payment(1, "40.00", credit={"id": 77})
    assert [row["type"] for row in call("GET", PAYMENTS).json()] == ["C"]
    assert connectwise.invoices([1])[0]["payments"] == 0
    assert call.pay(150).json()["amount"] == 60
    (found,) = connectwise.invoices([1])
    assert (found["payments"], found["credits"], found["balance"]) == (60, 40, 0)


@pytest.mark.usefixtures("invoice")
def test_an_overpayment_is_cut_accepted_or_refused(connectwise: Simulator, call: Caller) -> None:
    payment_id = call.pay(150).json()["id"]
    assert amounts(connectwise) == [100]
    assert call.change(payment_id, "amount", 100.01).json()["amount"] == 100
    connectwise.configure(overpayment="reject")
    assert field_error(call.change(payment_id, "amount", 101)) == (400, "OutOfRange", "amount")
    connectwise.configure(overpayment="accept")
    call.change(payment_id, "amount", 150)
    assert connectwise.invoices([1])[0]["balance"] == -50


@pytest.mark.usefixtures("invoice")
def test_amounts_can_be_rounded(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(amount_decimals=1)
    assert call.pay(12.26).json()["amount"] == 12.3


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("path", ["amount", "/amount"])
def test_an_update_changes_the_named_fields_only(
    connectwise: Simulator, call: Caller, path: str
) -> None:
    assert call.change(1, path, 12.50).status_code == 200
    (after,) = connectwise.payments(1)
    assert after["amount"] == Decimal("12.5")
    assert (after["paymentDate"], after["appliedBy"]) == (DATE, "Eve")


@pytest.mark.usefixtures("paid")
def test_a_reference_is_changed_as_a_whole_and_in_part_not_at_all(call: Caller) -> None:
    """The "false 200" of ConnectWise's developer guide."""
    answer = call.change(1, "credit/id", 77)
    assert (answer.status_code, answer.json().get("credit")) == (200, None)
    assert call.change(1, "credit", {"id": 77}).json()["credit"] == {"id": 77}


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(
    "change",
    [
        [],
        {"amount": 1},
        ["amount"],
        [{"op": "set", "path": "amount", "value": 1}],
        [{"op": "replace", "path": "ammount", "value": 1}],
        [{"op": "replace", "path": "amount", "value": "1"}],
        [{"op": "remove", "path": "amount"}],
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


# Failures


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("after", [False, True])
def test_a_fault_answers_before_or_after_the_write(
    connectwise: Simulator, call: Caller, after: bool
) -> None:
    connectwise.add_fault(
        status=502, answer="<html>", headers={"content-type": "text/html"}, after=after
    )
    answer = call.pay()
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert len(connectwise.payments()) == connectwise.counts().creates == int(after)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("hang_seconds", "lost"), [(0, "reset by peer"), (60, "Read timed out")])
def test_an_answer_is_lost_before_or_after_the_write(
    connectwise: Simulator, call: Caller, hang_seconds: float, lost: str, after: bool
) -> None:
    connectwise.add_fault(reset=not hang_seconds, hang_seconds=hang_seconds, after=after)
    call.timeout_seconds = 0.2
    with pytest.raises(requests.RequestException, match=lost):
        call.pay()
    assert len(connectwise.payments()) == int(after)


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("kind", ["payment-create", "payment-update"])
@pytest.mark.parametrize("form", [None, "html-502"])
def test_a_write_takes_effect_late_though_its_answer_was_lost_at_once(
    connectwise: Simulator, call: Caller, kind: str, form: str | None
) -> None:
    connectwise.configure(second_payment="allow")
    number = connectwise.add_fault(kind=kind, late_seconds=0.5, form=form)
    try:
        answer = call.pay(2) if kind == "payment-create" else call.change(1, "amount", 2)
        assert answer.status_code == 502
    except requests.ConnectionError:
        assert form is None
    wait_for(lambda: connectwise.counts().late == 0, 5)
    assert amounts(connectwise)[-1] == 2
    (struck,) = connectwise.calls()
    assert struck.took_effect is not None
    assert struck.answered is not None
    assert struck.answered < struck.received + 0.5 <= struck.took_effect
    assert connectwise.struck() == {number: 1}


@pytest.mark.usefixtures("invoice")
def test_a_late_write_may_come_while_the_caller_still_waits(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_fault(late_seconds=0.1, hang_seconds=60)
    call.timeout_seconds = 0.2
    with pytest.raises(requests.ReadTimeout):
        call.pay()
    wait_for(lambda: connectwise.counts().creates == 1, 5)


@pytest.mark.usefixtures("invoice")
def test_what_is_late_is_forgotten_with_a_reset(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(late_seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        call.pay()
    connectwise.reset()
    connectwise.add_invoices([{"id": 1}])
    time.sleep(0.2)
    assert (amounts(connectwise), connectwise.counts().late) == ([], 0)


@pytest.mark.usefixtures("invoice")
def test_a_delayed_write_takes_effect_although_nobody_waits(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_fault(delay_seconds=1)
    call.timeout_seconds = 0.1
    with pytest.raises(requests.ReadTimeout):
        call.pay()
    assert connectwise.payments() == []
    wait_for(lambda: len(connectwise.payments()) == 1, 5)


@pytest.mark.usefixtures("invoice")
def test_somebody_elses_payment_can_appear_just_before(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_fault(method="POST", appear={"amount": 7})
    assert field_error(call.pay())[1] == "ObjectExists"
    assert amounts(connectwise) == [7]


def test_a_fault_strikes_the_calls_that_match_and_only_so_often(
    connectwise: Simulator, call: Caller
) -> None:
    connectwise.add_invoices(count=2)
    number = connectwise.add_fault(kind="payments", invoice=2, skip=1, times=2, status=500)
    seen = [call("GET", PAYMENTS.replace("1", "2")).status_code for _ in range(4)]
    assert seen == [200, 500, 500, 200]
    assert connectwise.struck() == {number: 2}
    for other in (
        connectwise.add_fault(invoice=2, status=500, times=None),
        connectwise.add_fault(kind="payment-create", status=500, times=None),
        connectwise.add_fault(path="/2/", status=500, times=None),
        connectwise.add_fault(body="amount", status=500, times=None),
    ):
        assert call("GET", PAYMENTS).status_code == 200
        connectwise.remove_fault(other)
    connectwise.add_fault(body='"amount": 2', status=500, times=None)
    assert (call.pay(2).status_code, call.pay(3).status_code) == (500, 201)
    connectwise.clear_faults()
    assert connectwise.struck() == {}


@pytest.mark.parametrize("form", [None, "reset", "html-503"])
def test_an_outage_lasts_until_it_is_ended(
    connectwise: Simulator, call: Caller, form: str | None
) -> None:
    def is_down() -> bool:
        try:
            answer = company(connectwise, "acme")
        except requests.ConnectionError:
            return form == "reset"
        return answer.status_code == 503 and "Retry-After" not in answer.headers

    connectwise.down(*filter(None, [form]))
    assert is_down()
    assert is_down()
    connectwise.up()
    assert call("GET", INVOICES).status_code == 200


def test_an_outage_may_be_of_an_invoice_or_of_a_kind(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_invoices(count=2)
    connectwise.down("error-500", invoice=2)
    connectwise.down("html-502", kind="payment-create")
    answers = call("GET", PAYMENTS), call("GET", PAYMENTS.replace("1", "2")), call.pay()
    assert [answer.status_code for answer in answers] == [200, 500, 502]


def test_a_mistaken_command_says_what_is_wrong(connectwise: Simulator) -> None:
    with pytest.raises(SimulatorError, match="regular expression"):
        connectwise.add_fault(path="(", status=500)
    with pytest.raises(SimulatorError, match="no such form: html"):
        connectwise.down("html")
    with pytest.raises(SimulatorError, match="late"):
        connectwise.add_fault(late_seconds=1, after=True)
    with pytest.raises(SimulatorError, match="no such switch: latency"):
        connectwise.configure(latency=1)  # type: ignore[call-arg]
    with pytest.raises(SimulatorError, match="cannot be given balance"):
        connectwise.add_invoices([{"id": 1, "balance": 3}])


# The forms of failure


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("form", FOREIGN_PAGES)
def test_a_page_is_not_connectwises_and_nothing_takes_effect(
    connectwise: Simulator, call: Caller, form: str
) -> None:
    connectwise.add_fault(form=form)
    answer = call.pay()
    assert answer.status_code == int(form[-3:])
    assert answer.text == "" or answer.headers["Content-Type"].startswith("text/html")
    assert amounts(connectwise) == []


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("form", ODD_ERRORS)
def test_an_odd_error_is_a_refusal(connectwise: Simulator, call: Caller, form: str) -> None:
    connectwise.add_fault(form=form)
    assert call.pay().status_code == 400
    assert amounts(connectwise) == []


def test_an_error_holds_half_a_surrogate_pair(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(form="surrogates")
    assert "\ud83d" in call("GET", INVOICES).json()["message"]


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_trickles_without_an_end(connectwise: Simulator, part: str) -> None:
    """A byte now and then: no wait for the next one ever takes long."""
    connectwise.add_fault(form=f"trickling-{part}")
    with socket.create_connection(("127.0.0.1", urlsplit(connectwise.site).port or 0), 5) as caller:
        caller.sendall(b"GET /login/companyinfo/acme HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while not received.endswith(b"   "):
            received += caller.recv(1024)
    assert (b"\r\n\r\n" in received) is (part == "body")
    wait_for(lambda: connectwise.counts().in_flight == 0, 5)


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("form", ODD_ANSWERS)
def test_an_odd_answer_follows_a_call_that_took_effect(
    connectwise: Simulator, call: Caller, form: str
) -> None:
    true = call("GET", PAYMENTS)
    connectwise.add_fault(form=form, times=None)
    assert call.change(1, "amount", 7).status_code == 200
    assert amounts(connectwise) == [30 if form == "unchanged" else 7]
    listed = call("GET", PAYMENTS)
    assert listed.status_code == 200
    assert form == "unchanged" or (listed.text, listed.links) != (true.text.replace("30", "7"), {})


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(
    ("form", "row"),
    [
        ("id-text", '{"id":"12",'),
        ("id-infinity", '{"id":Infinity,'),
        ("id-fraction", '{"id":1.9,'),
        ("no-id", '{"type":"P",'),
        ("another", '{"id":1000001,'),
    ],
)
def test_only_the_ids_of_the_rows_are_odd(
    connectwise: Simulator, call: Caller, form: str, row: str
) -> None:
    connectwise.add_fault(form=form)
    text = call("GET", PAYMENTS).text
    assert text.startswith(f"[{row}")
    assert '"invoice":{"id":1,' in text


@pytest.mark.usefixtures("paid")
def test_pages_come_without_end(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(form="endless", times=None)
    for page in (1, 2, 77):
        answer = call("GET", PAYMENTS, params={"page": page})
        assert [row["id"] for row in answer.json()] == [1]
        assert "next" in answer.links


# Speed and budgets


def test_latency_counts_for_each_call_alone(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(latency_seconds=1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: call("GET", INVOICES), range(8)))
    took = [found.answered - found.received for found in connectwise.calls() if found.answered]
    assert len(took) == 8
    assert min(took) >= 1
    assert connectwise.counts().max_in_flight == 8


@pytest.mark.parametrize("retry_after", ["seconds", "date", "none"])
def test_more_calls_than_the_budget_are_too_many(
    connectwise: Simulator, call: Caller, retry_after: Any
) -> None:
    connectwise.configure(
        budget=Budget(requests=2, seconds=30, kind="window", retry_after=retry_after)
    )
    answers = [call("GET", INVOICES) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"] == "ConnectWiseAPI"
    told = answers[2].headers.get("Retry-After")
    if retry_after == "seconds":
        assert 25 < int(told or 0) <= 30
    elif retry_after == "date":
        assert 25 < parsedate_to_datetime(told or "").timestamp() - time.time() <= 31
    else:
        assert told is None


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
    call.pay()
    first, second = connectwise.calls()
    assert (first.kind, first.query, first.accept) == (
        "invoices",
        "page=1",
        "application/x; version=1",
    )
    assert (second.kind, second.body, second.status) == ("payment-create", '{"amount": 1}', 201)
    assert second.content_type == "application/json"
    assert second.took_effect is not None
    assert second.answered is not None
    assert first.received < second.received < second.took_effect < second.answered
    assert connectwise.calls(since=first.number) == [second]


@pytest.mark.usefixtures("invoice")
def test_counts_tell_what_was_called_how_often(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(second_payment="allow")
    call.pay()
    call.pay()
    call("GET", "/finance/invoices/9/payments")
    counts = connectwise.counts()
    assert counts.calls == {("POST", "payment-create"): 2, ("GET", "payments"): 1}
    assert counts.statuses == {201: 2, 404: 1}
    assert (counts.total, counts.connections, counts.in_flight) == (3, 1, 0)
    assert (counts.creates, counts.max_creates_per_invoice) == (2, 2)
    connectwise.clear_calls()
    connectwise.configure(log_calls=False)
    call("GET", INVOICES)
    assert (connectwise.calls(), connectwise.counts().total) == ([], 1)


def test_calls_inside_an_asked_for_silence_are_told(connectwise: Simulator, call: Caller) -> None:
    connectwise.configure(silence_grace_seconds=0)
    connectwise.add_fault(status=503, headers={"Retry-After": "1"})
    call("GET", INVOICES)
    call("GET", INVOICES)
    time.sleep(1)
    call("GET", INVOICES)
    assert [found.inside_silence for found in connectwise.calls()] == [False, True, False]
    assert connectwise.counts().inside_silence == 1


def test_who_hung_up_is_no_longer_in_flight(connectwise: Simulator, call: Caller) -> None:
    connectwise.add_fault(hang_seconds=60)
    call.timeout_seconds = 0.1
    with pytest.raises(requests.ReadTimeout):
        call("GET", INVOICES)
    call.timeout_seconds = 5
    call("GET", INVOICES)
    assert connectwise.calls()[-1].in_flight == 1


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


@pytest.mark.parametrize("end", ["terminate", "close standard input"])
def test_one_line_says_that_it_is_ready_and_it_ends_though_a_call_hangs(end: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--exit-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        site = urlsplit(json.loads(process.stdout.readline())["site"])
        with socket.create_connection((site.hostname or "", site.port or 0), 5) as caller:
            fault = b'{"hang_seconds":60}'
            for path, body in ((b"/_simulator/add-fault", fault), (b"/login/companyinfo/x", b"")):
                size = str(len(body)).encode()
                caller.sendall(
                    b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n"
                    b"Content-Length: " + size + b"\r\n\r\n" + body
                )
                if body:
                    assert caller.recv(1000).startswith(b"HTTP/1.1 200")
            if end == "terminate":
                process.terminate()
            else:
                process.stdin.close()
            assert (process.wait(30), process.stdout.read()) == (0, "")
