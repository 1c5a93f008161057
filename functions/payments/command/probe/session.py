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
from payments.command.probe.ledger import Ledger
from payments.command.probe.line import Line
from payments.command.problem import OUR_ERRORS
from payments.connectwise.answers import write_json
from payments.connectwise.finance import Finance
from payments.models import Fields, Payment, credit_of
from payments.quiet import SETTLE_SECONDS

# Between looks at what is left: half a minute in all.
_PAUSES_SECONDS = (0.0, 0.0, 1.0, 2.0, 5.0, 10.0, 15.0)
_MOST_TRIES = 3
_NOTHING: Fields = {"amount": 0}


@dataclass(frozen=True, slots=True)
class Left:
    """What could not be taken back.

    `payments` are still there; `others` are there too, and not surely ours. `unseen` tells that
    nobody knows, `lost` that a create was never answered and has not shown either.
    """

    payments: tuple[Payment, ...] = ()
    others: tuple[Payment, ...] = ()
    unseen: bool = False
    lost: bool = False

    @property
    def anything(self) -> bool:
        return bool(self.payments) or self.unseen or self.lost


class Session:
    """One probe of one invoice.

    Only payments of ours are changed. From `begin` on all that appears on the invoice and may be
    ours is: there was nothing on it before.
    """

    def __init__(
        self, line: Line, finance: Finance, clock: Clock, known: Known, ledger: Ledger
    ) -> None:
        self.known = known
        self.ledger = ledger
        self.line = line
        self._finance = finance
        self._clock = clock
        self._begun = False
        self._quiet_until = float("-inf")
        self._lost = False
        self._deletes: Counter[int] = Counter()
        self._undeletable: set[int] = set()
        self._refused_changes: Counter[int] = Counter()
        self._found: tuple[Payment, ...] = ()
        self._others: tuple[Payment, ...] = ()

    def begin(self) -> None:
        """Begin on an invoice without payments; raises CommandFailed if nothing can be noted."""
        self.ledger.save(self._clock.time())
        self._begun = True

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
        return self._finance.payments(self.known.invoice.id, with_credits=True)

    def take_back(self) -> Left:
        """Delete what is ours, or set it to 0; return what could not be taken back.

        Whose answer was lost may show later: then there is a second look.
        """
        if self.ledger.empty:
            self.ledger.close()
            return Left()
        seen = self._remove_all()
        wait_seconds = self._quiet_until - self._clock.monotonic()
        if seen and wait_seconds > 0:
            self._clock.sleep(wait_seconds)
            seen = self._remove_all()
        left = Left(self._found, self._others, lost=self._lost) if seen else Left(unseen=True)
        if not left.anything:
            self.ledger.close()
        return left

    def _carry_out(self, step: Step) -> Answer:
        match step:
            case Get():
                return self.line.get(step)
            case Create(fields):
                return self._create(fields)
            case Update(payment_id, fields):
                return self._change(payment_id, "update", "PATCH", _operations(fields))
            case Delete(payment_id):
                return self._change(payment_id, "delete", "DELETE")

    def _create(self, fields: Fields) -> Answer:
        noted = self.ledger.expect(fields, self._clock.time())
        path = self.known.invoice.payments_path
        with self._answered(create=True):
            answer = self.line.hear("create", "POST", path, write_json(dict(fields)))
        refused = 400 <= answer.status < 500
        if not refused and answer.payment_id is None:
            answer = self._looked_for(answer)
        if refused or answer.payment_id is not None:
            self.ledger.settle(noted, answer.payment_id, self._clock.time())
        return answer

    def _looked_for(self, answer: Answer) -> Answer:
        """Look for a payment that an answer does not show; a server error may come too early.

        Where ConnectWise says that it was created, it is the one that was not there before.
        """
        if not answer.ok:
            self._lose(create=True)
        new = [row for row in self.payments() if row.id not in self.ledger.payments]
        ours = [row for row in new if self._is_ours(row)]
        if answer.ok and len(new) == 1 and credit_of(new[0].fields) is None:
            ours = new
        if not ours:
            return answer
        self._lost = False
        return replace(answer, body={"id": ours[0].id})

    def _change(self, payment_id: int, kind: str, method: str, body: str | None = None) -> Answer:
        """Change a payment, if it is ours."""
        if payment_id not in self.ledger.payments:
            if payment_id not in [row.id for row in self.payments() if self._is_ours(row)]:
                return Answer(0, reasons=("It is not the probe's.",))
            self.ledger.payments.add(payment_id)
        self.ledger.save(self._clock.time())
        with self._answered():
            path = f"{self.known.invoice.payments_path}/{payment_id}"
            answer = self.line.hear(kind, method, path, body)
        if answer.status >= 500:
            self._lose()
        return answer

    @contextmanager
    def _answered(self, *, create: bool = False) -> Iterator[None]:
        """Note it if a write has no answer, for whatever reason."""
        try:
            yield
        except BaseException:
            self._lose(create=create)
            raise

    def _lose(self, *, create: bool = False) -> None:
        self._quiet_until = self._clock.monotonic() + SETTLE_SECONDS
        self._lost = self._lost or create

    def _is_ours(self, payment: Payment) -> bool:
        doubtful = self._begun and self.ledger.is_doubtful(payment)
        return doubtful or self.ledger.is_ours(payment)

    def _remove_all(self) -> bool:
        """Look, and remove, until nothing is left to be done; False if the last look failed."""
        seen = False
        for pause in _PAUSES_SECONDS:
            self._clock.sleep(pause)
            seen = False
            try:
                listed = self.payments()
                self._found = tuple(row for row in listed if self._is_ours(row))
                self._others = tuple(row for row in listed if not self._is_ours(row))
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
        path = f"{self.known.invoice.payments_path}/{payment.id}"
        if payment.id not in self.ledger.payments:
            self._lost = False  # this is what was looked for
        if payment.id in self._undeletable:
            with self._answered():
                answer = self.line.hear("update", "PATCH", path, _operations(_NOTHING))
            self._refused_changes[payment.id] += 400 <= answer.status < 500
            return
        self._deletes[payment.id] += 1
        if self._deletes[payment.id] >= _MOST_TRIES:
            self._undeletable.add(payment.id)
        with self._answered():
            answer = self.line.hear("delete", "DELETE", path)
        # Where it is still there at the next look, it cannot be deleted.
        if answer.status < 500:
            self._undeletable.add(payment.id)


def _operations(fields: Fields) -> str:
    return write_json(
        [{"op": "replace", "path": name, "value": value} for name, value in fields.items()]
    )
