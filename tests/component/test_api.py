"""One call to ConnectWise: how it logs in, when it is silent, and that it is made once."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from component.conftest import OpenLink
from component.link import API_VERSION, Link
from payments.errors import (
    AccessRefused,
    NoAnswer,
    NotFound,
    NotPermitted,
    OutOfTime,
    Quoting,
    RecordRejected,
    ServerFault,
)
from simulator.control import Budget, Simulator

INVOICES = "/finance/invoices"
PAYMENTS = "/finance/invoices/1/payments"
HTML = {"Content-Type": "text/html"}
PROOF = r"invoices[?]fields=id"
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
        return link.api.get(path)
    if method == "POST":
        return link.api.post(path, {"amount": 1})
    operations = [{"op": "replace", "path": "amount", "value": 2}]
    return link.api.patch(f"{path}/1", operations)


def asked_for_codebase(connectwise: Simulator) -> int:
    return connectwise.counts().calls.get(("GET", "companyinfo"), 0)


# Logging in


def test_a_call_carries_the_credentials_and_the_version(connectwise: Simulator, link: Link) -> None:
    """Anything else would be answered 401 or 403."""
    assert link.api.get(PAYMENTS) == []
    call = connectwise.calls()[-1]
    assert call.accept == f"application/vnd.connectwise.com+json; version={API_VERSION}"
    assert call.path == f"/v2026_1/apis/3.0{PAYMENTS}"


def test_json_is_announced_where_it_is_sent(connectwise: Simulator, link: Link) -> None:
    """Only there."""
    link.api.get(PAYMENTS)
    link.api.post(PAYMENTS, {"amount": 1, "invoice": {"id": 1}})
    get, post = connectwise.calls()[-2:]
    assert (get.content_type, post.content_type) == (None, "application/json")


def test_threads_that_log_in_at_once_do_no_harm(connectwise: Simulator, link: Link) -> None:
    """Each may ask for the codebase; later calls and runs do not."""
    connectwise.configure(latency_seconds=0.02)
    assert link.together(link.api.get, [PAYMENTS] * 16) == [[]] * 16
    asked = asked_for_codebase(connectwise)
    assert asked <= link.connections
    link.start()
    link.together(link.api.get, [PAYMENTS] * 16)
    assert asked_for_codebase(connectwise) == asked


def test_threads_that_read_a_rotated_key_at_once_do_no_harm(
    connectwise: Simulator, link: Link
) -> None:
    """The calls go on with it, and later ones do not read it again."""
    link.api.get(INVOICES)
    link.secret = connectwise.rotate_keys()
    assert link.together(link.api.get, [PAYMENTS] * 16) == [[]] * 16
    reads = link.reads
    assert reads <= 1 + link.connections
    link.api.get(PAYMENTS)
    assert link.reads == reads


@pytest.mark.parametrize("answer", ["null", "404"])
def test_an_unknown_company_is_refused_by_name(
    connectwise: Simulator, open_link: OpenLink, answer: str
) -> None:
    """However ConnectWise says it; the keys are not sent anywhere."""
    connectwise.configure(unknown_company="null" if answer == "null" else "404")
    with pytest.raises(AccessRefused, match="knows no company nobody"):
        open_link(company="nobody").api.get(INVOICES)
    assert connectwise.counts().total == asked_for_codebase(connectwise) == 1


def test_an_upgraded_tenant_is_found_again(connectwise: Simulator, link: Link) -> None:
    """A 404 out of the blue has the codebase asked for afresh, once for all threads."""
    link.api.get(INVOICES)
    connectwise.configure(codebase="v2026_2/")
    link.api.get(INVOICES)
    assert connectwise.calls()[-1].path.startswith("/v2026_2/")
    assert asked_for_codebase(connectwise) == 2


def test_a_create_survives_the_upgrade_of_the_tenant(connectwise: Simulator, link: Link) -> None:
    """The 404 came from another path: nothing was created there."""
    link.api.get(INVOICES)
    connectwise.configure(codebase="v2026_2/")
    link.api.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1


def test_a_404_is_the_record_s_if_a_call_made_after_it_is_answered(
    connectwise: Simulator, link: Link
) -> None:
    """Then neither keys nor codebase are at fault; the codebase is not asked for again."""
    for number in range(100, 105):
        with pytest.raises(NotFound, match=r"Invoice \d+ was not found|not found"):
            link.api.get(f"/finance/invoices/{number}/payments")
    assert made(connectwise, "GET") == 10, "each once, and a proof for each"
    assert asked_for_codebase(connectwise) == 1


def test_a_tenant_that_is_upgraded_after_a_404_is_found_again(
    connectwise: Simulator, link: Link
) -> None:
    """A genuine 404 just before says nothing about one that comes now."""
    with pytest.raises(NotFound):
        link.api.get("/finance/invoices/100/payments")
    connectwise.configure(codebase="v2026_2/")
    link.api.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1


def test_an_upgrade_that_takes_a_while_fails_no_record(connectwise: Simulator, link: Link) -> None:
    """The new codebase is named already, but answers 404 too, to all threads."""
    link.api.get(PAYMENTS)
    connectwise.configure(codebase="v2026_2/")
    connectwise.add_fault(path="v2026_2/apis", status=404, times=None)

    def refused(_: int) -> bool:
        with pytest.raises(AccessRefused):
            link.api.get(PAYMENTS)
        return True

    assert all(link.together(refused, range(16)))


def test_a_proof_that_is_rejected_is_not_the_record_s_error(
    connectwise: Simulator, link: Link
) -> None:
    """It has been answered, and that is all it is for."""
    answer = {"code": "ApiFindCondition", "message": "No such field."}
    connectwise.add_fault(path=PROOF, status=400, answer=answer, times=None)
    with pytest.raises(NotFound, match="not found"):
        link.api.get("/finance/invoices/100/payments")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_when_nothing_is_found_any_more_the_run_stops(
    connectwise: Simulator, link: Link, method: str
) -> None:
    """However many calls have been answered before: no record may fail for it."""
    connectwise.add_payment(2, "1.00")
    link.api.get(PAYMENTS)
    connectwise.add_fault(path="apis", status=404, headers=HTML, answer=PAGE, times=None)
    with pytest.raises(AccessRefused, match="404 to everything"):
        send(link, method, invoice=1 if method == "POST" else 2)


def test_a_secret_that_changes_to_another_company_stops_the_run(
    connectwise: Simulator, link: Link
) -> None:
    """What it knows of external ids is of the first; the next run goes on with the other."""
    link.api.get(PAYMENTS)
    rotated = connectwise.rotate_keys()
    connectwise.configure(company="beta")
    link.secret = {**rotated, "company": "beta"}
    with pytest.raises(AccessRefused, match=r"now for .*/beta"):
        link.api.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 0
    assert link.login.credentials().company == "beta"
    link.start()
    link.api.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1


def test_a_rotated_key_does_not_double_a_create(connectwise: Simulator, link: Link) -> None:
    """A 401 has created nothing, so that the create may be sent again."""
    link.api.get(INVOICES)
    link.secret = connectwise.rotate_keys()
    link.api.post(PAYMENTS, {"amount": 1})
    assert connectwise.counts().creates == 1
    assert connectwise.counts().statuses[401] == 1


def test_a_key_that_is_still_refused_stops_the_run(connectwise: Simulator, link: Link) -> None:
    """The message says which company and site, not which key."""
    connectwise.rotate_keys()
    with pytest.raises(AccessRefused, match="keys for company acme") as refused:
        link.api.get(INVOICES)
    assert link.reads == 2
    assert link.secret["privateKey"] not in str(refused.value)
    assert made(connectwise, "GET") == 1


def test_new_keys_that_are_refused_as_well_stop_the_run(connectwise: Simulator, link: Link) -> None:
    """The secret is read afresh once, not for ever."""
    link.api.get(INVOICES)
    connectwise.rotate_keys()
    link.secret = {**link.secret, "privateKey": "also wrong"}
    with pytest.raises(AccessRefused, match="does not accept the keys"):
        link.api.get(INVOICES)
    assert connectwise.counts().statuses[401] == 2


def test_wrong_keys_that_look_like_404_stop_the_run(
    connectwise: Simulator, open_link: OpenLink
) -> None:
    """As cloud hosts are said to answer: no record may fail for it."""
    connectwise.configure(refused_credentials_status=404)
    with pytest.raises(AccessRefused, match="404 to everything"):
        open_link(privateKey="wrong").api.get(PAYMENTS)


def test_a_missing_client_id_stops_the_run(open_link: OpenLink) -> None:
    """ConnectWise answers 403."""
    with pytest.raises(NotPermitted, match="clientId"):
        open_link(clientId="wrong").api.get(INVOICES)


def test_a_missing_permission_stops_the_run(connectwise: Simulator, link: Link) -> None:
    """It is the API member's security role, not the record."""
    connectwise.configure(write_payments=False)
    with pytest.raises(NotPermitted, match="security role"):
        link.api.post(PAYMENTS, {"amount": 1})
    assert made(connectwise, "POST") == 1


