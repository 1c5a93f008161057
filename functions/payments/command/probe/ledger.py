"""What may be in ConnectWise because of a probe: on disk before it is sent.

A create is noted before it is made, and its payment's id as soon as that is known. So a create
whose answer is lost is looked for, and a probe that was killed is cleaned up after by the next.
Without an id, a payment is taken for ours only if nobody else would have made it: so small an
amount, or exactly the one cent more than the balance. ConnectWise may have cut that to the balance,
which somebody else may have paid: if it does not show the odd moment either, it is `doubtful`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from payments.command.probe.common import CENT, TINY
from payments.command.probe.known import ODD_MINUTE
from payments.command.problem import CommandFailed
from payments.models import Fields, Payment, amount_of, credit_of, day_of
from payments.payment_fields import same_amount, same_day


@dataclass(frozen=True, slots=True)
class Noted:
    """A create that was sent, or was about to be."""

    amount: Decimal
    day: str | None

    def is_surely(self, payment: Payment) -> bool:
        """Tell whether nobody else would have made the payment."""
        amount = payment.amount
        if amount is None:
            return False
        if abs(self.amount) <= TINY:
            return abs(amount) <= TINY
        odd = (day_of(payment.fields) or "").partition(":")[2].startswith(ODD_MINUTE)
        return same_amount(self.amount, amount) or (odd and self.may_be(payment))

    def may_be(self, payment: Payment) -> bool:
        """Tell whether it may have become the payment: cut to the balance."""
        day = day_of(payment.fields)
        if not same_amount(self.amount - CENT, payment.amount or 0):
            return False
        return day is None or self.day is None or same_day(self.day, day)


@dataclass(slots=True)
class Ledger:
    """The payments of ours on one invoice, and the creates of which no payment is known."""

    file: Path
    written: float = 0.0
    payments: set[int] = field(default_factory=set)
    creates: list[Noted] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, connection: str, invoice_id: int) -> Ledger:
        """Read what an earlier probe of the invoice has left, if anything.

        The name of the file tells nobody which company it is.
        """
        name = hashlib.sha256(f"{connection}/{invoice_id}".encode()).hexdigest()[:16]
        ledger = cls(folder / f"probe-{name}.json")
        try:
            content = json.loads(ledger.file.read_text("utf-8"))
            ledger._read(content)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise CommandFailed(
                f"{ledger.file} should say what an earlier probe has left, and cannot be read "
                f"({type(error).__name__}). Look at the invoice's payments, then delete the file."
            ) from error
        return ledger

    def _read(self, content: Any) -> None:
        self.written = float(content["written"])
        self.payments = {int(number) for number in content["payments"]}
        self.creates = [Noted(Decimal(row["amount"]), row["day"]) for row in content["creates"]]

    @property
    def empty(self) -> bool:
        return not self.payments and not self.creates

    def expect(self, fields: Fields, now: float) -> Noted:
        """Note a create that is about to be sent."""
        noted = Noted(amount_of(fields) or Decimal(0), day_of(fields))
        self.creates.append(noted)
        self.save(now)
        return noted

    def settle(self, noted: Noted, payment_id: int | None, now: float) -> None:
        """Note what a create has become, None if ConnectWise has refused it.

        That is not believed of an amount that nobody else pays.
        """
        if abs(noted.amount) > TINY:
            self.creates.remove(noted)
        if payment_id is not None:
            self.payments.add(payment_id)
        self.save(now)

    def is_ours(self, payment: Payment) -> bool:
        """Tell whether a payment on the invoice is surely ours."""
        if payment.id in self.payments:
            return True
        others = credit_of(payment.fields) is not None
        return not others and any(noted.is_surely(payment) for noted in self.creates)

    def is_doubtful(self, payment: Payment) -> bool:
        """Tell whether a payment may be ours, or somebody else's."""
        others = credit_of(payment.fields) is not None
        return not others and any(noted.may_be(payment) for noted in self.creates)

    def save(self, now: float) -> None:
        """Write it down, at this time since 1970; raises CommandFailed if that is not possible."""
        self.written = now
        content = {
            "written": now,
            "payments": sorted(self.payments),
            "creates": [{"amount": f"{row.amount:f}", "day": row.day} for row in self.creates],
        }
        try:
            _write(self.file, json.dumps(content))
        except OSError as error:
            raise CommandFailed(
                f"{self.file} cannot be written ({error.strerror}), and nothing is created in "
                "ConnectWise without a note of it."
            ) from error

    def close(self) -> None:
        """Forget everything: nothing of ours is left."""
        self.payments.clear()
        self.creates.clear()
        self.file.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    """Replace the file, so that it is whole however this ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
