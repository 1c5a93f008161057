"""Convert between spreadsheets and the XML of payments: nothing is written unless all is right."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import BinaryIO

from payments.command.problem import CommandFailed
from payments.command.spreadsheets.columns import Told
from payments.command.spreadsheets.csv_table import SaidOfCsv
from payments.command.spreadsheets.csv_to_xml import Converted, csv_to_xml
from payments.command.spreadsheets.problems import NotConverted
from payments.command.spreadsheets.xml_to_csv import xml_to_csv
from payments.files.record import ReadingRules

_NO_SEPARATORS = '"\r\n'
_ENCODING = "utf-8-sig"  # without its mark, spreadsheets take UTF-8 for something else


def convert(source: Path, output: Path | None, said: SaidOfCsv, rules: ReadingRules) -> str:
    """Convert `source` into `output`, or to standard output; return what was done.

    A name that ends with .xml is a fail file, everything else CSV. Raises CommandFailed.
    """
    try:
        with _written_at_the_end(source, output) as result:
            if source.suffix.lower() == ".xml":
                return _to_csv(source, said, rules, result)
            return _told(csv_to_xml(source, said, rules, result))
    except BrokenPipeError:
        raise  # whoever reads standard output has had enough
    except NotConverted as problems:
        raise CommandFailed(f"{source} is not converted:\n{problems}") from problems
    except OSError as error:
        name = error.filename or output or "the output"
        raise CommandFailed(f"{name} cannot be used: {error.strerror}.") from error


def columns_told(options: list[str]) -> Told:
    """Return what --column says: pairs of an element and the name of its column."""
    for option in options:
        if "=" not in option:
            raise CommandFailed(f"--column {option}: write ELEMENT=NAME, such as amount=Betrag.")
    return [(path.strip(), name) for path, _, name in (each.partition("=") for each in options)]


def separator_told(option: str | None) -> str | None:
    """Return what --separator says: one character, or the word tab."""
    separator = "\t" if option in ("tab", "\\t") else option
    if separator is not None and (len(separator) != 1 or separator in _NO_SEPARATORS):
        raise CommandFailed(f"--separator {option}: give one character, or the word tab.")
    return separator


def _to_csv(source: Path, said: SaidOfCsv, rules: ReadingRules, result: BinaryIO) -> str:
    table = TextIOWrapper(result, encoding=_ENCODING, newline="")
    written = xml_to_csv(source, rules, table, said.separator or ",")
    table.detach()
    return f"{written} record{'s'[: written != 1]}."


def _told(converted: Converted) -> str:
    columns, count = converted.columns, converted.payments
    used = ", ".join(f"{path} = {columns.name(path)}" for path in columns.places)
    not_read = f" Not read: {', '.join(columns.left_out)}." if columns.left_out else ""
    return f"{count} payment{'s'[: count != 1]}. Columns: {used}.{not_read}"


@contextmanager
def _written_at_the_end(source: Path, output: Path | None) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes its place only if nothing goes wrong."""
    if output is None:
        with TemporaryFile() as file:
            yield file
            file.seek(0)
            copyfileobj(file, sys.stdout.buffer)
        return
    if output.exists() and output.samefile(source):
        raise CommandFailed(f"{output} is the file to be converted: give another name.")
    unfinished = output.with_name(f".{output.name}.part")
    try:
        with unfinished.open("w+b") as file:
            yield file
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
