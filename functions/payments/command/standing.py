"""How each upload stands: its state, why, and what to do about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from payments.command.imports import ImportRow
from payments.command.names import unfit_name
from payments.command.scene import Scene, seconds
from payments.command.uploads import Upload
from payments.command.waiting_line import Line, line_of
from payments.import_state import STOPPED, THROTTLED, Status
from payments.wording import harmless, in_words, moment

_LEAST_RATED_SECONDS = 10
_LONG_QUIET_SECONDS = 60
_LONGEST_RUN_SECONDS = 960
_NEVER_CAME = (
    "The queue does not hold it: it was uploaded while imports were switched off (Enabled=false), "
    "or before the bucket's events were on."
)
_SWITCHED_OFF = "Probably it is not in the queue: imports are switched off (Enabled is false)."
_RULE_OFF = "Probably it is not in the queue: the rule that brings it there is switched off."
_NOT_YET = (
    "The queue does not hold it yet. If the stack is new: S3 needs about five minutes after the "
    "first deployment until it tells of uploads. Upload the file again then."
)
_GONE = "There is no such file in the bucket"
_LONGEST_REASON = 2000
_NAMED_BEFORE = 3


class State(StrEnum):
    """How an upload stands."""

    QUEUED = "Queued"
    RUNNING = "Running"
    STOPPING = "Stopping"
    WAITING = "Waiting"
    THROTTLED = "Throttled"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    WITH_FAILURES = "With failures"
    FAILED = "Failed"
    STOPPED = "Stopped"
    DEAD_LETTERED = "Dead-lettered"
    NOT_IMPORTED = "Not imported"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in _EXIT_CODES

    @property
    def exit_code(self) -> int:
        """0 well, or going on; 1 some records failed; 2 it was not imported."""
        return _EXIT_CODES.get(self, 0)


_EXIT_CODES = {
    State.SUCCEEDED: 0,
    State.WITH_FAILURES: 1,
    State.FAILED: 2,
    State.STOPPED: 2,
    State.DEAD_LETTERED: 2,
    State.NOT_IMPORTED: 2,
}
_RESULTS = {
    Status.SUCCEEDED: State.SUCCEEDED,
    Status.COMPLETED_WITH_FAILURES: State.WITH_FAILURES,
    Status.FAILED: State.FAILED,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A state, why it is so, and what to do about it."""

    state: State
    why: str = ""
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one upload stands, what is known of it, and what is before it in the queue."""

    key: str
    told: Told
    row: ImportRow | None = None
    upload: Upload | None = None
    before: tuple[str, ...] = ()
    unseen_before: int | None = None
    """At least so many more are before it, None if `before` is all."""

    @property
    def state(self) -> State:
        """How it stands, in a word."""
        return self.told.state

    @property
    def import_id(self) -> str:
        """The id that its import has, or would have."""
        known = self.row or self.upload
        return known.import_id if known else ""

    @property
    def unclaimed(self) -> bool:
        """Whether nothing imports it, though nothing that came later has taken its place."""
        is_last = self.upload is not None and self.upload.newest
        return self.row is None and is_last and self.state is State.NOT_IMPORTED

    @property
    def until(self) -> str | None:
        """When it is tried again, if it waits for that."""
        waits = self.state in (State.WAITING, State.THROTTLED, State.STOPPING)
        return self.row.waits_until if self.row and waits else None

    @property
    def before_it(self) -> str:
        """What is before it in the queue: how many files, and the first of them."""
        names = [harmless(key, _LONGEST_REASON) for key in self.before]
        more = self.before_count - _NAMED_BEFORE
        told = [", ".join(names[:_NAMED_BEFORE]), *([f"and {more} more"] if more > 0 else [])]
        count = self.before_count
        return f"{self.at_least}{files(count)}: {' '.join(told).strip()}" if count else ""

    @property
    def before_count(self) -> int:
        """How many files are before it, as far as can be told."""
        return len(self.before) + (self.unseen_before or 0)

    @property
    def at_least(self) -> str:
        """What is to be said before that number if there may be more."""
        return "" if self.unseen_before is None else "at least "

    @property
    def explanation(self) -> str:
        """Why nothing moves and what to do, empty if something may move at any moment."""
        before = self.before_it and f"Before it: {self.before_it}."
        told = [harmless(self.told.why, _LONGEST_REASON), before, self.told.to_do]
        return " ".join([f"{self.state}.", *filter(None, told)]) if any(told) else ""

    @property
    def at(self) -> float:
        """When something happened to it last."""
        if self.row is None:
            return self.upload.at if self.upload else 0.0
        return seconds(self.row.finished_at or self.row.updated_at or self.row.started_at)


def standings(scene: Scene) -> list[Standing]:
    """Return how everything stands that was, is, will be or will not be imported, newest first."""
    line = line_of(scene)
    uploads = {it.import_id: it for it in scene.uploads.found} if scene.uploads else {}
    kept = [row for row in scene.rows.values() if row.kept_from_beginning]
    begun = [
        Standing(row.key, _of_row(scene, row), row, uploads.get(row.import_id))
        for row in scene.rows.values()
        if not row.kept_from_beginning
    ]
    ahead = tuple(it.key for it in begun if not it.state.ended)
    closed = [_of_kept(scene, line, row, uploads.get(row.import_id), ahead) for row in kept]
    others = [_of_upload(scene, line, upload, ahead) for upload in scene.without_row]
    return sorted([*begun, *closed, *others], key=lambda it: it.at, reverse=True)


def elsewhere(scene: Scene) -> list[Standing]:
    """Return the files that lie where nothing is imported."""
    found = scene.elsewhere.found if scene.elsewhere else ()
    why = f"Only files in {scene.incoming_prefix} are imported."
    told = Told(State.NOT_IMPORTED, why, "Upload it there if it is to be imported.")
    return [Standing(upload.key, told, upload=upload) for upload in found]


def _of_upload(scene: Scene, line: Line, upload: Upload, ahead: tuple[str, ...]) -> Standing:
    told = _of_unbegun(scene, line, upload)
    standing = Standing(upload.key, told, upload=upload)
    if told.state in (State.QUEUED, State.PAUSED):
        standing = _behind(scene, line, standing, upload, ahead)
    if upload.deleted and told.state is not State.NOT_IMPORTED:
        return replace(standing, told=_deleted(scene, upload, told))
    return standing


def _of_kept(
    scene: Scene, line: Line, row: ImportRow, upload: Upload | None, ahead: tuple[str, ...]
) -> Standing:
    """Tell of an import that was stopped before it began."""
    told = _of_kept_row(scene, line, row)
    standing = Standing(row.key, told, row, upload)
    if upload is not None and told.state is State.STOPPING:
        return _behind(scene, line, standing, upload, ahead)
    return standing


def _behind(
    scene: Scene, line: Line, standing: Standing, upload: Upload, ahead: tuple[str, ...]
) -> Standing:
    """Say what is before an upload: what of it is too long ago to be seen, SQS counts."""
    waiting = line.before(upload)
    before = (*ahead, *(it.key for it in waiting))
    if not scene.is_limited:
        return replace(standing, before=before)
    behind_and_itself = len(line.waiting) - len(waiting)
    unseen = max((scene.queued or 0) - behind_and_itself - len(before), 0)
    return replace(standing, before=before, unseen_before=unseen)


def _of_kept_row(scene: Scene, line: Line, row: ImportRow) -> Told:
    asked = f"Stopped before it begins, by {row.stop_asked}:"
    if scene.is_dead(row.import_id) or scene.is_undelivered(row.import_id):
        redrive = scene.command("redrive")
        return Told(State.DEAD_LETTERED, f"{asked} closed without sending once `{redrive}` ran.")
    if row.import_id in line.lost:
        return Told(State.NOT_IMPORTED, f"{asked} the queue does not hold it, and nothing is sent.")
    resume = _resume(scene) if scene.paused else ""
    return Told(State.STOPPING, f"{asked} closed when its turn comes, without sending.", resume)


def _deleted(scene: Scene, upload: Upload, told: Told) -> Told:
    """Say of an upload that a deletion keeps no version from being imported."""
    stop = scene.command("stop", upload.key)
    why = (
        f"It was deleted since; this version is imported all the same: `{stop}` keeps it from that."
    )
    return replace(told, why=f"{why} {told.why}".strip())


def _of_unbegun(scene: Scene, line: Line, upload: Upload) -> Told:
    """Tell of an upload that no import has begun of."""
    if scene.is_dead(upload.import_id) or scene.is_undelivered(upload.import_id):
        is_dead = scene.is_dead(upload.import_id)
        why = "It could not even begin, for days." if is_dead else "It did not reach the queue."
        return _dead_lettered(scene, why)
    if (unfit := unfit_name(upload.key)) is not None:
        return Told(State.NOT_IMPORTED, *unfit)
    if upload.import_id in line.lost:
        to_do = f"{_switch_on(scene)}upload it again; or delete it."
        off = _SWITCHED_OFF if not scene.enabled else _RULE_OFF
        why = off if scene.is_on_its_way(upload) else _NEVER_CAME
        return Told(State.NOT_IMPORTED, why, to_do[0].upper() + to_do[1:])
    if scene.paused:
        return Told(State.PAUSED, "The queue is held.", _resume(scene))
    if scene.queued is None:
        return Told(State.QUEUED, "No import of it has begun; what the queue holds is not shown.")
    return Told(State.QUEUED, "" if scene.queued else _NOT_YET)


def _switch_on(scene: Scene) -> str:
    if not scene.enabled:
        return "Deploy with Enabled=true, then "
    check = scene.command("check")
    return f"Run `{check}`, mend what it names, then " if scene.rule_off else ""


def _of_row(scene: Scene, row: ImportRow) -> Told:
    return _result(scene, row) if row.finished else _going_on(scene, row)


def _result(scene: Scene, row: ImportRow) -> Told:
    error = row.error or ""
    state = State.STOPPED if error.startswith(STOPPED) else _RESULTS[row.status]
    return Told(state, error, _cure(scene, state, row))


def _cure(scene: Scene, state: State, row: ImportRow) -> str:
    if state is State.SUCCEEDED:
        return ""
    if not row.tally.done:
        return _cure_of_whole(state, row.error or "")
    fetch = scene.command("fetch", row.key)
    if state is State.STOPPED:
        return f"Its fail file holds what was not sent: `{fetch}` brings it."
    return f"`{fetch}` brings its fail file: correct that, and upload it under another name."


def _cure_of_whole(state: State, error: str) -> str:
    """Say what to do about a file of which no record was done: its fail file has none."""
    if state is State.STOPPED:
        return (
            "Nothing was sent, and the original holds all records: upload it again if it is to be "
            "imported after all."
        )
    if error.startswith(_GONE):
        return "Nothing was sent. Upload it again if it is to be imported."
    return "Correct the file and upload it again."


def _going_on(scene: Scene, row: ImportRow) -> Told:
    """Tell of an import that has begun and not ended."""
    if (lost := _lost(scene, row)) is not None:
        return lost
    if row.stop_asked:
        return Told(State.STOPPING, _of_stop(scene, row))
    if row.at_work:
        return Told(State.RUNNING, _of_run(scene, row))
    if scene.paused:
        return Told(State.PAUSED, "The queue is held.", _resume(scene))
    if row.error:
        return _waiting(scene, row.error)
    return Told(State.RUNNING, "The next run goes on in a moment.")


def _waiting(scene: Scene, error: str) -> Told:
    again = "It is tried again by itself."
    if error.startswith(THROTTLED):
        return Told(State.THROTTLED, error, again)
    check = scene.command("check")
    return Told(State.WAITING, error, f"Run `{check}`, and mend what it names. {again}")


def _of_stop(scene: Scene, row: ImportRow) -> str:
    """Say what an import that is to end waits for: what may have been sent is ended first."""
    asked = f"Asked by {row.stop_asked}."
    if scene.paused and not row.at_work:
        return f"{asked} It ends later. {_resume(scene)}"
    if row.error:
        return f"{asked} It ends when what may have been sent is done, which waits: {row.error}"
    return f"{asked} It ends at its next checkpoint."


def _lost(scene: Scene, row: ImportRow) -> Told | None:
    """Tell of an import whose message is not in the queue, None if it is, or nobody knows."""
    if scene.is_dead(row.import_id):
        return _dead_lettered(scene, row.error or "")
    if scene.queued != 0 or not scene.is_silent(row):
        return None
    if scene.dead is None:
        return _dead_lettered(scene, "Its message has left the queue unfinished.")
    if not scene.dead.all_seen:
        return _dead_lettered(scene, row.error or "")
    why = "Its message is in no queue any more."
    return Told(State.NOT_IMPORTED, why, "Upload the file again: what is recorded is found again.")


def _dead_lettered(scene: Scene, why: str) -> Told:
    redrive = scene.command("redrive")
    to_do = f"Mend the reason, then `{redrive}` puts it back into the queue."
    return Told(State.DEAD_LETTERED, why, to_do)


def _resume(scene: Scene) -> str:
    return f"`{scene.command('resume')}` lets it go on."


def _of_run(scene: Scene, row: ImportRow) -> str:
    quiet = scene.now - seconds(row.updated_at)
    if quiet > _LONGEST_RUN_SECONDS:
        return "Its run has ended without a word. The next one goes on by itself."
    if row.error:
        return f"It is tried again now. Before: {row.error}"
    if quiet > _LONG_QUIET_SECONDS:
        return (
            f"No news since {moment(row.updated_at)}: ConnectWise throttles, or does not answer. "
            "If that lasts, the run ends within 15 minutes, and the reason stands here."
        )
    return ""


def rate(row: ImportRow) -> str:
    """Return how fast it goes and how long it takes, empty while that cannot be told.

    Nor can it of a later run: what lies between two is no work.
    """
    done, elapsed = row.tally.done, seconds(row.updated_at) - seconds(row.started_at)
    if row.run > 1 or not row.at_work or not done or row.total is None:
        return ""
    if elapsed < _LEAST_RATED_SECONDS:
        return ""
    left = (row.total - done) * elapsed / done
    return f"About {done * 60 / elapsed:,.0f} records a minute so far, {in_words(left)} left."


def files(count: int) -> str:
    """Return how many files there are, as people say it."""
    return "1 file" if count == 1 else f"{count} files"
