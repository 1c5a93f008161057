"""What an operator does with the truth table: list, find, delete and export records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
from payments.models import TruthRecord
from payments.stores.aws import attribute_values, error_code, plain
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
        name = self.deployment.truth_table_name
        return TruthTable(self._client(), name, self.connection, SystemClock())

    @property
    def ledger(self) -> Ledger:
        """The ledger as the import uses it."""
        name = self.deployment.outputs["LedgerTableName"]
        return Ledger(self._client(), name, self.connection, SystemClock())

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

    def put(self, record: TruthRecord, before: TruthRecord | None) -> bool:
        """Write a record, if the table still has what was read `before`; tell whether it did."""
        item = {
            "externalId": record.external_id,
            "connection": self.connection,
            "paymentId": record.payment_id,
            **({} if record.invoice_id is None else {"invoiceId": record.invoice_id}),
            "created": record.created,
            "modified": record.modified,
            "key": record.key,
        }
        condition, compared = "attribute_not_exists(externalId)", {}
        if before is not None:
            condition = "paymentId = :payment AND modified = :modified"
            compared = {":payment": before.payment_id, ":modified": before.modified}
        try:
            self._client().put_item(
                TableName=self.deployment.truth_table_name,
                Item=attribute_values(item),
                ConditionExpression=condition,
                **({"ExpressionAttributeValues": attribute_values(compared)} if compared else {}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error_code(error) != _CONDITION_FAILED:
                raise
            # The SDK may have repeated a write that had taken effect.
            return plain(error.response.get("Item", {})) == item
        return True

    def delete(self, record: TruthRecord) -> None:
        """Delete a record, unless it has been changed since it was read."""
        key = {"externalId": record.external_id, "connection": self.connection}
        try:
            self._dynamodb_table().delete_item(
                Key=key, ConditionExpression=Attr("paymentId").eq(record.payment_id)
            )
        except ClientError as error:
            if error_code(error) != _CONDITION_FAILED:
                raise
            raise CommandFailed("An import has changed the record meanwhile: look again.") from None

    def _client(self) -> Any:
        return self.deployment.client("dynamodb")

    def _dynamodb_table(self) -> Any:
        return self.deployment.dynamodb.Table(self.deployment.truth_table_name)


def export(truth: StoredTruth, file: Path, say_done: SayDone = say_nothing) -> int:
    """Write all records to a file and return how many; an unfinished file is not left behind."""
    written = 0

    def counted() -> Iterator[TruthRecord]:
        nonlocal written
        for record in truth.records():
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


def parts(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield as many rows as one read of the table takes, until there are no more."""
    remaining = iter(rows)
    while part := list(islice(remaining, _AT_ONCE)):
        yield part
