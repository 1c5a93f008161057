"""Carry out what the questions say, and take back what they have left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from payments.clock import Clock
from payments.command.probe.dialogue import (
    Answer,
    Create,
    Delete,
    Finding,
    Get,
    Step,
    Steps,
    Update,
)
from payments.command.probe.known import Known
from payments.command.probe.ledger import Ledger, Noted
from payments.command.probe.line import Line
from payments.command.problem import OUR_ERRORS, CommandFailed
from payments.connectwise.answers import write_json
from payments.connectwise.finance import Finance
from payments.models import Fields, Payment
from payments.quiet import SETTLE_SECONDS

# Between looks at what is left: half a minute in all.
_PAUSES_SECONDS = (0.0, 0.0, 1.0, 2.0, 5.0, 10.0, 15.0)
_MOST_TRIES = 3
_NOTHING: Fields = {"amount": 0}


@dataclass(frozen=True, slots=True)
class Left:
    """What could not be taken back.

    `payments` are still there; `others` are there too, and not surely ours, though they may be if
    it is `doubtful`. `never_shown` are ids of payments that ConnectWise said it has created, and
    has not listed. `unseen` tells that nobody knows, `lost` that a create has not shown.
    """

    payments: tuple[Payment, ...] = ()
    others: tuple[Payment, ...] = ()
    never_shown: tuple[int, ...] = ()
    doubtful: bool = False
    unseen: bool = False
    lost: bool = False

    @property
    def anything(self) -> bool:
        return bool(self.payments or self.never_shown) or self.unseen or self.lost


class NotOurs(CommandFailed):
    """Somebody else is at work on the invoice: nothing more is tried."""


class Session:
    """One probe of one invoice.

    Only payments of ours are changed, and before each write it is looked whether they still are.
    """

    def __init__(
        self, line: Line, finance: Finance, clock: Clock, known: Known, ledger: Ledger
    ) -> None:
        self.known = known
        self.ledger = ledger
        self.line = line
        self._finance = finance
        self._clock = clock
        self._quiet_until = self._settled_at = float("-inf")
        self._pending: list[Noted] = []
        self._deletes: Counter[int] = Counter()
        self._undeletable: set[int] = set()
        self._refused_changes: Counter[int] = Counter()
        self._found: tuple[Payment, ...] = ()
        self._others: tuple[Payment, ...] = ()

    def begin(self) -> None:
        """Begin on an invoice without payments; raises CommandFailed if nothing can be noted."""
        self.ledger.save(self._clock.time())

    def run(self, steps: Steps[Finding]) -> Finding:
        """Carry out a question's steps, and return what it finds."""
        try:
            step = next(steps)
            while True:
                step = steps.send(self._carry_out(step))
        except StopIteration as end:
            finding: Finding = end.value
            return finding

    def payments(self) -> tuple[Payment, ...]:
        """Return what is on the invoice, applied credit memos too."""
        found = self._finance.payments(self.known.invoice.id, with_credits=True)
        self.ledger.look_at(found, quiet=self._clock.monotonic() >= self._quiet_until)
        return found

    def take_back(self) -> Left:
        """Delete what is ours, or set it to 0; return what could not be taken back.

        What was lost, or has not shown, may do so later: then there is a second look.
        """
        if self.ledger.empty:
            self.ledger.close()
            return Left()
        seen = self._remove_all()
        until = self._quiet_until
        if self._pending or self.ledger.never_shown:
            until = max(until, self._settled_at)
        wait_seconds = until - self._clock.monotonic()
        if seen and wait_seconds > 0:
            self._clock.sleep(wait_seconds)
            seen = self._remove_all()
        left = self._left() if seen else Left(unseen=True)
        if not (left.anything or left.doubtful):
            self.ledger.close()
        return left

    def _left(self) -> Left:
        doubtful = any(self.ledger.is_doubtful(row) for row in self._others)
        never_shown = tuple(self.ledger.never_shown)
        lost = bool(self._pending) and not doubtful
        return Left(self._found, self._others, never_shown, doubtful, lost=lost)

    def _carry_out(self, step: Step) -> Answer:
        match step:
            case Get():
                return self.line.get(step)
            case Create(fields):
                return self._create(fields)
            case Update(payment_id, fields):
                return self._change(payment_id, "update", "PATCH", fields)
            case Delete(payment_id):
                return self._change(payment_id, "delete", "DELETE")

    def _create(self, fields: Fields) -> Answer:
        self._listed_as_ours()
        noted = self.ledger.expect(fields, self._clock.time())
        self._pending.append(noted)
        path = self.known.invoice.payments_path
        try:
            with self._answered():
                answer = self.line.hear("create", "POST", path, write_json(dict(fields)))
        finally:
            self._settled_at = self._clock.monotonic() + SETTLE_SECONDS
        refused = 400 <= answer.status < 500
        if not refused and answer.payment_id is None:
            answer = self._looked_for(noted, answer)
        if refused or answer.payment_id is not None:
            self._pending.remove(noted)
            self.ledger.settle(noted, answer.payment_id, self._clock.time())
        return answer

    def _looked_for(self, noted: Noted, answer: Answer) -> Answer:
        """Look for a payment that an answer does not show; it may come later."""
        new = [row for row in self.payments() if row.id not in self.ledger.payments]
        ours = [row for row in new if self.ledger.is_ours(row) and noted.is_surely(row)]
        return replace(answer, body={"id": ours[0].id}) if ours else answer

    def _change(
        self, payment_id: int, kind: str, method: str, fields: Fields | None = None
    ) -> Answer:
        """Change a payment, if it shows and is ours."""
        found = [row for row in self._listed_as_ours() if row.id == payment_id]
        if not found:
            return Answer(0, reasons=("ConnectWise does not list the payment.",))
        self._adopt(found[0])
        return self._write(payment_id, kind, method, fields)

    def _listed_as_ours(self) -> tuple[Payment, ...]:
        """Return what is on the invoice; raises NotOurs if anything of it may be somebody's."""
        listed = self.payments()
        others = [str(row.id) for row in listed if not self.ledger.is_ours(row)]
        if others:
            raise NotOurs(f"somebody else works on the invoice: see payment {', '.join(others)}")
        return listed

    def _adopt(self, payment: Payment) -> None:
        """Know the id of what is surely ours; this is what was looked for, if anything was."""
        if payment.id in self.ledger.payments:
            return
        self.ledger.adopt(payment)
        found = [noted for noted in self._pending if noted.is_surely(payment)]
        if found:
            self._pending.remove(found[0])

    def _write(self, payment_id: int, kind: str, method: str, fields: Fields | None) -> Answer:
        self.ledger.give(payment_id, fields or {}, self._clock.time())
        path = f"{self.known.invoice.payments_path}/{payment_id}"
        with self._answered():
            answer = self.line.hear(kind, method, path, _operations(fields) if fields else None)
        if answer.status >= 500:
            self._lose()
        return answer

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Note it if a write has no answer, for whatever reason."""
        try:
            yield
        except BaseException:
            self._lose()
            raise

    def _lose(self) -> None:
        self._quiet_until = self._clock.monotonic() + SETTLE_SECONDS

    def _remove_all(self) -> bool:
        """Look, and remove, until nothing is left to be done; False if the last look failed."""
        seen = False
        for pause in _PAUSES_SECONDS:
            self._clock.sleep(pause)
            seen = False
            try:
                listed = self.payments()
                self._found = tuple(row for row in listed if self.ledger.is_ours(row))
                self._others = tuple(row for row in listed if row not in self._found)
                left = [payment for payment in self._found if not self._is_done(payment)]
                seen = True
                for payment in left:
                    self._remove(payment)
            except OUR_ERRORS:
                continue
            if not left:
                break
        return seen

    def _is_done(self, payment: Payment) -> bool:
        if payment.id not in self._undeletable:
            return False
        return payment.amount == 0 or self._refused_changes[payment.id] >= _MOST_TRIES

    def _remove(self, payment: Payment) -> None:
        self._adopt(payment)
        if payment.id in self._undeletable:
            answer = self._write(payment.id, "update", "PATCH", _NOTHING)
            self._refused_changes[payment.id] += 400 <= answer.status < 500
            return
        self._deletes[payment.id] += 1
        if self._deletes[payment.id] >= _MOST_TRIES:
            self._undeletable.add(payment.id)
        answer = self._write(payment.id, "delete", "DELETE", None)
        # Where it is still there at the next look, it cannot be deleted.
        if answer.status < 500:
            self._undeletable.add(payment.id)


def _operations(fields: Fields) -> str:
    return write_json(
        [{"op": "replace", "path": name, "value": value} for name, value in fields.items()]
    )
