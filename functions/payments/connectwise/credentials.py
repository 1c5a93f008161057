"""Who we are to ConnectWise, and where it is: the secret, read and checked."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from urllib.parse import urlsplit

from payments.errors import SecretUnusable

# ConnectWise's cloud serves the API under `api-` and the login page without it (seen in working
# clients; without `api-` the cloud answers "SSL is required"), but not that of its sandboxes (all
# clients found use sandbox-na.myconnectwise.net as it is). On-premises hosts serve both.
_CLOUD_DOMAINS = (".myconnectwise.net", ".connectwisedev.com")
_API_PREFIX = "api-"
_SANDBOX_PREFIX = "sandbox-"
_DEFAULT_PORTS = {"https": 443, "http": 80}

# A name of labels, or an IPv6 address in brackets; and perhaps a port.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?")
_FIELDS = ("site", "company", "publicKey", "privateKey", "clientId")
_OPTIONAL_FIELDS = ("apiHost", "caCertificates")
_NEAR = 0.85

_CURLY_QUOTE = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_LAST_COMMA = re.compile(r",\s*[}\]]")
# How the standard library begins to say what is wrong with JSON, and our words for it.
_JSON_FAULTS = (
    ("Invalid control", "a line break or a tab inside of a text: write \\n or \\t"),
    ("Invalid \\", "a backslash in a text, which must be written twice"),
    ("Unterminated", 'a text that never ends: a quotation mark (") is missing'),
    ("Expecting property", 'the name of a field must be here, in straight quotation marks (")'),
    ("Expecting ':'", "a colon must be here"),
    ("Expecting ','", 'a comma must be here, or a quotation mark (") in a text is written \\"'),
    ("Expecting value", 'a value must be here, in straight quotation marks (")'),
    ("Extra data", "something behind the end: all of it must be between one { and its }"),
    ("", "this is not JSON"),
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The checked content of the secret.

    `api_host` is where the REST API is, if not where the site says; `ca_certificates` (PEM) are
    trusted besides the well-known ones. Both are empty where they are not given.
    """

    site: str
    company: str
    public_key: str
    private_key: str = field(repr=False)
    client_id: str = field(repr=False)
    api_host: str = ""
    ca_certificates: str = field(default="", repr=False)

    @property
    def api_origin(self) -> str:
        """Scheme and host of the REST API."""
        if self.api_host:
            return "://".join(_scheme_and_host(self.api_host))
        scheme, host = _login_host(self.site)
        prefixed = _is_cloud(host) and not host.startswith(_SANDBOX_PREFIX)
        return f"{scheme}://{_API_PREFIX if prefixed else ''}{host}"

    @property
    def is_cloud(self) -> bool:
        """Whether it is ConnectWise's own cloud."""
        return _is_cloud(_login_host(self.site)[1])

    @property
    def login_origin(self) -> str:
        """Scheme and host of the login page, which knows the company's codebase."""
        return "://".join(_login_host(self.site))

    @property
    def connection(self) -> str:
        """What the truth table calls this connection: `site/company`.

        However the site was typed, it is the login host; https goes without saying. ConnectWise
        does not tell letter cases of companies apart.
        """
        scheme, host = _login_host(self.site)
        return f"{'' if scheme == 'https' else scheme + '://'}{host}/{self.company.lower()}"

    @property
    def authorization(self) -> str:
        """The Authorization header (Basic, ConnectWise's developer guide)."""
        user = f"{self.company}+{self.public_key}:{self.private_key}"
        return "Basic " + base64.b64encode(user.encode()).decode()


ReadCredentials = Callable[[], Credentials]
"""Return the credentials that the secret holds now. Raises SecretUnusable."""


def read_credentials(secret: str, name: str) -> Credentials:
    """Read the secret called `name`; raises SecretUnusable naming everything that is wrong."""
    content = _parsed(secret.removeprefix("\ufeff"), name)
    given = _texts(content, name)
    credentials = Credentials(
        given["site"],
        given["company"],
        given["publicKey"],
        given["privateKey"],
        given["clientId"],
        given["apiHost"],
        given["caCertificates"],
    )
    _check_host(credentials.site, name, "site", "what you type to log in")
    if credentials.api_host:
        _check_host(credentials.api_host, name, "apiHost", "where the REST API is, or leave it out")
    if credentials.ca_certificates:
        _check_certificates(credentials.ca_certificates, name)
    return credentials


def _parsed(secret: str, name: str) -> dict[str, object]:
    """Return the JSON object; raises SecretUnusable, which says where it breaks, not on what."""
    fault = ""
    try:
        content = json.loads(secret)
    except json.JSONDecodeError as error:
        content, fault = None, _json_fault(error)
    except RecursionError:
        content = None
    if not isinstance(content, dict):
        text = f"Secret {name} is not a JSON object with {_listed(_FIELDS)}"
        raise SecretUnusable(f"{text}{fault}.")
    return content


