"""One thing that `check` has looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from payments.command.looking import Looking


class Verdict(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    MISSING = "missing"
    FAILED = "failed"
    UNKNOWN = "not tried"
    NOTE = "note"

    @property
    def bad(self) -> bool:
        """Whether something has to be done."""
        return self in (Verdict.MISSING, Verdict.FAILED)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, how it stands, what to do about it, and a command to paste."""

    name: str
    verdict: Verdict
    remark: str = ""
    command: str = ""


def if_permitted(name: str, permission: str, look: Callable[[], Check]) -> Check:
    """Return what is found, or that the operator may not look."""
    looking = Looking()
    found = looking.at(name, permission, look)
    return found or not_permitted(name, permission)


def not_permitted(name: str, permission: str) -> Check:
    """Return that the operator may not look."""
    return Check(name, Verdict.UNKNOWN, f"You lack {permission}.")
