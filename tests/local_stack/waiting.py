"""Wait for something that happens elsewhere."""

import time
from collections.abc import Callable
from typing import TypeVar

_Value = TypeVar("_Value")

_POLL_SECONDS = 0.05


def wait_for(
    what: Callable[[], _Value], timeout_seconds: float = 30.0, description: str = ""
) -> _Value:
    """Ask again and again until the answer is true, and return it; TimeoutError when it is not."""
    deadline = time.monotonic() + timeout_seconds
    while not (answer := what()):
        if time.monotonic() > deadline:
            waited_for = description or getattr(what, "__name__", "it")
            raise TimeoutError(f"waited {timeout_seconds:g} s for {waited_for}")
        time.sleep(_POLL_SECONDS)
    return answer