def _json_fault(error: json.JSONDecodeError) -> str:
    text, at = error.doc, error.pos
    if not text.strip():
        return ": it is empty"
    cause = next(words for begin, words in _JSON_FAULTS if error.msg.startswith(begin))
    # Python versions point at the comma, or at what follows it.
    comma = _LAST_COMMA.match(text, max(text.rfind(",", 0, at + 1), 0))
    if curly := _CURLY_QUOTE.search(text, 0, at + 1):
        at, cause = curly.start(), 'a typographic quotation mark, where a straight one (") must be'
    elif comma and comma.end() > at:
        at, cause = comma.start(), "a comma too many before the end"
    elif at >= len(text.rstrip()):
        cause = "it is cut off here"
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f". It breaks in line {line}, column {column}: {cause}"


def _texts(content: Mapping[str, object], name: str) -> dict[str, str]:
    """Return the fields without blanks around them; those that may be missing are then empty."""
    texts = {key: content.get(key) for key in _FIELDS}
    unusable = [key for key, text in texts.items() if not isinstance(text, str) or not text.strip()]
    texts |= {key: content.get(key) or "" for key in _OPTIONAL_FIELDS}
    unusable += [key for key in _OPTIONAL_FIELDS if not isinstance(texts[key], str)]
    misspelt = _misspelt(content)
    faults = [
        f"has a field {typed}, which is not known: write {known} in its place."
        for known, typed in misspelt.items()
    ]
    if lacking := [key for key in unusable if key not in misspelt]:
        faults.append(f"lacks {_listed(lacking)}: give a text in quotation marks for each.")
    if faults:
        raise SecretUnusable(f"Secret {name} {' It '.join(faults)}")
    stripped = {key: str(text).strip() for key, text in texts.items()}
    in_one_line = (key for key in stripped if key != "caCertificates")
    garbled = [key for key in in_one_line if not stripped[key].isprintable()]
    # It is sent as it is, in a header; company and keys are encoded.
    garbled += ["clientId"] if not stripped["clientId"].isascii() else []
    if garbled:
        wrong = _listed(list(dict.fromkeys(garbled)))
        raise SecretUnusable(
            f"Secret {name} has in {wrong} a character that cannot be there, such as a line break "
            "or a typographic one: copy or type it anew."
        )
    return stripped


def _misspelt(content: Mapping[str, object]) -> dict[str, str]:
    """Return which known fields that are missing are given under a name that is near."""
    known = _FIELDS + _OPTIONAL_FIELDS
    missing = {key.lower(): key for key in known if not content.get(key)}
    others = [key for key in content if key not in known]
    near = ((get_close_matches(key.lower(), missing, 1, _NEAR), key) for key in others)
    return {missing[found[0]]: typed for found, typed in near if found}


def _check_host(typed: str, name: str, field_name: str, wanted: str) -> None:
    try:
        parts = urlsplit(_as_url(typed))
        _ = parts.port  # raises ValueError if it is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(parts.netloc):
        raise SecretUnusable(
            f"Secret {name} has in {field_name} no host name or URL. Give {wanted}, for example "
            "na.myconnectwise.net."
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SecretUnusable(
            f"Secret {name} has in {field_name} a URL with http://: only https:// is safe."
        )


def _check_certificates(certificates: str, name: str) -> None:
    try:
        ssl.create_default_context().load_verify_locations(cadata=certificates)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise SecretUnusable(
            f"Secret {name} has in caCertificates no certificates in PEM (-----BEGIN "
            "CERTIFICATE-----, in JSON its lines parted by \\n)."
        ) from error


def _as_url(typed: str) -> str:
    return typed if "://" in typed else f"https://{typed}"


def _scheme_and_host(typed: str) -> tuple[str, str]:
    """Return what a user typed in its one spelling: the scheme, and the host with its port if any.

    Letter case, the scheme's own port and a trailing dot make no difference.
    """
    parts = urlsplit(_as_url(typed))
    name = re.sub(r":[0-9]*$", "", parts.netloc.lower()).removesuffix(".")
    own_port = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return parts.scheme, name if own_port else f"{name}:{parts.port}"


def _login_host(site: str) -> tuple[str, str]:
    scheme, host = _scheme_and_host(site)
    return scheme, host.removeprefix(_API_PREFIX) if _is_cloud(host) else host


def _is_cloud(host: str) -> bool:
    return host.partition(":")[0].endswith(_CLOUD_DOMAINS)


def _is_loopback(hostname: str) -> bool:
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
