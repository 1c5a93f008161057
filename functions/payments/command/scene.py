"""What can be seen of a deployment at a moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from payments.command.imports import ImportRow
from payments.command.letters import Letters
from payments.command.uploads import NEWEST_UPLOADS, Upload, Uploads
from payments.wording import DEFAULT_STACK, command

ON_ITS_WAY_SECONDS = 360
"""S3 may take five minutes to announce a file, in the first minutes of a bucket, and SQS's counts
are right a minute later."""

# A message is hidden for 16 minutes when a run was ended, and 15 when its file was put back.
_LONGEST_SILENCE_SECONDS = 1200


@dataclass(frozen=True, slots=True)
class Scene:
    """What can be seen; None is what the operator may not see.

    `queued` is how many messages the queue holds, and `rows` are by import id.
    """

    now: float
    incoming_prefix: str = "incoming/"
    enabled: bool = True
    uploads: Uploads | None = Uploads()
    elsewhere: Uploads | None = Uploads()
    rows: dict[str, ImportRow] = field(default_factory=dict)
    queued: int | None = 0
    dead: Letters | None = Letters()
    undelivered: Letters | None = Letters()
    paused: bool | None = False
    stack: str = DEFAULT_STACK
    rule_off: bool = False

    @property
    def takes_uploads(self) -> bool:
        """Whether what is uploaded now comes into the queue, as far as can be seen."""
        return self.enabled and not self.rule_off

    def command(self, words: str, key: str | None = None) -> str:
        """Return the command that does that with this stack, for a shell."""
        return command(self.stack, words, key)

    @property
    def without_row(self) -> list[Upload]:
        """The incoming uploads that no import has begun of; a folder's own object is none."""
        return [it for it in self.not_begun if it.import_id not in self.rows]

    @property
    def not_begun(self) -> list[Upload]:
        """Those, and the ones that were stopped before: the queue holds them as well."""
        found = self.uploads.found if self.uploads else ()
        return [it for it in found if not self.has_begun(it) and not it.key.endswith("/")]

    @property
    def is_limited(self) -> bool:
        """Whether there are more uploads than were looked at."""
        return self.uploads is not None and (
            self.uploads.cut or len(self.uploads.found) >= NEWEST_UPLOADS
        )

    def has_begun(self, upload: Upload) -> bool:
        """Tell whether a run has begun the import of an upload."""
        row = self.rows.get(upload.import_id)
        return row is not None and not row.kept_from_beginning

    def is_on_its_way(self, upload: Upload) -> bool:
        """Tell whether it came so late that the queue may not show it yet."""
        return upload.at + ON_ITS_WAY_SECONDS >= self.now

    def is_dead(self, import_id: str) -> bool:
        """Tell whether the dead-letter queue shows the message."""
        return self.dead is not None and import_id in self.dead.import_ids

    def is_undelivered(self, import_id: str) -> bool:
        """Tell whether its event is among those that did not reach the queue."""
        return self.undelivered is not None and import_id in self.undelivered.import_ids

    def is_silent(self, row: ImportRow) -> bool:
        """Tell whether an unfinished import should have been heard of by now."""
        heard = max(seconds(row.updated_at or row.started_at), seconds(row.waits_until))
        return heard + _LONGEST_SILENCE_SECONDS < self.now


def seconds(moment: str | None) -> float:
    """Return a time in ISO 8601 as seconds since 1970, 0 for none."""
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
