"""Look at a deployment: how its imports stand, or one file."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from payments.command.deployment import Deployment
from payments.command.imports import ImportRow, all_imports, find_import
from payments.command.letters import dead_letters, messages_in, undelivered_events
from payments.command.looking import Looking
from payments.command.names import unfit_name
from payments.command.pausing import paused
from payments.command.problem import CommandFailed
from payments.command.rule import is_rule_off
from payments.command.scene import Scene
from payments.command.standing import Standing, State, elsewhere, standings
from payments.command.uploads import (
    NEWEST_UPLOADS,
    Upload,
    Uploads,
    newest_uploads,
    uploads_elsewhere,
    uploads_of,
)

_LIST = "s3:ListBucketVersions on the bucket"
_GET = "dynamodb:GetItem on the imports table"
_SCAN = "dynamodb:Scan on the imports table"
_COUNT = "sqs:GetQueueAttributes on the queue"
_PEEK = "sqs:GetQueueAttributes and sqs:ReceiveMessage on the dead-letter queues"
_MAPPINGS = "lambda:ListEventSourceMappings"
_OLDER_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """How imports stand, and what none will import; `more`: there are older imports.

    It is told from the `scene`.

    `notes` say what was not looked at, and why.
    """

    standings: tuple[Standing, ...]
    unclaimed: tuple[Standing, ...]
    more: bool = False
    notes: tuple[str, ...] = ()
    scene: Scene = Scene(0)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one file stands: its newest upload, and those before it."""

    newest: Standing
    older: tuple[Standing, ...] = ()
    notes: tuple[str, ...] = ()


def overview(deployment: Deployment, most: int) -> Overview:
    """Tell how the newest imports stand, and all that have not ended."""
    looking = Looking()
    scene = _scene(deployment, looking, lambda _: False, most + 1)
    others = looking.at("Uploads", _LIST, lambda: uploads_elsewhere(deployment))
    scene = replace(scene, elsewhere=others)
    everything = standings(scene)
    claimed = [it for it in everything if it.row or it.state is not State.NOT_IMPORTED]
    shown = claimed[:most] + [it for it in claimed[most:] if not it.state.ended]
    unclaimed = [it for it in everything if it.unclaimed] + elsewhere(scene)
    notes = (*looking.notes, *_limits(scene))
    return Overview(tuple(shown), tuple(unclaimed), len(claimed) > len(shown), notes, scene)


def status_of(deployment: Deployment, key: str) -> Answer:
    """Tell how the newest upload of a name stands; raises CommandFailed if there is none."""
    looking = Looking()
    uploads = looking.at("Uploads", _LIST, lambda: uploads_of(deployment, key)) or Uploads()
    rows = looking.at("Imports", _GET, lambda: _rows_of(deployment, uploads)) or {}
    scene = Scene(time.time(), rows=rows, uploads=uploads, stack=deployment.stack)
    its = _of_name(standings(scene), uploads, key)
    if not its or its[0].row is None or not its[0].row.finished:
        around = _scene(deployment, looking, lambda row: row.key == key)
        scene = replace(around, uploads=_merged(uploads, around.uploads), rows=rows | around.rows)
        its = _of_name(standings(scene), uploads, key)
    if not its:
        raise CommandFailed(_nothing(deployment, looking, key))
    return Answer(its[0], tuple(its[1 : _OLDER_SHOWN + 1]), tuple(looking.notes))


def standing_of(deployment: Deployment, upload: Upload) -> Standing:
    """Tell how an upload stands, as far as it can be seen."""
    scene = _scene(deployment, Looking(), lambda row: row.import_id == upload.import_id)
    scene = replace(scene, uploads=_merged(Uploads((upload,)), scene.uploads))
    return next(it for it in standings(scene) if it.import_id == upload.import_id)


def uploads_not_ended(deployment: Deployment, key: str) -> tuple[list[Standing], list[str]]:
    """Tell how the uploads of a name stand that are imported or may yet be, the oldest first.

    And what was not looked at, so that there may be others. Raises CommandFailed if nothing of that
    name is there.
    """
    looking = Looking()
    uploads = looking.at("Uploads", _LIST, lambda: uploads_of(deployment, key)) or Uploads()
    scene = _scene(deployment, looking, lambda row: row.key == key)
    scene = replace(scene, uploads=_merged(uploads, scene.uploads))
    its = _of_name(standings(scene), uploads, key)
    if not its:
        raise CommandFailed(_nothing(deployment, looking, key))
    notes = [note for note in looking.notes if _LIST in note or _SCAN in note]
    if uploads.cut:
        notes.append(
            f"Only the {len(uploads.found):,} newest versions of it are seen: do it again."
        )
    return [it for it in reversed(its) if _may_go_on(scene, it)], notes


