"""One HTTP request, over real sockets: an answer, or none, within bounds of time and size."""

import gzip
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from local_stack.certificate import create_certificate
from payments.connectwise.wire import MOST_BYTES, HttpWire, Request, Response
from payments.errors import NoAnswer

FUNCTIONS = Path(__file__).parents[2] / "functions"
CALL_SECONDS = 0.4
# A call that was not bounded would take for ever; this only has to be far from it.
SOON_SECONDS = CALL_SECONDS + 3.0
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

Serve = Callable[[socket.socket], None]


class Listener:
    """A server that answers every request with what `serve` does to its connection."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._serve = serve
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._ends = ExitStack()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._ends.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                # Of its own, since TLS takes the other over.
                handle = self._ends.enter_context(connection.dup())
                thread = threading.Thread(target=self._talk, args=(connection,))
                thread.start()
                self._ends.callback(thread.join)
                self._ends.callback(_shut, handle)

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), self._secured(connection) as secured:
            while request := _received(secured):
                self.requests.append(request)
                self._serve(secured)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        with connection:
            return self._tls.wrap_socket(connection, server_side=True)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _received(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
    return request


@contextmanager
def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[Listener]:
    listener = Listener(serve, tls)
    try:
        yield listener
    finally:
        listener.close()


@pytest.fixture
def wire() -> Iterator[HttpWire]:
    wire = HttpWire(4, call_seconds=CALL_SECONDS)
    yield wire
    wire.close()


def get(wire: HttpWire, url: str) -> Response:
    return wire.send(Request("GET", url, {"Accept": "x"}))


def answering(*parts: bytes) -> Serve:
    """Send these, and wait for the next request."""
    return lambda connection: connection.sendall(b"".join(parts))


def closing(*parts: bytes) -> Serve:
    """Send these, and close the connection."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        connection.shutdown(socket.SHUT_RDWR)

    return serve


def trickling(start: bytes, part: bytes) -> Serve:
    """Send `start`, and then `part` for ever, with little pauses."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(0.02)
            connection.sendall(part)

    return serve


def flooding(start: bytes, part: bytes) -> Serve:
    """Send `start`, and then 100 MB of `part`."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(100_000_000 // len(part)):
            connection.sendall(part)

    return serve


def resetting(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def waiting(connection: socket.socket) -> None:
    connection.recv(1)


def test_an_answer_has_status_headers_and_body(wire: HttpWire) -> None:
    """The names of headers are in any letter case."""
    answer = answering(b"HTTP/1.1 404 Gone\r\nretry-AFTER: 5\r\nContent-Length: 2\r\n\r\n{}")
    with listening(answer) as listener:
        response = get(wire, listener.url)
    assert (response.status, response.body) == (404, b"{}")
    assert response.headers.get("Retry-After") == "5"
    assert response.headers.get("Link", "none") == "none"


def test_a_packed_answer_is_unpacked(wire: HttpWire) -> None:
    """It is asked for."""
    packed = gzip.compress(b"[1]")
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with listening(answering(OK, head, packed)) as listener:
        assert get(wire, listener.url).body == b"[1]"
        assert b"gzip" in listener.requests[0]


def test_a_body_is_sent_with_its_length(wire: HttpWire) -> None:
    """In one piece."""
    with listening(answering(OK, b"Content-Length: 0\r\n\r\n")) as listener:
        wire.send(Request("POST", listener.url, {}, b"[12]"))
        [request] = listener.requests
    assert b"\r\nContent-Length: 4\r\n" in request


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: 0\r\n\r\n",
        CHUNKED + b"0\r\n\r\n",
    ],
)
def test_a_connection_is_kept_alive(wire: HttpWire, answer: bytes) -> None:
    """Whatever its answers."""
    with listening(answering(answer)) as listener:
        for _ in range(3):
            get(wire, listener.url)
        assert listener.connections == 1


