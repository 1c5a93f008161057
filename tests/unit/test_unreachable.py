"""Why ConnectWise cannot be reached, in words: what sockets do not show, and where it is told."""

import errno
import socket
import ssl
from http.client import BadStatusLine
from pathlib import Path

import pytest
import requests
from urllib3.exceptions import MaxRetryError

from e2e.payment_xml import payment
from fakes.deployment import PUT_BACK, Deployment
from fakes.mishaps import raising
from payments.connectwise.unreachable import reason
from payments.errors import NoAnswer

ALWAYS = 10_000
HOST = "psa.example.com"


def wrapped(error: Exception) -> Exception:
    """Return an error as requests raises it: the cause of one that is an argument of another."""
    retried = MaxRetryError(None, "/", error)  # type: ignore[arg-type]
    retried.__cause__ = error
    return requests.ConnectionError(retried)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), f"the host {HOST} is not known (unknown)"),
        (socket.gaierror(socket.EAI_AGAIN, "again"), f"no name server answers for {HOST}"),
        (OSError(errno.ENETUNREACH, "x"), f"there is no way to {HOST}"),
        (OSError(errno.EHOSTUNREACH, "x"), f"there is no way to {HOST}"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), f"{HOST} refuses the connection"),
        (ConnectionResetError(errno.ECONNRESET, "x"), f"{HOST} has closed the connection"),
        (TimeoutError("timed out"), f"{HOST} has not answered in time"),
        (BadStatusLine("SSH"), f"{HOST} sends what is no answer in HTTP (BadStatusLine)"),
        (ssl.SSLError(1, "SOMETHING NEW"), f"TLS with {HOST} fails"),
        (ssl.SSLError(1, "x"), "(OpenSSL: x)"),
    ],
)
def test_each_kind_of_error_has_its_words(error: Exception, told: str) -> None:
    assert told in reason(error, HOST)


@pytest.mark.parametrize(
    ("openssl", "told"),
    [
        ("TLSV1_ALERT_PROTOCOL_VERSION", "versions of TLS that are not safe"),
        ("UNSUPPORTED_PROTOCOL", "versions of TLS that are not safe"),
        ("NO_SHARED_CIPHER", "shares no cipher"),
        ("DH_KEY_TOO_SMALL", "shares no cipher"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a certificate of whoever calls, which"),
        ("WRONG_VERSION_NUMBER", "does not speak TLS at this port"),
        ("HTTP_REQUEST", "does not speak TLS at this port"),
        ("TLSV1_UNRECOGNIZED_NAME", "does not know itself by this name"),
        ("UNEXPECTED_EOF_WHILE_READING", "closes the connection as soon as TLS begins"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "look at its TLS settings"),
    ],
)
def test_what_openssl_calls_a_fault_of_tls_is_told_with_the_cure(openssl: str, told: str) -> None:
    words = reason(ssl.SSLError(1, openssl), HOST)
    assert told in words
    assert words.endswith(f"(OpenSSL: {openssl})")


@pytest.mark.parametrize("number", range(1, 110))
def test_every_number_that_openssl_has_for_a_certificate_has_words(number: int) -> None:
    """Also those that are still to come."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = number, f"fault {number}"
    words = reason(wrapped(error), HOST)
    assert "certificate" in words
    assert words.endswith(f"(OpenSSL: fault {number})")


def test_the_first_cause_counts_however_it_is_wrapped() -> None:
    assert "refuses" in reason(wrapped(ConnectionRefusedError(errno.ECONNREFUSED, "x")), HOST)
    assert "is not known" in reason(wrapped(socket.gaierror(socket.EAI_NONAME, "x")), HOST)


def test_an_import_that_waits_says_why_in_the_same_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In its row of the imports table, which `status` and the alarm lead to, and in the log."""
    deployment = Deployment(tmp_path)
    words = reason(ConnectionRefusedError(errno.ECONNREFUSED, "x"), HOST)
    deployment.mishaps.plan("company", raising(NoAnswer(words)), times=ALWAYS)
    deployment.upload(payment(invoice=1, amount=5))
    assert deployment.run() == PUT_BACK
    assert deployment.row()["error"] == f"ConnectWise does not answer: {words}."
    assert words in {vars(record).get("reason") for record in caplog.records}
