"""Ctrl-C, once: what it begins, taking back, is not interrupted in its turn."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one is not known to Windows


class Interrupts:
    """Raise KeyboardInterrupt for the first signal that wants the command to end.

    None is raised for a later one, nor while they are not `accepted`.
    """

    def __init__(self) -> None:
        self.accepted = True
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.accepted:
            self.accepted = False
            raise KeyboardInterrupt
