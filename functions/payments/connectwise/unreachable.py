"""Say why ConnectWise cannot be reached: cause, place and cure in one clause. Pure.

The words are for whoever runs the servers, and end without a point: they stand in `check`, in the
`error` of an import and in the log alike. OpenSSL's own reason is always with them.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

from urllib3.exceptions import ConnectTimeoutError

from payments.wording import visible

_CORRECT = "correct site (and apiHost, if given) in the secret"
_LOOK = "it is tried again; if it goes on, look at the server and at what stands before it"
_TRUST = "put its certificate (PEM) into caCertificates in the secret"

# OpenSSL's numbers of what is wrong with a certificate (x509_vfy.h).
_SELF_SIGNED, _NO_ISSUER, _OTHER_NAME, _STRICT = (18,), (2, 20, 21), (62, 64), range(80, 95)
_CERTIFICATES = (
    (
        _SELF_SIGNED,
        "the certificate of {host} is self-signed: have one issued by an authority, or, if it is "
        "your own server, put this certificate (PEM) into caCertificates in the secret",
    ),
    (
        (19,),
        "the certificate of {host} comes from an authority that is not known here, a private one "
        f"or that of a firewall that opens TLS: {_TRUST}, if you trust it",
    ),
    (
        _NO_ISSUER,
        "the certificate of {host} leads to no authority that is known here: either its chain is "
        "not complete, then install the intermediate certificates on the server; or the authority "
        f"is a private one, then {_TRUST}",
    ),
    ((10,), "the certificate of {host}, or one of its authority, has expired: renew it there"),
    (
        (9,),
        "the certificate of {host}, or one of its authority, is not valid yet: correct it or the "
        "clock it was made by, or wait",
    ),
    (
        _OTHER_NAME,
        "the certificate of {host} is for another name: give a name that is in it as site (or "
        "apiHost) in the secret, or have one issued for this name; its names are shown by `openssl "
        "s_client -connect {address} </dev/null | openssl x509 -noout -ext subjectAltName`",
    ),
    (
        _STRICT,
        "a certificate of {host} breaks a rule (RFC 5280) that Python checks since 3.13, and not "
        "every browser: have it, or its authority's, issued anew as the rule says; or put the "
        "server's own certificate (PEM) into caCertificates in the secret",
    ),
    ((), "the certificate of {host} is not accepted: have it issued anew"),
)
# What begins, or is in, OpenSSL's name of what went wrong otherwise.
_TLS = (
    (
        "PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS",
        "{host} speaks only versions of TLS that are not safe any more: switch TLS 1.2 or 1.3 on "
        "there",
    ),
    (
        "CERTIFICATE_REQUIRED|ALERT_NO_CERTIFICATE|BAD_CERTIFICATE",
        "{host} wants a certificate of whoever calls, which there is none of: let calls in without",
    ),
    (
        "HANDSHAKE_FAILURE|NO_SHARED|INSUFFICIENT_SECURITY|TOO_SMALL|TOO_WEAK",
        "{host} shares no cipher with us, or wants a certificate of whoever calls: switch the "
        "usual ciphers of TLS 1.2 or 1.3 on there, and let calls in without a certificate",
    ),
    (
        "WRONG_VERSION_NUMBER|HTTP|RECORD|PACKET_LENGTH",
        "{host} does not speak TLS at this port, perhaps plain HTTP: give the port for https in "
        "site, or switch https on there",
    ),
    ("UNRECOGNIZED_NAME", f"{{host}} does not know itself by this name: {_CORRECT}"),
    (
        "EOF|RESET",
        "{host} closes the connection as soon as TLS begins: let calls from here through its "
        f"firewall, or {_CORRECT}",
    ),
    ("", "TLS with {host} fails: look at its TLS settings"),
)
_SOCKET = {
    errno.ECONNREFUSED: (
        "{host} refuses the connection, so nothing listens there: start the server, let calls from "
        f"here through its firewall, or {_CORRECT}"
    ),
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.EHOSTUNREACH),
        "there is no way to {host} from here: let calls from here through to its network, or "
        f"{_CORRECT}",
    ),
}
_PAGES = (
    (
        range(500, 1000),
        "the server is not up, or what stands before it cannot reach it: look at both, if it does "
        "not pass by itself",
    ),
    ((404, 405, 410), f"there is no ConnectWise at this address: {_CORRECT}"),
    (
        range(1000),
        "a firewall, a proxy or a login page answers in its place: let calls from here through "
        f"without a login, or {_CORRECT}",
    ),
)
_HEAD_BYTES = 5000
_TITLE = re.compile(rb"<title[^>]{0,80}>([^<]{1,80})", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[\w.-]{1,255}(?::\d{1,5})?(?=[/?#]|\Z)", re.ASCII)


def reason(error: BaseException, host: str) -> str:
    """Return why a call to `host` has brought no answer."""
    causes = list(_causes(error))[::-1]
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _about_tls(cause, host)
        if isinstance(cause, socket.gaierror):
            return _about_name(cause, host)
        if isinstance(cause, OSError) and cause.errno in _SOCKET:
            return _SOCKET[cause.errno].format(host=host)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return _about_time(causes, host)
    if any(isinstance(cause, ConnectionError) for cause in causes):
        return f"{host} has closed the connection without an answer: {_LOOK}"
    return f"{host} sends what is no answer in HTTP ({type(causes[0]).__name__}): {_CORRECT}"


def page(status: int, body: bytes, host: str) -> str:
    """Say that somebody else has answered in ConnectWise's place."""
    cure = next(words for statuses, words in _PAGES if status in statuses)
    title = _TITLE.search(body[:_HEAD_BYTES])
    titled = f", titled '{visible(title[1].decode(errors='replace').strip())}'" if title else ""
    return f"{host} answers with what is not ConnectWise's ({status}{titled}): {cure}"


