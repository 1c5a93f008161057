"""Look once more, in the end, at the invoices whose payment may have been created twice.

A create that went without an answer is sent again when it cannot arrive any more, as far as anybody
can know. On a tenant that takes a second payment, a message that was later than that has made one.
Nothing can undo it here, but it must not pass in silence.
"""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools import Logger

from payments.clock import Clock
from payments.connectwise.patience import Patience, drive
from payments.errors import RecordRejected
from payments.files.output import StoredOutcome, read_part
from payments.import_state import ImportState, Result
from payments.models import Payment
from payments.stores.bucket import Bucket
from payments.upsert import several

logger = Logger(child=True)

Overruled = dict[int, tuple[Result, tuple[str, ...]]]
"""Records by number: what they had counted as, and what is wrong with them."""


def last_look(
    state: ImportState,
    bucket: Bucket,
    payments: Callable[[int], tuple[Payment, ...]],
    patience: Patience,
    clock: Clock,
) -> Overruled:
    """Return the records that have two payments where there should be one.

    What is found is stored, so that a further run comes to the same. Raises TryLater if ConnectWise
    does not answer, OutOfTime if there is no time.
    """
    name = state.source.bucket
    candidates = _candidates(state, bucket)
    found = bucket.last_look(name, state.import_id)
    if found is None:
        found = {}
        for outcome in candidates.values():
            assert outcome.look_again is not None
            told = _look(outcome.look_again, payments, patience, clock)
            if told is not None:
                logger.error("Recorded twice", import_id=state.import_id, record=outcome.number)
                found[outcome.number] = (told,)
        bucket.store_last_look(name, state.import_id, found)
    return {number: (candidates[number].result, told) for number, told in found.items()}


def _candidates(state: ImportState, bucket: Bucket) -> dict[int, StoredOutcome]:
    """Return the successes that are to be looked at again, of each invoice the last."""
    by_invoice: dict[int, StoredOutcome] = {}
    after = 0
    while after < state.done:
        part = bucket.part(state.source.bucket, state.import_id, after)
        assert part is not None, "the checkpoint is behind stored parts"
        stored = read_part(part)
        after += len(stored)
        for outcome in stored:
            if outcome.look_again is not None and outcome.result.action.succeeded:
                by_invoice[outcome.look_again] = outcome
    return {outcome.number: outcome for outcome in by_invoice.values()}


def _look(
    invoice_id: int,
    payments: Callable[[int], tuple[Payment, ...]],
    patience: Patience,
    clock: Clock,
) -> str | None:
    steps = patience.patiently("read payments", lambda: payments(invoice_id))
    try:
        found = drive(steps, clock)
    except RecordRejected:  # an invoice that cannot be read has no second payment to be seen
        return None
    return several(invoice_id, found) if len(found) > 1 else None
