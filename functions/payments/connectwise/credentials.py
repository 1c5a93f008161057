"""Who we are to ConnectWise, and where it is: the secret, read and checked."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from payments.errors import SecretUnusable

# ConnectWise's cloud serves the API under `api-` and the login page without it (seen in working
# clients; without `api-` the cloud answers "SSL is required"). On-premises hosts serve both.
_CLOUD_DOMAINS = (".myconnectwise.net", ".connectwisedev.com")
_API_PREFIX = "api-"

# A name of labels, or an IPv6 address in brackets; and perhaps a port.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?")
_FIELDS = ("site", "company", "publicKey", "privateKey", "clientId")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The checked content of the secret."""

    site: str
    company: str
    public_key: str
    private_key: str = field(repr=False)
    client_id: str = field(repr=False)

    @property
    def api_origin(self) -> str:
        """Scheme and host of the REST API."""
        scheme, host = _scheme_and_host(self.site)
        return f"{scheme}://{_API_PREFIX if _is_cloud(host) else ''}{host}"

    @property
    def login_origin(self) -> str:
        """Scheme and host of the login page, which knows the company's codebase."""
        scheme, host = _scheme_and_host(self.site)
        return f"{scheme}://{host}"

    @property
    def connection(self) -> str:
        """What the truth table calls this connection: `site/company`.

        However the site was typed, it is the login host; https goes without saying.
        """
        scheme, host = _scheme_and_host(self.site)
        return f"{'' if scheme == 'https' else scheme + '://'}{host}/{self.company}"

    @property
    def authorization(self) -> str:
        """The Authorization header (Basic, ConnectWise's developer guide)."""
        user = f"{self.company}+{self.public_key}:{self.private_key}"
        return "Basic " + base64.b64encode(user.encode()).decode()


ReadCredentials = Callable[[], Credentials]
"""Return the credentials that the secret holds now. Raises SecretUnusable."""


def read_credentials(secret: str, name: str) -> Credentials:
    """Read the secret called `name`; raises SecretUnusable naming everything that is wrong."""
    try:
        content = json.loads(secret)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise SecretUnusable(f"Secret {name} is not a JSON object with {_listed(_FIELDS)}.")
    texts = {key: content.get(key) for key in _FIELDS}
    unusable = [key for key, text in texts.items() if not isinstance(text, str) or not text.strip()]
    if unusable:
        raise SecretUnusable(f"Secret {name} lacks {_listed(unusable)}: give a text for each.")
    stripped = {key: str(text).strip() for key, text in texts.items()}
    garbled = [key for key, text in stripped.items() if not text.isprintable()]
    # It is sent as it is, in a header; company and keys are encoded.
    garbled += ["clientId"] if not stripped["clientId"].isascii() else []
    if garbled:
        wrong = _listed(list(dict.fromkeys(garbled)))
        raise SecretUnusable(f"Secret {name} has characters in {wrong} that cannot be: type anew.")
    credentials = Credentials(*stripped.values())
    _check_site(credentials.site, name)
    return credentials


def _check_site(site: str, name: str) -> None:
    try:
        scheme, host = _scheme_and_host(site)
    except ValueError:
        scheme, host = "", ""
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise SecretUnusable(
            f"Secret {name} has a site that is no host name or URL. Give what you type to log "
            "in, for example na.myconnectwise.net."
        )
    if scheme == "http" and not _is_loopback(urlsplit(site).hostname or ""):
        raise SecretUnusable(f"Secret {name} has a site with http://: only https:// is safe.")


def _scheme_and_host(site: str) -> tuple[str, str]:
    """Split what a user typed into the scheme and the login host with its port, if any."""
    parts = urlsplit(site if "://" in site else f"https://{site}")
    _ = parts.port  # raises ValueError if it is no number
    host = parts.netloc.lower()
    if host.startswith(_API_PREFIX) and _is_cloud(host):
        host = host.removeprefix(_API_PREFIX)
    return parts.scheme.lower(), host


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
