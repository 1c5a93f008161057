"""Apply the records of a file: chunk by chunk look up, decide, send, remember.

Chunks overlap so that the connections to ConnectWise never idle: while one chunk's payments are
sent, the next one's invoices are looked up. Records that touch the same invoice, payment or
external id are applied in file order all the same: within a chunk in one lane, and a chunk that
shares any of them with an unfinished chunk waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from payments.clock import utc_now
from payments.errors import (
    AwsDown,
    OutOfTime,
    RecordRejected,
    ServerFault,
    Superseded,
)
from payments.connectwise.invoices import InvoiceLookup, batches, merged
from payments.lanes import Key, Lane, keys, lanes
from payments.models import Action, Outcome, Payment, PaymentRecord, TruthRecord
from payments.connectwise.pace import Gate
from payments.rules import (
    Create,
    FoundInvoices,
    LookUpPayments,
    Policy,
    Settled,
    accepted,
    decide,
    failed,
    invoice_query,
    is_own,
    was_known,
)
from payments.sender import Sender

CHUNK_RECORDS = 500
_CHUNK_BYTES = 4 * 1024 * 1024
_TICK_SECONDS = 0.25
_CHECKPOINT_SECONDS = 3.0
_WRITE_AT_ONCE = 25


def take_chunk(records: Iterator[PaymentRecord], most: int) -> list[PaymentRecord]:
    """Take at most that many records, and fewer if they are large."""
    chunk: list[PaymentRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.xml.source)
        if len(chunk) >= most or size >= _CHUNK_BYTES:
            break
    return chunk


class Truth(Protocol):
    """The truth table."""

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]: ...
    def store(self, records: Iterable[TruthRecord]) -> None: ...


StoreOutcomes = Callable[[list[Outcome]], None]
"""Store the outcomes of the records behind the checkpoint, then move it behind them."""


@dataclass(slots=True)
class _Chunk:
    """Consecutive records on their way."""

    records: list[PaymentRecord]
    truth: dict[str, TruthRecord]
    lookups: list[Future[FoundInvoices]]
    keys: set[Key] = field(default_factory=set)
    lanes: list[Future[None]] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    stored: int = 0

    def finished(self) -> list[Outcome]:
        """Return the outcomes that can be stored: those with no gap before them."""
        found = []
        for record in self.records[self.stored :]:
            outcome = self.outcomes.get(record.number)
            if outcome is None:
                break
            found.append(outcome)
        return found


@dataclass(slots=True)
class _Sent:
    """What was sent while a chunk was the newest."""

    truth: dict[str, TruthRecord] = field(default_factory=dict)
    only_payments: dict[int, Payment] = field(default_factory=dict)
    payment_ids: set[int] = field(default_factory=set)


class _Learned:
    """What this run has done itself, for records that were looked up before it was done.

    Remembered for four chunks: a chunk is looked up before the two before it are finished, and
    its records are still being sent when the next one begins.
    """

    def __init__(self) -> None:
        self._chunks: tuple[_Sent, ...] = ()

    def begin_chunk(self) -> None:
        # A new tuple: threads may be looking through the old one.
        self._chunks = (_Sent(), *self._chunks[:3])

    def add(
        self, truth: TruthRecord | None, invoice_id: int, payment: Payment, is_only: bool
    ) -> None:
        sent = self._chunks[0]
        sent.payment_ids.add(payment.id)
        if is_only:
            sent.only_payments[invoice_id] = payment
        if truth is not None:
            sent.truth[truth.external_id] = truth

    def has_sent(self, payment_id: int) -> bool:
        return any(payment_id in chunk.payment_ids for chunk in self._chunks)

    def truth(self, external_id: str) -> TruthRecord | None:
        found = (chunk.truth.get(external_id) for chunk in self._chunks)
        return next(filter(None, found), None)

    def payments(self, invoice_id: int) -> tuple[Payment, ...] | None:
        found = (chunk.only_payments.get(invoice_id) for chunk in self._chunks)
        payment = next(filter(None, found), None)
        return None if payment is None else (payment,)


class Pipeline:
    """Apply records with `connections` threads.

    Unless `overlapping`, a chunk is begun only when the outcomes of the one before are stored.
    `key` is the file's S3 key, for the truth table. After `apply`, however it ended, `in_doubt`
    tells whether payments may have been sent of which no outcome is stored.
    """

    def __init__(
        self,
        sender: Sender,
        lookup: InvoiceLookup,
        truth: Truth,
        gate: Gate,
        policy: Policy,
        key: str,
        connections: int,
        store_outcomes: StoreOutcomes,
        chunk_records: int = CHUNK_RECORDS,
        *,
        overlapping: bool = True,
    ) -> None:
        self.in_doubt = False
        self._sender = sender
        self._lookup = lookup
        self._truth = truth
        self._gate = gate
        self._policy = policy
        self._key = key
        self._connections = connections
        self._store_outcomes = store_outcomes
        self._chunk_records = chunk_records
        self._most_running = 2 if overlapping else 1
        self._learned = _Learned()
        self._to_remember: deque[TruthRecord] = deque()
        self._running: deque[_Chunk] = deque()
        self._last_checkpoint = monotonic()
        # Soon at first: a run that is killed again and again shall have got a little further.
        self._checkpoint_seconds = _TICK_SECONDS

    def apply(self, records: Iterator[PaymentRecord]) -> None:
        """Apply all records, or as many as can be.

        Raises ImportStopped if it had to stop; what was finished until then is stored.
        """
        with ThreadPoolExecutor(self._connections) as pool:
            try:
                self._apply(records, pool)
            except Exception as reason:
                self._stop(reason)
                raise

    def _apply(self, records: Iterator[PaymentRecord], pool: ThreadPoolExecutor) -> None:
        following = self._prepare(records, pool)
        while following.records:
            chunk, following = following, self._prepare(records, pool)
            self._start(chunk, pool)
            if len(self._running) == self._most_running:
                self._finish()
        while self._running:
            self._finish()

    def _prepare(self, records: Iterator[PaymentRecord], pool: ThreadPoolExecutor) -> _Chunk:
        """Read the next chunk and begin to look up what deciding needs."""
        chunk = take_chunk(records, self._chunk_records)
        truth = self._truth.find(r.external_id for r in chunk if r.external_id is not None)
        queries = (invoice_query(r, self._known(r, truth), self._policy) for r in chunk)
        wanted = batches(query for query in queries if query is not None)
        return _Chunk(chunk, truth, [pool.submit(self._lookup.look_up, batch) for batch in wanted])

    def _start(self, chunk: _Chunk, pool: ThreadPoolExecutor) -> None:
        """Hand the chunk's lanes to the pool, in file order."""
        invoices = merged(lookup.result() for lookup in chunk.lookups)
        keys_of = self._keys_of(chunk, invoices)
        chunk.keys.update(*keys_of.values())
        while any(not running.keys.isdisjoint(chunk.keys) for running in self._running):
            self._finish()
            # The unfinished chunk may have taught which invoice an external id belongs to.
            keys_of = self._keys_of(chunk, invoices)
            chunk.keys.update(*keys_of.values())
        self._learned.begin_chunk()
        self._running.append(chunk)
        for lane in lanes(chunk.records, keys_of):
            chunk.lanes.append(pool.submit(self._apply_lane, lane, chunk, invoices))

    def _keys_of(self, chunk: _Chunk, invoices: FoundInvoices) -> dict[int, frozenset[Key]]:
        return {r.number: keys(r, self._known(r, chunk.truth), invoices) for r in chunk.records}

    def _known(self, record: PaymentRecord, found: Mapping[str, TruthRecord]) -> TruthRecord | None:
        """Return the latest that is known of the record's external id."""
        if record.external_id is None:
            return None
        known = found.get(record.external_id)
        if known is None or not is_own(record, known, self._policy):
            known = self._learned.truth(record.external_id) or known
        return known if known and was_known(record, known, self._policy) else None

    def _apply_lane(self, lane: Lane, chunk: _Chunk, invoices: FoundInvoices) -> None:
        for record in lane:
            truth = self._known(record, chunk.truth)
            try:
                outcome = self._apply_record(record, truth, invoices)
            except RecordRejected as rejection:
                outcome = failed(record, *rejection.messages)
            except ServerFault as fault:
                if record.number != self._policy.blamed:
                    raise
                outcome = failed(record, f"{fault} It was tried for half an hour or longer.")
            chunk.outcomes[record.number] = outcome

    def _apply_record(
        self, record: PaymentRecord, truth: TruthRecord | None, invoices: FoundInvoices
    ) -> Outcome:
        fault = invoices.faults.get(record.invoice_number or "")
        if fault is not None:
            raise fault
        payments = None
        sent_since = truth is not None and self._learned.has_sent(truth.payment_id)
        decision = decide(record, truth, invoices, payments, self._policy, sent_since)
        if isinstance(decision, Create | LookUpPayments):
            payments = self._payments(decision)
            decision = decide(record, truth, invoices, payments, self._policy)
        if isinstance(decision, Settled):
            return decision.outcome
        if isinstance(decision, Create):
            action, payment = self._sender.create(decision)
        else:
            assert not isinstance(decision, LookUpPayments), "its payments have been looked up"
            action, payment = self._sender.update(decision)
        sent = self._truth_record(record, truth, decision.invoice_id, action, payment)
        # A payment that the record itself named need not be the invoice's only one.
        self._learned.add(sent, decision.invoice_id, payment, is_only=payments is not None)
        if sent is not None:
            self._to_remember.append(sent)
        return accepted(record, action, payment)

    def _payments(self, decision: Create | LookUpPayments) -> tuple[Payment, ...]:
        """Return the invoice's payments; there is none if a create has been decided."""
        learned = self._learned.payments(decision.invoice_id)
        if learned is not None:
            return learned
        if isinstance(decision, Create):
            return ()
        return self._sender.payments(decision.invoice_id)

    def _truth_record(
        self,
        record: PaymentRecord,
        truth: TruthRecord | None,
        invoice_id: int,
        action: Action,
        payment: Payment,
    ) -> TruthRecord | None:
        if record.external_id is None:
            return None
        now = utc_now()
        first: int | None = record.number
        if truth is not None:
            first = truth.first_record if truth.import_id == self._policy.import_id else None
        return TruthRecord(
            record.external_id,
            payment.id,
            invoice_id,
            created=truth.created if truth and truth.payment_id == payment.id else now,
            modified=now,
            import_id=self._policy.import_id,
            record_number=record.number,
            action=action,
            amount=payment.amount,
            key=self._key,
            first_record=first,
        )

    def _finish(self) -> None:
        """Wait for the oldest chunk, storing on the way what is finished of it."""
        chunk = self._running[0]
        waiting = set(chunk.lanes)
        while waiting:
            ended, waiting = wait(waiting, _TICK_SECONDS, FIRST_EXCEPTION)
            for lane in ended:
                lane.result()
            # Whole batches only: the rest fills the next one.
            self._remember(len(self._to_remember) // _WRITE_AT_ONCE * _WRITE_AT_ONCE)
            if monotonic() - self._last_checkpoint > self._checkpoint_seconds:
                self._store(chunk)
        self._store(chunk)
        self._running.popleft()

    def _remember(self, most: int) -> None:
        """Write what has been sent first to the truth table."""
        records = [self._to_remember.popleft() for _ in range(most)]
        if records:
            self._truth.store(records)

    def _store(self, chunk: _Chunk) -> None:
        """Store what is finished of the oldest chunk; the truth table learns it before."""
        finished = chunk.finished()
        self._remember(len(self._to_remember))
        if finished:
            self._store_outcomes(finished)
            chunk.stored += len(finished)
            self._checkpoint_seconds = min(2 * self._checkpoint_seconds, _CHECKPOINT_SECONDS)
        self._last_checkpoint = monotonic()

    def _stop(self, reason: Exception) -> None:
        """Let nothing more be sent, and store what is finished."""
        self.in_doubt = True
        # Not with the reason: whoever gets it must not take it for an answer to a call of its own.
        self._gate.close(OutOfTime())
        started = [lane for chunk in self._running for lane in chunk.lanes]
        for lane in started:
            lane.cancel()
        wait(started)
        if isinstance(reason, AwsDown | Superseded):
            return
        for chunk in self._running:
            self._store(chunk)
            if chunk.stored < len(chunk.records):
                break
        unstored = any(len(chunk.outcomes) > chunk.stored for chunk in self._running)
        self.in_doubt = unstored or self._sender.in_doubt
