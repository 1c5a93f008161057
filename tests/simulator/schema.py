"""The fields of an invoice and of a payment, and which values they take.

From ConnectWise's OpenAPI description: schemas Invoice (the part that matters to payments),
InvoicePayment and InvoiceReference.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["integer", "number", "string", "boolean", "date", "object", "reference"]

_INT32 = 2**31
_STRICT_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Field:
    """What a field holds; a reference has fields of its own."""

    kind: Kind
    choices: tuple[str, ...] = ()
    max_length: int | None = None
    fields: Mapping[str, "Field"] = field(default_factory=dict)


Fields = Mapping[str, Field]

INTEGER = Field("integer")
NUMBER = Field("number")
STRING = Field("string")
BOOLEAN = Field("boolean")
DATE = Field("date")
OBJECT = Field("object")


def _reference(**fields: Field) -> Field:
    return Field("reference", fields={"id": INTEGER, **fields, "_info": OBJECT})


_NAMED = _reference(name=STRING)
_COMPANY = _reference(identifier=STRING, name=STRING)
_INVOICE_REFERENCE = _reference(
    identifier=STRING,
    billingType=STRING,
    applyToType=STRING,
    invoiceDate=STRING,
    chargeFirmFlag=BOOLEAN,
)
_INFO = Field("reference", fields={"lastUpdated": DATE, "updatedBy": STRING})

INVOICE_FIELDS: Fields = {
    "id": INTEGER,
    "invoiceNumber": Field("string", max_length=15),
    "type": Field(
        "string",
        choices=(
            "Agreement",
            "CreditMemo",
            "DownPayment",
            "Miscellaneous",
            "Progress",
            "Standard",
            "Consolidated",
        ),
    ),
    "status": _reference(name=STRING, isClosed=BOOLEAN),
    "company": _COMPANY,
    "billToCompany": _COMPANY,
    "reference": Field("string", max_length=50),
    "customerPO": Field("string", max_length=50),
    "date": DATE,
    "dueDate": DATE,
    "currency": _reference(name=STRING, currencyCode=STRING, symbol=STRING),
    "total": NUMBER,
    "payments": NUMBER,
    "credits": NUMBER,
    "balance": NUMBER,
    "closedBy": STRING,
    "glBatch": _NAMED,
    "unbatchedBatch": _NAMED,
    "_info": _INFO,
}

PAYMENT_FIELDS: Fields = {
    "id": INTEGER,
    "type": STRING,
    "source": Field("string", choices=("Default", "WisePay")),
    "invoice": _INVOICE_REFERENCE,
    "credit": _INVOICE_REFERENCE,
    "amount": NUMBER,
    "balance": NUMBER,
    "invoiceBalance": NUMBER,
    "invoiceTotal": NUMBER,
    "paymentDate": DATE,
    "appliedBy": STRING,
    "_info": OBJECT,
    "wisePayPayment": OBJECT,
    "paymentSyncStatus": Field("string", choices=("Unapplied", "Applied", "Synced")),
    "glBatchID": Field("string", max_length=50),
    "paymentSyncDate": DATE,
    "paymentAccount": STRING,
    "aRPaymentAccount": STRING,
}


def find_field(fields: Fields, path: str) -> Field | None:
    """Return the field that a path like `status/isClosed` names, or None."""
    found: Field | None = None
    for name in path.split("/"):
        found = fields.get(name)
        if found is None:
            return None
        fields = found.fields
    return found


def fault_in(expected: Field, value: Any) -> str | None:
    """Say what is wrong with a value for that field, or None if nothing is; null always passes."""
    if value is None:
        return None
    if expected.kind == "reference":
        return _fault_in_reference(expected, value)
    if not _CHECKS[expected.kind](value):
        return f"expected {_EXPECTED[expected.kind]}"
    if expected.choices and value not in expected.choices:
        return f"expected one of {', '.join(expected.choices)}"
    if expected.max_length is not None and len(value) > expected.max_length:
        return f"is longer than {expected.max_length} characters"
    return None


def is_strict_date(value: Any) -> bool:
    """Tell whether a value is a real moment written `yyyy-MM-ddTHH:mm:ssZ`.

    The only form that working clients found to be accepted.
    """
    if not isinstance(value, str) or not _STRICT_DATE.fullmatch(value):
        return False
    return parse_date(value) is not None


def parse_date(text: str) -> datetime | None:
    """Read a moment; UTC where no zone is given; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _fault_in_reference(expected: Field, value: Any) -> str | None:
    if not isinstance(value, dict):
        return "expected an object"
    for name, part in value.items():
        inner = expected.fields.get(name)
        if inner is None:
            return f"has no field {name}"
        fault = fault_in(inner, part)
        if fault:
            return f"{name}: {fault}"
    return None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_INT32 <= value < _INT32


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "integer": _is_integer,
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "date": is_strict_date,
    "object": lambda value: isinstance(value, dict),
}
_EXPECTED = {
    "integer": "a 32-bit integer",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "date": "a date in the form yyyy-MM-ddTHH:mm:ssZ",
    "object": "an object",
}
