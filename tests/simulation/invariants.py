"""What must hold, whatever goes wrong: checked at each step, at each commit and at each close."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from fakes.connectwise import FakeConnectWise
from fakes.dynamodb import FakeTable
from fakes.s3 import FakeBucket
from payments.connectwise.wire import Response
from payments.files.output import StoredOutcome, read_part
from payments.quiet import CALL_SECONDS, SETTLE_SECONDS
from simulation.network import Message
from simulation.oracle import Books, Entry, Record, Verdict, apply, connected
from simulation.scenario import Scenario, Upload
from simulation.scheduler import Scheduler

IMPORTS, TRUTH = "imports", "truth"
CONNECTION = "na.myconnectwise.net/acme"
SUCCEEDED = (Verdict.CREATED, Verdict.UPDATED)

_ABANDONED = re.compile(r"^(Not sent: |The import was given up near this record)")
_INSTANT = 0.001
_IN_DOUBT = "The import was given up near this record"


class Broken(AssertionError):
    """Something does not hold that must."""


@dataclass(eq=False, slots=True)
class _Import:
    """A file on its way: what is stored of it, and what the truth table is to hold behind it."""

    upload: Upload
    outcomes: list[StoredOutcome] = field(default_factory=list)
    truth_after: list[dict[str, Entry]] = field(default_factory=list)
    done: int = 0
    closed_at: float | None = None
    last_stored_at: float = 0.0


class Watchman:
    """Compare what happens with what must happen."""

    def __init__(
        self,
        scenario: Scenario,
        scheduler: Scheduler,
        connectwise: FakeConnectWise,
        bucket: FakeBucket,
        tables: Mapping[str, FakeTable],
    ) -> None:
        self._scenario = scenario
        self._scheduler = scheduler
        self._connectwise = connectwise
        self._bucket = bucket
        self._tables = tables
        self._books = books_of(scenario, connectwise)
        self._imports = {upload.key: _Import(upload) for upload in scenario.uploads}
        records = [record for upload in scenario.uploads for record in upload.records]
        self._groups = connected(records, self._books)
        self._unchecked: set[Any] = set()
        self._writes: dict[int, list[Message]] = {}
        self._sent_by: dict[Message, _Import] = {}
        self._learned: set[tuple[Any, ...]] = set()
        self._created_late: list[tuple[_Import, int, float]] = []
        self._active = self._imports[scenario.uploads[0].key]

    @property
    def open_files(self) -> list[str]:
        """The files that are not closed."""
        return [key for key, found in self._imports.items() if found.closed_at is None]

    # ---- ConnectWise -----------------------------------------------------------------------------

    def sends(self, message: Message) -> None:
        """Check that nothing else is under way to the invoice."""
        call = message.call
        if not call.writes or call.invoice_id is None:
            return
        now = self._scheduler.now
        earlier = self._writes.setdefault(call.invoice_id, [])
        for other in earlier:
            if not other.ended and not other.killed:
                raise Broken(f"two calls to one invoice at once: {other.call}, {call}")
            repeats = call.kind == "update" and other.call == call
            if self._is_in_quiet(other, now) and not repeats:
                self._unless_unchecked(
                    call.invoice_id,
                    f"invoice {call.invoice_id} is not left in quiet: {other.call} was lost "
                    f"{now - (other.lost_at or 0):.1f} s ago, and {call} is sent",
                )
        earlier.append(message)
        self._sent_by[message] = self._active

    def arrives(self, message: Message, response: Response) -> None:
        """Note what has arrived too late for anybody to wait for it."""
        call = message.call
        if not call.writes or call.invoice_id is None or response.status >= 300:
            return
        if message.lost_at is not None:
            # A killed run's message comes again a minute later, if it is not made to come sooner.
            longer = message.killed and not self._scenario.mishaps.comes_soon
            patience = SETTLE_SECONDS + (CALL_SECONDS if longer else 0.0)
            if self._scheduler.now > message.lost_at + patience:
                self._leave_unchecked(call.invoice_id)
                if call.kind == "create":
                    found = self._sent_by[message]
                    self._created_late.append((found, call.invoice_id, self._scheduler.now))
        ours = [invoice_id for invoice_id, _ in self._connectwise.created]
        if ours.count(call.invoice_id) > 1:
            self._unless_unchecked(call.invoice_id, f"two payments created: {call}")

    def _is_in_quiet(self, message: Message, now: float) -> bool:
        """Tell whether the message may still be under way, for all that anybody can know."""
        call = message.call
        if message.lost_at is None or message.arrived_at is not None:
            return False
        if call.kind == "create" and not self._connectwise.takes_second_payment:
            if self._connectwise.amounts(call.invoice_id or 0):
                return False  # it is refused, whenever it arrives
        return now < message.lost_at + SETTLE_SECONDS - _INSTANT

    # ---- AWS -------------------------------------------------------------------------------------

    def done(self, service: str, operation: str, request: Any) -> None:
        """Check what was stored."""
        if operation == "PutObject" and request["Key"].endswith(".jsonl"):
            self._part_stored(request["Key"], request["Body"])
        elif operation == "BatchWriteItem":
            for write in request.get(TRUTH, ()):
                self._truth_written(write["PutRequest"]["Item"])
        elif operation == "UpdateItem" and request["TableName"] == IMPORTS:
            self._import_saved(self._tables[IMPORTS].items[request["Key"]["importId"]["S"],])

    def _part_stored(self, key: str, body: bytes) -> None:
        _, import_id, name = key.split("/")
        row = self._tables[IMPORTS].items[import_id,]
        found = self._imports[row["key"]["S"]]
        after, stored = int(name.partition(".")[0]), read_part(body)
        if after != len(found.outcomes):
            raise Broken(f"a part begins behind record {after}, not {len(found.outcomes)}")
        found.last_stored_at = self._scheduler.now
        for record, outcome in zip(found.upload.records[after:], stored, strict=False):
            if outcome.number != record.number:
                raise Broken(f"record {outcome.number} is stored as record {record.number}")
            self._outcome_stored(import_id, found, record, outcome)

    def _outcome_stored(
        self, import_id: str, found: _Import, record: Record, outcome: StoredOutcome
    ) -> None:
        found.outcomes.append(outcome)
        if outcome.learned is not None:
            learned = outcome.learned
            amount = None if learned.amount is None else str(learned.amount)
            entry = (learned.external_id, str(learned.payment_id), learned.accepted, amount)
            self._learned.add((import_id, *entry))
        abandoned = any(_ABANDONED.match(message) for message in outcome.messages)
        if abandoned:
            self._record_abandoned(found, record, outcome)
        else:
            self._compare(found, record, outcome)
        found.truth_after.append(dict(self._books.truth))

    def _record_abandoned(self, found: _Import, record: Record, outcome: StoredOutcome) -> None:
        upload = found.upload
        if outcome.messages[0].startswith(_IN_DOUBT):
            for name in self._group(record):
                self._leave_unchecked(name)
        if not upload.goes and not self._scenario.mishaps.may_give_up:
            raise Broken(f"record {record.number} is given up for nothing: {outcome.messages}")

    def _compare(self, found: _Import, record: Record, outcome: StoredOutcome) -> None:
        before = self._books.truth.get(record.external_id or "")
        verdict, payment_id = apply(self._books, record)
        if self._is_unchecked(record):
            return
        where = f"{found.upload.key}, record {record.number}"
        became = outcome.result.action
        replayed = verdict is Verdict.CREATED and became == "Updated"
        if became != verdict and not replayed:
            raise Broken(f"{where} is {became}, but must be {verdict}: {outcome.messages}")
        if verdict in SUCCEEDED and outcome.payment_id != payment_id:
            raise Broken(f"{where} is payment {outcome.payment_id}, but must be {payment_id}")
        after = self._books.truth.get(record.external_id or "")
        learned = outcome.learned and _entry_of(outcome.learned)
        if learned is not None and learned != after:
            raise Broken(f"{where} teaches {learned}, but must teach {after}")
        if learned is None and after != before:
            raise Broken(f"{where} teaches nothing, but must teach {after}")

    def _truth_written(self, item: Mapping[str, Any]) -> None:
        entry = (
            item["importId"]["S"],
            item["externalId"]["S"],
            item["paymentId"]["N"],
            item["accepted"]["BOOL"],
            item.get("amount", {}).get("S"),
        )
        if entry not in self._learned:
            raise Broken(f"the truth table learns what no part holds: {entry[1:]}")

    def _import_saved(self, item: Mapping[str, Any]) -> None:
        found = self._imports[item["key"]["S"]]
        self._active = found
        done = int(item["done"]["N"])
        if done > len(found.outcomes):
            raise Broken(f"the checkpoint is at {done}, but {len(found.outcomes)} are stored")
        # It may go back: a write whose answer was lost has taken effect. What is stored counts.
        if done > found.done:
            self._check_truth(found.truth_after[done - 1], f"at the checkpoint {done}")
        found.done = done
        if item["status"]["S"] != "Running" and found.closed_at is None:
            found.closed_at = self._scheduler.now
            self._closed(found, item)

    # ---- What may differ -------------------------------------------------------------------------

    def _group(self, record: Record) -> set[Any]:
        names = {record.invoice_id, record.external_id, *self._books.numbers} if False else set()
        wanted = {record.invoice_id, record.external_id} - {None}
        wanted |= {i for i, n in self._books.numbers.items() if n == record.invoice_number}
        if record.payment_id is not None:
            wanted.add(record.payment_id // 100)
        for group in self._groups:
            if group & wanted:
                names |= group
        return names

    def _leave_unchecked(self, name: Any) -> None:
        """Note that chance has had its hand in what comes of an invoice, or an external id."""
        for group in self._groups:
            if name in group:
                self._unchecked |= group

    def _is_unchecked(self, record: Record) -> bool:
        return bool(self._unchecked) and bool(self._group(record) & self._unchecked)

    def _unless_unchecked(self, invoice_id: int, problem: str) -> None:
        if invoice_id not in self._unchecked:
            raise Broken(problem)

    # ---- The end of a file -----------------------------------------------------------------------

    def _closed(self, found: _Import, item: Mapping[str, Any]) -> None:
        name = found.upload.key.removeprefix("incoming/")
        roots = []
        for folder in ("success/", "fail/"):
            if self._bucket.latest(folder + name) is None:
                raise Broken(f"{found.upload.key} is closed without {folder}{name}")
            roots.append(ET.fromstring(self._bucket.read(folder + name)))
        success, fail = roots
        self._check_quiet(found)
        self._check_files(found, success, fail, item)
        self._check_doubles(found, fail)
        self._check_truth(self._books.truth, f"at the end of {found.upload.key}")
        self._check_held()

    def _check_quiet(self, found: _Import) -> None:
        now = self._scheduler.now
        for invoice_id, sent in self._writes.items():
            for message in sent:
                if self._is_in_quiet(message, now):
                    problem = f"{found.upload.key} is closed while {message.call} is under way"
                    self._unless_unchecked(invoice_id, problem)

    def _check_files(
        self, found: _Import, success: ET.Element, fail: ET.Element, item: Mapping[str, Any]
    ) -> None:
        there = {**_numbers(success), **_numbers(fail)}
        records = found.upload.records
        if item.get("total") is None:
            self._check_refused(found, success, fail)
            return
        if len(success) + len(fail.findall("InvoicePayment")) != len(records):
            raise Broken(f"{len(records)} records came, but {sorted(there)} are in the files")
        if sorted(there) != [record.number for record in records]:
            raise Broken(f"the files hold records {sorted(there)}")
        for root in (success, fail):
            if list(_numbers(root)) != sorted(_numbers(root)):
                raise Broken("the records of a file are not in order")
        if any(not e.findtext("id") for e in success.iter("InvoicePayment")) or any(
            not e.findtext("ErrorMessage") for e in fail.iter("InvoicePayment")
        ):
            raise Broken("a success has no id, or a failure no reason")
        self._check_counts(found, success, item)

    def _check_refused(self, found: _Import, success: ET.Element, fail: ET.Element) -> None:
        upload = found.upload
        if list(success) or not fail.findtext("ErrorMessage"):
            raise Broken(f"{upload.key} is refused without a reason")
        if not upload.goes and not self._scenario.mishaps.may_give_up:
            raise Broken(f"{upload.key} is refused for nothing: {fail.findtext('ErrorMessage')}")

    def _check_counts(self, found: _Import, success: ET.Element, item: Mapping[str, Any]) -> None:
        counts = {
            name: int(item[name]["N"]) for name in ("created", "updated", "skipped", "failed")
        }
        if sum(counts.values()) != len(found.upload.records):
            raise Broken(f"the table counts {counts}")
        if counts["created"] + counts["updated"] != len(success):
            raise Broken(f"the table counts {counts}, the success file has {len(success)}")
        skipped = sum(outcome.result.action == "Skipped" for outcome in found.outcomes)
        if counts["skipped"] != skipped:
            raise Broken(f"the table counts {counts}, but {skipped} were skipped")
        amounts = [Decimal(e.findtext("amount") or 0) for e in success.iter("InvoicePayment")]
        if Decimal(item["recordedAmount"]["N"]) != sum(amounts):
            raise Broken(f"the table says that {item['recordedAmount']} were recorded")
        metadata = self._bucket.latest("success/" + found.upload.key.removeprefix("incoming/"))
        assert metadata is not None
        if {name: int(metadata.metadata[name]) for name in counts} != counts:
            raise Broken(f"the table counts {counts}, the file's metadata {metadata.metadata}")

    def _check_doubles(self, found: _Import, fail: ET.Element) -> None:
        """Check that two payments where there should be one are told to somebody."""
        told = " ".join(element.text or "" for element in fail.iter("ErrorMessage"))
        for sent_by, invoice_id, at in self._created_late:
            ours = [str(p) for i, p in self._connectwise.created if i == invoice_id]
            in_time = sent_by is found and at < found.last_stored_at
            if len(ours) > 1 and in_time and not all(p in told for p in ours):
                raise Broken(f"payments {ours} are there, and nobody is told: {told}")

    def _check_truth(self, expected: Mapping[str, Entry], when: str) -> None:
        for external_id, entry in expected.items():
            if external_id in self._unchecked:
                continue
            item = self._tables[TRUTH].get(external_id, CONNECTION)
            if item is None or _entry_of_item(item) != entry:
                raise Broken(f"{when} the truth table holds {item}, but must hold {entry}")
        for external_id, _ in self._tables[TRUTH].items:
            if external_id not in expected and external_id not in self._unchecked:
                raise Broken(f"{when} the truth table knows {external_id}, but must not")

    def _check_held(self) -> None:
        for invoice_id, expected in self._books.held.items():
            held = self._connectwise.held[invoice_id]
            if invoice_id not in self._unchecked and held != expected:
                raise Broken(
                    f"invoice {invoice_id} has {_shown(held.values())}, "
                    f"but must have {_shown(expected.values())}"
                )


def books_of(scenario: Scenario, connectwise: FakeConnectWise) -> Books:
    """Return what the oracle begins with."""
    return Books(
        numbers={invoice.id: invoice.number for invoice in scenario.invoices},
        held=deepcopy(connectwise.held),
        truth=dict(scenario.truth),
        prevents_reprocessing=scenario.prevents_reprocessing,
        balances={i.id: i.total - i.credits for i in scenario.invoices}
        if scenario.cuts_overpayments
        else {},
        poisoned=frozenset() if scenario.mishaps.poison_works else scenario.mishaps.poisoned,
        poisons_reads=scenario.mishaps.poisons_reads,
        counted={i: sum(n == i for n, _ in scenario.held) for i in connectwise.invoices},
    )


def _entry_of(learned: Any) -> Entry:
    return Entry(
        learned.payment_id,
        learned.invoice_id,
        learned.accepted,
        learned.amount,
        learned.day and learned.day[:10],
    )


def _entry_of_item(item: Mapping[str, Any]) -> Entry:
    invoice_id, amount, day = item.get("invoiceId"), item.get("amount"), item.get("day")
    return Entry(
        int(item["paymentId"]),
        None if invoice_id is None else int(invoice_id),
        item.get("accepted", True),
        None if amount is None else Decimal(amount),
        day and day[:10],
    )


def _numbers(root: ET.Element) -> dict[int, ET.Element]:
    return {int(e.findtext("glBatchID") or 0): e for e in root.iter("InvoicePayment")}


def _shown(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{name: str(value) for name, value in row.items()} for row in rows]
