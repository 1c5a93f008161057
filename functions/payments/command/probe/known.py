"""What has been found out so far, for the questions that come after."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from payments.command.probe.dialogue import Answer, Row
from payments.connectwise.answers import usable_id, usable_number
from payments.connectwise.finance import payments_path
from payments.models import Fields

ODD_MINUTE = "41:23"
_DAYS_AGO = 2  # in no time zone today, which ConnectWise may fill in by itself


@dataclass(frozen=True, slots=True)
class ProbedInvoice:
    """The invoice that is probed, as it was in the beginning."""

    id: int
    number: str
    total: Decimal | None
    payments: Decimal | None
    credits: Decimal | None
    balance: Decimal | None
    status: Any = None

    @classmethod
    def of(cls, invoice_id: int, row: Row) -> ProbedInvoice:
        """Read a row of ConnectWise's list."""
        names = ("total", "payments", "credits", "balance")
        total, paid, credited, balance = (usable_number(row.get(name)) for name in names)
        status = row.get("status")
        status_id = usable_id(status.get("id")) if isinstance(status, dict) else None
        number = str(row.get("invoiceNumber"))
        return cls(invoice_id, number, total, paid, credited, balance, status_id)

    @property
    def payments_path(self) -> str:
        return payments_path(self.id)


@dataclass(frozen=True, slots=True)
class Credited:
    """Another invoice, to which a credit memo is applied: only looked at."""

    id: int
    payments: Decimal


@dataclass(frozen=True, slots=True)
class Made:
    """One call: what kind it was, how it was answered, and how long that took."""

    kind: str
    status: int
    seconds: float


@dataclass(slots=True)
class Known:
    """What is known of the tenant.

    `first` is the answer that had the invoice. `payment` is ours that is on the invoice now, `held`
    what it holds, and `base` what a create needs beside the amount.
    """

    invoice: ProbedInvoice
    first: Answer
    today: date
    asked_version: str
    base_length: int
    payment: int | None = None
    held: Fields = field(default_factory=dict)
    base: Fields | None = None
    deletes: bool = False
    changes_amounts: bool = False
    takes_days: bool = False
    credited: Credited | None = None
    made: list[Made] = field(default_factory=list)

    @property
    def day(self) -> str:
        """The day that is sent, as the import sends a day."""
        return f"{self.today - timedelta(days=_DAYS_AGO)}T00:00:00Z"

    @property
    def day_before(self) -> str:
        """Another day."""
        return f"{self.today - timedelta(days=_DAYS_AGO + 1)}T00:00:00Z"

    @property
    def late_that_day(self) -> str:
        """The end of that day."""
        return f"{self.day[:10]}T23:59:59Z"

    @property
    def odd_moment(self) -> str:
        """A moment of that day that nobody else would send."""
        return f"{self.day[:10]}T17:{ODD_MINUTE}Z"

    @property
    def odd_day(self) -> Fields:
        """That moment, where a payment can have one: by it a lost payment is known again."""
        return {"paymentDate": self.odd_moment} if self.takes_days else {}

    def made_any(self, kind: str) -> bool:
        """Tell whether a call of this kind was made."""
        return any(made.kind == kind for made in self.made)
