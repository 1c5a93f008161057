"""Wait for something that happens elsewhere."""

import time
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")

PATIENCE_SECONDS = 180.0
"""A lost answer is given half a minute to take effect, and the machine may be busy."""

_POLL_SECONDS = 0.05


def wait_for(
    what: Callable[[], _Value], timeout_seconds: float = PATIENCE_SECONDS, description: str = ""
) -> _Value:
    """Ask again and again until the answer is true, and return it; TimeoutError when it is not."""
    deadline = time.monotonic() + timeout_seconds
    while not (answer := what()):
        if time.monotonic() > deadline:
            waited_for = description or getattr(what, "__name__", "it")
            raise TimeoutError(f"waited {timeout_seconds:g} s for {waited_for}")
        time.sleep(_POLL_SECONDS)
    return answer
