"""How much is tried: a sample that takes seconds, or with RESILIENCE=full everything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from random import Random
from typing import TypeVar

FULL = os.environ.get("RESILIENCE") == "full"

_Choice = TypeVar("_Choice")


def some(choices: Iterable[_Choice], size: int) -> list[_Choice]:
    """Return a sample that is always the same, or all of them."""
    found = list(choices)
    return found if FULL or len(found) <= size else Random(1).sample(found, size)
