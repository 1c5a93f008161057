"""What must hold, whatever goes wrong: checked at each call and at each write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from fakes.connectwise import FakeConnectWise
from fakes.dynamodb import FakeTable, plain
from fakes.expressions import Item
from fakes.s3 import FakeBucket
from payments.connectwise.wire import Response
from payments.files.output import StoredOutcome, read_part
from payments.models import LedgerEntry
from payments.quiet import CALL_SECONDS, SETTLE_SECONDS
from simulation.closing import Broken, check_closed
from simulation.network import Message
from simulation.oracle import Books, Entry, Made, Record, Verdict, apply, connected
from simulation.scenario import Scenario, Upload
from simulation.scheduler import Scheduler

IMPORTS, TRUTH, LEDGER = "imports", "truth", "ledger"
CONNECTION = "na.myconnectwise.net/acme"

_GIVEN_UP = "The import was given up near this record"
_ABANDONED = re.compile(rf"Not sent: |{_GIVEN_UP}")
_INSTANT = 0.001


@dataclass(eq=False, slots=True)
class Import:
    """A file on its way: what is stored of it, and what the truth table is to hold after that."""

    upload: Upload
    outcomes: list[StoredOutcome] = field(default_factory=list)
    truth_after: list[dict[str, Entry]] = field(default_factory=list)
    done: int = 0
    is_closed: bool = False
    last_stored_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Late:
    """A create that has arrived when nobody waited for it any more."""

    sent_by: Import
    invoice_id: int
    at: float


class Watchman:
    """Compare what happens with what must happen.

    The oracle (`books`) follows the parts as they are stored, since that is what commits. Where
    chance has had its hand in what comes of an invoice, nothing that has to do with it is compared
    any more: a message has arrived so late that nobody waited for it, or the file was given up.
    """

    def __init__(
        self,
        scenario: Scenario,
        books: Books,
        scheduler: Scheduler,
        connectwise: FakeConnectWise,
        bucket: FakeBucket,
        tables: Mapping[str, FakeTable],
    ) -> None:
        self._mishaps = scenario.mishaps
        self._books = books
        self._scheduler = scheduler
        self._connectwise = connectwise
        self._bucket = bucket
        self._tables = tables
        self._imports = {upload.key: Import(upload) for upload in scenario.uploads}
        self._active = self._imports[scenario.uploads[0].key]
        records = [record for upload in scenario.uploads for record in upload.records]
        self._groups = connected(records, books)
        self._unchecked: set[Any] = set()
        self._writes: dict[int, list[Message]] = {}
        self._sent_by: dict[Message, Import] = {}
        self._late: list[Late] = []
        self._learned: set[tuple[str, str, Entry]] = set()
        self._recorded: set[tuple[int, Made]] = set()

    @property
    def open_files(self) -> list[str]:
        """The files that are not closed."""
        return [key for key, found in self._imports.items() if not found.is_closed]

    # ---- ConnectWise -----------------------------------------------------------------------------

    def sends(self, message: Message) -> None:
        """Check that nothing else is under way to the invoice."""
        call = message.call
        if not call.writes or call.invoice_id is None:
            return
        earlier = self._writes.setdefault(call.invoice_id, [])
        for other in earlier:
            if not other.ended and not other.killed:
                raise Broken(f"two calls to one invoice at once: {other.call}, {call}")
            repeats = call.kind == "update" and other.call == call
            if self._is_in_quiet(other) and not repeats:
                ago = self._scheduler.now - (other.lost_at or 0.0)
                problem = f"{other.call} was lost {ago:.1f} s ago, and {call} is sent"
                invoice_id = call.invoice_id
                self._unless_unchecked(
                    invoice_id, f"invoice {invoice_id} is not left in quiet: {problem}"
                )
        earlier.append(message)
        self._sent_by[message] = self._active

    def arrives(self, message: Message, response: Response) -> None:
        """Note what arrives when nobody waits for it any more; check that nothing is doubled."""
        call = message.call
        if not call.writes or call.invoice_id is None or response.status >= 300:
            return
        if message.lost_at is not None:
            # A killed run's message comes again a minute later, if it is not made to come sooner.
            longer = message.killed and not self._mishaps.comes_soon
            patience = SETTLE_SECONDS + (CALL_SECONDS if longer else 0.0)
            if self._scheduler.now > message.lost_at + patience:
                self._leave_unchecked(call.invoice_id)
                if call.kind == "create":
                    late = Late(self._sent_by[message], call.invoice_id, self._scheduler.now)
                    self._late.append(late)
        if sum(invoice_id == call.invoice_id for invoice_id, _ in self._connectwise.created) > 1:
            self._unless_unchecked(call.invoice_id, f"two payments created: {call}")

    def _is_in_quiet(self, message: Message) -> bool:
        """Tell whether the message may still take effect, for all that anybody can know."""
        if message.lost_at is None or message.arrived_at is not None:
            return False
        office, invoice_id = self._connectwise, message.call.invoice_id
        if invoice_id not in office.held:
            return False
        is_refused = not office.takes_second_payment and office.amounts(invoice_id)
        if message.call.kind == "create" and is_refused:
            return False
        return self._scheduler.now < message.lost_at + SETTLE_SECONDS - _INSTANT

    # ---- AWS -------------------------------------------------------------------------------------

    def done(self, operation: str, request: Any) -> None:
        """Check what was stored."""
        if operation == "PutObject" and request["Key"].endswith(".jsonl"):
            self._part_stored(request["Key"], read_part(request["Body"]))
        elif operation == "BatchWriteItem":
            for write in request.get(TRUTH, ()):
                self._truth_written(write["PutRequest"]["Item"])
            for write in request.get(LEDGER, ()):
                self._ledger_written(plain(write["PutRequest"]["Item"]))
        elif operation == "UpdateItem" and request["TableName"] == IMPORTS:
            self._import_saved(self._tables[IMPORTS].items[request["Key"]["importId"]["S"],])

    def _part_stored(self, key: str, stored: list[StoredOutcome]) -> None:
        _, import_id, name = key.split("/")
        found = self._imports[self._tables[IMPORTS].items[import_id,]["key"]["S"]]
        after = int(name.partition(".")[0])
        if after != len(found.outcomes):
            raise Broken(f"a part begins behind record {after}, not {len(found.outcomes)}")
        found.last_stored_at = self._scheduler.now
        for record, outcome in zip(found.upload.records[after:], stored, strict=False):
            if outcome.number != record.number:
                raise Broken(f"record {outcome.number} is stored as record {record.number}")
            found.outcomes.append(outcome)
            if outcome.learned is not None:
                entry = entry_of(outcome.learned)
                self._learned.add((import_id, outcome.learned.external_id, entry))
            self._recorded.update(map(made_of, outcome.recorded))
            if any(_ABANDONED.match(message) for message in outcome.messages):
                self._abandoned(found, record, outcome.messages[0])
            else:
                self._compare(found, record, outcome)
            found.truth_after.append(dict(self._books.truth))

    def _abandoned(self, found: Import, record: Record, message: str) -> None:
        if message.startswith(_GIVEN_UP):
            for name in self._group(record):
                self._leave_unchecked(name)
        if not found.upload.goes and not self._mishaps.may_give_up:
            raise Broken(f"record {record.number} is given up for nothing: {message}")

    def _compare(self, found: Import, record: Record, outcome: StoredOutcome) -> None:
        before = self._books.truth.get(record.external_id or "")
        verdict, payment_id = apply(self._books, record)
        if self._group(record) & self._unchecked:
            return
        where, became = f"{found.upload.key}, record {record.number}", outcome.result.action.value
        if became not in _expected(verdict):
            raise Broken(f"{where} is {became}, but must be {verdict}: {outcome.messages}")
        if verdict.succeeded and outcome.payment_id != payment_id:
            raise Broken(f"{where} is payment {outcome.payment_id}, but must be {payment_id}")
        replaced = outcome.result.replaced
        amount = None if replaced is None else replaced.amount
        if verdict.succeeded and amount != self._books.replaced:
            raise Broken(f"{where} replaces {replaced}, but must replace {self._books.replaced}")
        after = self._books.truth.get(record.external_id or "")
        learned = before if outcome.learned is None else entry_of(outcome.learned)
        if learned != after:
            raise Broken(f"{where} teaches {outcome.learned}, but must teach {after}")

    def _truth_written(self, item: Item) -> None:
        row = plain(item)
        import_id, external_id, entry = row["importId"], row["externalId"], entry_of_item(row)
        if (import_id, external_id, replace(entry, accepted=True)) in self._learned:
            # The last look has found two payments: what was accepted is not any more.
            self._overruled(external_id, entry)
        elif (import_id, external_id, entry) not in self._learned:
            raise Broken(f"the truth table learns what no part holds: {row}")

    def _ledger_written(self, item: Mapping[str, Any]) -> None:
        if "paymentId" in item and made_of_item(item) not in self._recorded:
            raise Broken(f"the ledger learns what no part holds: {item}")

    def _overruled(self, external_id: str, entry: Entry) -> None:
        truths = (self._books.truth, *self._active.truth_after)
        for truth in truths if not entry.accepted else ():
            if replace(entry, accepted=True) == truth.get(external_id):
                truth[external_id] = entry

    def _import_saved(self, item: Mapping[str, Any]) -> None:
        found = self._active = self._imports[item["key"]["S"]]
        done = int(item["done"]["N"])
        if done > len(found.outcomes):
            raise Broken(f"the checkpoint is at {done}, but {len(found.outcomes)} are stored")
        # It may go back, if a write without an answer had taken effect: what is stored counts.
        if done > found.done:
            self._check_truth(found.truth_after[done - 1], f"at the checkpoint {done}")
        found.done = done
        if item["status"]["S"] != "Running" and not found.is_closed:
            found.is_closed = True
            self._closed(found, item)

    def _closed(self, found: Import, item: Mapping[str, Any]) -> None:
        told = check_closed(
            self._bucket,
            item,
            found.upload,
            [outcome.result.action.value for outcome in found.outcomes],
            may_be_refused=found.upload.goes or self._mishaps.may_give_up,
        )
        for message in (message for sent in self._writes.values() for message in sent):
            if self._is_in_quiet(message):
                problem = f"{found.upload.key} is closed while {message.call} is under way"
                self._unless_unchecked(message.call.invoice_id, problem)
        self._check_doubles(found, told)
        self._check_truth(self._books.truth, f"at the end of {found.upload.key}")
        self._check_held()

    def _check_doubles(self, found: Import, told: str) -> None:
        """Check that two payments where there should be one are told to somebody."""
        for late in self._late:
            ours = [str(p) for i, p in self._connectwise.created if i == late.invoice_id]
            in_time = late.sent_by is found and late.at < found.last_stored_at
            if len(ours) > 1 and in_time and not all(p in told for p in ours):
                raise Broken(f"payments {ours} are there, and nobody is told: {told}")

    def _check_truth(self, expected: Mapping[str, Entry], when: str) -> None:
        table = self._tables[TRUTH]
        for external_id in {*expected, *(key[0] for key in table.items)} - self._unchecked:
            item, entry = table.get(external_id, CONNECTION), expected.get(external_id)
            if item is None or entry_of_item(item) != entry:
                raise Broken(f"{when} the truth table holds {item}, but must hold {entry}")

    def _check_held(self) -> None:
        for invoice_id, expected in self._books.held.items():
            held = self._connectwise.held[invoice_id]
            if invoice_id not in self._unchecked and held != expected:
                raise Broken(f"invoice {invoice_id} has {held}, but must have {expected}")

    # ---- What is not compared --------------------------------------------------------------------

    def _group(self, record: Record) -> set[Any]:
        """Return the invoices and external ids that the record may have to do with."""
        names = self._books.names(record)
        return {name for group in self._groups if group & names for name in group}

    def _leave_unchecked(self, name: Any) -> None:
        self._unchecked.update(*(group for group in self._groups if name in group))

    def _unless_unchecked(self, invoice_id: int | None, problem: str) -> None:
        if invoice_id not in self._unchecked:
            raise Broken(problem)


def _expected(verdict: Verdict) -> tuple[str, ...]:
    """Return what a record may be called: one that is done again finds what it has created."""
    return ("Created", "Updated") if verdict is Verdict.CREATED else (verdict,)


def entry_of(learned: Any) -> Entry:
    """Return what a part teaches, in the oracle's words."""
    day = learned.day and learned.day[:10]
    return Entry(learned.payment_id, learned.invoice_id, learned.accepted, learned.amount, day)


def made_of(recorded: LedgerEntry) -> tuple[int, Made]:
    """Return what a part records on an invoice, in the oracle's words."""
    return recorded.invoice_id, Made(recorded.payment_id, recorded.external_id, recorded.amount)


def made_of_item(item: Mapping[str, Any]) -> tuple[int, Made]:
    """Return an item of the ledger in the oracle's words."""
    amount = item.get("amount")
    exact = None if amount is None else Decimal(amount)
    return int(item["invoiceId"]), Made(int(item["paymentId"]), item.get("externalId"), exact)


def entry_of_item(item: Mapping[str, Any]) -> Entry:
    """Return an item of the truth table in the oracle's words."""
    return Entry.of(
        item["paymentId"],
        item.get("invoiceId"),
        item.get("accepted", True),
        item.get("amount"),
        item.get("day"),
    )
