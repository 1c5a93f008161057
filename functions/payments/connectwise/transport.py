"""Make one call to ConnectWise's REST API: headers, retries, patience.

What happens to a call that fails:
- 429, and 503 with Retry-After: everybody is silent for that long, then the call is made again;
- 401: the secret is read afresh once; still 401, or 403: AccessRefused;
- 404: NotFound, if another call made after it is answered. If not, the codebase is asked for afresh
  once, in case the tenant was upgraded; still 404: AccessRefused;
- other 4xx: RecordRejected;
- timeout, reset, 408, 5xx, unreadable answer: repeated with back-off, then ConnectWiseDown, or
  ServerFault if other calls are answered. A POST is not repeated: it raises AnswerLost, since it
  may have taken effect.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests
from aws_lambda_powertools import Logger
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers
from urllib3.exceptions import HTTPError

from payments.connectwise.answers import error_messages, read_error, read_json, write_json
from payments.errors import (
    AccessRefused,
    AnswerLost,
    ConnectWiseDown,
    NotFound,
    NotPermitted,
    Quoting,
    RecordRejected,
    ServerFault,
)
from payments.connectwise.login import Access, Login
from payments.connectwise.pace import Gate

logger = Logger(child=True)

TIMEOUT_SECONDS = (5.0, 30.0)  # to connect, and between the bytes of an answer
SHORTEST_SILENCE_SECONDS = 0.5
LONGEST_SILENCE_SECONDS = 24 * 3600.0
_PROOF_PATH = "/finance/invoices"
_PROOF_QUERY: Mapping[str, str | int] = {"fields": "id", "pageSize": 1}

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and how many seconds apart, a failed call is repeated."""

    tries: int = 7
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 8.0

    def wait_seconds(self, failures: int) -> float:
        """Return a wait that doubles with each failure, spread at random."""
        longest = min(self.longest_wait_seconds, self.first_wait_seconds * 2 ** (failures - 1))
        return random.uniform(longest / 2, longest)


@dataclass(slots=True)
class CallCounts:
    """What was sent to ConnectWise in this run; approximate only while threads are calling."""

    calls: int = 0
    throttled: int = 0


class _Failed(Quoting):
    """A call that may be repeated has failed, for the reason given.

    `server_fault`: ConnectWise itself has answered that it failed (500 and a readable error).
    """

    def __init__(
        self, reason: str, *, server_fault: bool = False, for_log: str | None = None
    ) -> None:
        super().__init__(reason, for_log=for_log)
        self.server_fault = server_fault


def new_adapter(connections: int) -> HTTPAdapter:
    """Return what keeps that many connections alive, and decides nothing by itself.

    A requests.Session would add ~/.netrc, proxy variables, cookies and redirects. None of them may
    change who we are or where we call (a redirected POST would become a GET), and looking for them
    adds about a quarter to a call's CPU.
    """
    return HTTPAdapter(pool_connections=2, pool_maxsize=connections, max_retries=0)


