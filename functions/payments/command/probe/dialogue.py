"""What a question says to ConnectWise, step by step, what it hears, and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from payments.connectwise.answers import usable_id
from payments.connectwise.finance import shown
from payments.models import Fields

_T = TypeVar("_T")

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Get:
    """Read something; where nothing is heard, that is the answer if it `may_fail`."""

    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """Create a payment on the invoice."""

    fields: Fields


@dataclass(frozen=True, slots=True)
class Update:
    """Set fields of a payment of ours."""

    payment_id: int
    fields: Fields


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a payment of ours."""

    payment_id: int


Step: TypeAlias = Get | Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Answer:
    """What was heard; status 0 if nothing.

    `reasons` are ConnectWise's words, which may quote anybody; `codes` are names that quote nobody.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    next_page: bool = False

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def forbidden(self) -> bool:
        return self.status == 403

    @property
    def tells_nothing(self) -> bool:
        """Whether it is a server error or none: that is no rule of the tenant."""
        return not self.status or self.status >= 500

    @property
    def record(self) -> Row:
        """The record that is answered, empty if it is none."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def rows(self) -> list[Row]:
        """The records of a list."""
        found = self.body if isinstance(self.body, list) else []
        return [row for row in found if isinstance(row, dict)]

    @property
    def ids(self) -> list[int | None]:
        """The ids of the records of a list."""
        return [usable_id(row.get("id")) for row in self.rows]

    @property
    def payment_id(self) -> int | None:
        """The id of the payment that is answered."""
        return usable_id(self.record.get("id"))

    @property
    def held(self) -> Fields:
        """The writable fields of the payment that is answered."""
        return shown(self.record)

    @property
    def facts(self) -> dict[str, Any]:
        """What may be handed on of it."""
        return {"status": self.status, "codes": list(self.codes)}

    def __str__(self) -> str:
        said = " ".join((str(self.status or "no answer"), *self.codes))
        return f"{said}. {' '.join(self.reasons)}" if self.reasons else said


Steps: TypeAlias = Generator[Step, Answer, _T]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a tenant does.

    `result` is one of a few words, `says` and `means` are for the user; `facts` hold nothing of
    anybody, and nothing that ConnectWise has worded.
    """

    result: str
    says: str
    means: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def refused(answer: Answer, means: str, facts: Mapping[str, Any], says: str = "") -> Finding:
    """Say that ConnectWise does not take something, or that its answer tells nothing."""
    if answer.tells_nothing:
        return not_known(f"answered {answer}" if answer.status else str(answer), facts)
    result = "forbidden" if answer.forbidden else "refused"
    return Finding(result, says or f"refuses it: {answer}", means, facts)


def not_known(says: str, facts: Mapping[str, Any] | None = None) -> Finding:
    """Say that a question was asked, and not answered."""
    return Finding("not known", says, "Run it again another time.", facts or {})


def not_tried(why: str) -> Finding:
    """Say that a question stays open."""
    return Finding("not tried", why)