def _may_go_on(scene: Scene, standing: Standing) -> bool:
    """Tell whether it is imported or may yet be, if it is only probably not in the queue."""
    upload, row = standing.upload, standing.row
    if row is not None:
        return not row.finished
    on_its_way = upload is not None and scene.is_on_its_way(upload)
    is_fit = unfit_name(standing.key) is None
    return standing.state is not State.NOT_IMPORTED or (on_its_way and is_fit)


def _merged(some: Uploads, others: Uploads | None) -> Uploads:
    found = {it.import_id: it for it in (*some.found, *(others.found if others else ()))}
    return Uploads(tuple(found.values()), others.cut if others else some.cut)


def _of_name(everything: list[Standing], uploads: Uploads, key: str) -> list[Standing]:
    """Return what is about a name, its newest upload first."""
    order = {upload.import_id: place for place, upload in enumerate(uploads.found)}
    its = [it for it in everything if it.key == key]
    return sorted(its, key=lambda it: order.get(it.import_id, len(order)))


def _rows_of(deployment: Deployment, uploads: Uploads) -> dict[str, ImportRow]:
    """Return the imports of the newest of these uploads."""
    wanted = [upload.import_id for upload in uploads.found[: _OLDER_SHOWN + 1]]
    found = (find_import(deployment.imports_table, import_id) for import_id in wanted)
    return {row.import_id: row for row in found if row is not None}


def _scene(
    deployment: Deployment,
    looking: Looking,
    wanted: Callable[[ImportRow], bool],
    most: int = 1,
) -> Scene:
    """Look at all that tells how files stand: also at `wanted` imports, and the newest ones.

    What the queues hold comes first: what leaves them meanwhile is taken for waiting, not for lost.
    """
    queue = deployment.outputs["QueueUrl"]
    queued = looking.at("The queue", _COUNT, lambda: messages_in(deployment, queue))
    dead = looking.at("Dead letters", _PEEK, lambda: dead_letters(deployment))
    undelivered = looking.at("Undelivered", _PEEK, lambda: undelivered_events(deployment))
    uploads = looking.at("Uploads", _LIST, lambda: newest_uploads(deployment))
    ids = {upload.import_id for upload in uploads.found} if uploads else set()
    rows = looking.at("Imports", _SCAN, lambda: _rows(deployment, ids, wanted, most))
    if rows is None:  # then nobody can tell which uploads wait
        uploads = queued = None
    scene = Scene(
        time.time(),
        deployment.incoming_prefix,
        deployment.enabled,
        uploads,
        rows=rows or {},
        queued=queued,
        dead=dead,
        undelivered=undelivered,
        paused=looking.at("Whether it is paused", _MAPPINGS, lambda: paused(deployment)),
        stack=deployment.stack,
    )
    if not scene.without_row:
        return scene
    # Who may not look at the rule takes it for being on: no note, since little depends on it.
    rule_off = Looking().at("The rule", "events:DescribeRule", lambda: is_rule_off(deployment))
    return replace(scene, rule_off=bool(rule_off))


def _rows(
    deployment: Deployment, ids: set[str], wanted: Callable[[ImportRow], bool], most: int
) -> dict[str, ImportRow]:
    """Return the newest imports, those of the ids, the wanted, and all that have not ended."""
    kept: dict[str, ImportRow] = {}

    def noted() -> Iterator[ImportRow]:
        for row in all_imports(deployment.imports_table):
            if not row.finished or row.import_id in ids or wanted(row):
                kept[row.import_id] = row
            yield row

    newest = heapq.nlargest(most, noted(), key=lambda row: row.started_at)
    return kept | {row.import_id: row for row in newest}


def _limits(scene: Scene) -> list[str]:
    """Say what was too much to look at."""
    told = []
    if scene.is_limited:
        newest = f"the {NEWEST_UPLOADS:,} newest uploads in {scene.incoming_prefix}"
        told.append(f"Only {newest} were looked at.")
    if scene.elsewhere and scene.elsewhere.cut:
        told.append("The bucket holds too much for all of its other folders to be looked through.")
    return told


def _nothing(deployment: Deployment, looking: Looking, key: str) -> str:
    """Say that there is nothing of a name, and where it may lie instead."""
    bare = key.removeprefix(deployment.incoming_prefix)
    there = looking.at("Uploads", _LIST, lambda: uploads_of(deployment, bare))
    if there and there.found:
        return (
            f"s3://{deployment.bucket}/{bare} is not imported: only files in "
            f"{deployment.incoming_prefix} are. Upload it there."
        )
    unseen = [note for note in looking.notes if _LIST in note or _SCAN in note]
    if unseen:
        return " ".join((f"Whether {key} was uploaded cannot be told.", *unseen))
    return f"Nothing of the name {key} was uploaded, and no import of it has begun."
