"""Which uploads wait in the queue, and which will never be imported. Pure.

SQS shows nobody what a queue holds, only how much. But it hands files over one after another, in
the order in which they came: so those that have not begun are in it as far as it has room for
them, and not if a later one has begun.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from itertools import takewhile

from payments.command.names import unfit_name
from payments.command.scene import ON_ITS_WAY_SECONDS, Scene
from payments.command.uploads import Upload


@dataclass(frozen=True, slots=True)
class Line:
    """The uploads that wait, from the first, and the imports whose message never came."""

    waiting: tuple[Upload, ...]
    lost: Set[str]

    def before(self, upload: Upload) -> tuple[Upload, ...]:
        """Return the uploads that wait before this one."""
        return tuple(takewhile(lambda it: it.import_id != upload.import_id, self.waiting))


def line_of(scene: Scene) -> Line:
    """Tell what waits from what is lost."""
    candidates = [upload for upload in reversed(scene.not_begun) if _may_wait(scene, upload)]
    candidates.sort(key=lambda upload: upload.at)
    lost = _lost(scene, candidates)
    waiting = (upload for upload in candidates if upload.import_id not in lost)
    return Line(tuple(waiting), lost)


def _may_wait(scene: Scene, upload: Upload) -> bool:
    found_elsewhere = scene.is_dead(upload.import_id) or scene.is_undelivered(upload.import_id)
    return not found_elsewhere and unfit_name(upload.key) is None


def _lost(scene: Scene, candidates: list[Upload]) -> Set[str]:
    """Return the imports, of those that have not begun, that no message is there of."""
    # While imports are switched off nothing is on its way.
    announced = [it for it in candidates if not scene.takes_uploads or not scene.is_on_its_way(it)]
    if scene.queued is None:
        return frozenset()
    room = max(scene.queued - _at_the_head(scene), 0)
    if room >= len(announced):
        return frozenset()
    begun_last = _begun_last(scene)
    return {
        upload.import_id
        for place, upload in enumerate(announced)
        if not room
        or upload.at + ON_ITS_WAY_SECONDS < begun_last
        # What came since imports were switched off is behind all that the queue holds.
        or (not scene.takes_uploads and place >= room)
    }


def _at_the_head(scene: Scene) -> int:
    """Return how many messages are of imports that have begun and go on."""
    begun = (it for it in scene.rows.values() if not it.finished and not it.kept_from_beginning)
    return sum(not scene.is_silent(row) for row in begun)


def _begun_last(scene: Scene) -> float:
    """Return when the last one came that has begun."""
    found = scene.uploads.found if scene.uploads else ()
    return max((it.at for it in found if scene.has_begun(it)), default=0.0)
