"""A ConnectWise that cannot be reached: each kind is told from the others, over real sockets."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography import x509

from component.authority import Holder, Wrong, authority, server, tls_of
from component.test_wire import OK, Serve, answering, get, listening
from fakes.clock import VirtualClock
from payments.command.check import connectwise_checks
from payments.command.finding import Verdict
from payments.connectwise.api import Api
from payments.connectwise.credentials import Credentials
from payments.connectwise.gate import Gate
from payments.connectwise.login import Login
from payments.connectwise.wire import HttpWire
from payments.errors import NoAnswer

CALL_SECONDS = 1.0
FAR = float("inf")
WELL = answering(OK, b"Content-Length: 2\r\n\r\n{}")


def told(url: str, trusted: str = "") -> str:
    """Return what is told of a call that is not answered."""
    wire = HttpWire(1, trusted, call_seconds=CALL_SECONDS, connect_seconds=CALL_SECONDS)
    try:
        with pytest.raises(NoAnswer) as failed:
            get(wire, url)
    finally:
        wire.close()
    assert failed.value.for_log == str(failed.value)
    return str(failed.value)


def told_of(tls: ssl.SSLContext, trusted: str = "") -> str:
    """Return what is told of a server with this TLS; nothing is sent to it."""
    with listening(WELL, tls) as listener:
        reason = told(listener.url, trusted)
        assert listener.requests == []
    assert listener.url.removeprefix("https://").rstrip("/") in reason
    return reason


def answers(tls: ssl.SSLContext, trusted: str) -> bool:
    """Tell whether a server is trusted."""
    wire = HttpWire(1, trusted, call_seconds=CALL_SECONDS)
    try:
        with listening(WELL, tls) as listener:
            return get(wire, listener.url).body == b"{}"
    finally:
        wire.close()


# ---- Certificates --------------------------------------------------------------------------------


@pytest.fixture
def root() -> Holder:
    return authority("root")


def test_a_private_authority_of_the_secret_is_trusted(tmp_path: Path, root: Holder) -> None:
    """With a chain and without, and itself anywhere in the chain."""
    office = authority("office", root)
    assert answers(tls_of(server(root), tmp_path), root.pem)
    assert answers(tls_of(server(office), tmp_path, [office]), root.pem)
    assert answers(tls_of(server(office), tmp_path), office.pem)
    assert answers(tls_of(server(office), tmp_path), f"{office.pem}\n{root.pem}")


def test_each_certificate_that_is_not_accepted_has_its_reason_and_cure(
    tmp_path: Path, root: Holder
) -> None:
    """And no other's."""
    office = authority("office", root)
    other = Wrong(names=(x509.DNSName("psa.example.com"),))
    reasons = {
        "is self-signed": told_of(tls_of(server(None), tmp_path)),
        "that of a firewall": told_of(tls_of(server(root), tmp_path, [root])),
        "chain is not complete": told_of(tls_of(server(office), tmp_path), root.pem),
        "has expired": told_of(tls_of(server(root, Wrong(-9, -1)), tmp_path), root.pem),
        "is not valid yet": told_of(tls_of(server(root, Wrong(1, 9)), tmp_path), root.pem),
        "is for another name": told_of(tls_of(server(root, other), tmp_path), root.pem),
    }
    assert "s_client -connect 127.0.0.1:" in reasons["is for another name"]
    for kind, reason in reasons.items():
        assert kind in reason
        assert "(OpenSSL: " in reason
        assert not any(kind in reasons[other] for other in reasons if other != kind)
    for kind in ("is self-signed", "that of a firewall", "chain is not complete"):
        assert "into caCertificates in the secret" in reasons[kind]


STRICT: dict[str, tuple[Wrong, Wrong]] = {
    # OpenSSL's reason: what is wrong with the authority, and with the server
    "CA cert does not include key usage extension": (Wrong(without=(x509.KeyUsage,)), Wrong()),
    "Missing Subject Key Identifier": (Wrong(without=(x509.SubjectKeyIdentifier,)), Wrong()),
    "Basic Constraints of CA cert not marked critical": (
        Wrong(basic_constraints_critical=False),
        Wrong(),
    ),
    "Missing Authority Key Identifier": (
        Wrong(),
        Wrong(without=(x509.AuthorityKeyIdentifier,)),
    ),
}


@pytest.mark.parametrize("reason", STRICT)
def test_what_only_strict_checks_refuse_is_told_as_such(tmp_path: Path, reason: str) -> None:
    """On each Python alike; and the cure that is told helps."""
    wrong_authority, wrong_server = STRICT[reason]
    office = authority("office", wrong=wrong_authority)
    ours = server(office, wrong_server)
    words = told_of(tls_of(ours, tmp_path), office.pem)
    assert words.endswith(f"(OpenSSL: {reason})")
    assert "Python checks since 3.13" in words
    assert "or put the server's own certificate (PEM) into caCertificates" in words
    assert answers(tls_of(ours, tmp_path), ours.pem)


def test_strictness_is_not_left_to_the_version_of_python() -> None:
    """An operator's Python 3.11 must judge as the function's 3.13 does."""
    wire = HttpWire(1)
    context = wire._adapter.poolmanager.connection_pool_kw["ssl_context"]
    default = ssl.create_default_context()
    flags = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.verify_flags & flags == flags
    assert context.verify_flags | default.verify_flags == context.verify_flags
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) > 100
    wire.close()


# ---- TLS -----------------------------------------------------------------------------------------


