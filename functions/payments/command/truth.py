"""What an operator does with the truth table: list, find, delete and export records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from payments.clock import SystemClock
from payments.command.connectwise_access import credentials
from payments.command.deployment import Deployment
from payments.command.imports import scan
from payments.command.problem import CommandFailed
from payments.command.progress import SayDone, say_nothing
from payments.command.truth_xml import truth_xml
from payments.models import LedgerEntry, SecondPayment, TruthRecord
from payments.stores.aws import error_code
from payments.stores.ledger import Ledger
from payments.stores.truth_table import TruthTable

_AT_ONCE = 100
_CONDITION_FAILED = "ConditionalCheckFailedException"

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class StoredTruth:
    """The truth records of one connection in the table of a deployment."""

    deployment: Deployment
    connection: str

    @classmethod
    def of(cls, deployment: Deployment, connection: str | None) -> StoredTruth:
        """Return those of `connection`, by default of the one in the secret."""
        if connection is None:
            return cls(deployment, credentials(deployment).connection)
        site, _, company = connection.partition("/")
        if not site or not company:
            raise CommandFailed(
                f"{connection} is no connection: give site/company, for example "
                "na.myconnectwise.net/acme."
            )
        return cls(deployment, connection)

    @property
    def table(self) -> TruthTable:
        """The truth table as the import uses it."""
        return self.table_through(self.client)

    @property
    def ledger(self) -> Ledger:
        """The ledger as the import uses it."""
        return self.ledger_through(self.client)

    @property
    def client(self) -> Any:
        """boto3's client for both."""
        return self.deployment.client("dynamodb")

    def table_through(self, dynamodb: Any) -> TruthTable:
        """Return the truth table, read and written by that client."""
        name = self.deployment.truth_table_name
        return TruthTable(dynamodb, name, self.connection, SystemClock())

    def ledger_through(self, dynamodb: Any) -> Ledger:
        """Return the ledger, read and written by that client."""
        name = self.deployment.outputs["LedgerTableName"]
        return Ledger(dynamodb, name, self.connection, SystemClock())

    def records(self) -> Iterator[TruthRecord]:
        """Yield all records, in no order."""
        items = scan(
            self._dynamodb_table(),
            FilterExpression=Attr("connection").eq(self.connection),
            ProjectionExpression="externalId",
        )
        for part in parts(items):
            yield from self.table.find(str(item["externalId"]) for item in part).values()

    def find(self, external_id: str) -> TruthRecord:
        """Return one record; raises CommandFailed if there is none."""
        found = self.table.find([external_id]).get(external_id)
        if found is None:
            raise CommandFailed(
                f"The truth table has no external id {external_id} for {self.connection}."
            )
        return found

    def recorded(self, record: TruthRecord) -> LedgerEntry | None:
        """Return what the ledger knows of a record's invoice."""
        if record.invoice_id is None:
            return None
        there = self.ledger.find([record.invoice_id]).get(record.invoice_id)
        return None if there is None else there.entry

    @property
    def adds_up(self) -> bool:
        """Whether payments are sums of receipts."""
        return self.deployment.second_payment is SecondPayment.ADD

    def as_counted(self) -> Iterator[TruthRecord]:
        """Yield all records, a receipt with what it counts: ConnectWise may have refused more."""
        for part in parts(self.records()):
            numbers = {it.invoice_id for it in part if it.invoice_id is not None}
            found = self.ledger.find(numbers) if self.adds_up else {}
            for record in part:
                there = found.get(record.invoice_id or 0)
                yield record if there is None else _as_counted(record, there.entry)

    def delete(self, record: TruthRecord) -> bool:
        """Delete a record, unless it has been changed since it was read; tell whether it is gone.

        While a receipt counts on its invoice, the table keeps where that is, or it would count
        twice on another; but it is processed again, whatever `PreventReprocessing` says.
        """
        entry = self.recorded(record) if self.adds_up else None
        counts = entry is not None and record.external_id in entry.receipts
        dynamodb = self._dynamodb_table()
        key = {"externalId": record.external_id, "connection": self.connection}
        is_same = Attr("paymentId").eq(record.payment_id)
        try:
            if counts:
                dynamodb.update_item(
                    Key=key,
                    UpdateExpression="SET accepted = :no",
                    ExpressionAttributeValues={":no": False},
                    ConditionExpression=is_same,
                )
            else:
                dynamodb.delete_item(Key=key, ConditionExpression=is_same)
        except ClientError as error:
            if error_code(error) != _CONDITION_FAILED:
                raise
            raise CommandFailed("An import has changed the record meanwhile: look again.") from None
        return not counts

    def _dynamodb_table(self) -> Any:
        return self.deployment.dynamodb.Table(self.deployment.truth_table_name)


def export(truth: StoredTruth, file: Path, say_done: SayDone = say_nothing) -> int:
    """Write all records to a file and return how many; an unfinished file is not left behind."""
    written = 0

    def counted() -> Iterator[TruthRecord]:
        nonlocal written
        for record in truth.as_counted():
            written += 1
            say_done(written, None)
            yield record

    unfinished = file.with_name(f".{file.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as target:
            target.writelines(truth_xml(counted()))
        unfinished.replace(file)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def _as_counted(record: TruthRecord, entry: LedgerEntry | None) -> TruthRecord:
    receipt = None if entry is None else entry.receipts.get(record.external_id)
    if entry is None or receipt is None or entry.payment_id != record.payment_id:
        return record
    return replace(record, accepted=True, amount=receipt.amount, day=receipt.day)


def parts(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield as many rows as one read of the table takes, until there are no more."""
    remaining = iter(rows)
    while part := list(islice(remaining, _AT_ONCE)):
        yield part
