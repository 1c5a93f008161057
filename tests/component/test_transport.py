"""One call to ConnectWise: how it logs in, what it makes of every answer, what it repeats."""

import re
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from component.conftest import OpenLink
from component.link import API_VERSION, TRIES, Link
from local_stack.certificate import create_certificate
from payments.errors import (
    AccessRefused,
    AnswerLost,
    ConnectWiseDown,
    NotFound,
    NotPermitted,
    OutOfTime,
    Quoting,
    RecordRejected,
    ServerFault,
)
from simulator.control import Budget, Simulator

FUNCTIONS = Path(__file__).parents[2] / "functions"
INVOICES = "/finance/invoices"
PAYMENTS = "/finance/invoices/1/payments"
HTML = {"Content-Type": "text/html"}
PAGE = "<html>Come <b>back</b> later</html>"


@pytest.fixture
def connectwise(connectwise: Simulator) -> Simulator:
    connectwise.add_invoices(count=3)
    return connectwise


def made(connectwise: Simulator, method: str) -> int:
    """How many calls with this method ConnectWise has got, logging in not counted."""
    calls = connectwise.counts().calls
    return sum(n for (each, kind), n in calls.items() if each == method and kind != "companyinfo")


def send(link: Link, method: str, invoice: int = 1) -> object:
    """Make a call that ConnectWise would accept; a PATCH is of payment 1."""
    path = f"/finance/invoices/{invoice}/payments"
    if method == "GET":
        return link.transport.get(path)
    if method == "POST":
        return link.transport.post(path, {"amount": 1})
    operations = [{"op": "replace", "path": "amount", "value": 2}]
    return link.transport.patch(f"{path}/1", operations)


def asked_for_codebase(connectwise: Simulator) -> int:
    return connectwise.counts().calls.get(("GET", "companyinfo"), 0)


# Logging in


def test_a_call_carries_the_credentials_and_the_version(connectwise: Simulator, link: Link) -> None:
    """Anything else would be answered 401 or 403."""
    assert link.transport.get(PAYMENTS) == []
    call = connectwise.calls()[-1]
    assert call.accept == f"application/vnd.connectwise.com+json; version={API_VERSION}"
    assert call.path == f"/v2026_1/apis/3.0{PAYMENTS}"


def test_json_is_announced_where_it_is_sent(connectwise: Simulator, link: Link) -> None:
    """Only there."""
    link.transport.get(PAYMENTS)
    link.transport.post(PAYMENTS, {"amount": 1, "invoice": {"id": 1}})
    get, post = connectwise.calls()[-2:]
    assert (get.content_type, post.content_type) == (None, "application/json")


def test_the_codebase_is_asked_for_once(connectwise: Simulator, link: Link) -> None:
    """However many threads begin at the same time, and also by later runs."""
    connectwise.configure(latency_seconds=0.02)
    link.together(link.transport.get, [PAYMENTS] * 16)
    link.start()
    link.transport.get(PAYMENTS)
    assert asked_for_codebase(connectwise) == 1


@pytest.mark.parametrize("answer", ["null", "404"])
def test_an_unknown_company_is_refused_by_name(
    connectwise: Simulator, open_link: OpenLink, answer: str
) -> None:
    """However ConnectWise says it; the keys are not sent anywhere."""
    connectwise.configure(unknown_company="null" if answer == "null" else "404")
    with pytest.raises(AccessRefused, match="knows no company nobody"):
        open_link(company="nobody").transport.get(INVOICES)
    assert connectwise.counts().total == asked_for_codebase(connectwise) == 1


def test_an_upgraded_tenant_is_found_again(connectwise: Simulator, link: Link) -> None:
    """A 404 out of the blue has the codebase asked for afresh, once for all threads."""
    link.transport.get(INVOICES)
    connectwise.configure(codebase="v2026_2/")
    link.transport.get(INVOICES)
    assert connectwise.calls()[-1].path.startswith("/v2026_2/")
    assert asked_for_codebase(connectwise) == 2