def test_a_redirect_is_not_followed(connectwise: Simulator, link: Link) -> None:
    """A POST would become a GET, and the keys would go to another host."""
    target = f"{connectwise.site}/elsewhere"
    connectwise.add_fault(method="POST", status=302, headers={"Location": target})
    with pytest.raises(AccessRefused, match="redirect"):
        link.api.post(PAYMENTS, {"amount": 1})
    assert "/elsewhere" not in {call.path for call in connectwise.calls()}


# Answers


def test_numbers_are_read_with_all_their_digits(connectwise: Simulator, link: Link) -> None:
    """An amount is never a binary fraction."""
    connectwise.configure(overpayment="accept")
    connectwise.add_payment(1, "12345678901234567.10")
    [row] = link.api.get(PAYMENTS)
    assert str(row["amount"]) == "12345678901234567.10"


def test_what_connectwise_says_is_passed_on_within_bounds(
    connectwise: Simulator, link: Link
) -> None:
    """The fail file and the e-mail have to stay readable."""
    long = "x" * 5000
    errors = [{"code": long, "message": long, "field": long}] * 100
    connectwise.add_fault(method="POST", status=400, answer={"errors": errors})
    with pytest.raises(RecordRejected) as rejected:
        link.api.post(PAYMENTS, {"amount": 1})
    assert len(rejected.value.messages) == 20
    assert max(map(len, rejected.value.messages)) < 800


