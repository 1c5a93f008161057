"""What an import leaves in the bucket, the two files and the page, and local copies of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from filecmp import cmp
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed
from payments.stores.aws import GONE, error_code

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copies:
    """Local copies; `page` is None for an import that was made before there were pages."""

    success_file: Path
    fail_file: Path
    page: Path | None

    @classmethod
    def named(cls, folder: Path, name: str) -> Copies:
        """Return where the copies go of a file that is called `name`, without its ending."""
        return cls(
            folder / f"{name}.success.xml", folder / f"{name}.fail.xml", folder / f"{name}.html"
        )

    def told(self) -> list[str]:
        """Say where they are, a line each."""
        lines = [f"Success file: {self.success_file}", f"Fail file:    {self.fail_file}"]
        return lines if self.page is None else [*lines, f"Page:         {self.page}"]


def make_folder(folder: Path) -> None:
    """Make a folder for copies; raises CommandFailed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be made a folder: {error.strerror}.") from error


def bring(
    deployment: Deployment, key: str, import_id: str, to: Copies, *, overwrite: bool = True
) -> Copies:
    """Copy what the import of `key` has left.

    Raises CommandFailed if a later import has replaced it, and unless `overwrite`, if a local file
    differs from it.
    """
    keys = deployment.result_keys(key)

    def copy(kept: str, path: Path) -> None:
        _copy(deployment, kept, import_id, path, overwrite=overwrite)

    copy(keys.success, to.success_file)
    copy(keys.fail, to.fail_file)
    if to.page is not None:
        try:
            copy(keys.report, to.page)
        except ClientError as error:
            if error_code(error) not in GONE:
                raise
            return replace(to, page=None)
    return to


def _copy(
    deployment: Deployment, key: str, wanted_import: str, path: Path, *, overwrite: bool
) -> None:
    answer: Any = deployment.client("s3").get_object(Bucket=deployment.bucket, Key=key)
    if answer["Metadata"].get("import-id") != wanted_import:
        raise CommandFailed(
            f"s3://{deployment.bucket}/{key} is by another import of the same name: a later one, "
            "if this one has left something, which is an older version of it then."
        )
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            for block in answer["Body"].iter_chunks(_BLOCK_BYTES):
                file.write(block)
        if not overwrite and path.exists() and not cmp(unfinished, path, shallow=False):
            raise CommandFailed(
                f"{path} is there already and differs from what is fetched: somebody may have "
                "corrected it. It was left alone. Fetch into another folder with --output, or "
                "replace it with --overwrite."
            )
        unfinished.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
