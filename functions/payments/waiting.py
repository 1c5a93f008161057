"""The e-mail about a file that has waited for long: why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from payments.errors import AccessRefused, ImportStopped, OutOfTime, RecordStuck, SecretUnusable
from payments.report import about_status, one_line, subject_line
from payments.wording import command, moment, s3_address

_AGAIN = "it is tried again by itself, at the latest every 15 minutes."
_NOTHING = f"Nothing to do, unless the reason says so: {_AGAIN}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that has waited for long, why, and what to do; times are ISO 8601 UTC."""

    bucket: str
    key: str
    since: str
    next_try: str
    error: str
    reason: ImportStopped


def what_to_do(reason: ImportStopped, key: str, stack: str) -> str:
    """Return what to do about the reason for which a file waits."""
    if isinstance(reason, AccessRefused | SecretUnusable):
        return f"What to do: run `{command(stack, 'check')}`, and mend what it names. Then {_AGAIN}"
    if isinstance(reason, OutOfTime):
        return "Nothing to do: it is tried again by itself, when ConnectWise lets it."
    if isinstance(reason, RecordStuck):
        end = f"`{command(stack, 'stop', key)}`"
        return f"{_NOTHING} To end this import instead, with the rest in the fail file: {end}"
    return _NOTHING


def subject(waiting: Waiting) -> str:
    """Return the e-mail's subject."""
    return subject_line("Payment file waits", waiting.key)


def body(waiting: Waiting, behind: int | None, stack: str) -> str:
    """Return the e-mail's text; `behind` it wait that many files, if that is known."""
    lines = [
        f"File: {s3_address(waiting.bucket, waiting.key)}",
        f"Waiting since: {moment(waiting.since)}, next try: {moment(waiting.next_try)}",
        f"Reason: {one_line(waiting.error)}",
    ]
    if behind is not None:
        lines.append(f"Files behind it: {behind}")
    return "\n".join(
        [
            *(*lines, "", what_to_do(waiting.reason, waiting.key, stack)),
            "What is recorded already stays so, and is not recorded again. This is said once for "
            "each file.",
            *("", about_status(waiting.key, stack)),
        ]
    )
