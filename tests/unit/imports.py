"""One import of a few records: through the pipeline, and one record after another."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from payments.errors import RecordRejected
from payments.connectwise.invoices import InvoiceLookup, batches, merged
from payments.models import Outcome, PaymentRecord, TruthRecord
from payments.connectwise.pace import Gate
from payments.pipeline import Pipeline
from payments.rules import (
    FoundInvoices,
    LookUpPayments,
    Policy,
    Settled,
    Update,
    accepted,
    decide,
    failed,
    invoice_query,
)
from payments.sender import Sender
from unit.fake_connectwise import FakeConnectWise
from unit.fake_truth import FakeTruth

NOW = "2026-01-01T00:00:00Z"
KEY = "incoming/payments.xml"


class Run:
    """One run of an import; `events` has what was remembered and stored, in that order.

    `on_remember` and `on_store` are called with how often that happened before; they may raise.
    """

    def __init__(
        self,
        connectwise: FakeConnectWise,
        truth: FakeTruth,
        policy: Policy,
        chunk_records: int = 2,
        connections: int = 3,
    ) -> None:
        self.connectwise = connectwise
        self.truth = truth
        self.stored: list[Outcome] = []
        self.events: list[tuple[str, list[str]]] = []
        self.on_remember: Callable[[int], None] = lambda _: None
        self.on_store: Callable[[int], None] = lambda _: None
        self.gate = Gate(connections, float("inf"))
        self.pipeline = Pipeline(
            Sender(connectwise),
            InvoiceLookup(connectwise),
            self,
            self.gate,
            policy,
            KEY,
            connections,
            self._store_outcomes,
            chunk_records,
        )

    def apply(self, records: Iterable[PaymentRecord]) -> None:
        """Apply the records; raises what stops the import."""
        self.pipeline.apply(iter(records))

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        return self.truth.find(external_ids)

    def store(self, records: Iterable[TruthRecord]) -> None:
        found = list(records)
        self.on_remember(self._times("remembered"))
        self.events.append(("remembered", [record.external_id for record in found]))
        self.truth.store(found)

    def _store_outcomes(self, outcomes: list[Outcome]) -> None:
        self.on_store(self._times("stored"))
        self.events.append(("stored", [str(outcome.record.number) for outcome in outcomes]))
        self.stored += outcomes

    def _times(self, kind: str) -> int:
        return sum(event == kind for event, _ in self.events)


def one_by_one(
    records: Sequence[PaymentRecord],
    connectwise: FakeConnectWise,
    truth: FakeTruth,
    policy: Policy,
) -> list[Outcome]:
    """Apply each record when everything before it is done: what every import must come to."""
    return [_apply(record, connectwise, truth, policy) for record in records]


def _apply(
    record: PaymentRecord, connectwise: FakeConnectWise, truth: FakeTruth, policy: Policy
) -> Outcome:
    known = truth.records.get(record.external_id or "")
    query = invoice_query(record, known, policy)
    lookup = InvoiceLookup(connectwise)
    found = merged(map(lookup.look_up, batches([query] if query else [])))
    try:
        return _decided(record, known, found, connectwise, truth, policy)
    except RecordRejected as rejection:
        return failed(record, *rejection.messages)


def _decided(
    record: PaymentRecord,
    known: TruthRecord | None,
    found: FoundInvoices,
    connectwise: FakeConnectWise,
    truth: FakeTruth,
    policy: Policy,
) -> Outcome:
    sender = Sender(connectwise)
    decision = decide(record, known, found, None, policy)
    if isinstance(decision, LookUpPayments):
        payments = sender.payments(decision.invoice_id)
        decision = decide(record, known, found, payments, policy)
    if isinstance(decision, Settled):
        return decision.outcome
    assert not isinstance(decision, LookUpPayments)
    if isinstance(decision, Update):
        action, payment = sender.update(decision)
    else:
        action, payment = sender.create(decision)
    if record.external_id is not None:
        same = known is not None and known.payment_id == payment.id
        created = known.created if known and same else NOW
        again = known is not None and known.import_id == policy.import_id
        first = record.number if known is None else known.first_record if again else None
        truth.store(
            [
                TruthRecord(
                    record.external_id,
                    payment.id,
                    decision.invoice_id,
                    created,
                    NOW,
                    policy.import_id,
                    record.number,
                    action,
                    payment.amount,
                    KEY,
                    first,
                )
            ]
        )
    return accepted(record, action, payment)


@contextmanager
def threads_that_switch_often() -> Iterator[None]:
    """Let threads take turns as often as they can, so that their order varies."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
