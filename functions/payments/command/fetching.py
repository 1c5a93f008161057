"""Bring what an import has left in the bucket: its two files, and the page about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from payments.command.deployment import Deployment
from payments.command.import_file import fetch
from payments.command.problem import CommandFailed
from payments.command.standing import Standing
from payments.command.status import status_of
from payments.stores.aws import GONE, error_code
from payments.wording import harmless

_LONGEST_NAME = 200
_NO_NAME_ANYWHERE = re.compile(r'[<>:"/\\|?*]')


@dataclass(frozen=True, slots=True)
class Fetched:
    """The local copies; `page` is None for an import that was made before there were pages."""

    standing: Standing
    success_file: Path
    fail_file: Path
    page: Path | None


def fetch_results(deployment: Deployment, key: str, folder: Path) -> Fetched:
    """Bring what the import of the newest upload of a name has left.

    Raises CommandFailed if that has not ended.
    """
    newest = status_of(deployment, key).newest
    row = newest.row
    if row is None or not row.finished:
        raise CommandFailed(
            f"The newest upload of {key} is {newest.state}: it has no result yet, and nothing was "
            "fetched. `payments status` with its name says more."
        )
    keys, name = deployment.result_keys(key), _local_name(key)
    _make(folder)
    success, fail = folder / f"{name}.success.xml", folder / f"{name}.fail.xml"
    fetch(deployment, keys.success, row.import_id, success)
    fetch(deployment, keys.fail, row.import_id, fail)
    page = _page(deployment, keys.report, row.import_id, folder / f"{name}.html")
    return Fetched(newest, success, fail, page)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be made a folder: {error.strerror}.") from error


def _local_name(key: str) -> str:
    """Return the file's name without its ending, as any system takes it."""
    name = harmless(key.rpartition("/")[2].rpartition(".")[0], _LONGEST_NAME)
    return _NO_NAME_ANYWHERE.sub("_", name)


def _page(deployment: Deployment, key: str, import_id: str, path: Path) -> Path | None:
    """Bring the page about the import; imports of older versions have none."""
    try:
        fetch(deployment, key, import_id, path)
    except ClientError as error:
        if error_code(error) not in GONE:
            raise
        return None
    return path
