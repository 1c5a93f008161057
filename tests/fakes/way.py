"""The way of a call to something outside and back, where a test may disturb it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

Answer = TypeVar("Answer")


class Way(Protocol):
    """Carry a call to its `effect`, and the answer back; may raise what a real call raises."""

    def __call__(self, operation: str, request: Any, effect: Callable[[], Answer]) -> Answer: ...


def straight(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
    """Let the call arrive, and its answer too."""
    return effect()