def redirect(status: int, location: str, host: str) -> str:
    """Say that a call is sent elsewhere, which is not followed."""
    target = _ORIGIN.match(location)
    to = f" to {target[0]}" if target else ""
    return (
        f"{host} answers with a redirect{to} ({status}), perhaps to a login page, which is not "
        f"followed: {_CORRECT}"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised for, down to the first."""
    cause: object = error
    while isinstance(cause, BaseException):
        yield cause
        cause = cause.__cause__ or cause.__context__ or next(iter(cause.args), None)


def _about_tls(error: ssl.SSLError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        number, told = error.verify_code, error.verify_message
        words = next(words for numbers, words in _CERTIFICATES if number in numbers or not numbers)
    else:
        told = getattr(error, "reason", None) or error.strerror or ""
        words = next(words for names, words in _TLS if re.search(names, told))
    address = host if re.search(r":\d+\Z", host) else f"{host}:443"
    return f"{words.format(host=host, address=address)} (OpenSSL: {told.rstrip('.')})"


def _about_name(error: socket.gaierror, host: str) -> str:
    if error.errno == socket.EAI_AGAIN:
        return f"no name server answers for {host}: it is tried again; if it goes on, mend the DNS"
    return (
        f"the host {host} is not known ({error.strerror}): {_CORRECT}; a name that only your own "
        "network knows cannot be called from elsewhere"
    )


def _about_time(causes: list[BaseException], host: str) -> str:
    if any(isinstance(cause, ConnectTimeoutError) for cause in causes):
        return (
            f"{host} takes no connection in time, so a firewall may keep calls out: let calls from "
            f"here through, or {_CORRECT}"
        )
    if any("handshake" in str(cause) for cause in causes):
        return (
            f"{host} takes the connection, but does not begin TLS in time: {_LOOK}, or give the "
            "port for https in site"
        )
    return f"{host} has not answered in time: {_LOOK}"
