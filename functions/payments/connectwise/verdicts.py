"""Say what an answer of ConnectWise means. Pure.

*Readable* is an answer with an error of ConnectWise's (`answers.read_error`); anything else comes
from something in between: a proxy, a firewall, IIS.

| status               | readable                           | not readable                        |
|----------------------|------------------------------------|-------------------------------------|
| 2xx                  | the result                         | NoAnswer                            |
| 3xx                  | AccessRefused                      | AccessRefused                       |
| 401                  | secret read afresh once, and made again; then AccessRefused              |
| 403                  | NotPermitted                       | NoAnswer                            |
| 404                  | NotFound                           | NoAnswer                            |
|                      | if another call made after it is answered. If not, the codebase is asked |
|                      | for afresh once, in case the tenant was upgraded, and the call made      |
|                      | again; then AccessRefused                                                |
| 408                  | NoAnswer: a proxy has waited for too long                                |
| 409                  | Busy                               | NoAnswer                            |
| 429, 503+Retry-After | everybody is silent for that long, and it is made again; but a write     |
|                      | with 503 may have taken effect: NoAnswer                                 |
| other 4xx            | RecordRejected                     | NoAnswer                            |
| 500                  | ServerFault                        | NoAnswer                            |
| anything else        | NoAnswer                           | NoAnswer                            |
| no answer at all     | NoAnswer                                                                 |

What `api` sees to before: 429, 503 with Retry-After, the first 401, and whose fault a 404 is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from payments.connectwise import unreachable
from payments.connectwise.answers import error_messages, read_error, read_json
from payments.connectwise.wire import Response
from payments.errors import (
    AccessRefused,
    Busy,
    CallFailed,
    NoAnswer,
    NotFound,
    NotPermitted,
    RecordRejected,
    ServerFault,
)

RIGHTS = (
    "Finance > Accounting Interface: add, edit, delete and inquire All; Finance > Invoicing: edit, "
    "delete and inquire All"
)
_DOING = {
    "GET": "read this",
    "POST": "create payments",
    "PATCH": "change payments",
    "DELETE": "delete payments",
}


def result(method: str, response: Response) -> Any:
    """Return what a 2xx answer says, None if it says nothing."""
    if method == "PATCH" and not response.body:
        return None
    try:
        return read_json(response.body)
    except ValueError as error:
        raise _page(response) from error


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer that is not 2xx; `messages` are ConnectWise's if it is readable."""

    method: str
    response: Response
    readable: bool
    messages: tuple[str, ...]

    @property
    def status(self) -> int:
        return self.response.status

    def as_failure(self, kind: type[CallFailed]) -> CallFailed:
        """Return the failure of a call, with ConnectWise's reason if it names one."""
        status = str(self.status)
        return kind(f"{status}: {self.messages[0]}" if self.readable else status, for_log=status)

    def redirected(self) -> Exception:
        location = self.response.headers.get("Location", "")
        words = unreachable.redirect(self.status, location, self.response.host)
        return AccessRefused(f"{words}.")

    def keys_refused(self) -> Exception:
        text = "ConnectWise does not accept the keys (401)."
        told = f" {self.messages[0]}" if self.readable else or_else(self.response)
        return AccessRefused(f"{text}{told}", for_log=text)

    def not_permitted(self) -> Exception:
        text = (
            "ConnectWise refuses the call (403): the API member's security role, or the clientId, "
            f"does not allow to {_DOING[self.method]}. In ConnectWise, give the role these rights "
            f"({RIGHTS}; SECURITY.md, Permissions), and check the clientId in the secret."
        )
        return NotPermitted(f"{text} {self.messages[0]}", for_log=text)

    def not_found(self) -> Exception:
        return NotFound(*self.messages)

    def in_use(self) -> Exception:
        return self.as_failure(Busy)

    def rejected(self) -> Exception:
        return RecordRejected(*self.messages)

    def failed(self) -> Exception:
        return self.as_failure(ServerFault)

    def from_between(self) -> Exception:
        return _page(self.response)

    def unanswered(self) -> Exception:
        return self.as_failure(NoAnswer) if self.readable else self.from_between()


# The first row that fits counts: statuses, whether the answer has to be readable, what it means.
_VERDICTS: tuple[tuple[Collection[int], bool, Callable[[_Refusal], Exception]], ...] = (
    (range(300, 400), False, _Refusal.redirected),
    ((401,), False, _Refusal.keys_refused),
    ((403,), True, _Refusal.not_permitted),
    ((404,), True, _Refusal.not_found),
    ((408,), False, _Refusal.unanswered),
    ((409,), True, _Refusal.in_use),
    (range(400, 500), True, _Refusal.rejected),
    (range(400, 500), False, _Refusal.from_between),
    ((500,), True, _Refusal.failed),
    (range(1000), False, _Refusal.unanswered),
)


def or_else(response: Response) -> str:
    """Return what an answer may mean besides, a sentence, if it is not ConnectWise's."""
    return "" if read_error(response.body) else f" Or else: {_page(response)}."


def _page(response: Response) -> NoAnswer:
    """Return what it means that somebody else has answered; the log does not quote them."""
    status, host = response.status, response.host
    words = unreachable.page(status, response.body, host)
    return NoAnswer(words, for_log=unreachable.page(status, b"", host))


def accepted(method: str, response: Response) -> Response:
    """Return a 2xx answer; raises what any other means."""
    status, body = response.status, response.body
    if 200 <= status < 300:
        return response
    readable = read_error(body) is not None
    refusal = _Refusal(method, response, readable, error_messages(status, body))
    raise next(
        verdict(refusal)
        for statuses, only_readable, verdict in _VERDICTS
        if status in statuses and (readable or not only_readable)
    )
