"""What `status` looks at and shows, once or again and again."""

from __future__ import annotations

import sys

from rich.console import Console

from payments.command.deployment import Deployment
from payments.command.standing import Standing
from payments.command.status import Answer, Overview, overview, status_of
from payments.command.status_view import (
    one_line,
    show_answer,
    show_notes,
    show_overview,
    standing_json,
)
from payments.command.tables import new_console
from payments.command.watching import Watched


def watched_overview(
    console: Console, deployment: Deployment, most: int, *, json: bool
) -> Watched[Overview]:
    """Return how to look at all imports."""
    to_line = standing_json if json else one_line

    def show(found: Overview) -> None:
        if json:
            _print_json(found.standings + found.unclaimed, found.notes)
        else:
            show_overview(console, found, deployment.incoming_prefix)

    return Watched(
        look=lambda: overview(deployment, most),
        show=show,
        lines=lambda found: map(to_line, found.standings + found.unclaimed),
        ended=lambda _: False,
    )


def watched_file(
    console: Console, deployment: Deployment, key: str, *, json: bool
) -> Watched[Answer]:
    """Return how to look at one file."""
    to_line = standing_json if json else one_line

    def show(answer: Answer) -> None:
        if json:
            _print_json((answer.newest,), answer.notes)
        else:
            show_answer(console, answer)

    return Watched(
        look=lambda: status_of(deployment, key),
        show=show,
        lines=lambda answer: [to_line(answer.newest)],
        ended=lambda answer: answer.newest.state.ended,
    )


def _print_json(standings: tuple[Standing, ...], notes: tuple[str, ...]) -> None:
    sys.stdout.writelines(f"{standing_json(standing)}\n" for standing in standings)
    show_notes(new_console(stderr=True), notes)
