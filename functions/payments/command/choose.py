"""The files of one `import`: looked at, all of them, before the first is uploaded."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from payments.command.import_file import Chosen
from payments.command.problem import CommandFailed
from payments.command.upload import NOTHING_UPLOADED

STANDARD_INPUT = Path("-")
_SUCCESS = ".success.xml"  # `import *.xml` finds those of the last time
_PATTERN = frozenset("*?[")


def check_files(files: Sequence[Path], key: str | None) -> None:
    """Raise CommandFailed, with every reason, unless all can be read, each once."""
    problems = [problem for file in files for problem in _problems(file)]
    if STANDARD_INPUT in files and key is None:
        problems.append("- is standard input: say with --key what the file is to be called.")
    if len(files) > 1:
        problems += _problems_of_several(files, key)
    times = Counter(map(os.path.realpath, files))
    problems += [f"{path} is named {times[path]} times." for path in times if times[path] > 1]
    _refuse(problems)


def choose(
    prefix: str, files: Sequence[Path], key: str | None, output: Path | None
) -> list[Chosen]:
    """Return the files with their names in the bucket; raises CommandFailed for any bad name."""
    chosen: list[Chosen] = []
    problems: list[str] = []
    for file in files:
        try:
            local = None if file == STANDARD_INPUT else file
            chosen.append(Chosen.of(prefix, local, key, output))
        except CommandFailed as bad_name:
            problems.append(str(bad_name))
    problems += _shared(chosen, lambda each: each.key)
    _refuse(problems or _shared(chosen, lambda each: str(each.copies.success_file)))
    return chosen


def _problems(file: Path) -> Iterator[str]:
    if file == STANDARD_INPUT:
        return
    if file.is_dir():
        yield f"{file} is a folder: name its files, as in {file / '*.xml'}"
    elif not file.exists():
        is_pattern = not _PATTERN.isdisjoint(str(file))
        yield f"No file matches {file}." if is_pattern else f"There is no file {file}."
    elif not os.access(file, os.R_OK):
        yield f"{file} cannot be read: you have no permission."


def _problems_of_several(files: Sequence[Path], key: str | None) -> Iterator[str]:
    if key is not None or STANDARD_INPUT in files:
        yield "--key and - are for one file: import it by itself."
    for file in files:
        if file.name.endswith(_SUCCESS):
            yield f"{file} is a success file, and in ConnectWise already: leave it out."


def _shared(chosen: Sequence[Chosen], name: Callable[[Chosen], str]) -> list[str]:
    """Name the files that would take each other's place."""
    taken: dict[str, list[str]] = {}
    for each in chosen:
        taken.setdefault(name(each), []).append(str(each.file))
    return [
        f"{' and '.join(files)} would both become {place}: import one of them by itself, with "
        "another --key or --output."
        for place, files in taken.items()
        if len(files) > 1
    ]


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise CommandFailed("\n".join([*problems, NOTHING_UPLOADED]))
