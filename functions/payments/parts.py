"""What an importer works with, and how it stands to it: everything is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from payments.clock import Clock
from payments.closing import Folders
from payments.connectwise.api import CallCounts
from payments.connectwise.gate import Gate
from payments.connectwise.invoices import Invoices
from payments.connectwise.patience import Patience, Retries, Steps
from payments.decisions import Policy
from payments.files.reader import RawRecord
from payments.files.record import ReadingRules
from payments.import_state import Status, Tally
from payments.models import Outcome, Record, SecondPayment, There, TruthRecord
from payments.pipeline import Bounds, Work
from payments.quiet import Quiet
from payments.report import ImportReport
from payments.sending import Payments
from payments.stores.bucket import Bucket
from payments.stores.imports_table import ImportsTable
from payments.waiting import Waiting
from payments.workers import Workers


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What the deployment has decided about imports."""

    folders: Folders = Folders()
    prevent_reprocessing: bool = False
    second_payment: SecondPayment = SecondPayment.REPLACE
    currency_decimals: int = 2
    connections: int = 8
    bounds: Bounds = Bounds()
    retries: Retries = Retries()


class Truth(Protocol):
    """The truth table."""

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]: ...
    def store(self, records: Iterable[TruthRecord]) -> None: ...


class Ledger(Protocol):
    """The ledger."""

    def find(self, invoice_ids: Iterable[int]) -> dict[int, There]: ...
    def store(self, entries: Iterable[There]) -> None: ...


class Finance(Payments, Invoices, Protocol):
    """What an import asks of ConnectWise."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything between this run and one ConnectWise company, called `site/company`.

    `log_in` raises AccessRefused if ConnectWise does not know it; `answers` makes a simple call and
    tells whether ConnectWise answers it.
    """

    name: str
    gate: Gate
    finance: Finance
    log_in: Callable[[], None]
    answers: Callable[[], bool]
    truth: Truth
    ledger: Ledger
    counts: CallCounts


class ResumableWork(Work[Any, Any, Outcome], Protocol):
    """What is done with records, some of which an earlier run may have sent."""

    def resume(self, records: Sequence[Any]) -> Steps[None]: ...


class Kind(Protocol):
    """One kind of record: how it is read, and what is done with it."""

    def read(self, raw: RawRecord, rules: ReadingRules) -> Record: ...
    def work(
        self, connection: Connection, patience: Patience, quiet: Quiet, policy: Policy, clock: Clock
    ) -> ResumableWork: ...


class Telemetry(Protocol):
    """Where counts are published."""

    def records(self, tally: Tally) -> None: ...
    def file(self, status: Status) -> None: ...
    def delayed(self) -> None: ...
    def calls(self, counts: CallCounts) -> None: ...


class Mail(Protocol):
    """Where people are told of a file."""

    def finished(self, told: ImportReport) -> None: ...
    def waits(self, told: Waiting) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What an importer works with.

    `connect` opens a connection that makes no call after a `monotonic` time; it raises
    SecretUnusable. `workers` makes that many workers. `kinds` are by the name of a file's root.
    """

    table: ImportsTable
    bucket: Bucket
    connect: Callable[[float], Connection]
    telemetry: Telemetry
    kinds: Mapping[str, Kind]
    clock: Clock
    workers: Callable[[int], Workers]
    mail: Mail
    random: Random = field(default_factory=Random)
