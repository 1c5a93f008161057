"""Every error of ours, named by what happens next. None of them changes once it is raised.

ImportStopped              the run of this file ends here
├── FileRefused            the file as a whole is wrong: closed as Failed
├── TryLater               the outside world is not ready: the message goes back, with a delay
│   ├── ConnectWiseDown    no call is answered, or none of a kind
│   ├── RecordStuck        ConnectWise answers, but has given no verdict on one record
│   ├── AccessRefused      the secret, a key, the company or a permission is not accepted
│   │   └── NotPermitted   … because the API member's security role lacks a permission
│   ├── SecretUnusable     the secret is missing, is not JSON or lacks fields
│   └── AwsDown            S3, DynamoDB or Secrets Manager fail beyond the SDK's retries
├── OutOfTime              this run is short of time: the message goes back, the next run goes on
├── StopAsked              somebody wants this import to end: the rest goes to the fail file
└── Superseded             another run has taken this import over: this one must not write any more
CallFailed                 a call has ended without a verdict on its record: it may be made again
├── NoAnswer               … and may still take effect, now or a while later
└── ServerFault            … since ConnectWise failed at it, or answered with something odd
    └── Busy               … since something else uses the record at the moment (409)
RecordRejected             ConnectWise says no to this record: it goes to the fail file
└── NotFound               … because the payment or the invoice is not there

What ConnectWise says can quote a payment. It is for the fail file and the imports table, not for a
log: a Quoting error knows what to log instead.
"""

from __future__ import annotations


class Quoting(Exception):
    """An error whose message may quote ConnectWise; `for_log` is the message without the quote."""

    def __init__(self, message: str = "", *, for_log: str | None = None) -> None:
        super().__init__(message)
        self.for_log = message if for_log is None else for_log


class ImportStopped(Quoting):
    """End the run of this file; the subclasses say what happens to the file."""


class FileRefused(ImportStopped):
    """Close the import as Failed: the file as a whole cannot be imported."""


class TryLater(ImportStopped):
    """Put the file back into the queue with a growing delay; no record fails for it."""


class ConnectWiseDown(TryLater):
    """ConnectWise does not answer, or answers only with server errors."""


class RecordStuck(TryLater):
    """ConnectWise answers other calls, and gives no verdict on one record, again and again.

    `may_be_its_own`: ConnectWise fails at it, which may be the record's own fault.
    """

    def __init__(
        self, message: str, *, for_log: str | None = None, may_be_its_own: bool = False
    ) -> None:
        super().__init__(message, for_log=for_log)
        self.may_be_its_own = may_be_its_own


class AccessRefused(TryLater):
    """ConnectWise does not accept the keys, the company or the API member's permissions."""


class NotPermitted(AccessRefused):
    """The API member's security role does not allow this call."""


class SecretUnusable(TryLater):
    """The secret is missing, is not JSON, or lacks fields."""


class AwsDown(TryLater):
    """S3, DynamoDB or Secrets Manager fail, or do not permit what they should."""


class OutOfTime(ImportStopped):
    """Stop starting work: the run has to end before Lambda ends it.

    The next run may start `delay_seconds` later: ConnectWise has asked for that much silence.
    """

    def __init__(self, delay_seconds: float = 0.0) -> None:
        super().__init__("This run is short of time; the next run goes on.")
        self.delay_seconds = delay_seconds


class StopAsked(ImportStopped):
    """Send nothing new any more: the message says who wants that."""


class Superseded(ImportStopped):
    """Stop writing: a later run of the same import has taken over."""


class CallFailed(Quoting):
    """One call has failed for a reason that may pass; the message says which."""


class NoAnswer(CallFailed):
    """Nobody knows whether the call has taken effect, or will."""


class ServerFault(CallFailed):
    """ConnectWise has answered that it failed (500), or with something that is no answer."""


class Busy(ServerFault):
    """ConnectWise has answered that the record is in use, or in another conflict (409)."""


class RecordRejected(Exception):
    """Send the record to the fail file with `messages`, one for each error."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


class NotFound(RecordRejected):
    """The payment or the invoice that a call named is not in ConnectWise."""
