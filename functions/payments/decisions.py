"""What is known of a record, and what may be decided of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from payments.models import (
    Fields,
    Invoice,
    Payment,
    PaymentRecord,
    Receipts,
    Replaced,
    SecondPayment,
    There,
    TruthRecord,
)
from payments.wording import visible


@dataclass(frozen=True, slots=True)
class Create:
    """Post a new payment to the invoice; it is the sum of `receipts`, if they are added up."""

    invoice_id: int
    fields: Fields
    replaced: None = None
    receipts: Receipts | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Patch the fields of a payment; `known_as` is the external id that named it, if one did.

    `replaced` is what others have made of it. `is_assumed`: nobody has looked whether it is there.
    """

    invoice_id: int
    payment_id: int
    fields: Fields
    known_as: str | None = None
    replaced: Replaced | None = None
    is_assumed: bool = False
    receipts: Receipts | None = None


Decision: TypeAlias = Create | Update


@dataclass(frozen=True, slots=True)
class Policy:
    """What the decisions of one import depend on besides the record; `key` is the file's."""

    import_id: str
    key: str = ""
    prevent_reprocessing: bool = False
    second_payment: SecondPayment = SecondPayment.REPLACE


@dataclass(frozen=True, slots=True)
class FoundInvoices:
    """What lookups of many invoices found; `None` or `()` for one that is not there.

    An invoice that was not looked up is in no mapping. `troubles` holds why a number could not be
    looked up: ConnectWise rejects it, or fails at it.
    """

    by_id: Mapping[int, Invoice | None] = field(default_factory=dict)
    by_number: Mapping[str, tuple[Invoice, ...]] = field(default_factory=dict)
    troubles: Mapping[str, Exception] = field(default_factory=dict)

    def named(self, record: PaymentRecord, invoice_id: int) -> Invoice | None:
        """Return the invoice that the record names, None if nothing is known of it."""
        if record.invoice_number is None:
            return self.by_id.get(invoice_id)
        matches = self.by_number.get(record.invoice_number, ())
        return next((invoice for invoice in matches if invoice.id == invoice_id), None)


NOTHING_FOUND = FoundInvoices()


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known when a record is decided.

    `payments` are those of its invoice, None where a payment is named so that nobody has looked;
    `there` is what the ledger knows of the invoice. `is_doubtful`: the record may have been sent
    already, so that what is on the invoice may be its own. `is_assumed`: its payment is the one of
    which the ledger knows, and nobody has looked. `may_hold` are the sums that a killed run may
    have left, and `is_paid_up` says that nothing is open on the invoice.
    """

    invoice_id: int
    there: There
    truth: TruthRecord | None = None
    payments: tuple[Payment, ...] | None = None
    number: str = ""
    is_doubtful: bool = False
    is_assumed: bool = False
    may_hold: frozenset[Decimal] = frozenset()
    is_paid_up: bool = False

    @property
    def invoice(self) -> str:
        """The invoice as people call it."""
        return (
            f"{visible(self.number)} (id {self.invoice_id})"
            if self.number
            else f"{self.invoice_id}"
        )