# One try

FAILURES = {
    "500": {"status": 500, "answer": {"code": "ConnectWiseApi", "message": "A timeout."}},
    "408 of a proxy": {"status": 408, "headers": HTML, "answer": PAGE},
    "400 of a proxy": {"status": 400, "headers": HTML, "answer": PAGE},
    "503 without Retry-After": {"status": 503},
    "reset": {"reset": True},
    "reset after the effect": {"reset": True, "after": True},
    "timeout": {"hang_seconds": 1.0},
}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_fails_is_made_once(
    connectwise: Simulator, open_link: OpenLink, method: str, failure: str
) -> None:
    """Who repeats it waits in between, and looks whether it has taken effect."""
    link = open_link(call_seconds=0.5 if failure == "timeout" else 5.0)
    connectwise.add_payment(2, "1.00")
    link.api.get(PAYMENTS)
    before = made(connectwise, method)
    connectwise.add_fault(path="payments", times=None, **FAILURES[failure])  # type: ignore[arg-type]
    with pytest.raises(ServerFault if failure == "500" else NoAnswer):
        send(link, method, invoice=1 if method == "POST" else 2)
    assert made(connectwise, method) == before + 1


@pytest.mark.parametrize("fault", [{"status": 500, "answer": {"message": "x"}}, {"reset": True}])
def test_logging_in_is_tried_once_and_is_no_fault_of_the_call(
    connectwise: Simulator, link: Link, fault: dict[str, object]
) -> None:
    """The call itself has not been made then."""
    connectwise.add_fault(path="companyinfo", **fault)  # type: ignore[arg-type]
    with pytest.raises(NoAnswer):
        link.api.get(PAYMENTS)
    assert connectwise.counts().total == asked_for_codebase(connectwise) == 1
    assert link.api.get(PAYMENTS) == []