def test_a_create_survives_the_upgrade_of_the_tenant(connectwise: Simulator, link: Link) -> None:
    """The 404 came from another path: nothing was created there."""
    link.transport.get(INVOICES)
    connectwise.configure(codebase="v2026_2/")
    link.transport.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1


def test_a_404_is_the_record_s_if_a_call_made_after_it_is_answered(
    connectwise: Simulator, link: Link
) -> None:
    """Then neither keys nor codebase are at fault; the codebase is not asked for again."""
    for number in range(100, 105):
        with pytest.raises(NotFound, match=r"Invoice \d+ was not found|not found"):
            link.transport.get(f"/finance/invoices/{number}/payments")
    assert made(connectwise, "GET") == 10, "each once, and a proof for each"
    assert asked_for_codebase(connectwise) == 1


def test_one_call_proves_several_404s(connectwise: Simulator, link: Link) -> None:
    """Those that were received before it was made."""
    connectwise.configure(latency_seconds=0.1)

    def not_found(number: int) -> bool:
        with pytest.raises(NotFound):
            link.transport.get(f"/finance/invoices/{number}/payments")
        return True

    assert all(link.together(not_found, range(100, 108)))
    assert made(connectwise, "GET") < 16


def test_a_tenant_that_is_upgraded_after_a_404_is_found_again(
    connectwise: Simulator, link: Link
) -> None:
    """A genuine 404 just before says nothing about one that comes now."""
    with pytest.raises(NotFound):
        link.transport.get("/finance/invoices/100/payments")
    connectwise.configure(codebase="v2026_2/")
    link.transport.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1


def test_an_upgrade_that_takes_a_while_fails_no_record(connectwise: Simulator, link: Link) -> None:
    """The new codebase is named already, but answers 404 too, to all threads."""
    link.transport.get(PAYMENTS)
    connectwise.configure(codebase="v2026_2/")
    connectwise.add_fault(path="v2026_2/apis", status=404, times=None)

    def refused(_: int) -> bool:
        with pytest.raises(AccessRefused):
            link.transport.get(PAYMENTS)
        return True

    assert all(link.together(refused, range(16)))


def test_a_proof_that_is_rejected_is_not_the_record_s_error(
    connectwise: Simulator, link: Link
) -> None:
    """It has been answered, and that is all it is for."""
    answer = {"code": "ApiFindCondition", "message": "No such field."}
    connectwise.add_fault(path="invoices[?]fields=id", status=400, answer=answer, times=None)
    with pytest.raises(NotFound, match="not found"):
        link.transport.get("/finance/invoices/100/payments")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_when_nothing_is_found_any_more_the_run_stops(
    connectwise: Simulator, link: Link, method: str
) -> None:
    """However many calls have been answered before: no record may fail for it."""
    connectwise.add_payment(2, "1.00")
    link.transport.get(PAYMENTS)
    connectwise.add_fault(path="apis", status=404, headers=HTML, answer=PAGE, times=None)
    with pytest.raises(AccessRefused, match="404 to everything"):
        send(link, method, invoice=1 if method == "POST" else 2)


def test_a_secret_that_changes_to_another_company_stops_the_run(
    connectwise: Simulator, link: Link
) -> None:
    """What it knows of external ids is of the first; the next run goes on with the other."""
    link.transport.get(PAYMENTS)
    rotated = connectwise.rotate_keys()
    connectwise.configure(company="beta")
    link.secret = {**rotated, "company": "beta"}
    with pytest.raises(AccessRefused, match=r"now for .*/beta"):
        link.transport.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 0
    assert link.login.credentials().company == "beta"
    link.start()
    link.transport.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1


def test_a_rotated_key_is_read_afresh_once_for_all_threads(
    connectwise: Simulator, link: Link
) -> None:
    """The calls go on with it."""
    link.transport.get(INVOICES)
    link.secret = connectwise.rotate_keys()
    link.together(link.transport.get, [PAYMENTS] * 16)
    assert link.reads == 2


