"""The group of all subcommands: what holds for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import typer
from typer.core import TyperGroup

from payments.command.cli.base import INTERRUPTED, REFUSED, Where
from payments.command.tables import new_console

_WHERE = ("stack", "region", "profile")
_ANYWHERE = (*_WHERE, "debug")


class Commands(TyperGroup):
    """The subcommands: each takes the options that say where, and how, too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        options = [_again(option) for option in self.params if option.name in _ANYWHERE]
        for command in _all(self.commands.values()):
            command.params += options
            command.help = _paragraphs(command.help or "")

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand; a question that is not answered ends it."""
        try:
            return super().invoke(ctx)
        except typer.Abort as end:
            interrupted = isinstance(end.__context__, KeyboardInterrupt)
            end_of_question = "" if end.__context__ is None else "\n"
            new_console(stderr=True).print(f"{end_of_question}Nothing was done.")
            raise typer.Exit(INTERRUPTED if interrupted else REFUSED) from end


def _all(commands: Iterable[Any]) -> Iterator[Any]:
    for command in commands:
        yield command
        yield from _all(getattr(command, "commands", {}).values())


def _paragraphs(docstring: str) -> str:
    """Return a text whose lines break where the terminal wants it."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


def _again(option: Any) -> Any:
    """Return an option of the whole command as one behind a subcommand, where it has its say."""
    behind = copy(option)
    behind.expose_value = False
    behind.envvar = behind.default = None
    behind.rich_help_panel = "Options of every command"
    behind.callback = _say_where if option.name in _WHERE else None
    return behind


def _say_where(context: typer.Context, option: Any, value: str | None) -> None:
    if value is not None and isinstance(context.obj, Where):
        context.obj = replace(context.obj, **{option.name: value})
