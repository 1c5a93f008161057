"""Send one HTTP request to ConnectWise, and bring back one answer or none.

A requests.Session would add ~/.netrc, proxy variables, cookies and redirects. None of them may
change who we are or where we call (a redirected POST would become a GET), and looking for them adds
about a quarter to a call's CPU; so this is requests' adapter alone.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, default_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout
from urllib3.util.ssl_ import create_urllib3_context

from payments.connectwise import unreachable
from payments.errors import NoAnswer
from payments.quiet import CALL_SECONDS

CONNECT_SECONDS = 5.0
STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
"""What Python's own default context checks from 3.13 on."""

MOST_BYTES = 16 * 1024 * 1024
"""An answer's body is no longer than this, unpacked; a full page of invoices is a third of it."""

# What of an answer is not as it should be; ValueError: numbers and headers that are none.
_NO_ANSWER = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)
_HEADERS = default_headers()


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes out; `url` is ASCII."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of `host`, read to its end; the names of its headers are in any letter case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str = "ConnectWise"


class Wire(Protocol):
    """What requests go through."""

    def send(self, request: Request) -> Response:
        """Return the answer to one request; raises NoAnswer if there is none."""


class HttpWire:
    """Real connections, kept alive; TLS is verified, `ca_certificates` (PEM) trusted as well.

    A call ends after `call_seconds`, however it trickles. Only looking up a host's name, and
    trying further ones of its addresses, is not within that; nothing has been sent by then.
    """

    def __init__(
        self,
        connections: int,
        ca_certificates: str = "",
        call_seconds: float = CALL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        connect_seconds = min(connect_seconds, call_seconds)
        self._timeout: Any = Timeout(total=call_seconds, connect=connect_seconds, read=call_seconds)
        # Two hosts: of the API and of the login page.
        self._adapter = _Adapter(pool_connections=2, pool_maxsize=connections, max_retries=0)
        self._adapter.init_poolmanager(2, connections, ssl_context=_context(ca_certificates))
        self._adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: Request) -> Response:
        """Return the answer to one request; raises NoAnswer, its message a short reason."""
        try:
            answer: Any = self._adapter.send(_prepared(request), stream=True, timeout=self._timeout)
            try:
                body = answer.read(MOST_BYTES + 1, decode_content=True)
            finally:
                answer.close()  # keeps the connection, unless something is left on it
        except _NO_ANSWER as error:
            raise NoAnswer(unreachable.reason(error, host_of(request.url))) from error
        if len(body) > MOST_BYTES:
            raise NoAnswer("an answer of more than 16 MiB")
        return Response(answer.status, answer.headers, body, host_of(request.url))

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()


class _Adapter(HTTPAdapter):
    """Answer what urllib3 does: making requests' response of it would only add a jar of cookies."""

    def cert_verify(self, *_: Any) -> None:
        """Leave what is trusted to the context, which each connection would load once more."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> Any:  # noqa: ARG002
        return resp


def host_of(url: str) -> str:
    """Return the host, and its port if it is not the usual one."""
    return urlsplit(url).netloc


def _context(ca_certificates: str) -> ssl.SSLContext:
    """Return what TLS is checked with: as strictly on every Python as on 3.13 and Lambda."""
    context = create_urllib3_context(verify_flags=STRICT)
    context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH, cadata=ca_certificates or None)
    return context


def _prepared(request: Request) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    prepared.headers = CaseInsensitiveDict({**_HEADERS, **request.headers})
    if request.body is not None:
        prepared.body = request.body
        prepared.headers["Content-Length"] = str(len(request.body))
    return prepared


class _TimedReader(RawIOBase):
    """Read an answer until a deadline: each time it waits no longer than what is left.

    An answer that ends before its head does is none; http.client would take it for one.
    """

    def __init__(self, connected: socket, deadline: float) -> None:
        self.in_head = True
        self._socket = connected
        self._deadline = deadline
        # Keeps the socket open until this is closed.
        self._file = connected.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> BufferedReader:
        """Return what http.client asks a socket for when it reads an answer."""
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        count = self._file.readinto(buffer)
        if not count and self.in_head:
            raise ConnectionResetError
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class _BoundedAnswer(_Base):
    """A connection that gives head and body of an answer together what is left of the time."""

    def getresponse(self) -> Any:
        # urllib3 has set `timeout` to what connecting and sending have left of the total.
        assert isinstance(self.timeout, float)
        reader = _TimedReader(self.sock, monotonic() + self.timeout)
        self.response_class = lambda _, **about: HTTPResponse(reader, **about)  # type: ignore
        response = super().getresponse()
        reader.in_head = False
        return response


class _Connection(_BoundedAnswer, HTTPConnection):
    pass


class _SecureConnection(_BoundedAnswer, HTTPSConnection):
    def connect(self) -> None:
        """Connect and begin TLS; a reset then is told from one of a call."""
        try:
            super().connect()
        except ConnectionResetError as error:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "RESET when TLS begins") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
