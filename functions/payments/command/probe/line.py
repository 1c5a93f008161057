"""The line to ConnectWise: one call at a time, and every answer is one."""

from __future__ import annotations

from urllib.parse import urlencode

from payments.clock import Clock
from payments.command.probe.dialogue import Answer, Get
from payments.command.probe.known import Made
from payments.connectwise.answers import error_codes, error_messages, read_json
from payments.connectwise.api import Api, has_next_page
from payments.connectwise.verdicts import accepted
from payments.connectwise.wire import Response
from payments.errors import (
    AccessRefused,
    CallFailed,
    NoAnswer,
    NotPermitted,
    RecordRejected,
    ServerFault,
)

_PAUSES_SECONDS = (1.0, 4.0)
_NOT_IMPLEMENTED = 501


class Line:
    """Calls that are noted in `made`, as kind, status and time."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.made: list[Made] = []
        self._api = api
        self._clock = clock

    def base_length(self) -> int:
        """Return how long a URL is before its path."""
        return len(self._api.base_url())

    def get(self, step: Get) -> Answer:
        """Read something, a few times if it fails; raises NoAnswer unless it `may_fail`."""
        path = f"{step.path}?{urlencode(step.query)}" if step.query else step.path
        kind = _kind(step.path)
        if step.may_fail:
            return self._hear_anything(kind, path)
        for pause in _PAUSES_SECONDS:
            try:
                answer = self.hear(kind, "GET", path)
            except NoAnswer:
                pass
            else:
                if answer.status < 500:
                    return answer
            self._clock.sleep(pause)
        return self.hear(kind, "GET", path)

    def hear(self, kind: str, method: str, path: str, body: str | None = None) -> Answer:
        """Make a call and return what is said, be it a refusal; raises NoAnswer."""
        began = self._clock.monotonic()
        status = 0
        try:
            response = self._api.exchange(method, path, body)
            status = response.status
            return _answer(method, response)
        finally:
            self.made.append(Made(kind, status, self._clock.monotonic() - began))

    def _hear_anything(self, kind: str, path: str) -> Answer:
        try:
            return self.hear(kind, "GET", path)
        except (CallFailed, AccessRefused):
            # What the web server itself refuses is no answer of ConnectWise's.
            return Answer(self.made[-1].status if self.made[-1].status >= 300 else 0)


def _answer(method: str, response: Response) -> Answer:
    status, body = response.status, response.body
    try:
        accepted(method, response)
    except (NotPermitted, RecordRejected, ServerFault):
        return Answer(
            status, None, response.headers, error_messages(status, body), error_codes(body)
        )
    except NoAnswer:
        # IIS itself refuses methods that it is told to.
        if method == "DELETE" and (400 <= status < 500 or status == _NOT_IMPLEMENTED):
            return Answer(status)
        raise
    return Answer(status, _json(body), response.headers, next_page=has_next_page(response))


def _json(body: bytes) -> object:
    try:
        return read_json(body)
    except ValueError:
        return None


def _kind(path: str) -> str:
    if "unposted" in path:
        return "read unposted"
    return "read payments" if "/payments" in path else "read invoices"
