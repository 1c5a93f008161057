"""What has been uploaded into the bucket, the newest first, whether an import knows it or not."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from payments.command.deployment import Deployment
from payments.importer import import_id
from payments.models import SourceFile
from payments.stores.bucket import WORK_PREFIX

NEWEST_UPLOADS = 1000
"""So many uploads are looked at."""

_MOST_PAGES = 200  # of 1,000 versions each
_MOST_PAGES_ELSEWHERE = 20
_GREATEST = "\U0010ffff"
_NO_VERSION = "null"


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of an object; `newest`: no later upload or deletion of that name followed.

    `deleted`: there is no object of that name any more, though its versions are kept.
    """

    import_id: str
    key: str
    version_id: str
    at: float
    newest: bool
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Uploads:
    """The newest uploads; `cut` if the bucket holds more than were looked through."""

    found: tuple[Upload, ...] = ()
    cut: bool = False


class _Walk:
    """The versions below a prefix, page by page, past the folders that are `skipped`."""

    def __init__(
        self, deployment: Deployment, prefix: str, most_pages: int, skipped: tuple[str, ...] = ()
    ) -> None:
        self._s3 = deployment.client("s3")
        self._where = {"Bucket": deployment.bucket, "Prefix": prefix}
        self._most_pages = most_pages
        self._skipped = skipped
        self.cut = False
        self.deleted: set[str] = set()

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        place: dict[str, str] = {}
        for _ in range(self._most_pages):
            page: Any = self._s3.list_object_versions(**self._where, **place)
            found, markers = page.get("Versions", ()), page.get("DeleteMarkers", ())
            self.deleted |= {each["Key"] for each in markers if each["IsLatest"]}
            yield from (each for each in found if not each["Key"].startswith(self._skipped))
            if not page["IsTruncated"]:
                return
            place = self._behind(page["NextKeyMarker"], page.get("NextVersionIdMarker"))
        self.cut = True

    def _behind(self, key: str, version_id: str | None) -> dict[str, str]:
        """Return where to go on: within a name's versions, or behind a whole folder."""
        for folder in self._skipped:
            if key.startswith(folder):
                return {"KeyMarker": folder + _GREATEST}
        return {"KeyMarker": key, **({"VersionIdMarker": version_id} if version_id else {})}


def newest_uploads(deployment: Deployment) -> Uploads:
    """Return what was uploaded last into the incoming folder."""
    walk = _Walk(deployment, deployment.incoming_prefix, _MOST_PAGES)
    return _newest(deployment, walk)


def uploads_of(deployment: Deployment, key: str) -> Uploads:
    """Return the uploads of one name."""
    walk = _Walk(deployment, key, 1)
    return _newest(deployment, walk, lambda found: bool(found["Key"] == key))


def uploads_elsewhere(deployment: Deployment) -> Uploads:
    """Return XML files that lie where nothing is imported: outside the folders of the stack."""
    walk = _Walk(deployment, "", _MOST_PAGES_ELSEWHERE, _folders(deployment))
    return _newest(deployment, walk, _is_xml)


def _is_xml(found: Mapping[str, Any]) -> bool:
    return bool(found["IsLatest"]) and found["Key"].lower().endswith(".xml")


def _folders(deployment: Deployment) -> tuple[str, ...]:
    prefixes = ("IncomingPrefix", "SuccessPrefix", "FailPrefix", "ReportPrefix")
    return (*(deployment.parameters[name] for name in prefixes), WORK_PREFIX)


def _newest(
    deployment: Deployment,
    walk: _Walk,
    wanted: Callable[[Mapping[str, Any]], bool] = lambda _found: True,
) -> Uploads:
    versions = (
        _upload(deployment.bucket, found, deleted=found["Key"] in walk.deleted)
        for found in walk
        # Without versions nobody can tell which upload a row of the imports table is about.
        if found["VersionId"] != _NO_VERSION and wanted(found)
    )
    newest = heapq.nlargest(NEWEST_UPLOADS, versions, key=lambda upload: upload.at)
    return Uploads(tuple(newest), walk.cut)


def _upload(bucket: str, found: Mapping[str, Any], *, deleted: bool) -> Upload:
    key, version_id = found["Key"], found["VersionId"]
    return Upload(
        import_id(SourceFile(bucket, key, version_id)),
        key,
        version_id,
        found["LastModified"].timestamp(),
        found["IsLatest"],
        deleted,
    )
