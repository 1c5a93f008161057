"""Looking again and again."""

from io import StringIO

import pytest
from rich.console import Console

from payments.command.watching import Watched, show

STEPS = ["one", "one", "two", "end"]


class Watching:
    """Somebody who looks at what stands as listed, a step a look."""

    def __init__(self, *, terminal: bool = False, interrupted_after: int = 100) -> None:
        self.looks = 0
        self.output = StringIO()
        self.console = Console(file=self.output, width=80, force_terminal=terminal)
        self._interrupted_after = interrupted_after

    def watches(self, *, again: bool = True) -> str:
        watched: Watched[str] = Watched(
            self._look, self.console.print, lambda seen: [seen], lambda seen: seen == "end"
        )
        return show(self.console, watched, self._pause, again=again)

    def _look(self) -> str:
        self.looks += 1
        return STEPS[self.looks - 1]

    def _pause(self) -> None:
        if self.looks == self._interrupted_after:
            raise KeyboardInterrupt


def test_once_is_once() -> None:
    somebody = Watching()
    assert (somebody.watches(again=False), somebody.looks) == ("one", 1)


def test_without_a_terminal_there_is_a_line_for_each_change() -> None:
    somebody = Watching()
    assert somebody.watches() == "end"
    assert somebody.output.getvalue().splitlines() == ["one", "two", "end"]


def test_a_terminal_is_drawn_anew_each_time() -> None:
    somebody = Watching(terminal=True)
    somebody.watches()
    screens = somebody.output.getvalue().split("\x1b[2J")
    assert [screen.split()[-1] for screen in screens if screen] == [
        "\x1b[Hone",
        "\x1b[Hone",
        "\x1b[Htwo",
        "\x1b[Hend",
    ]


def test_ctrl_c_is_passed_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        Watching(interrupted_after=2).watches()