def test_a_rotated_key_does_not_double_a_create(connectwise: Simulator, link: Link) -> None:
    """A 401 has created nothing, so that the create may be sent again."""
    link.transport.get(INVOICES)
    link.secret = connectwise.rotate_keys()
    link.transport.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1
    assert connectwise.counts().statuses[401] == 1


def test_a_key_that_is_still_refused_stops_the_run(connectwise: Simulator, link: Link) -> None:
    """The message says which company and site, not which key."""
    connectwise.rotate_keys()
    with pytest.raises(AccessRefused, match="keys for company acme") as refused:
        link.transport.get(INVOICES)
    assert link.reads == 2
    assert link.secret["privateKey"] not in str(refused.value)
    assert made(connectwise, "GET") == 1


def test_new_keys_that_are_refused_as_well_stop_the_run(connectwise: Simulator, link: Link) -> None:
    """The secret is read afresh once, not for ever."""
    link.transport.get(INVOICES)
    connectwise.rotate_keys()
    link.secret = {**link.secret, "privateKey": "also wrong"}
    with pytest.raises(AccessRefused, match="does not accept the keys"):
        link.transport.get(INVOICES)
    assert connectwise.counts().statuses[401] == 2


def test_wrong_keys_that_look_like_404_stop_the_run(
    connectwise: Simulator, open_link: OpenLink
) -> None:
    """As cloud hosts are said to answer: no record may fail for it."""
    connectwise.configure(refused_credentials_status=404)
    with pytest.raises(AccessRefused, match="404 to everything"):
        open_link(privateKey="wrong").transport.get(PAYMENTS)


def test_a_missing_client_id_stops_the_run(open_link: OpenLink) -> None:
    """ConnectWise answers 403."""
    with pytest.raises(NotPermitted, match="clientId"):
        open_link(clientId="wrong").transport.get(INVOICES)


def test_a_missing_permission_stops_the_run(connectwise: Simulator, link: Link) -> None:
    """It is the API member's security role, not the record."""
    connectwise.configure(write_payments=False)
    with pytest.raises(NotPermitted, match="security role"):
        link.transport.post(PAYMENTS, {"amount": 1})
    assert made(connectwise, "POST") == 1


def test_a_redirect_is_not_followed(connectwise: Simulator, link: Link) -> None:
    """A POST would become a GET, and the keys would go to another host."""
    target = f"{connectwise.site}/elsewhere"
    connectwise.add_fault(method="POST", status=302, headers={"Location": target})
    with pytest.raises(AccessRefused, match="redirect"):
        link.transport.post(PAYMENTS, {"amount": 1})
    assert "/elsewhere" not in {call.path for call in connectwise.calls()}


