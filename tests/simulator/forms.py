"""The forms of failure: what a call meets that is struck, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from re import sub
from typing import Any

from simulator import exact_json
from simulator.answers import Answer, json_answer
from simulator.calls import OpenCall

_LONG_TEXT = 4 << 20
_ENDLESS_TEXT = 20 << 20
"""More than anybody should be ready to read."""

_ROW_ID = r'(?<!:)\{"id":\d+'
"""The id of the record itself, or of each row: not the one of a reference inside."""

Change = Callable[[OpenCall], OpenCall]
Twist = Callable[[Answer], Answer]


@dataclass(frozen=True, slots=True)
class Form:
    """What becomes of a call, and of its answer."""

    page: Answer | None = None
    """Answered instead; the call takes effect only if the fault says so."""
    cut: bool = False
    """The connection is reset; the call takes effect only if the fault says so."""
    change: Change = lambda call: call
    """What is carried out in the call's place."""
    twist: Twist = lambda answer: answer
    """What the true answer is turned into."""

    def spares(self) -> bool:
        """Tell whether the call is carried out, and answered with something like the truth."""
        return self.page is None and not self.cut


def _html(status: int, title: str, text: str = "") -> Answer:
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{text or title}</body>"
    return Answer(status, f"{page}</html>\n", content_type="text/html; charset=utf-8")


def _error(status: int, message: str, **more: Any) -> Answer:
    return json_answer({"code": "ConnectWiseApi", "message": message, **more}, status)


# Statuses that are the answer of something in between: proxies, firewalls, load balancers.
_PROXY_STATUSES = (403, 404, 405, 407, 409, 410, 421, 431, 451, 499, 500, 502, 503, 504)

FOREIGN_PAGES: Mapping[str, Form] = {
    **{
        f"html-{status}": Form(_html(status, "Gateway", "The gateway cannot help you."))
        for status in _PROXY_STATUSES
    },
    "html-200": Form(_html(200, "Sign in", "<form>Sign in to the network</form>")),
    "iis-400": Form(
        _html(
            400,
            "Bad Request",
            "<h2>Bad Request - Invalid Hostname</h2><hr>"
            "<p>HTTP Error 400. The request hostname is invalid.</p>",
        )
    ),
    "empty-400": Form(Answer(400)),
    "empty-502": Form(Answer(502)),
}
"""Pages that are not ConnectWise's, whatever their status."""

FAILURES: Mapping[str, Form] = {
    "reset": Form(cut=True),
    "unavailable": Form(_error(503, "The service is unavailable.")),
    "error-500": Form(_error(500, "An unexpected error has occurred.")),
    "trickling-headers": Form(Answer(200, trickle="headers")),
    "trickling-body": Form(Answer(200, trickle="body")),
}
"""ConnectWise itself, not well."""

ODD_ERRORS: Mapping[str, Form] = {
    # Half a surrogate pair each: JSON takes it, UTF-8 does not.
    "surrogates": Form(Answer(400, r'{"code":"\udc00","message":"Amount \ud83d is odd."}')),
    "long-error": Form(_error(400, "x" * _LONG_TEXT)),
    "shapeless-error": Form(_error(400, "", errors=[None, 7, {"message": ["x"], "field": {}}])),
    "null-error": Form(Answer(400, "null")),
    "nested-error": Form(Answer(400, "[" * 100_000)),
}
"""Refusals whose texts are odd."""


def _as_it_is(call: OpenCall) -> OpenCall:
    """Change nothing: a call on one payment only looks at it."""
    if call.route.payment_id:
        return replace(call, route=replace(call.route, kind="payment"))
    return call


def _first_page(call: OpenCall) -> OpenCall:
    return replace(call, query=sub(r"(^|&)page=\d+", r"\1page=1", call.query))


def _with_text(change: Callable[[str], str]) -> Form:
    return Form(twist=lambda answer: replace(answer, body=change(answer.body)))


def _with_ids(row: str) -> Form:
    return _with_text(lambda text: sub(_ROW_ID, row, text))


def _with_records(change: Callable[[dict[str, Any]], Any]) -> Form:
    def changed(text: str) -> str:
        value = exact_json.loads(text)
        rows = value if isinstance(value, list) else [value]
        odd = [change(row) if isinstance(row, dict) else row for row in rows]
        return exact_json.dumps(odd if isinstance(value, list) else odd[0])

    return _with_text(changed)


def _of_another(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "id": record.get("id", 0) + 1_000_000}


def _without(*names: str) -> Form:
    return _with_records(
        lambda record: {name: value for name, value in record.items() if name not in names}
    )


ODD_ANSWERS: Mapping[str, Form] = {
    "null": _with_text(lambda _: "null"),
    "object": _with_text(lambda _: '{"value":[]}'),
    "list": _with_text(lambda _: "[[7]]"),
    "no-body": _with_text(lambda _: ""),
    "half": _with_text(lambda text: text[: len(text) // 2]),
    "huge": _with_text(lambda text: text + " " * _ENDLESS_TEXT),
    "rows-null": _with_records(lambda _: None),
    "no-id": _without("id"),
    "id-null": _with_ids('{"id":null'),
    "id-infinity": _with_ids('{"id":Infinity'),
    "id-exponent": _with_ids('{"id":1e999'),
    "id-long": _with_ids('{"id":' + "9" * 50),
    "id-longer": _with_ids('{"id":' + "9" * 10_000),
    "id-text": _with_ids('{"id":"12"'),
    "id-true": _with_ids('{"id":true'),
    "id-negative": _with_ids('{"id":-1'),
    "id-fraction": _with_ids('{"id":1.9'),
    "amount-text": _with_records(lambda record: {**record, "amount": "10"}),
    "amount-null": _with_records(lambda record: {**record, "amount": None}),
    "no-amount": _without("amount"),
    "no-date": _without("paymentDate"),
    "id-only": _with_records(lambda record: {"id": record.get("id")}),
    "another": _with_records(_of_another),
    "endless": Form(
        change=_first_page,
        twist=lambda answer: replace(answer, headers={"Link": '</next?page=2>; rel="next"'}),
    ),
    "unchanged": Form(change=_as_it_is),
}
"""The call takes effect (but for `unchanged`), and its answer is none that one would expect."""

FORMS: Mapping[str, Form] = {**FAILURES, **FOREIGN_PAGES, **ODD_ERRORS, **ODD_ANSWERS}
