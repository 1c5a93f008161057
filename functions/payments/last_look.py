"""Look once more, in the end, at the invoices whose payment may have been created twice.

A create that went without an answer is sent again when it cannot arrive any more, as far as anybody
can know. On a tenant that takes a second payment, a message that was later than that has made one.
Nothing can undo it here, but it must not pass in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Protocol

from aws_lambda_powertools import Logger

from payments.clock import Clock
from payments.connectwise.invoices import InvoiceLookup, batches
from payments.connectwise.patience import Patience, drive
from payments.errors import OutOfTime, RecordRejected
from payments.files.output import StoredOutcome, read_part
from payments.import_state import ImportState, Result
from payments.models import Invoice, Payment, TruthRecord
from payments.payment_fields import same_amount
from payments.sending import several
from payments.stores.bucket import Bucket
from payments.workers import Workers

logger = Logger(child=True)

Overruled = dict[int, tuple[Result, tuple[str, ...]]]
"""Records by number: what they had counted as, and what is wrong with them."""


class Truth(Protocol):
    """The truth table."""

    def store(self, records: Iterable[TruthRecord]) -> None: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What invoices are looked at with; no job is begun after the `monotonic` time `deadline`."""

    truth: Truth
    payments: Callable[[int], tuple[Payment, ...]]
    lookup: InvoiceLookup
    patience: Patience
    workers: Workers
    clock: Clock
    deadline: float

    def closely(self, outcomes: list[StoredOutcome]) -> dict[int, tuple[str, ...]]:
        """Return what is wrong with the payments of records, by their numbers."""
        for outcome in outcomes:
            self.workers.start(outcome, partial(self._several, outcome))
        found: dict[int, tuple[str, ...]] = {}
        for _ in outcomes:
            ended = self.workers.next_ended(self.deadline - self.clock.monotonic())
            if ended is None:
                raise OutOfTime
            if ended.error is not None:
                raise ended.error
            if ended.result is not None:
                found[ended.tag.number] = (ended.result,)
        return found

    def not_accepted(self, outcomes: list[StoredOutcome]) -> None:
        """Let the truth table know: a corrected record is not to be taken for processed."""
        entries = [outcome.learned for outcome in outcomes if outcome.learned is not None]
        if entries:
            self.truth.store(replace(entry, accepted=False) for entry in entries)

    def _several(self, outcome: StoredOutcome) -> str | None:
        invoice_id = _invoice_of(outcome)
        steps = self.patience.patiently("read payments", lambda: self.payments(invoice_id))
        try:
            found = drive(steps, self.clock)
        except RecordRejected:  # an invoice that cannot be read has no second payment to be seen
            return None
        own = outcome.payment_id
        counting = tuple(it for it in found if it.amount != 0 or it.id == own)
        return several(invoice_id, counting) if len(counting) > 1 else None


def last_look(state: ImportState, bucket: Bucket, look: Look) -> Overruled:
    """Return the records that have two payments where there should be one.

    Invoices whose sum is what was recorded last need no closer look. What is found is stored, so
    that a further run comes to the same. Raises TryLater if ConnectWise does not answer, OutOfTime
    if there is no time.
    """
    name = state.source.bucket
    candidates, held = _candidates(state, bucket)
    found = bucket.last_look(name, state.import_id)
    if found is None:
        invoice_ids = (_invoice_of(outcome) for outcome in candidates.values())
        invoices = drive(look.lookup.look_up_all(batches(invoice_ids, ())), look.clock).by_id
        found = look.closely(
            [o for o in candidates.values() if not _is_held(held, invoices.get(_invoice_of(o)))]
        )
        for number in found:
            logger.error("Recorded twice", import_id=state.import_id, record=number)
        bucket.store_last_look(name, state.import_id, found)
    look.not_accepted([candidates[number] for number in found])
    return {number: (candidates[number].result, told) for number, told in found.items()}


def _invoice_of(outcome: StoredOutcome) -> int:
    assert outcome.look_again is not None, "only such outcomes are looked at again"
    return outcome.look_again


def _is_held(held: Mapping[int, Decimal | None], invoice: Invoice | None) -> bool:
    """Tell whether an invoice's sum shows its payment; one of zero shows in none."""
    amount = None if invoice is None else held[invoice.id]
    if not amount or invoice is None or invoice.paid is None:
        return False
    return same_amount(amount, invoice.paid)


def _candidates(
    state: ImportState, bucket: Bucket
) -> tuple[dict[int, StoredOutcome], dict[int, Decimal | None]]:
    """Return the successes that are to be looked at again, of each invoice the last.

    And what the payments of these invoices were brought to in the end.
    """
    by_invoice: dict[int, StoredOutcome] = {}
    held: dict[int, Decimal | None] = {}
    after = 0
    while after < state.done:
        part = bucket.part(state.source.bucket, state.import_id, after)
        assert part is not None, "the checkpoint is behind stored parts"
        stored = read_part(part)
        after += len(stored)
        for outcome in stored:
            if outcome.look_again is not None and outcome.result.action.succeeded:
                by_invoice[outcome.look_again] = outcome
                held[outcome.look_again] = outcome.result.amount
            held |= {it.invoice_id: it.amount for it in outcome.recorded if it.invoice_id in held}
    return {outcome.number: outcome for outcome in by_invoice.values()}, held
