"""What goes back to the caller: answers, and ConnectWise's shapes of an error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator import exact_json

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and the headers that are not the same on every answer."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    trickle: Literal["headers", "body"] | None = None
    """Which part comes byte by byte, without an end."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One entry of an error's `errors` (ValidationError in ConnectWise's OpenAPI description)."""

    code: str
    message: str
    resource: str
    field: str

    def as_json(self) -> dict[str, str]:
        """Return the entry as it is sent."""
        return {
            "code": self.code,
            "message": self.message,
            "resource": self.resource,
            "field": self.field,
        }


class Refusal(Exception):
    """The call is answered with an error; it carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a JSON value."""
    return Answer(status, exact_json.dumps(value), headers or {})


def error(status: int, code: str, message: str, errors: Iterable[FieldError] = ()) -> Refusal:
    """Refuse in the shape ErrorResponseMessage of ConnectWise's OpenAPI description."""
    body: dict[str, Any] = {"code": code, "message": message}
    listed = [entry.as_json() for entry in errors]
    if listed:
        body["errors"] = listed
    return Refusal(json_answer(body, status))


def not_found(what: str) -> Refusal:
    """Refuse with 404 (the shape is inferred from ErrorResponseMessage)."""
    return error(404, "NotFound", f"{what} not found")


def invalid(resource: str, errors: Iterable[FieldError]) -> Refusal:
    """Refuse with 400 InvalidObject, as seen in a working client's log."""
    return error(400, "InvalidObject", f"{resource} object is invalid", errors)


def invalid_field(resource: str, name: str, message: str, code: str = "InvalidField") -> Refusal:
    """Refuse with 400 InvalidObject for one field."""
    return invalid(resource, [FieldError(code, message, resource, name)])
