"""The fields of a payment that ConnectWise lets one write: the one place that lists them.

Names: InvoicePayment in ConnectWise's OpenAPI description. The reader, the calls, the proof that a
write took effect and the preview all go by this list.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

from payments.models import Fields, JsonValue


class Kind(Enum):
    """How a field stands in the file and in JSON."""

    AMOUNT = auto()  # xsd:decimal; a number
    DAY = auto()  # xsd:date or xsd:dateTime; midnight UTC of the day
    TEXT = auto()
    REFERENCE = auto()  # an element with an <id>; {"id": …}


@dataclass(frozen=True, slots=True)
class WritableField:
    """A field, and how what was sent compares with what ConnectWise holds.

    One that `proves` has to show the value that was sent, or the record has not succeeded.
    """

    name: str
    kind: Kind
    proves: bool = False

    def same(self, sent: JsonValue, held: JsonValue) -> bool:
        """Tell whether both are the same value."""
        return _SAME.get(self.kind, operator.eq)(sent, held)


def same_amount(sent: JsonValue, held: JsonValue) -> bool:
    """Compare as ConnectWise can store it: its amounts are doubles (OpenAPI description)."""
    if not isinstance(sent, int | Decimal) or not isinstance(held, int | Decimal):
        return False
    return float(sent) == float(held)


def same_day(sent: JsonValue, held: JsonValue) -> bool:
    """Tell whether both are the same day, also where ConnectWise answers in a zone of its own.

    Midnight of another zone is less than 14 hours away; another day is 24.
    """
    if not isinstance(sent, str) or not isinstance(held, str):
        return False
    if sent[:10] == held[:10]:
        return True
    try:
        apart = _moment(sent) - _moment(held)
    except ValueError:
        return False
    return abs(apart) <= timedelta(hours=14)


def _same_text(sent: JsonValue, held: JsonValue) -> bool:
    """Compare as ConnectWise shows texts: line breaks and the like as a blank (its guide)."""
    return str(sent).split() == str(held).split()


_SAME = {Kind.AMOUNT: same_amount, Kind.DAY: same_day, Kind.TEXT: _same_text}

WRITABLE = (
    WritableField("amount", Kind.AMOUNT, proves=True),
    WritableField("paymentDate", Kind.DAY, proves=True),
    WritableField("appliedBy", Kind.TEXT),
    WritableField("type", Kind.TEXT),
    WritableField("credit", Kind.REFERENCE),
    WritableField("paymentAccount", Kind.TEXT),
    WritableField("aRPaymentAccount", Kind.TEXT),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that ConnectWise holds otherwise than it was sent."""

    name: str
    sent: JsonValue
    held: JsonValue


def differences(sent: Fields, held: Fields) -> tuple[Difference, ...]:
    """Return what ConnectWise shows otherwise than it was sent, of what proves a success."""
    return tuple(
        Difference(field.name, sent[field.name], held[field.name])
        for field in _proofs(sent)
        if field.name in held and not field.same(sent[field.name], held[field.name])
    )


def shows_all(sent: Fields, held: Fields) -> bool:
    """Tell whether ConnectWise shows every field that proves what was sent, and anything at all."""
    return bool(held) and all(field.name in held for field in _proofs(sent))


def holds(sent: Fields, held: Fields) -> bool:
    """Tell whether ConnectWise shows each field exactly as it was sent."""
    return all(
        field.name in held and field.same(sent[field.name], held[field.name])
        for field in WRITABLE
        if field.name in sent
    )


def accepts(sent: Fields, held: Fields) -> bool:
    """Tell whether ConnectWise has taken what was sent, as far as it shows it.

    A payment's date may stay empty until the invoice is paid in full: the amount is enough.
    """
    proofs = [field.name for field in _proofs(sent)]
    needed = [name for name in proofs if name == "amount"] or proofs
    return all(name in held for name in needed) and not differences(sent, held)


def _proofs(sent: Fields) -> list[WritableField]:
    return [field for field in WRITABLE if field.proves and field.name in sent]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
