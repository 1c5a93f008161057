"""Make one authenticated call to ConnectWise's REST API.

One try, after which there is a result or a verdict (`verdicts`); only logging in and silence are
seen to on the way:

- 429, and 503 with Retry-After: everybody is silent for that long, and the call is made again;
- 401: the secret is read afresh once;
- 404: it is the record's, if another call made after it is answered. If not, the codebase is asked
  for afresh once, in case the tenant was upgraded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from aws_lambda_powertools import Logger

from payments.clock import Clock
from payments.connectwise.answers import write_json
from payments.connectwise.gate import Gate
from payments.connectwise.login import Access, Login
from payments.connectwise.verdicts import accepted, or_else, result
from payments.connectwise.wire import Request, Response, Wire
from payments.errors import (
    AccessRefused,
    CallFailed,
    NoAnswer,
    NotFound,
    NotPermitted,
    RecordRejected,
    ServerFault,
)

logger = Logger(child=True)

SHORTEST_SILENCE_SECONDS = 0.5
LONGEST_SILENCE_SECONDS = 24 * 3600.0
_PROOF_PATH = "/finance/invoices"
_PROOF_QUERY: Mapping[str, str | int] = {"fields": "id", "pageSize": 1}
_NEXT_PAGE = re.compile(r';\s*rel="?next\b')  # RFC 8288

Query: TypeAlias = Mapping[str, str | int]


@dataclass(slots=True)
class CallCounts:
    """What was sent to ConnectWise in this run; approximate only while threads are calling."""

    calls: int = 0
    throttled: int = 0


class Api:
    """Authenticated calls to one ConnectWise company, for the threads of one run."""

    def __init__(
        self, wire: Wire, login: Login, gate: Gate, api_version: str, clock: Clock
    ) -> None:
        self.counts = CallCounts()
        self._wire = wire
        self._login = login
        self._gate = gate
        self._clock = clock
        self._accept = {"Accept": f"application/vnd.connectwise.com+json; version={api_version}"}

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return the JSON that a GET answers."""
        return self.get_page(path, query)[0]

    def get_page(self, path: str, query: Query | None = None) -> tuple[Any, bool]:
        """Return the JSON that a GET answers, and whether it links to a next page."""
        response = self._call("GET", f"{path}?{urlencode(query)}" if query else path)
        return result("GET", response), has_next_page(response)

    def patch(self, path: str, operations: list[Any]) -> Any:
        """Return the JSON that a PATCH answers; raises NoAnswer where nobody knows its effect."""
        return result("PATCH", self._call("PATCH", path, write_json(operations)))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON that a POST answers; raises NoAnswer where nobody knows its effect."""
        return result("POST", self._call("POST", path, write_json(dict(body))))

    def exchange(self, method: str, path: str, body: str | None = None) -> Response:
        """Return the answer to a call, whatever it says; raises NoAnswer if there is none."""
        access = self._login.access(self._ask_codebase)
        renewed_keys = renewed_codebase = False
        while True:
            response = self._send(self._request(method, path, access, body))
            if response.status == 401 and not renewed_keys:
                renewed_keys = True
                access = self._renewed_keys(access, response)
            elif response.status == 404 and not self._is_proven(access, path):
                access = self._renewed_access(None if renewed_codebase else access)
                renewed_codebase = True
            else:
                return response

    def base_url(self) -> str:
        """Return what comes before the path of every call."""
        return self._login.access(self._ask_codebase).base_url

    def log_in(self) -> None:
        """Find out where the API is; raises AccessRefused if ConnectWise knows no such company."""
        self._login.access(self._ask_codebase)

    def answers(self) -> bool:
        """Tell whether ConnectWise answers a simple call now."""
        try:
            self.get(_PROOF_PATH, _PROOF_QUERY)
        except NotPermitted:
            return True
        except (CallFailed, RecordRejected):
            return False
        return True

    def _call(self, method: str, path: str, body: str | None = None) -> Response:
        """Return the 2xx answer to a call; raises the verdict on any other."""
        return accepted(method, self.exchange(method, path, body))

    def _request(self, method: str, path: str, access: Access, body: str | None = None) -> Request:
        headers = {**self._accept, **access.headers}
        if body is None:
            return Request(method, access.base_url + path, headers)
        headers["Content-Type"] = "application/json"
        return Request(method, access.base_url + path, headers, body.encode("ascii"))

    def _send(self, request: Request) -> Response:
        """Send until the answer is not one that asks for silence."""
        while True:
            with self._gate.call():
                self.counts.calls += 1
                response = self._answer(request)
            if not self._asks_for_silence(response):
                self._gate.accepted()
                if response.status >= 300:
                    request_id = response.headers.get("x-cw-request-id")
                    _log("Refused", request, status=response.status, request_id=request_id)
                return response
            if request.method != "GET" and response.status != 429:
                raise NoAnswer(f"{response.status}: it is to be called again later")

    def _answer(self, request: Request) -> Response:
        try:
            return self._wire.send(request)
        except NoAnswer as error:
            _log("No answer", request, reason=error.for_log)
            raise

    def _asks_for_silence(self, response: Response) -> bool:
        retry_after = response.headers.get("Retry-After")
        if response.status != 429 and not (response.status == 503 and retry_after):
            return False
        self.counts.throttled += 1
        logger.warning("Throttled", status=response.status, retry_after=retry_after)
        self._gate.throttled(_seconds(retry_after, self._clock.time()))
        return True

    def _is_proven(self, access: Access, path: str) -> bool:
        """Tell whether `access` is good, by a call that is made now; a 404 is then the record's.

        Raises NoAnswer if that call says nothing about it.
        """
        if path.partition("?")[0] == _PROOF_PATH:
            return False
        proof = self._request("GET", f"{_PROOF_PATH}?{urlencode(_PROOF_QUERY)}", access)
        response = self._send(proof)
        if response.status == 404:
            return False
        with suppress(NotPermitted, RecordRejected), _about_no_record():
            result("GET", accepted("GET", response))
        return True

    def _renewed_keys(self, refused: Access, response: Response) -> Access:
        try:
            return self._login.after_unauthorized(refused, self._ask_codebase)
        except AccessRefused as error:
            raise AccessRefused(f"{error}{or_else(response)}", for_log=error.for_log) from error

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

    def _ask_codebase(self, url: str) -> object:
        try:
            with _about_no_record():
                response = self._send(Request("GET", url, self._accept))
                return result("GET", accepted("GET", response))
        except NotFound:
            return None
        except RecordRejected as error:
            text = "ConnectWise does not name the codebase"
            raise AccessRefused(f"{text}: {error}", for_log=f"{text}.") from error


def has_next_page(response: Response) -> bool:
    """Tell whether an answer links to a next page."""
    return bool(_NEXT_PAGE.search(response.headers.get("Link", "")))


@contextmanager
def _about_no_record() -> Iterator[None]:
    """Take a fault of a call that we make for ourselves for none of the record's own call."""
    try:
        yield
    except ServerFault as fault:
        raise NoAnswer(str(fault), for_log=fault.for_log) from fault


def _log(message: str, request: Request, **about: Any) -> None:
    logger.warning(message, method=request.method, url=request.url.partition("?")[0], **about)


def _seconds(retry_after: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date."""
    text = (retry_after or "").strip()
    if text.isdecimal():
        return _bounded(float(text))
    try:
        at = parsedate_to_datetime(text)
    except (OverflowError, ValueError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return _bounded(at.timestamp() - now)


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_SILENCE_SECONDS), LONGEST_SILENCE_SECONDS)