def old(tls: ssl.SSLContext) -> None:
    tls.set_ciphers("ALL:@SECLEVEL=0")
    # Not by its name, which warns.
    tls.maximum_version = ssl.TLSVersion(0x0302)
    tls.minimum_version = ssl.TLSVersion(0x0301)


def rare(tls: ssl.SSLContext) -> None:
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE-ECDSA-CAMELLIA128-SHA256:@SECLEVEL=0")


def asking(tls: ssl.SSLContext) -> None:
    tls.verify_mode = ssl.CERT_REQUIRED


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (old, "speaks only versions of TLS that are not safe any more"),
        (rare, "shares no cipher with us"),
        (asking, "wants a certificate of whoever calls, which there is none of"),
    ],
)
def test_tls_that_does_not_come_about_is_told_by_what_the_server_lacks(
    tmp_path: Path, root: Holder, change: Callable[[ssl.SSLContext], None], kind: str
) -> None:
    tls = tls_of(server(root), tmp_path)
    change(tls)
    reason = told_of(tls, root.pem)
    assert kind in reason
    assert "(OpenSSL: " in reason


# ---- Connections ---------------------------------------------------------------------------------


@contextmanager
def taking(act: Serve) -> Iterator[str]:
    """Let something take connections that has not heard of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as kept:

        def take() -> None:
            connection = kept.enter_context(listener.accept()[0])
            connection.recv(5)
            act(connection)

        thread = threading.Thread(target=take)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def closes(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.close()


def speaks_http(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def is_silent(_: socket.socket) -> None:
    pass


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (resets, "closes the connection as soon as TLS begins"),
        (closes, "closes the connection as soon as TLS begins"),
        (speaks_http, "does not speak TLS at this port, perhaps plain HTTP"),
        (is_silent, "does not begin TLS in time"),
    ],
)
def test_what_does_not_begin_tls_is_told_by_what_it_does(act: Serve, kind: str) -> None:
    with taking(act) as url:
        reason = told(url)
    assert kind in reason
    assert "127.0.0.1:" in reason


def test_a_connection_that_is_refused_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reason = told(f"https://127.0.0.1:{port}/")
    assert reason.startswith(f"127.0.0.1:{port} refuses the connection")
    assert "correct site" in reason


def test_a_connection_that_is_not_taken_in_time_is_told_so() -> None:
    """As a firewall does that drops what it does not like: here the queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        address = full.getsockname()
        for _ in range(5):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        reason = told(f"https://127.0.0.1:{address[1]}/")
    assert "takes no connection in time" in reason


def test_a_host_that_is_not_known_is_told_so() -> None:
    reason = told("https://psa.invalid/")
    assert reason.startswith(("the host psa.invalid is not known", "no name server answers"))


# ---- What the operator is told -------------------------------------------------------------------


def html(status: bytes, title: bytes, *headers: bytes) -> Serve:
    body = b"<html><head><title>%s</title></head></html>" % title
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n" % (status, len(body))
    return answering(head, *headers, b"\r\n", body)


def said(body: object, status: bytes = b"200 OK") -> Serve:
    content = json.dumps(body).encode()
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status
    return answering(head, b"Content-Length: %d\r\n\r\n" % len(content), content)


MOVED = b"Location: https://login.example.com/oauth?client=hush\r\n"
ANSWERS: dict[str, tuple[Serve, str]] = {
    "a redirect": (
        html(b"302 Found", b"Moved", MOVED),
        "answers with a redirect to https://login.example.com (302)",
    ),
    "a login page": (
        html(b"200 OK", b"Sign in"),
        "is not ConnectWise's (200, titled 'Sign in'): a firewall, a proxy or a login page",
    ),
    "a firewall": (
        html(b"403 Forbidden", b"Web page blocked"),
        "is not ConnectWise's (403, titled 'Web page blocked'): a firewall, a proxy or a login",
    ),
    "another server": (html(b"404 Not Found", b"IIS"), "there is no ConnectWise at this address"),
    "a server that is down": (html(b"502 Bad Gateway", b"x"), "the server is not up, or what"),
    "a login": (html(b"401 Unauthorized", b"Proxy"), "Or else: "),
    "no such company": (said(None), "knows no company acme. Correct site and company"),
    "no such company (404)": (
        said({"code": "NotFound", "message": "x"}, b"404 Not Found"),
        "knows no company acme. Correct site and company",
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_check_tells_what_answers_in_connectwise_s_place(what: str) -> None:
    serve, kind = ANSWERS[what]
    with listening(serve) as listener:
        remark = checked(listener.url)
    assert kind in remark
    assert "hush" not in remark
    assert listener.url.removeprefix("http://").rstrip("/") in remark


def test_check_tells_why_nobody_answers(tmp_path: Path) -> None:
    """In the same words as the function."""
    with listening(WELL, tls_of(server(None), tmp_path)) as listener:
        remark = checked(listener.url)
        assert told(listener.url) in remark
    assert remark.startswith("ConnectWise does not answer as it should: the certificate of ")


def checked(site: str) -> str:
    """Return the one thing that `check` says of ConnectWise at this site."""
    clock = VirtualClock()
    wire = HttpWire(1, call_seconds=CALL_SECONDS)
    login = Login(lambda: Credentials(site, "acme", "public", "hush", "client"))
    api = Api(wire, login, Gate(1, FAR, clock), "2026.1", clock)
    (check,) = connectwise_checks(api, clock)
    wire.close()
    assert check.verdict is Verdict.FAILED
    return check.remark