HEAD = b"X: "
NO_ANSWERS: dict[str, Serve] = {
    "nothing": waiting,
    "a head that trickles": trickling(OK + HEAD, b"x"),
    "headers that trickle": trickling(OK, b"X: y\r\n"),
    "only preliminaries": trickling(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body that trickles": trickling(OK + b"Content-Length: 9999\r\n\r\n", b"x"),
    "chunks that trickle": trickling(CHUNKED, b"1\r\nx\r\n"),
    "a body without length that trickles": trickling(OK + b"\r\n", b"x"),
    "a reset": resetting,
    "a close": closing(),
    "a close in the head": closing(OK, HEAD),
    "a close in the body": closing(OK, b"Content-Length: 10\r\n\r\n12345"),
    "a close in a chunk": closing(CHUNKED, b"5\r\n123"),
    "no HTTP": closing(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "no status": closing(b"HTTP/1.1 abc OK\r\n\r\n"),
    "two lengths": closing(OK, b"Content-Length: 1, 2\r\n\r\n{}"),
    "a negative chunk": closing(CHUNKED, b"-5\r\n123"),
    "no chunk": closing(CHUNKED, b"zz\r\n123"),
    "no gzip": answering(OK, b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
}


@pytest.mark.parametrize("what", NO_ANSWERS)
def test_what_is_no_answer_is_one_in_time(wire: HttpWire, what: str) -> None:
    """However it trickles, and whatever is wrong with it; the next call is answered."""
    serves = iter([NO_ANSWERS[what], answering(OK, b"Content-Length: 2\r\n\r\n{}")])

    def serve(connection: socket.socket) -> None:
        next(serves)(connection)

    with listening(serve) as listener:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            get(wire, listener.url)
        assert time.monotonic() - began < SOON_SECONDS
        assert get(wire, listener.url).body == b"{}"


PART = b"x" * 100_000
ENDLESS: dict[str, Serve] = {
    "a length": flooding(OK + b"Content-Length: 100000000\r\n\r\n", PART),
    "chunks": flooding(CHUNKED, b"%x\r\n%s\r\n" % (len(PART), PART)),
    "no length": flooding(OK + b"\r\n", PART),
    "a length when unpacked": answering(
        OK + b"Content-Encoding: gzip\r\n",
        b"Content-Length: %d\r\n\r\n" % len(bomb := gzip.compress(bytes(100_000_000), 1)),
        bomb,
    ),
}


@pytest.mark.parametrize("with_", ENDLESS)
def test_an_answer_without_measure_is_none(with_: str) -> None:
    """100 MB, in all ways to send them, are given up at 16 MiB."""
    wire = HttpWire(1, call_seconds=20.0)
    with listening(ENDLESS[with_]) as listener, pytest.raises(NoAnswer, match="16 MiB"):
        get(wire, listener.url)
    wire.close()


def test_the_largest_answer_is_read(wire: HttpWire) -> None:
    """Up to the last byte."""
    wire = HttpWire(1, call_seconds=20.0)
    body = bytes(MOST_BYTES)
    head = OK + b"Content-Length: %d\r\n\r\n" % len(body)
    with listening(answering(head, body)) as listener:
        assert get(wire, listener.url).body == body
    wire.close()


def test_a_call_that_ends_disturbs_no_other(wire: HttpWire) -> None:
    """Two calls at once, of which one trickles."""
    numbers = count()

    def serve(connection: socket.socket) -> None:
        if next(numbers) == 0:
            trickling(OK, b"X: y\r\n")(connection)
        answering(OK, b"Content-Length: 2\r\n\r\n{}")(connection)

    with listening(serve) as listener:
        failed: list[str] = []
        first = threading.Thread(target=lambda: failed.append(_failure(wire, listener.url)))
        first.start()
        while not listener.requests:
            time.sleep(0.01)
        while first.is_alive():
            assert get(wire, listener.url).body == b"{}"
        first.join()
        assert failed != [""]
        assert listener.connections == 2


def _failure(wire: HttpWire, url: str) -> str:
    try:
        get(wire, url)
    except NoAnswer as error:
        return str(error)
    return ""


def test_who_does_not_listen_does_not_answer(wire: HttpWire) -> None:
    """Others are told in `test_unreachable`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(NoAnswer, match="refuses the connection"):
        get(wire, url)


def test_the_caller_s_proxy_and_netrc_are_not_used(
    wire: HttpWire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment may not change where we call, and as whom."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with listening(answering(OK, b"Content-Length: 0\r\n\r\n")) as listener:
        get(wire, listener.url)
    assert b"authorization" not in listener.requests[0].lower()


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key beside it."""
    return create_certificate(tmp_path).certificate


def tls_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("private-key.pem"))
    return context


def test_nothing_is_sent_to_a_server_that_cannot_prove_who_it_is(
    wire: HttpWire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if a variable of the environment vouches for it."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    with listening(answering(OK), tls_with(certificate)) as listener:
        with pytest.raises(NoAnswer, match="is self-signed"):
            get(wire, listener.url)
        assert listener.requests == []


@pytest.mark.parametrize("trickles", [False, True])
def test_a_certificate_of_the_secret_is_trusted(certificate: Path, *, trickles: bool) -> None:
    """As an office's own server may need; calls are bounded there as well."""
    wire = HttpWire(1, certificate.read_text(), call_seconds=1.0)
    head = OK + b"Content-Length: 2\r\n\r\n"
    serve = trickling(OK, b"X: y\r\n") if trickles else answering(head, b"{}")
    with listening(serve, tls_with(certificate)) as listener:
        assert (_failure(wire, listener.url) != "") is trickles
    wire.close()


def test_a_server_that_says_nothing_when_tls_begins_is_given_up(wire: HttpWire) -> None:
    """It takes the connection, no more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            get(wire, f"https://127.0.0.1:{silent.getsockname()[1]}/")
    assert time.monotonic() - began < SOON_SECONDS


def test_nothing_switches_the_check_of_certificates_off() -> None:
    """Neither for ConnectWise nor for AWS, in the function and in the operator's command."""
    sources = [path.read_text(encoding="utf-8") for path in FUNCTIONS.rglob("*.py")]
    assert len(sources) > 30
    for source in sources:
        assert not re.search(r"verify\s*=|CERT_NONE|unverified_context|check_hostname", source)
