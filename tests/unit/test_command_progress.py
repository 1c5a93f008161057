"""How far a command is."""

from io import StringIO

import pytest
from rich.console import Console

from payments.command.progress import new_progress, progress_bar


def shown(*steps: tuple[int, int | None], terminal: bool) -> str:
    """Return what is printed while these steps are told."""
    output = StringIO()
    console = Console(file=output, force_terminal=terminal, width=100)
    with progress_bar(console, "Loading") as say_done:
        for done, total in steps:
            say_done(done, total)
    return output.getvalue()


def test_a_terminal_shows_how_many_of_how_many_are_done() -> None:
    assert "Loading" in shown((100, 250), (250, 250), terminal=True)
    assert "250/250" in shown((100, 250), (250, 250), terminal=True)


def test_without_a_total_the_number_is_shown() -> None:
    assert "100/?" in shown((100, None), terminal=True)


def test_a_file_or_pipe_gets_nothing() -> None:
    assert shown((100, 250), terminal=False) == ""


@pytest.mark.parametrize("name", ["p.xml", "a-name-that-is-longer-than-there-is-room-for.xml"])
def test_everything_fits_on_80_columns(name: str) -> None:
    clock = [0.0]
    progress = new_progress(Console(), lambda: clock[-1])
    task = progress.add_task(name, total=200_000)
    for second, done in ((1.0, 50_000), (61.0, 100_000)):
        clock.append(second)
        progress.update(task, completed=done)
    output = StringIO()
    Console(width=80, color_system=None, file=output).print(progress.get_renderable())
    [line] = output.getvalue().splitlines()
    assert "100000/200000" in line
    assert line.rstrip().endswith(" 0:02:00 left")
