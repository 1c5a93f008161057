"""Tables that read well in a terminal and can be pasted into the README as they are."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table


def print_table(
    console: Console, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], note: str
) -> None:
    """Print a table; its first column holds names, the others numbers."""
    table = Table(box=box.MARKDOWN)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    with console.capture() as capture:
        console.print(table)
    lines = (line for line in capture.get().splitlines() if line.strip())
    console.print(f"\n{title}\n", style="bold", markup=False)
    console.print(*lines, sep="\n", markup=False)
    if note:
        console.print(f"\n{note}", markup=False)
