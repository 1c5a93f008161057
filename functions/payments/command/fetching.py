"""Bring what an import has left in the bucket: its two files, and the page about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed
from payments.command.results import Copies, bring, make_folder
from payments.command.standing import Standing
from payments.command.status import status_of
from payments.wording import harmless

_LONGEST_NAME = 200
_NO_NAME_ANYWHERE = re.compile(r'[<>:"/\\|?*]')


@dataclass(frozen=True, slots=True)
class Fetched:
    """How the newest upload of a name stands, and local copies of what its import has left."""

    standing: Standing
    copies: Copies


def fetch_results(
    deployment: Deployment, key: str, folder: Path, *, overwrite: bool = False
) -> Fetched:
    """Bring what the import of the newest upload of a name has left.

    Raises CommandFailed if that has not ended, and unless `overwrite`, if a local file differs.
    """
    newest = status_of(deployment, key).newest
    row = newest.row
    if row is None or not row.finished:
        raise CommandFailed(
            f"The newest upload of {key} is {newest.state}: it has no result yet, and nothing was "
            f"fetched. `{deployment.command('status', key)}` says more."
        )
    make_folder(folder)
    copies = Copies.named(folder, _local_name(key))
    return Fetched(newest, bring(deployment, key, row.import_id, copies, overwrite=overwrite))


def _local_name(key: str) -> str:
    """Return the file's name without its ending, as any system takes it."""
    name = harmless(key.rpartition("/")[2].rpartition(".")[0], _LONGEST_NAME)
    return _NO_NAME_ANYWHERE.sub("_", name)
