"""What each answer of ConnectWise means."""

import json

import pytest

from payments.connectwise.verdicts import accepted, result
from payments.connectwise.wire import Response
from payments.errors import (
    AccessRefused,
    Busy,
    NoAnswer,
    NotFound,
    NotPermitted,
    Quoting,
    RecordRejected,
    ServerFault,
)

REASON = "The amount 73519.26 is not accepted."
READABLE = json.dumps({"code": "InvalidObject", "message": REASON}).encode()
THROTTLING = json.dumps({"error": "ConnectWiseAPI", "message": REASON}).encode()
IIS = b"<html><title>Bad Request</title><h2>Bad Request - Invalid Hostname</h2></html>"
OTHERS = [
    IIS,
    b"",
    b"[1, 2]",
    b"{",
    b"\0",
    b"null",
    b"{}",
    b'{"message": ""}',
    b'"' + REASON.encode(),
]


def verdict(status: int, body: bytes, method: str = "POST") -> Exception:
    with pytest.raises((Quoting, RecordRejected)) as raised:
        accepted(method, Response(status, {}, body))
    return raised.value


MEANINGS: list[tuple[int, type[Exception], type[Exception]]] = [
    # status, if it is readable, if it is not
    (302, AccessRefused, AccessRefused),
    (400, RecordRejected, NoAnswer),
    (401, AccessRefused, AccessRefused),
    (403, NotPermitted, NoAnswer),
    (404, NotFound, NoAnswer),
    *((status, RecordRejected, NoAnswer) for status in (405, 410, 415, 421, 422, 431, 451, 499)),
    (408, NoAnswer, NoAnswer),
    (409, Busy, NoAnswer),
    (500, ServerFault, NoAnswer),
    *((status, NoAnswer, NoAnswer) for status in (101, 501, 502, 503, 504, 520, 599, 600, 999)),
]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize(("status", "readable", "unreadable"), MEANINGS)
def test_each_status_has_one_meaning(
    method: str, status: int, readable: type[Exception], unreadable: type[Exception]
) -> None:
    for body in (READABLE, THROTTLING):
        assert type(verdict(status, body, method)) is readable
    for body in OTHERS:
        assert type(verdict(status, body, method)) is unreadable


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ((400, 403, 408, 409, 421, 431, 451, 499), "a firewall, a proxy or a login page answers"),
        ((404, 405, 410), "there is no ConnectWise at this address"),
        ((500, 502, 503, 504, 520), "the server is not up"),
    ],
)
def test_a_page_that_is_not_connectwise_s_is_told_as_such(
    statuses: tuple[int, ...], told: str
) -> None:
    """With its title, which the log does not quote."""
    for status in statuses:
        failure = verdict(status, IIS)
        assert isinstance(failure, NoAnswer)
        assert f"what is not ConnectWise's ({status}, titled 'Bad Request'): {told}" in str(failure)
        assert f"what is not ConnectWise's ({status}): {told}" in failure.for_log


@pytest.mark.parametrize(
    "title", [b"<title>", b"<title/>", b"<title>\xff\x1b[0m</title>", b"<TITLE "]
)
def test_an_odd_title_does_no_harm(title: bytes) -> None:
    assert str(verdict(403, title * 10_000)).isprintable()


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.example.com/a?token=hush", " to https://login.example.com (302)"),
        ("https://kim:hush@login.example.com/", " (302)"),
        ("http://login.example.com:8080", " to http://login.example.com:8080 (302)"),
        ("/login?token=hush", " (302)"),
        ("", " (302)"),
    ],
)
def test_a_redirect_is_told_with_the_host_that_it_names(location: str, shown: str) -> None:
    with pytest.raises(AccessRefused) as refused:
        accepted("GET", Response(302, {"Location": location}, b""))
    assert f"a redirect{shown}" in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "doing"),
    [("GET", "read this"), ("POST", "create payments"), ("PATCH", "change payments")],
)
def test_a_right_that_is_missing_is_told_with_the_cure(method: str, doing: str) -> None:
    with pytest.raises(NotPermitted) as refused:
        accepted(method, Response(403, {}, READABLE))
    for told in (str(refused.value), refused.value.for_log):
        assert f"does not allow to {doing}. In ConnectWise, give the role these rights" in told
        assert "Accounting Interface: add, edit, delete and inquire All" in told
        assert "SECURITY.md, Permissions" in told


def test_a_401_that_is_not_connectwise_s_may_be_about_other_keys() -> None:
    told = str(verdict(401, IIS))
    assert told.startswith(
        "ConnectWise does not accept the keys (401). Or else: ConnectWise answers"
    )
    assert "Or else" not in str(verdict(401, READABLE))


@pytest.mark.parametrize("status", [400, 401, 403, 408, 409, 422, 500, 502])
def test_what_connectwise_says_is_told_but_is_not_for_the_log(status: int) -> None:
    """It can quote the payment that it does not accept."""
    found = verdict(status, READABLE)
    assert REASON in str(found)
    if isinstance(found, Quoting):
        assert REASON not in found.for_log
        assert str(status) in found.for_log


def test_a_rejection_tells_each_error() -> None:
    errors = [
        {"code": "OutOfRange", "message": "Too much.", "field": "amount"},
        {"message": "Late."},
    ]
    found = verdict(400, json.dumps({"message": "invalid", "errors": errors}).encode())
    assert isinstance(found, RecordRejected)
    assert found.messages == (
        "ConnectWise: Too much. (field amount, code OutOfRange)",
        "ConnectWise: Late.",
    )


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("body", [IIS, b"[" * 100_000, b"\xff"])
def test_a_success_that_cannot_be_read_comes_from_something_in_between(
    method: str, body: bytes
) -> None:
    with pytest.raises(NoAnswer, match="a login page answers in its place"):
        result(method, accepted(method, Response(200, {}, body)))


def test_a_success_that_says_nothing_can_only_be_looked_up_after_an_update() -> None:
    assert result("PATCH", Response(204, {}, b"")) is None
    for method in ("GET", "POST"):
        with pytest.raises(NoAnswer):
            result(method, Response(204, {}, b""))


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_says_what_it_says(status: int) -> None:
    for method in ("GET", "POST", "PATCH"):
        assert result(method, accepted(method, Response(status, {}, b'{"id": 5}'))) == {"id": 5}
