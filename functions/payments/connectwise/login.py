"""Where and as whom to call ConnectWise: remembered as long as the process lives."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from payments.connectwise.credentials import Credentials, ReadCredentials
from payments.errors import AccessRefused

DEFAULT_CODEBASE = "v4_6_release/"  # the cloud routes it to the tenant's version
_CODEBASE = re.compile(r"\w[\w.\-]*/", re.ASCII)

AskCodebase = Callable[[str], object]
"""Return the JSON that a companyinfo URL answers, None where there is no such company."""


@dataclass(frozen=True, slots=True)
class Access:
    """The base URL of the REST API and the headers that log us in."""

    credentials: Credentials
    base_url: str
    headers: dict[str, str] = field(repr=False)


class Login:
    """Keep the current access, and renew what ConnectWise does not accept any more."""

    def __init__(self, read_credentials: ReadCredentials) -> None:
        self._read_credentials = read_credentials
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._access: Access | None = None

    def credentials(self) -> Credentials:
        """Read the secret for a run, and return its content; raises SecretUnusable."""
        with self._lock:
            credentials = self._read_credentials()
            if credentials != self._credentials:
                self._access = None
            self._credentials = credentials
            return credentials

    def access(self, ask_codebase: AskCodebase) -> Access:
        """Return how to call ConnectWise; raises AccessRefused if it knows no such company."""
        with self._lock:
            if self._access is None:
                credentials = self._credentials or self._read_credentials()
                self._access = self._open(credentials, ask_codebase)
            return self._access

    def after_unauthorized(self, refused: Access, ask_codebase: AskCodebase) -> Access:
        """Return an access with keys read afresh.

        Raises AccessRefused if they are the same, or for another company: what this run knows of
        external ids belongs to the company that it began with.
        """
        with self._lock:
            if self._access is not None and self._access is not refused:
                return self._access
            credentials = self._read_credentials()
            if credentials == refused.credentials:
                raise AccessRefused(
                    f"ConnectWise does not accept the keys for company {credentials.company} at "
                    f"{credentials.login_origin} (401). Correct the secret."
                )
            if credentials.connection != refused.credentials.connection:
                raise AccessRefused(
                    f"The secret is now for {credentials.connection}, and was for "
                    f"{refused.credentials.connection}. The next run goes on with it."
                )
            self._access = self._open(credentials, ask_codebase)
            return self._access

    def after_not_found(self, failed: Access, ask_codebase: AskCodebase) -> Access | None:
        """Return an access with another codebase, None if the company's is still the same.

        An upgraded tenant has a new codebase, and answers 404 under the old one.
        """
        with self._lock:
            if self._access is not None and self._access is not failed:
                return self._access
            renewed = self._open(failed.credentials, ask_codebase)
            if renewed.base_url == failed.base_url:
                return None
            self._access = renewed
            return renewed

    def _open(self, credentials: Credentials, ask_codebase: AskCodebase) -> Access:
        company = quote(credentials.company, safe="")
        url = f"{credentials.login_origin}/login/companyinfo/{company}"
        codebase = _codebase(ask_codebase(url), credentials)
        headers = {"Authorization": credentials.authorization, "clientId": credentials.client_id}
        return Access(credentials, f"{credentials.api_origin}/{codebase}apis/3.0", headers)


def _codebase(company: object, credentials: Credentials) -> str:
    """Return the codebase out of a companyinfo answer (its shape: seen in working clients)."""
    if not isinstance(company, dict):
        raise AccessRefused(
            f"{credentials.login_origin} knows no company {credentials.company}. Correct site "
            "and company in the secret."
        )
    codebase = company.get("Codebase")
    if isinstance(codebase, str) and _CODEBASE.fullmatch(codebase):
        return codebase
    return DEFAULT_CODEBASE
