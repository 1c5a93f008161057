"""What may be in ConnectWise because of a probe: on disk before it is sent.

A create is noted before it is made, its payment's id as soon as that is known, and a change before
it is sent. So a create whose answer is lost is looked for, and a probe that was killed is cleaned
up after by the next.

A payment whose id ConnectWise has told is ours as long as it holds what a probe gave it: what
somebody has changed is theirs. Without an id, one is ours only if nobody else would have made it:
it shows exactly what was sent, or the odd moment. What is about as it was sent is `doubtful`, for
example the balance, to which ConnectWise may have cut the one cent more: it may be somebody's too.
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
    """A write that was sent, or was about to be: what it gave a payment."""

    amount: Decimal
    day: str | None

    def is_surely(self, payment: Payment) -> bool:
        """Tell whether nobody else would have made the payment.

        Payments of 0 are made by others too, for example in place of one that was taken back.
        """
        exact = self.amount != 0 and same_amount(self.amount, payment.amount or 0)
        return self.may_be(payment) and (exact or _is_odd(day_of(payment.fields)))

    def may_be(self, payment: Payment) -> bool:
        """Tell whether it may have become the payment: rounded, or cut to the balance."""
        day = day_of(payment.fields)
        if payment.amount is None or abs(payment.amount - self.amount) > CENT:
            return False
        return day is None or self.day is None or same_day(self.day, day) or _is_odd(day)

    def may_be_held_by(self, payment: Payment) -> bool:
        """Tell whether a payment that was given this may hold it now, on whichever day."""
        if abs(self.amount) > TINY:
            return self.may_be(payment)
        amount = payment.amount
        return amount is not None and (amount == 0 or abs(amount - self.amount) <= CENT)


@dataclass(slots=True)
class Ours:
    """A payment whose id is known: what it was given, the latest last, and whether it has shown."""

    given: list[Noted] = field(default_factory=list)
    shown: bool = False

    def holds_ours(self, payment: Payment) -> bool:
        """Tell whether the payment holds something that it was given."""
        return any(noted.may_be_held_by(payment) for noted in self.given)

    def forget_before(self, payment: Payment) -> None:
        """Forget what was given before that which the payment holds now."""
        held = [n for n, noted in enumerate(self.given) if noted.may_be_held_by(payment)]
        del self.given[: held[-1] if held else 0]


@dataclass(slots=True)
class Ledger:
    """The payments of ours on one invoice, and the creates of which no payment is known."""

    file: Path
    written: float = 0.0
    payments: dict[int, Ours] = field(default_factory=dict)
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
        self.creates = [_noted(row) for row in content["creates"]]
        self.payments = {
            int(number): Ours([_noted(row) for row in ours["given"]], bool(ours["shown"]))
            for number, ours in content["payments"].items()
        }

    @property
    def empty(self) -> bool:
        return not self.payments and not self.creates

    def expect(self, fields: Fields, now: float) -> Noted:
        """Note a create that is about to be sent."""
        noted = _given(fields)
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
            self.payments.setdefault(payment_id, Ours()).given.append(noted)
        self.save(now)

    def adopt(self, payment: Payment) -> None:
        """Take a payment that is on the invoice for ours, with what it holds."""
        self.payments.setdefault(payment.id, Ours([_given(payment.fields)], shown=True))

    def give(self, payment_id: int, fields: Fields, now: float) -> None:
        """Note a change that is about to be sent; one that leaves the amount alone is none."""
        if "amount" in fields:
            self.payments[payment_id].given.append(_given(fields))
        self.save(now)

    def look_at(self, payments: tuple[Payment, ...], *, quiet: bool) -> None:
        """Note what is on the invoice; `quiet`: no earlier write can take effect any more."""
        for payment in payments:
            ours = self.payments.get(payment.id)
            if ours is not None:
                ours.shown = True
                if quiet:
                    ours.forget_before(payment)

    @property
    def never_shown(self) -> list[int]:
        """The payments that ConnectWise said it has created, and has not listed since."""
        return sorted(number for number, ours in self.payments.items() if not ours.shown)

    def is_ours(self, payment: Payment) -> bool:
        """Tell whether a payment on the invoice is surely ours."""
        if credit_of(payment.fields) is not None:
            return False
        if payment.id in self.payments:
            return self.payments[payment.id].holds_ours(payment)
        return any(noted.is_surely(payment) for noted in self.creates)

    def is_doubtful(self, payment: Payment) -> bool:
        """Tell whether a payment may be ours, or somebody else's."""
        if credit_of(payment.fields) is not None or payment.id in self.payments:
            return False
        return any(noted.may_be(payment) for noted in self.creates)

    def save(self, now: float) -> None:
        """Write it down, at this time since 1970; raises CommandFailed if that is not possible."""
        self.written = now
        content = {
            "written": now,
            "payments": {
                number: {"given": [_written(row) for row in ours.given], "shown": ours.shown}
                for number, ours in self.payments.items()
            },
            "creates": [_written(row) for row in self.creates],
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


def _is_odd(day: str | None) -> bool:
    return (day or "").partition(":")[2].startswith(ODD_MINUTE)


def _given(fields: Fields) -> Noted:
    return Noted(Decimal(amount_of(fields) or 0), day_of(fields))


def _noted(row: Any) -> Noted:
    return Noted(Decimal(row["amount"]), row["day"])


def _written(noted: Noted) -> dict[str, str | None]:
    return {"amount": f"{noted.amount:f}", "day": noted.day}


def _write(file: Path, text: str) -> None:
    """Replace the file, so that it is whole however this ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
