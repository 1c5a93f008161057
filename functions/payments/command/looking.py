"""Look at one part of a deployment after another; what the operator may not see is a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from payments.command.problem import DENIED
from payments.stores.aws import error_code

_T = TypeVar("_T")


class Looking:
    """Looks, and remembers in `notes` what could not be seen."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def at(self, what: str, permission: str, look: Callable[[], _T]) -> _T | None:
        """Return what there is to see, None if the operator lacks the permission for it."""
        try:
            return look()
        except ClientError as error:
            if error_code(error) not in DENIED:
                raise
            note = f"{what}: not shown, since you lack {permission}."
            self.notes += [note] if note not in self.notes else []
            return None
