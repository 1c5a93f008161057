"""How far a command is."""

from io import StringIO

from rich.console import Console

from payments.command.progress import progress_bar


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
