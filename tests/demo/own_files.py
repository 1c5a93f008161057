"""The files that somebody wants to see imported."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


class NotToBeUsed(Exception):
    """A file cannot be imported; the message says why, and what to do."""


def own_files(names: Sequence[str]) -> list[Path]:
    """Return the files of these names; raises NotToBeUsed if one of them would not be imported."""
    try:
        files = [file for name in names for file in _files(name)]
        for file in files:
            _check(file)
    except OSError as error:
        raise NotToBeUsed(f"{error.filename} cannot be read: {error.strerror}.") from error
    [(name, times)] = Counter(file.name for file in files).most_common(1) or [("", 0)]
    if times > 1:
        raise NotToBeUsed(
            f"Two files are called {name}: in the bucket the second would take the first one's "
            "place. Rename one of them."
        )
    return files


def _files(name: str) -> list[Path]:
    """One file, or several in one text, as `make` hands them over."""
    file = _path(name)
    if " " not in name or file.exists():
        return [file]
    try:
        return [_path(part) for part in shlex.split(name)]
    except ValueError:  # a quotation mark without another
        return [file]


def _path(name: str) -> Path:
    """What not every shell does: FILE=~/a.xml."""
    return Path(name).expanduser() if name.startswith("~/") else Path(name)


def _check(file: Path) -> None:
    if not file.exists():
        raise NotToBeUsed(f"There is no file {file}.")
    if not file.is_file():
        raise NotToBeUsed(f'{file} is no file. Name one, or several: FILE="a.xml b.xml".')
    if file.suffix.lower() != ".xml":
        raise NotToBeUsed(
            f"{file} would not be imported: its name must end with .xml. "
            "`payments convert` makes XML of a table (CSV)."
        )
    file.open("rb").close()
