"""The states of an import, and each transition between them. Pure: a table only stores them.

    begun ──> checked ──> reaching <──> committed ──> finished
      ^                        │
      └─────── put_back <──────┘        cut_short: from here on nothing new is sent

A run begins the import and ends by finishing it or by putting it back; a run that does neither was
killed, which the next one sees by `at_work`. Behind the checkpoint (`done`) everything is stored.
Beyond it, up to `reach`, records may have been sent; they are done again, in file order, since
every operation sets values and a payment is created only where ConnectWise shows none. What is left
to remember of earlier runs is therefore no more than this: how far they may have got, and until
when a message of theirs may still arrive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum

from payments.models import Action, Replaced, SecondPayment, SourceFile

LONG_WAIT_SECONDS = 3600
MAX_KILLS = 3
"""A file that kills the run this often at the same place is given up."""

THROTTLED = "ConnectWise throttles"
"""So begins the error of an import that waits because ConnectWise wants silence."""

STOPPED = "Stopped by"
"""So begins the error of an import that somebody has ended."""


class Status(StrEnum):
    """How an import stands; all but Running are final."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    COMPLETED_WITH_FAILURES = "CompletedWithFailures"
    FAILED = "Failed"


class Ending(StrEnum):
    """How an import has ended: with all its records, or what has ended it before."""

    COMPLETE = "complete"
    REFUSED = "ended"
    STOPPED = "stopped"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Root:
    """The root element's own tags, as they stand in the file."""

    start_tag: bytes = b"<InvoicePayments>"
    end_tag: bytes = b"</InvoicePayments>"

    @property
    def name(self) -> str:
        """Its local name."""
        return self.end_tag[2:-1].decode().rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a file that may be imported consists of."""

    root: Root
    total: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record, as far as it is counted."""

    action: Action
    amount: Decimal | None = None
    replaced: Replaced | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records became what, and how much money that is.

    `replaced` counts the records that changed what others had made, and `replaced_amount` is what
    was there before. Such a record need not be a success: ConnectWise may have cut its amount.
    """

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    recorded_amount: Decimal = Decimal(0)
    skipped_amount: Decimal = Decimal(0)
    failed_amount: Decimal = Decimal(0)
    replaced: int = 0
    replaced_amount: Decimal = Decimal(0)

    @classmethod
    def of(cls, results: Iterable[Result]) -> Tally:
        """Count results."""
        counts = dict.fromkeys(Action, 0)
        amounts = dict.fromkeys(Action, Decimal(0))
        replaced: list[Replaced] = []
        for result in results:
            counts[result.action] += 1
            amounts[result.action] += result.amount or 0
            if result.replaced is not None:
                replaced.append(result.replaced)
        return cls(
            counts[Action.CREATED],
            counts[Action.UPDATED],
            counts[Action.SKIPPED],
            counts[Action.FAILED],
            amounts[Action.CREATED] + amounts[Action.UPDATED],
            amounts[Action.SKIPPED],
            amounts[Action.FAILED],
            len(replaced),
            sum((it.amount for it in replaced if it.amount is not None), Decimal(0)),
        )

    @property
    def done(self) -> int:
        """How many records that are together."""
        return self.created + self.updated + self.skipped + self.failed

    @property
    def total_amount(self) -> Decimal:
        """How much money that is together."""
        return self.recorded_amount + self.skipped_amount + self.failed_amount

    def __add__(self, other: Tally) -> Tally:
        sums = {name: getattr(self, name) + getattr(other, name) for name in _COUNTED}
        return Tally(**sums)

    def overruled(self, results: list[Result]) -> Tally:
        """Return the tally with records failed that had counted as successes."""
        were = Tally.of(results)
        return replace(
            self,
            created=self.created - were.created,
            updated=self.updated - were.updated,
            replaced=self.replaced - were.replaced,
            failed=self.failed + were.done,
            recorded_amount=self.recorded_amount - were.recorded_amount,
            failed_amount=self.failed_amount + were.recorded_amount,
            replaced_amount=self.replaced_amount - were.replaced_amount,
        )


_COUNTED = tuple(counted.name for counted in fields(Tally))


@dataclass(frozen=True, slots=True)
class ImportState:
    """One import. Times are seconds since 1970, 0 for none.

    `run` numbers the runs, and `run_token` is the current one's own: who has neither must not
    write. `kills` counts the runs in a row that ended without a word and without progress, `waits`
    those that were put back because something was down, `stuck` those because of one record; until
    `waits_until` the queue hides its message.
    `connection` is the ConnectWise company that it began with, as `second_payment` is what was set
    then. `look_again`: some payments may have
    been created twice. `stop_asked` says who wants the import to end. `cut_short` says why nothing
    is sent any more beyond record `reach`, or, if `given_up`, at all. `waiting_since` is when a run
    first had to wait for something, if no record has got on since; `waiting_told`: that was long
    ago, and somebody is told, once for each import. `first_failures` and
    `first_replaced` name some records of a finished import, a line each.
    """

    import_id: str
    source: SourceFile
    status: Status = Status.RUNNING
    run: int = 0
    run_token: str = ""
    at_work: bool = False
    kills: int = 0
    waits: int = 0
    stuck: int = 0
    waits_until: float = 0.0
    total: int | None = None
    root: Root = Root()
    tally: Tally = field(default_factory=Tally)
    reach: int = 0
    quiet_until: float = 0.0
    connection: str | None = None
    second_payment: SecondPayment | None = None
    look_again: bool = False
    stop_asked: str | None = None
    cut_short: str | None = None
    given_up: bool = False
    error: str | None = None
    waiting_since: float = 0.0
    waiting_told: bool = False
    started_at: float = 0.0
    updated_at: float = 0.0
    finished_at: float = 0.0
    first_failures: tuple[str, ...] = ()
    first_replaced: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing remains to be done."""
        return self.status is not Status.RUNNING

    @property
    def done(self) -> int:
        """The checkpoint: how many records, from the first, have their outcome stored."""
        return self.tally.done

    @property
    def is_stored(self) -> bool:
        """Whether the outcome of every record is stored, so that only closing is left."""
        return self.done == self.total

    @property
    def ended_early(self) -> bool:
        """Whether something was left out: what is cut short when all was sent leaves out nothing.

        `reach` stays where it was then: behind it are only records that were not sent.
        """
        is_all_sent = self.total is not None and self.reach >= self.total
        return self.cut_short is not None and (self.given_up or not is_all_sent)

    @property
    def ending(self) -> Ending:
        """How the import ends."""
        if self.cut_short is None or not self.ended_early:
            return Ending.COMPLETE
        if self.given_up:
            return Ending.GIVEN_UP
        return Ending.STOPPED if self.cut_short.startswith(STOPPED) else Ending.REFUSED

    @property
    def never_began(self) -> bool:
        """Whether it was stopped before a run had looked at its file."""
        return self.ending is Ending.STOPPED and self.total is None

    @property
    def in_doubt(self) -> bool:
        """Whether records beyond the checkpoint may have been sent."""
        return self.reach > self.done

    def begun(self, token: str, now: float, settle_seconds: float) -> ImportState:
        """Begin a run; what a killed one has sent may arrive for `settle_seconds` more."""
        quiet_until = self.quiet_until
        if self.at_work and self.reach:
            quiet_until = max(quiet_until, now + settle_seconds)
        return replace(
            self,
            run=self.run + 1,
            run_token=token,
            at_work=True,
            kills=self.kills + self.at_work,
            waits_until=0.0,
            quiet_until=quiet_until,
            started_at=self.started_at or now,
            updated_at=now,
        )

    def checked(self, file: CheckedFile, second_payment: SecondPayment, now: float) -> ImportState:
        """Note that the file may be imported, and how: a setting that is changed is for others."""
        return replace(
            self,
            root=file.root,
            total=file.total,
            second_payment=second_payment,
            updated_at=now,
        )

    def connected(self, connection: str) -> ImportState:
        """Note to which company payments go; once any may have been sent it stays that one."""
        return self if self.connection and self.reach else replace(self, connection=connection)

    def reaching(self, number: int, now: float) -> ImportState:
        """Note, before it happens, that records up to `number` may be sent."""
        return replace(self, reach=max(self.reach, number), updated_at=now)

    def committed(self, new: Tally, now: float, *, look_again: bool = False) -> ImportState:
        """Move the checkpoint behind records whose outcomes are stored."""
        return replace(
            self,
            tally=self.tally + new,
            kills=self.kills if self.given_up else 0,
            waits=0,
            stuck=0,
            look_again=self.look_again or look_again,
            error=None,
            waiting_since=0.0,
            updated_at=now,
        )

    def put_back(
        self,
        now: float,
        quiet_until: float,
        error: str | None = None,
        *,
        begun: int | None = None,
        is_down: bool = False,
        is_stuck: bool = False,
    ) -> ImportState:
        """End the run in good order; `error` says what the import waits for.

        `begun` is the last record that this run or one before it has begun, if that is known.
        `is_down`: something did not answer; `is_stuck`: ConnectWise did, but for one record.
        """
        since = self.waiting_since or (now if error else 0.0)
        is_long = error is not None and now - since >= LONG_WAIT_SECONDS
        return replace(
            self,
            reach=self.reach if begun is None else min(self.reach, max(begun, self.done)),
            at_work=False,
            kills=0,
            waits=self.waits + is_down,
            stuck=0 if is_down else self.stuck + is_stuck,
            quiet_until=max(self.quiet_until, quiet_until),
            error=error,
            waiting_since=since,
            waiting_told=self.waiting_told or is_long,
            updated_at=now,
        )

    def rested(self, now: float) -> ImportState:
        """End the run, which has done nothing but find out that it has to wait."""
        return replace(self, at_work=False, updated_at=now, waits_until=self.quiet_until)

    def hidden(self, until: float) -> ImportState:
        """Note when the message of a file that is put back comes again."""
        return replace(self, waits_until=until)

    def cut(self, reason: str, now: float, *, given_up: bool = False) -> ImportState:
        """Send nothing new any more; `given_up`: nothing at all, not even once more."""
        return replace(
            self,
            cut_short=self.cut_short or reason,
            given_up=self.given_up or given_up,
            updated_at=now,
        )

    def closed(self, status: Status, tally: Tally, now: float) -> ImportState:
        """Close the import, with a tally that the last look may have changed."""
        reason = self.cut_short if self.ended_early else None
        return replace(
            self,
            status=status,
            tally=tally,
            at_work=False,
            cut_short=reason,
            error=reason,
            waiting_since=0.0,
            updated_at=now,
            finished_at=now,
        )
