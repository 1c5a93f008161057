"""The values that the program talks about, in ConnectWise's and Zynk's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | Decimal | Mapping[str, JsonValue]"


@dataclass(frozen=True, slots=True)
class RecordXml:
    """One record exactly as it stands in the file, and where its parts are.

    `source` is UTF-8. Positions are byte offsets into it, as (start, end): `content` is what
    stands between the record's tags, `payment_id` its `<id>` element if it has one, and
    `error_messages` its `<ErrorMessage>` elements in order.
    """

    source: bytes
    content: tuple[int, int]
    payment_id: tuple[int, int] | None = None
    error_messages: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """One payment of the file, its values read; `errors` says what is wrong with it.

    `number` is its place in the file, from 1. `fields` holds the writable fields that were
    given, by ConnectWise's names and in file order, as they are sent.
    """

    number: int
    xml: RecordXml
    payment_id: int | None = None
    external_id: str | None = None
    invoice_id: int | None = None
    invoice_number: str | None = None
    fields: Mapping[str, JsonValue] | None = None
    errors: tuple[str, ...] = ()

    @property
    def amount(self) -> Decimal | None:
        """The amount of the payment, if given."""
        amount = (self.fields or {}).get("amount")
        return amount if isinstance(amount, Decimal) else None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice in ConnectWise; `paid` is the sum of its payments, None if not known."""

    id: int
    number: str
    paid: Decimal | None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as ConnectWise answers it; `amount` is None if the answer has none."""

    id: int
    amount: Decimal | None


class Action(StrEnum):
    """What became of a record."""

    CREATED = "Created"
    UPDATED = "Updated"
    SKIPPED = "Skipped"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class TruthRecord:
    """What the truth table knows of one external id.

    `import_id` and `record_number` name the record that wrote it, `action` whether that
    created or updated the payment, `amount` what ConnectWise then held. Times are ISO 8601
    UTC; `key` is the S3 key of the file. `first_record` names the record of that import that the
    external id became known with, None if it was known before. `invoice_id` is None in a record
    that was loaded from Zynk, which does not keep it: the payment's record has to name its invoice
    then.
    """

    external_id: str
    payment_id: int
    invoice_id: int | None
    created: str
    modified: str
    import_id: str | None = None
    record_number: int | None = None
    action: Action | None = None
    amount: Decimal | None = None
    key: str | None = None
    first_record: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record, and the errors if it goes to the fail file."""

    record: PaymentRecord
    action: Action
    payment_id: int | None = None
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The object version that an event names; unversioned buckets have only the ETag."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