@pytest.mark.parametrize("fault", [{"status": 500, "answer": {"message": "x"}}, {"reset": True}])
def test_a_proof_that_fails_proves_nothing(
    connectwise: Simulator, link: Link, fault: dict[str, object]
) -> None:
    """Neither that the record is at fault, nor the access."""
    connectwise.add_fault(path=PROOF, **fault)  # type: ignore[arg-type]
    with pytest.raises(NoAnswer):
        link.api.get("/finance/invoices/100/payments")
    assert asked_for_codebase(connectwise) == 1


def test_whether_connectwise_answers_can_be_asked(connectwise: Simulator, link: Link) -> None:
    """Also where the API member may not read invoices."""
    assert link.api.answers()
    connectwise.configure(read_invoices=False)
    assert link.api.answers()
    connectwise.down()
    assert not link.api.answers()
    connectwise.up()


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
    assert link.api.counts.throttled == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_503_with_retry_after_is_a_silence_too(
    connectwise: Simulator, link: Link, method: str
) -> None:
    """But who knows what a POST has done before it."""
    connectwise.add_fault(method=method, path="payments", status=503, headers={"Retry-After": "1"})
    if method == "POST":
        with pytest.raises(NoAnswer):
            link.api.post(PAYMENTS, {"amount": 1})
    link.api.get(PAYMENTS)
    assert made(connectwise, "POST") == (method == "POST")
    assert connectwise.counts().inside_silence == 0


@pytest.mark.parametrize("retry_after", [None, "soon", "-5", "", "Thu, 99 Foo 0000 99:99:99 +9999"])
def test_throttling_without_a_time_waits_a_while_all_the_same(
    connectwise: Simulator, open_link: OpenLink, retry_after: str | None
) -> None:
    """Longer than what is left of this run, which therefore ends, and says how long."""
    link = open_link(run_seconds=4.0)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    connectwise.add_fault(method="GET", path="payments", status=429, headers=headers, times=None)
    with pytest.raises(OutOfTime) as pause:
        link.api.get(PAYMENTS)
    assert pause.value.delay_seconds > 0
    assert made(connectwise, "GET") == 1


def test_a_silence_that_is_longer_than_the_run_ends_it_at_once(
    connectwise: Simulator, link: Link
) -> None:
    """The message comes back when ConnectWise wants to hear of us again."""
    connectwise.add_fault(path="payments", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(OutOfTime) as pause:
        link.api.get(PAYMENTS)
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
    answers = link.together(link.api.get, [PAYMENTS] * 40)
    assert answers == [[]] * 40
    assert connectwise.counts().statuses[429] > 0
    assert connectwise.counts().inside_silence == 0


def test_after_a_silence_the_calls_come_back_gradually(connectwise: Simulator, link: Link) -> None:
    """One at first; a second one only when that has been accepted."""
    connectwise.configure(latency_seconds=0.02)
    connectwise.add_fault(path="payments", skip=10, status=429, headers={"Retry-After": "1"})
    link.together(link.api.get, [PAYMENTS] * 40)
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
    link.together(link.api.get, [PAYMENTS] * 60)
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
