"""The secret: what it must hold, and where it says that ConnectWise is."""

import base64
import json
from pathlib import Path

import pytest

from local_stack.certificate import create_certificate
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


def test_a_misspelt_field_is_told_with_what_is_meant() -> None:
    """Nobody is told to give what he has given."""
    given = {("clientid" if key == "clientId" else key): text for key, text in COMPLETE.items()}
    message = problem(json.dumps({**given, "caCertificate": "x", "company": ""}))
    assert "a field clientid, which is not known: write clientId in its place." in message
    assert "a field caCertificate, which is not known: write caCertificates" in message
    assert "It lacks company: give" in message


@pytest.mark.parametrize("name", ["privateKeyOld", "sites", "clientid", "note"])
def test_a_further_field_that_is_near_to_one_that_is_given_does_not_matter(name: str) -> None:
    assert credentials(**{name: "x"}) == credentials()


def test_all_missing_fields_are_named_at_once() -> None:
    message = problem("{}")
    assert all(name in message for name in COMPLETE)


@pytest.mark.parametrize(
    "secret", ["", "plain text", "[]", '"text"', "null", "5", '{"site": ', "[" * 10**5]
)
def test_a_secret_that_is_no_json_object_is_refused(secret: str) -> None:
    message = problem(secret)
    assert "JSON" in message
    assert all(name in message for name in COMPLETE)


def test_a_byte_order_mark_before_the_secret_does_not_matter() -> None:
    """Editors on Windows write one."""
    assert read_credentials("\ufeff" + json.dumps(COMPLETE), "payments") == credentials()


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (" \n", "it is empty"),
        ('{\n "site": \u201cna\u201d}', "line 2, column 10: a typographic quotation mark"),
        ("{\u201csite\u201d: 1}", "line 1, column 2: a typographic quotation mark"),
        (
            '{"site": "na\u201d,\n "company": "a"}',
            "line 1, column 13: a typographic quotation mark",
        ),
        ('{"site": "na",\n}', "line 1, column 14: a comma too many"),
        ('{"site": "na" ,  }', "line 1, column 15: a comma too many"),
        ('{"site": "na"\n "company": "a"}', "line 2, column 2: a comma must be here"),
        ('{"site" "na"}', "line 1, column 9: a colon must be here"),
        ('{"site": na}', "line 1, column 10: a value must be here"),
        ("{'site': 'na'}", "line 1, column 2: the name of a field must be here"),
        ('{"caCertificates": "a\nb"}', "line 1, column 22: a line break or a tab inside"),
        ('{"privateKey": "a\\q"}', "line 1, column 18: a backslash"),
        ('{"site": "na}', "line 1, column 10: a text that never ends"),
        ('{"site": "na"}}', "line 1, column 15: something behind the end: all"),
        ('{"site": "na",', "cut off"),
        ('{"site": "na"', "cut off"),
    ],
)
def test_where_the_json_of_a_secret_breaks_is_told_but_not_what_is_there(
    secret: str, told: str
) -> None:
    message = problem(secret)
    assert told in message
    assert "na\u201d" not in message


@pytest.mark.parametrize(
    ("site", "api_origin", "login_origin"),
    [
        *(
            (
                f"{region}.myconnectwise.net",
                f"https://api-{region}.myconnectwise.net",
                f"https://{region}.myconnectwise.net",
            )
            for region in ("eu", "au", "aus", "za")
        ),
        (
            "api-sandbox-eu.myconnectwise.net",
            "https://sandbox-eu.myconnectwise.net",
            "https://sandbox-eu.myconnectwise.net",
        ),
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
        (
            "sandbox-na.myconnectwise.net",
            "https://sandbox-na.myconnectwise.net",
            "https://sandbox-na.myconnectwise.net",
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


@pytest.mark.parametrize("name", ["site", "apiHost"])
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
def test_plain_http_is_only_for_this_machine(name: str, site: str) -> None:
    found = problem(json.dumps({**COMPLETE, name: site}))
    assert name in found
    assert "https://" in found


@pytest.mark.parametrize("name", ["site", "apiHost"])
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
        "cw.example.com:99999",
        "cw.example.com:",
        "https://[::1",
        "cw example com",
        "na..myconnectwise.net",
        ".myconnectwise.net",
        f"{'a' * 64}.example.com",
        "cw.exämple.com",
    ],
)
def test_a_site_that_is_no_host_is_refused(name: str, site: str) -> None:
    assert name in problem(json.dumps({**COMPLETE, name: site}))


@pytest.mark.parametrize(
    ("api_host", "api_origin"),
    [
        ("psa.example.com", "https://psa.example.com"),
        ("https://PSA.example.com.:443/x", "https://psa.example.com"),
        ("na.myconnectwise.net", "https://na.myconnectwise.net"),
    ],
)
def test_an_api_host_is_taken_as_it_is(api_host: str, api_origin: str) -> None:
    """It makes no other connection: the company is the same."""
    found = credentials(apiHost=api_host)
    assert found.api_origin == api_origin
    assert found.login_origin == "https://na.myconnectwise.net"
    assert found.connection == credentials().connection


@pytest.mark.parametrize("absent", [None, "", " "])
def test_what_may_be_missing_may_be_empty(absent: object) -> None:
    assert credentials(apiHost=absent, caCertificates=absent) == credentials()


@pytest.mark.parametrize("name", ["apiHost", "caCertificates"])
@pytest.mark.parametrize("odd", [5, True, ["x"], {"a": 1}])
def test_what_may_be_missing_must_be_a_text(name: str, odd: object) -> None:
    assert name in problem(json.dumps({**COMPLETE, name: odd}))


def test_certificates_are_taken_as_they_are(tmp_path: Path) -> None:
    pem = create_certificate(tmp_path).certificate.read_text()
    assert credentials(caCertificates=f" {pem}").ca_certificates == pem.strip()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "Ü",
        "a\0b",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_certificates_that_are_none_are_refused(text: str) -> None:
    assert "caCertificates" in problem(json.dumps({**COMPLETE, "caCertificates": text}))


@pytest.mark.parametrize(
    "site",
    [
        "na.myconnectwise.net",
        "api-na.myconnectwise.net",
        "HTTPS://NA.myconnectwise.net/login",
        "na.myconnectwise.net:443",
        "https://Na.MyConnectWise.net.:0443/",
        "na.myconnectwise.net.",
    ],
)
@pytest.mark.parametrize("company", ["acme", "Acme", "ACME"])
def test_the_truth_table_knows_the_connection_however_the_site_was_typed(
    site: str, company: str
) -> None:
    """Letter case, the usual port and a trailing dot make no other connection."""
    found = credentials(site=site, company=company)
    assert found.connection == "na.myconnectwise.net/acme"
    assert found.api_origin == "https://api-na.myconnectwise.net"
    assert base64.b64decode(found.authorization.partition(" ")[2]).startswith(company.encode())


@pytest.mark.parametrize(
    ("site", "connection"),
    [
        ("cw.example.com:8443", "cw.example.com:8443/acme"),
        ("http://localhost:80", "http://localhost/acme"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443/acme"),
        ("https://[::1]:443", "[::1]/acme"),
    ],
)
def test_another_port_is_another_connection(site: str, connection: str) -> None:
    assert credentials(site=site).connection == connection


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
    assert f"has in {name} a character that cannot be there" in found


def test_keys_may_have_letters_of_any_language_but_not_the_client_id() -> None:
    assert credentials(company="Müller", privateKey="ключ").authorization
    assert "has in clientId a character" in problem(json.dumps({**COMPLETE, "clientId": "ключ"}))


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
