"""The values that the program talks about, in ConnectWise's and Zynk's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeAlias

from payments.wording import money

JsonValue: TypeAlias = "str | int | Decimal | Mapping[str, JsonValue]"
Fields: TypeAlias = Mapping[str, JsonValue]
"""Writable fields of a payment, by ConnectWise's names."""


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


class Record(Protocol):
    """A record of a file, of whatever kind: where it stands, and how people call it."""

    @property
    def number(self) -> int: ...
    @property
    def xml(self) -> RecordXml: ...
    @property
    def size(self) -> int: ...
    @property
    def amount(self) -> Decimal | None: ...
    @property
    def day(self) -> str | None: ...
    @property
    def external_id(self) -> str | None: ...
    @property
    def named_invoice(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """One payment of the file, its values read; `errors` says what is wrong with it.

    `number` is its place in the file, from 1. `fields` holds the writable fields that were
    given, in file order, as they are sent. A value that is wrong is in no attribute.
    """

    number: int
    xml: RecordXml
    payment_id: int | None = None
    external_id: str | None = None
    invoice_id: int | None = None
    invoice_number: str | None = None
    fields: Fields = field(default_factory=dict)
    errors: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes of the file the record takes."""
        return len(self.xml.source)

    @property
    def amount(self) -> Decimal | None:
        """The amount of the payment, if given."""
        return amount_of(self.fields)

    @property
    def day(self) -> str | None:
        """The payment's date as it is sent, if given."""
        return day_of(self.fields)

    @property
    def named_invoice(self) -> str | None:
        """The invoice as the record names it: its number, or else its id."""
        if self.invoice_number is None and self.invoice_id is not None:
            return str(self.invoice_id)
        return self.invoice_number


def amount_of(fields: Fields) -> Decimal | None:
    """Return the amount among the fields of a payment, None if it is not there."""
    amount = fields.get("amount")
    return amount if isinstance(amount, Decimal) else None


def day_of(fields: Fields) -> str | None:
    """Return the date among the fields of a payment, None if it is not there."""
    day = fields.get("paymentDate")
    return day if isinstance(day, str) else None


def credit_of(fields: Fields) -> int | None:
    """Return the credit memo among the fields of a payment, None if it is not there."""
    credit = fields.get("credit")
    number = credit.get("id") if isinstance(credit, Mapping) else None
    return number if isinstance(number, int) else None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice in ConnectWise; what is not known is None.

    `paid` is the sum of its payments, `balance` what is open.
    """

    id: int
    number: str
    paid: Decimal | None
    balance: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as ConnectWise answers it; `fields` are those of its writable fields that show."""

    id: int
    fields: Fields = field(default_factory=dict)

    @property
    def amount(self) -> Decimal | None:
        """What ConnectWise holds as its amount, None if the answer did not say."""
        return amount_of(self.fields)


class Action(StrEnum):
    """What became of a record."""

    CREATED = "Created"
    UPDATED = "Updated"
    SKIPPED = "Skipped"
    FAILED = "Failed"

    @property
    def succeeded(self) -> bool:
        """Whether ConnectWise holds what the record says."""
        return self in (Action.CREATED, Action.UPDATED)


@dataclass(frozen=True, slots=True)
class TruthRecord:
    """What the truth table knows of one external id: the payment, and what was sent last.

    `accepted` tells whether ConnectWise held it then; `amount` and `day` are what was sent, None
    if they are not known. Times are ISO 8601 UTC; `key` is the S3 key of the file. `invoice_id` is
    None in a record that was loaded from Zynk, which does not keep it: the payment's record has to
    name its invoice then.
    """

    external_id: str
    payment_id: int
    invoice_id: int | None
    created: str
    modified: str
    import_id: str | None = None
    key: str | None = None
    accepted: bool = True
    amount: Decimal | None = None
    day: str | None = None


class SecondPayment(StrEnum):
    """What happens to a payment that another record, or somebody else, has made."""

    REPLACE = "Replace"
    REJECT = "Reject"
    ADD = "Add"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was received under one external id; `day` is as it is sent."""

    amount: Decimal
    day: str | None = None


Receipts: TypeAlias = Mapping[str, Receipt]
"""By external id."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The payment that was recorded last on an invoice, as ConnectWise held it then, and by whom.

    `external_id` is None where the record had none; `key` is the S3 key of its file. `added_up` are
    the receipts of which it is the sum, None if it was not added up.
    """

    invoice_id: int
    payment_id: int
    modified: str
    amount: Decimal | None = None
    day: str | None = None
    external_id: str | None = None
    key: str | None = None
    added_up: Receipts | None = None

    @property
    def receipts(self) -> Receipts:
        """The receipts that it is the sum of; a payment with an external id is one by itself."""
        if self.added_up is not None:
            return self.added_up
        if self.external_id is None or not self.amount:
            return {}
        return {self.external_id: Receipt(self.amount, self.day)}


@dataclass(frozen=True, slots=True)
class Found:
    """What an import found on an invoice before it changed that, and the ledger did not know.

    Until somebody has `looked`, it is only known that something else may be there.
    """

    import_id: str
    looked: bool = False
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class There:
    """What the ledger has of an invoice: what was recorded last, and what an import found there."""

    invoice_id: int
    entry: LedgerEntry | None = None
    found: Found | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a payment showed before a record changed it that had not made it, and who had.

    Without a `key` it was not recorded here. `taken_from` is the invoice from which the record has
    taken its receipt: that is what this is then.
    """

    amount: Decimal | None = None
    day: str | None = None
    external_id: str | None = None
    key: str | None = None
    taken_from: str | None = None

    def __str__(self) -> str:
        there = "a payment" if self.amount is None else money(self.amount)
        there += f" of {self.day[:10]}" if self.day else ""
        there += f", taken from invoice {self.taken_from}" if self.taken_from else ""
        if self.key is None:
            return f"{there}, which was not recorded from a file"
        named = "" if self.external_id is None else f"as {self.external_id} "
        return f"{there}, recorded {named}from {self.key}"

    def told(self, payment_id: int | None) -> str:
        """Say what it was, for the record that has changed payment `payment_id`."""
        return f"receipt of {self}" if self.taken_from else f"payment {payment_id} held {self}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record, and the errors if it goes to the fail file.

    `learned` is what the truth table is to know from now on, `recorded` what the ledger is, and
    `replaced` what was there that the record had not made. `rests_on_state`: the verdict is
    about what ConnectWise held at that moment, so that it has to be stored before another record
    of the same invoice may change that. `look_again` is the invoice of a create that may have
    reached ConnectWise twice.
    """

    record: Record
    action: Action
    payment_id: int | None = None
    messages: tuple[str, ...] = ()
    learned: TruthRecord | None = None
    recorded: tuple[LedgerEntry, ...] = ()
    replaced: Replaced | None = None
    rests_on_state: bool = False
    look_again: int | None = None

    @property
    def number(self) -> int:
        """The record's place in the file, from 1."""
        return self.record.number

    def looked_at_again(self, invoice_id: int) -> Outcome:
        """Return the outcome of a create that may have reached ConnectWise twice."""
        return replace(self, look_again=invoice_id)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The object version that an event names; unversioned buckets have only the ETag."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