class Transport:
    """Authenticated calls to one ConnectWise company, for the threads of one run."""

    def __init__(
        self,
        adapter: HTTPAdapter,
        login: Login,
        gate: Gate,
        api_version: str,
        retries: Retries = Retries(),
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        self.counts = CallCounts()
        self._adapter = adapter
        self._login = login
        self._gate = gate
        self._retries = retries
        self._timeout_seconds = timeout_seconds
        accept = f"application/vnd.connectwise.com+json; version={api_version}"
        self._headers = {**default_headers(), "Accept": accept}
        self._proof_lock = threading.Lock()
        self._proven_at = float("-inf")

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """Return the JSON that a GET answers."""
        return self.get_page(path, query)[0]

    def get_page(self, path: str, query: Mapping[str, str | int] | None = None) -> tuple[Any, bool]:
        """Return the JSON that a GET answers, and whether it links to a next page."""
        return self._repeated("GET", path, query=query)

    def patch(self, path: str, operations: list[Any]) -> Any:
        """Return the JSON that a PATCH answers; its operations set values, so may be repeated."""
        return self._repeated("PATCH", path, body=write_json(operations))[0]

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON that a POST answers; raises AnswerLost where nobody knows."""
        try:
            return self._call("POST", path, None, write_json(dict(body)))[0]
        except _Failed as failure:
            raise AnswerLost(
                str(failure), server_fault=failure.server_fault, for_log=failure.for_log
            ) from failure

    def wait_after(self, failures: int) -> None:
        """Wait as long as before repeating a call that has failed that often."""
        self._gate.sleep(self._retries.wait_seconds(failures))

    def _repeated(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: str | None = None,
    ) -> tuple[Any, bool]:
        return self._patiently(lambda: self._call(method, path, query, body))

    def _patiently(self, call: Callable[[], _Result]) -> _Result:
        """Repeat a call that fails, with back-off; raises ConnectWiseDown in the end."""
        for failures in range(1, self._retries.tries + 1):
            try:
                return call()
            except _Failed as failure:
                last = failure
            if failures < self._retries.tries:
                self.wait_after(failures)
        if last.server_fault and self._answers():
            text = "ConnectWise fails at this call alone ({})."
            raise ServerFault(text.format(last), for_log=text.format(last.for_log))
        text = "ConnectWise does not answer ({})."
        raise ConnectWiseDown(text.format(last), for_log=text.format(last.for_log))

    def _answers(self) -> bool:
        """Tell whether ConnectWise answers a simple call now."""
        try:
            self._call("GET", _PROOF_PATH, _PROOF_QUERY, None)
        except NotPermitted:
            return True
        except (_Failed, RecordRejected):
            return False
        return True

    def _call(
        self, method: str, path: str, query: Mapping[str, str | int] | None, body: str | None
    ) -> tuple[Any, bool]:
        access = self._login.access(self._ask_codebase)
        renewed_keys = renewed_codebase = False
        while True:
            response = self._send(method, access.base_url + path, access, query, body)
            status = response.status_code
            if status == 401 and not renewed_keys:
                renewed_keys = True
                access = self._login.after_unauthorized(access, self._ask_codebase)
            elif status == 404 and path != _PROOF_PATH and self._is_proven(access):
                raise NotFound(*self._errors(response))
            elif status == 404:
                access = self._renewed_access(None if renewed_codebase else access)
                renewed_codebase = True
            else:
                return self._read(response, method), "next" in response.links

    def _send(
        self,
        method: str,
        url: str,
        access: Access | None,
        query: Mapping[str, str | int] | None = None,
        body: str | None = None,
    ) -> requests.Response:
        """Send until the answer is not one that asks for silence."""
        headers = self._headers if access is None else {**self._headers, **access.headers}
        request = _request(method, url, headers, query, body)
        while True:
            try:
                with self._gate.call():
                    self.counts.calls += 1
                    response = self._adapter.send(request, timeout=self._timeout_seconds)
                    _ = response.content  # the connection is free only when the body is read
            except (requests.RequestException, HTTPError) as error:
                logger.warning("No answer", method=method, url=url, reason=type(error).__name__)
                raise _Failed(type(error).__name__) from error
            if not self._asks_for_silence(response):
                self._gate.accepted()
                return response
            if method == "POST" and response.status_code != 429:
                raise _Failed(str(response.status_code))

    def _asks_for_silence(self, response: requests.Response) -> bool:
        retry_after = response.headers.get("Retry-After")
        status = response.status_code
        if status != 429 and not (status == 503 and retry_after):
            return False
        self.counts.throttled += 1
        seconds = _seconds(retry_after)
        logger.warning("Throttled", status=status, retry_after=retry_after)
        self._gate.throttled(seconds)
        return True

    def _read(self, response: requests.Response, method: str) -> Any:
        status = response.status_code
        if 200 <= status < 300:
            try:
                return read_json(response.content)
            except ValueError as error:
                raise _Failed("an answer that is not JSON") from error
        messages = self._errors(response)
        if status >= 500 or status == 408:  # a proxy has waited for too long
            is_fault = status == 500 and read_error(response.content) is not None
            text = f"{status}: {messages[0]}"
            raise _Failed(text, server_fault=is_fault, for_log=str(status))
        if status == 401:
            text = "ConnectWise does not accept the keys (401)."
            raise AccessRefused(f"{text} {messages[0]}", for_log=text)
        if status == 403:
            text = (
                "ConnectWise refuses the call (403): the API member's security role or the "
                f"clientId does not allow to {method} this."
            )
            raise NotPermitted(f"{text} {messages[0]}", for_log=text)
        if 300 <= status < 400:
            raise AccessRefused(f"ConnectWise answers with a redirect ({status}): check the site.")
        if status == 404:
            raise NotFound(*messages)
        raise RecordRejected(*messages)

    def _renewed_access(self, failed: Access | None) -> Access:
        """Return the access to a tenant that has been upgraded; None if that was tried before.

        On the cloud wrong credentials can come back as 404 too: raises AccessRefused.
        """
        renewed = self._login.after_not_found(failed, self._ask_codebase) if failed else None
        if renewed is None:
            raise AccessRefused(
                "ConnectWise answers 404 to everything: check site, company and keys in the secret."
            )
        return renewed

    def _is_proven(self, access: Access) -> bool:
        """Tell whether `access` is good, by a call that is made from now on.

        One call is enough for all threads that ask at the same time.
        """
        asked_at = monotonic()
        with self._proof_lock:
            if self._proven_at >= asked_at:
                return True
            made_at = monotonic()
            response = self._send("GET", access.base_url + _PROOF_PATH, access, _PROOF_QUERY)
            if response.status_code == 404:
                return False
            with suppress(NotPermitted, RecordRejected):
                self._read(response, "GET")
            self._proven_at = made_at
            return True

    def _errors(self, response: requests.Response) -> tuple[str, ...]:
        messages = error_messages(response.status_code, response.content)
        logger.warning(
            "Refused",
            method=response.request.method,
            url=response.url.partition("?")[0],
            status=response.status_code,
            request_id=response.headers.get("x-cw-request-id"),
        )
        return messages

    def _ask_codebase(self, url: str) -> object:
        try:
            return self._patiently(lambda: self._read(self._send("GET", url, None), "GET"))
        except NotFound:
            return None
        except RecordRejected as error:
            text = "ConnectWise does not name the codebase"
            raise AccessRefused(f"{text}: {error}", for_log=f"{text}.") from error


def _request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str | int] | None,
    body: str | None,
) -> requests.PreparedRequest:
    """Return a request as it goes out; `url` and `body` are ASCII."""
    request = requests.PreparedRequest()
    request.method = method
    request.url = f"{url}?{urlencode(query)}" if query else url
    request.headers = CaseInsensitiveDict(headers)
    if body is not None:
        request.body = body.encode("ascii")
        request.headers["Content-Type"] = "application/json"
        request.headers["Content-Length"] = str(len(request.body))
    return request


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return _bounded(float(retry_after))
    try:
        at = parsedate_to_datetime(retry_after)
    except (OverflowError, ValueError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return _bounded((at - datetime.now(UTC)).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_SILENCE_SECONDS), LONGEST_SILENCE_SECONDS)
