"""The secret: what it must hold, and where it says that ConnectWise is."""

import base64
import json

import pytest

from payments.connectwise.credentials import Credentials, read_credentials
from payments.errors import SecretUnusable

COMPLETE = {
    "site": "na.myconnectwise.net",
    "company": "acme",
    "publicKey": "public",
    "privateKey": "hush",
    "clientId": "a-guid",
}


def credentials(**changes: object) -> Credentials:
    return read_credentials(json.dumps({**COMPLETE, **changes}), "payments")


def problem(secret: str) -> str:
    with pytest.raises(SecretUnusable) as unusable:
        read_credentials(secret, "payments")
    return str(unusable.value)


def test_a_complete_secret_is_taken() -> None:
    found = credentials()
    assert (found.site, found.company) == ("na.myconnectwise.net", "acme")
    assert (found.public_key, found.private_key, found.client_id) == ("public", "hush", "a-guid")


def test_blanks_around_values_and_further_fields_do_not_matter() -> None:
    padded = {name: f" {value}\n" for name, value in COMPLETE.items()}
    assert credentials(**padded, note="from Kim") == credentials()


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, "", "  ", 5, ["x"], {"a": 1}, True])
def test_a_field_that_is_no_text_is_named(name: str, value: object) -> None:
    message = problem(json.dumps({**COMPLETE, name: value}))
    assert name in message
    assert "payments" in message
    assert not any(other in message for other in COMPLETE if other != name)


def test_all_missing_fields_are_named_at_once() -> None:
    message = problem("{}")
    assert all(name in message for name in COMPLETE)


@pytest.mark.parametrize("secret", ["", "plain text", "[]", '"text"', "null", "5", '{"site": '])
def test_a_secret_that_is_no_json_object_is_refused(secret: str) -> None:
    message = problem(secret)
    assert "JSON" in message
    assert all(name in message for name in COMPLETE)


@pytest.mark.parametrize(
    ("site", "api_origin", "login_origin"),
    [
        (
            "na.myconnectwise.net",
            "https://api-na.myconnectwise.net",
            "https://na.myconnectwise.net",
        ),
        (
            "EU.MyConnectWise.net",
            "https://api-eu.myconnectwise.net",
            "https://eu.myconnectwise.net",
        ),
        (
            "https://au.myconnectwise.net/v4_6_release/connectwise.aspx?x=1#y",
            "https://api-au.myconnectwise.net",
            "https://au.myconnectwise.net",
        ),
        (
            "api-za.myconnectwise.net",
            "https://api-za.myconnectwise.net",
            "https://za.myconnectwise.net",
        ),
        (
            "https://api-na.myconnectwise.net/",
            "https://api-na.myconnectwise.net",
            "https://na.myconnectwise.net",
        ),
        (
            "staging.connectwisedev.com",
            "https://api-staging.connectwisedev.com",
            "https://staging.connectwisedev.com",
        ),
        ("cw.example.com", "https://cw.example.com", "https://cw.example.com"),
        ("cw.example.com:8443", "https://cw.example.com:8443", "https://cw.example.com:8443"),
        ("https://cw.example.com/", "https://cw.example.com", "https://cw.example.com"),
        ("api-cw.example.com", "https://api-cw.example.com", "https://api-cw.example.com"),
        (
            "myconnectwise.net.example.com",
            "https://myconnectwise.net.example.com",
            "https://myconnectwise.net.example.com",
        ),
        ("localhost", "https://localhost", "https://localhost"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_site_tells_where_api_and_login_are(
    site: str, api_origin: str, login_origin: str
) -> None:
    found = credentials(site=site)
    assert (found.api_origin, found.login_origin) == (api_origin, login_origin)


@pytest.mark.parametrize(
    "site",
    [
        "http://na.myconnectwise.net",
        "HTTP://cw.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
    ],
)
def test_plain_http_is_only_for_this_machine(site: str) -> None:
    assert "https://" in problem(json.dumps({**COMPLETE, "site": site}))


@pytest.mark.parametrize(
    "site",
    [
        "ftp://cw.example.com",
        "file:///etc/passwd",
        "https://",
        "/cw",
        "https://kim:hush@cw.example.com",
        "kim@cw.example.com",
        "cw.example.com:port",
        "https://[::1",
        "cw example com",
        "na..myconnectwise.net",
        ".myconnectwise.net",
        f"{'a' * 64}.example.com",
        "cw.exämple.com",
    ],
)
def test_a_site_that_is_no_host_is_refused(site: str) -> None:
    assert "site" in problem(json.dumps({**COMPLETE, "site": site}))


@pytest.mark.parametrize(
    "site",
    ["na.myconnectwise.net", "api-na.myconnectwise.net", "HTTPS://NA.myconnectwise.net/login"],
)
def test_the_truth_table_knows_the_connection_however_the_site_was_typed(site: str) -> None:
    assert credentials(site=site).connection == "na.myconnectwise.net/acme"


def test_connections_to_this_machine_are_told_by_port() -> None:
    found = credentials(site="http://127.0.0.1:8080")
    assert found.connection == "http://127.0.0.1:8080/acme"


def test_logging_in_is_basic_with_company_and_keys() -> None:
    kind, _, encoded = credentials(publicKey="pub").authorization.partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(encoded) == b"acme+pub:hush"


@pytest.mark.parametrize("name", ["company", "publicKey", "privateKey", "clientId"])
@pytest.mark.parametrize("text", ["a\nb", "a\r\n b", "a\0b", "a\u200bb", "a\ud800b"])
def test_what_no_header_can_carry_is_named(name: str, text: str) -> None:
    found = problem(json.dumps({**COMPLETE, name: text}))
    assert f"characters in {name}" in found


def test_keys_may_have_letters_of_any_language_but_not_the_client_id() -> None:
    assert credentials(company="Müller", privateKey="ключ").authorization
    assert "characters in clientId" in problem(json.dumps({**COMPLETE, "clientId": "ключ"}))


def test_secrets_are_not_shown() -> None:
    found = credentials()
    assert "hush" not in repr(found)
    assert "a-guid" not in repr(found)
    for broken in (
        json.dumps({**COMPLETE, "site": "http://x"}),
        json.dumps({**COMPLETE, "company": ""}),
        json.dumps(COMPLETE)[:-1],
    ):
        assert "hush" not in problem(broken)
        assert "a-guid" not in problem(broken)