def test_the_caller_s_proxy_and_netrc_are_not_used(
    link: Link, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The environment may not change where we call, and as whom."""
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert link.transport.get(PAYMENTS) == []


# Answers


def test_numbers_are_read_with_all_their_digits(connectwise: Simulator, link: Link) -> None:
    """An amount is never a binary fraction."""
    connectwise.configure(overpayment="accept")
    connectwise.add_payment(1, "12345678901234567.10")
    [row] = link.transport.get(PAYMENTS)
    assert str(row["amount"]) == "12345678901234567.10"


@pytest.mark.parametrize("status", [400, 409, 405, 415, 422])
def test_a_rejection_is_the_record_s(connectwise: Simulator, link: Link, status: int) -> None:
    """With ConnectWise's own message, field and code."""
    errors = [
        {"code": "OutOfRange", "message": "Too much.", "field": "amount"},
        {"code": "Missing", "message": "No date.", "field": "paymentDate"},
    ]
    answer = {"code": "InvalidObject", "message": "payment object is invalid", "errors": errors}
    connectwise.add_fault(method="POST", status=status, answer=answer)
    with pytest.raises(RecordRejected) as rejected:
        link.transport.post(PAYMENTS, {"amount": 1})
    assert rejected.value.messages == (
        "ConnectWise: Too much. (field amount, code OutOfRange)",
        "ConnectWise: No date. (field paymentDate, code Missing)",
    )


@pytest.mark.parametrize("answer", [PAGE, "", "[1, 2]", "{", "\x00"])
def test_a_rejection_need_not_be_json(connectwise: Simulator, link: Link, answer: str) -> None:
    """Nothing of a proxy's page is passed on."""
    connectwise.add_fault(status=400, headers=HTML, answer=answer, path="payments")
    with pytest.raises(RecordRejected) as rejected:
        link.transport.get(PAYMENTS)
    assert rejected.value.messages == ("ConnectWise answered 400 without a reason.",)


@pytest.mark.parametrize("answer", ["[" * 100_000, "[1e9999999999999999999]"])
def test_an_answer_out_of_this_world_is_none(
    connectwise: Simulator, link: Link, answer: str
) -> None:
    """It is repeated, and then ConnectWise counts as down."""
    connectwise.add_fault(path="payments", status=200, answer=answer, times=None)
    with pytest.raises(ConnectWiseDown):
        link.transport.get(PAYMENTS)


def test_what_connectwise_says_is_passed_on_within_bounds(
    connectwise: Simulator, link: Link
) -> None:
    """The fail file and the e-mail have to stay readable."""
    long = "x" * 5000
    errors = [{"code": long, "message": long, "field": long}] * 100
    connectwise.add_fault(method="POST", status=400, answer={"errors": errors})
    with pytest.raises(RecordRejected) as rejected:
        link.transport.post(PAYMENTS, {"amount": 1})
    assert len(rejected.value.messages) == 20
    assert max(map(len, rejected.value.messages)) < 800


# What is repeated

FAILURES = {
    "500": {"status": 500, "answer": {"code": "ConnectWiseApi", "message": "A timeout."}},
    "408 of a proxy": {"status": 408, "headers": HTML, "answer": PAGE},
    "502 with a page": {"status": 502, "headers": HTML, "answer": PAGE},
    "503 without Retry-After": {"status": 503},
    "reset": {"reset": True},
    "reset after the effect": {"reset": True, "after": True},
    "timeout": {"hang_seconds": 5.0},
    "no JSON": {"status": 200, "headers": HTML, "answer": PAGE},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_get_is_repeated(connectwise: Simulator, link: Link, failure: str) -> None:
    """It changes nothing."""
    connectwise.add_fault(method="GET", path="payments", times=TRIES - 1, **FAILURES[failure])  # type: ignore[arg-type]
    assert link.transport.get(PAYMENTS) == []
    assert made(connectwise, "GET") == TRIES


@pytest.mark.parametrize("failure", FAILURES)
def test_a_patch_is_repeated(connectwise: Simulator, link: Link, failure: str) -> None:
    """It sets values: twice is once."""
    number = connectwise.add_payment(1, "1.00")["id"]
    connectwise.add_fault(method="PATCH", times=TRIES - 1, **FAILURES[failure])  # type: ignore[arg-type]
    operations = [{"op": "replace", "path": "amount", "value": Decimal("2.00")}]
    assert link.transport.patch(f"{PAYMENTS}/{number}", operations)["amount"] == Decimal("2.00")
    assert made(connectwise, "PATCH") == TRIES


@pytest.mark.parametrize("failure", FAILURES)
def test_a_post_is_never_repeated(connectwise: Simulator, link: Link, failure: str) -> None:
    """Nobody knows whether it took effect."""
    connectwise.add_fault(method="POST", times=None, **FAILURES[failure])  # type: ignore[arg-type]
    with pytest.raises(AnswerLost):
        link.transport.post(PAYMENTS, {"amount": 1})
    assert made(connectwise, "POST") == 1


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_repeating_ends(connectwise: Simulator, link: Link, method: str) -> None:
    """Then ConnectWise is down."""
    link.transport.get(INVOICES)
    connectwise.down()
    connectwise.clear_calls()
    with pytest.raises(ConnectWiseDown, match="503"):
        send(link, method)
    assert connectwise.counts().total == TRIES


def test_a_server_error_for_one_call_alone_is_told_from_an_outage(
    connectwise: Simulator, link: Link
) -> None:
    """ConnectWise answers other calls meanwhile."""
    answer = {"code": "ConnectWiseApi", "message": "Object reference not set."}
    connectwise.add_fault(path="payments", times=None, status=500, answer=answer)
    with pytest.raises(ServerFault, match="this call alone"):
        link.transport.get(PAYMENTS)


def test_an_outage_is_noticed_before_anything_is_known(connectwise: Simulator, link: Link) -> None:
    """The question for the codebase is repeated, too, and bounded."""
    connectwise.down(reset=True)
    with pytest.raises(ConnectWiseDown):
        link.transport.get(INVOICES)
    assert asked_for_codebase(connectwise) == TRIES
    connectwise.up()
    assert link.transport.get(PAYMENTS) == []


# Silence


def in_a_second() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST"])
@pytest.mark.parametrize(
    ("retry_after", "answer"),
    [("seconds", '{"error": "ConnectWiseAPI", "message": "Slow down."}'), ("date", PAGE)],
)
def test_a_throttled_call_is_made_again_after_the_silence(
    connectwise: Simulator, link: Link, method: str, retry_after: str, answer: str
) -> None:
    """Also a POST: a 429 has created nothing."""
    assert connectwise.add_payment(2, "1.00")["id"] == 1
    headers = {"Retry-After": "1" if retry_after == "seconds" else in_a_second()}
    connectwise.add_fault(
        method=method, path="payments", status=429, headers=headers, answer=answer
    )
    send(link, method, invoice=1 if method == "POST" else 2)
    assert made(connectwise, method) == 2
    assert connectwise.counts().inside_silence == 0
    assert link.transport.counts.throttled == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_503_with_retry_after_is_a_silence_too(
    connectwise: Simulator, link: Link, method: str
) -> None:
    """But who knows what a POST has done before it."""
    connectwise.add_fault(method=method, path="payments", status=503, headers={"Retry-After": "1"})
    if method == "POST":
        with pytest.raises(AnswerLost):
            link.transport.post(PAYMENTS, {"amount": 1})
    link.transport.get(PAYMENTS)
    assert made(connectwise, "POST") == (method == "POST")
    assert connectwise.counts().inside_silence == 0


@pytest.mark.parametrize("retry_after", [None, "soon", "-5", ""])
def test_throttling_without_a_time_waits_a_while_all_the_same(
    connectwise: Simulator, open_link: OpenLink, retry_after: str | None
) -> None:
    """Longer than what is left of this run, which therefore ends, and says how long."""
    link = open_link(run_seconds=4.0)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    connectwise.add_fault(method="GET", path="payments", status=429, headers=headers, times=None)
    with pytest.raises(OutOfTime) as pause:
        link.transport.get(PAYMENTS)
    assert pause.value.delay_seconds > 0
    assert made(connectwise, "GET") == 1


def test_a_silence_that_is_longer_than_the_run_ends_it_at_once(
    connectwise: Simulator, link: Link
) -> None:
    """The message comes back when ConnectWise wants to hear of us again."""
    connectwise.add_fault(path="payments", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(OutOfTime) as pause:
        link.transport.get(PAYMENTS)
    assert 3500 < pause.value.delay_seconds <= 3600


@pytest.mark.parametrize("kind", ["bucket", "window"])
@pytest.mark.parametrize("retry_after", ["seconds", "date"])
def test_no_thread_calls_inside_a_silence(
    connectwise: Simulator, link: Link, kind: str, retry_after: str
) -> None:
    """One gate for all; throttling costs time, never a call."""
    connectwise.configure(
        latency_seconds=0.02,
        silence_grace_seconds=0.1,
        budget=Budget(
            requests=20,
            seconds=1.0,
            kind="bucket" if kind == "bucket" else "window",
            retry_after="seconds" if retry_after == "seconds" else "date",
            body="html",
        ),
    )
    answers = link.together(link.transport.get, [PAYMENTS] * 40)
    assert answers == [[]] * 40
    assert connectwise.counts().statuses[429] > 0
    assert connectwise.counts().inside_silence == 0


def test_after_a_silence_the_calls_come_back_gradually(connectwise: Simulator, link: Link) -> None:
    """One at first; a second one only when that has been accepted."""
    connectwise.configure(latency_seconds=0.02)
    connectwise.add_fault(path="payments", skip=10, status=429, headers={"Retry-After": "1"})
    link.together(link.transport.get, [PAYMENTS] * 40)
    calls = connectwise.calls()
    [silenced] = [call for call in calls if call.status == 429]
    assert silenced.answered is not None
    assert connectwise.counts().inside_silence == 0
    # Nothing was received in the silence, so that this is what came after it.
    after = [call for call in calls if call.received > silenced.answered + 0.5]
    assert after[0].in_flight == 1
    assert max(call.in_flight for call in after[:3]) <= 2


def test_calls_in_flight_never_exceed_the_connections(
    connectwise: Simulator, open_link: OpenLink
) -> None:
    """Nor do the connections, which are kept alive."""
    connectwise.configure(latency_seconds=0.02)
    link = open_link(connections=4)
    link.together(link.transport.get, [PAYMENTS] * 60)
    assert connectwise.counts().max_in_flight == 4
    assert connectwise.counts().connections == 4


# What may be logged


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 500, 502])
def test_what_connectwise_says_is_told_but_not_logged(
    connectwise: Simulator, link: Link, caplog: pytest.LogCaptureFixture, method: str, status: int
) -> None:
    """It can quote the payment that it does not accept."""
    connectwise.add_payment(1, "5.00")
    message = "The amount 73519.26 is not accepted."
    answer = {"code": "InvalidObject", "message": message}
    connectwise.add_fault(method=method, path="payments", times=None, status=status, answer=answer)
    with pytest.raises((Quoting, RecordRejected)) as raised:
        send(link, method)
    if status not in (401, 404):  # these are told in words of ours
        assert message in str(raised.value)
    if isinstance(raised.value, Quoting):
        assert message not in raised.value.for_log
    assert message not in str([vars(record) for record in caplog.records])


# TLS


class Listener(BaseHTTPRequestHandler):
    """A server that notes what it is sent."""

    received: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.received.append(self.headers.get("Authorization", ""))
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An https server whose certificate nobody vouches for; its address and certificate."""
    files = create_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/", files.certificate
        server.shutdown()
        thread.join()


def test_nothing_is_sent_to_a_server_that_cannot_prove_who_it_is(
    impostor: tuple[str, Path], open_link: OpenLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if a variable of the environment vouches for it."""
    address, certificate = impostor
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificate))
    link = open_link(site=address)
    with pytest.raises(ConnectWiseDown, match="SSLError"):
        link.transport.get(PAYMENTS)
    assert Listener.received == []


def test_the_listener_would_have_noticed(impostor: tuple[str, Path]) -> None:
    """To whom its certificate is enough."""
    address, certificate = impostor
    requests.get(address, headers={"Authorization": "x"}, verify=str(certificate), timeout=5)
    assert Listener.received.pop() == "x"


def test_nothing_switches_the_check_of_certificates_off() -> None:
    """Neither for ConnectWise nor for AWS, in the function and in the operator's command."""
    sources = [path.read_text(encoding="utf-8") for path in FUNCTIONS.rglob("*.py")]
    assert len(sources) > 30
    for source in sources:
        assert not re.search(r"verify\s*=|CERT_NONE|unverified_context|check_hostname", source)
