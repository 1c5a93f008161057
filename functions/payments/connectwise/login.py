"""Where and as whom to call ConnectWise: remembered as long as the process lives."""

from __future__ import annotations

import re
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
    """Keep the current access, and renew what ConnectWise does not accept any more.

    Nothing is locked while the secret is read or ConnectWise is asked: threads that do so at the
    same time come to the same access, and whichever is kept last is as good as the others.
    """

    def __init__(self, read_credentials: ReadCredentials) -> None:
        self._read_credentials = read_credentials
        self._credentials: Credentials | None = None
        self._access: Access | None = None

    def credentials(self) -> Credentials:
        """Read the secret for a run, and return its content; raises SecretUnusable."""
        credentials = self._read_credentials()
        if credentials != self._credentials:
            self._access = None
        self._credentials = credentials
        return credentials

    def access(self, ask_codebase: AskCodebase) -> Access:
        """Return how to call ConnectWise; raises AccessRefused if it knows no such company."""
        access = self._access
        if access is None:
            credentials = self._credentials or self._read_credentials()
            self._access = access = self._open(credentials, ask_codebase)
        return access

    def after_unauthorized(self, refused: Access, ask_codebase: AskCodebase) -> Access:
        """Return an access with keys read afresh.

        Raises AccessRefused if they are the same, or for another company: what this run knows of
        external ids belongs to the company that it began with.
        """
        if (renewed := self._renewed_since(refused)) is not None:
            return renewed
        credentials = self._read_credentials()
        if credentials == refused.credentials:
            raise AccessRefused(
                f"ConnectWise does not accept the keys for company {credentials.company} at "
                f"{credentials.login_origin} (401). Correct the secret."
            )
        if credentials.connection != refused.credentials.connection:
            raise AccessRefused(
                f"The secret is now for {credentials.connection}, and was for "
                f"{refused.credentials.connection}. Put the former content back."
            )
        self._access = access = self._open(credentials, ask_codebase)
        return access

    def after_not_found(self, failed: Access, ask_codebase: AskCodebase) -> Access | None:
        """Return an access with another codebase, None if the company's is still the same.

        An upgraded tenant has a new codebase, and answers 404 under the old one.
        """
        if (renewed := self._renewed_since(failed)) is not None:
            return renewed
        renewed = self._open(failed.credentials, ask_codebase)
        if renewed.base_url == failed.base_url:
            return None
        self._access = renewed
        return renewed

    def _renewed_since(self, failed: Access) -> Access | None:
        """Return the access that another thread has got in place of one that has failed."""
        access = self._access
        return None if access == failed else access

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
