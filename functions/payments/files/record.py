"""Read the values of one record, and say everything that is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from payments.models import JsonValue, PaymentRecord
from payments.files.reader import ERROR_MESSAGE, RECORD, Element, RawRecord

# The element names are those of InvoicePayment in ConnectWise's OpenAPI description, plus
# Zynk's externalId and ErrorMessage. Of an invoice reference only id and identifier are used.
_READ_ONLY = frozenset(
    (
        "balance",
        "invoiceBalance",
        "invoiceTotal",
        "source",
        "paymentSyncStatus",
        "paymentSyncDate",
        "glBatchID",
        "_info",
        "wisePayPayment",
    )
)
_REFERENCE_PARTS = frozenset(
    ("id", "identifier", "billingType", "applyToType", "invoiceDate", "chargeFirmFlag", "_info")
)
_MUST_NOT_BE_EMPTY = frozenset(("id", "invoice/id", "amount"))

MAX_ID = 2**31 - 1  # ConnectWise's ids are int32
MAX_TEXT_CHARACTERS = 1000
MAX_AMOUNT_CHARACTERS = 100  # ConnectWise stores a double: 17 digits
MAX_INVOICE_NUMBER_CHARACTERS = 100  # ConnectWise stores 15 at most
MAX_EXTERNAL_ID_BYTES = 2048  # DynamoDB's limit for a partition key

_BLANK = " \t\r\n"
_INTEGER = re.compile(r"\+?[0-9]{1,20}")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T(?:(24:00:00(?:\.0+)?)|([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def read_record(raw: RawRecord) -> PaymentRecord:
    """Return the record with its values, or with one error for each thing wrong with it."""
    if raw.element.name != RECORD:
        error = f"<{_short(raw.element.name)}> is not known here: a payment is an <{RECORD}>."
        return PaymentRecord(raw.number, raw.xml, errors=(error,))
    reading = _Reading(raw.element)
    invoice = reading.reference("invoice")
    fields: dict[str, JsonValue] = {}
    for name in reading.names():
        value = _WRITABLE[name](reading, name) if name in _WRITABLE else None
        if value is not None:
            fields[name] = value
    return PaymentRecord(
        raw.number,
        raw.xml,
        payment_id=reading.integer("id"),
        external_id=reading.external_id(),
        invoice_id=invoice.integer("id"),
        invoice_number=invoice.text("identifier", MAX_INVOICE_NUMBER_CHARACTERS),
        fields=fields,
        errors=tuple(dict.fromkeys((*reading.errors, *invoice.errors))),
    )


class _Reading:
    """Values out of an element's children, with every error on the way."""

    def __init__(self, element: Element, path: str = "") -> None:
        self.errors: list[str] = []
        self._path = path
        self._children = {} if element.nil else {child.name: child for child in element.children}
        known = _REFERENCE_PARTS if path else _KNOWN
        for name, times in Counter(child.name for child in element.children).items():
            if name not in known:
                self.errors.append(f"<{_short(path + name)}> is not known.")
            elif times > 1 and name != ERROR_MESSAGE:
                self.errors.append(f"<{path}{name}> is given {times} times.")
        if element.text.strip(_BLANK):
            self.errors.append(f"<{element.name}> holds text that is in none of its elements.")
        if element.nil and element.children:
            self.errors.append(f"<{element.name}> is marked as nil, but is not empty.")

    def names(self) -> list[str]:
        return list(self._children)

    def reference(self, name: str) -> _Reading:
        """Read a child that is a reference, such as an invoice, by its own children."""
        return _Reading(self._children.get(name, Element(name)), path=f"{name}/")

    def text(self, name: str, limit: int = MAX_TEXT_CHARACTERS) -> str | None:
        """Return the child's text without the blanks around it, None if it is not given."""
        element = self._children.get(name)
        if element is None:
            return None
        path = self._path + name
        text = element.text.strip(_BLANK)
        if element.children:
            self.errors.append(f"<{path}> must hold a value, not other elements.")
        elif element.nil and text:
            self.errors.append(f"<{path}> is marked as nil, but is not empty.")
        elif len(text) > limit:
            self.errors.append(f"<{path}> is longer than {limit} characters.")
        elif not text and not element.nil and path in _MUST_NOT_BE_EMPTY:
            self.errors.append(f"<{path}> is empty. Give it a value, or leave it out.")
        else:
            return text or None
        return None

    def integer(self, name: str) -> int | None:
        """Return the child as an id of ConnectWise's."""
        text = self.text(name)
        if text is None:
            return None
        if _INTEGER.fullmatch(text) and 0 < int(text) <= MAX_ID:
            return int(text)
        self.errors.append(f"<{self._path}{name}> must be a whole number: '{_short(text)}'.")
        return None

    def decimal(self, name: str) -> Decimal | None:
        """Return the child as a number with exactly its digits."""
        text = self.text(name, MAX_AMOUNT_CHARACTERS)
        if text is None or _DECIMAL.fullmatch(text):
            return Decimal(text) if text else None
        self.errors.append(f"<{self._path}{name}> must be a number like 10.50: '{_short(text)}'.")
        return None

    def date_time(self, name: str) -> str | None:
        """Return the child as ConnectWise wants times: UTC, to the second."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return _utc(text).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
        except (ValueError, OverflowError):
            example = "2018-10-11 or 2018-10-11T09:30:00Z"
            self.errors.append(
                f"<{self._path}{name}> must be a date like {example}: '{_short(text)}'."
            )
        return None

    def external_id(self) -> str | None:
        text = self.text("externalId", MAX_EXTERNAL_ID_BYTES)
        if text and len(text.encode()) > MAX_EXTERNAL_ID_BYTES:
            self.errors.append(f"<externalId> is longer than {MAX_EXTERNAL_ID_BYTES} bytes.")
        return text

    def credit(self, name: str) -> JsonValue | None:
        """Return the credit memo as ConnectWise wants references: whole, by id."""
        reference = self.reference(name)
        credit_id, number = reference.integer("id"), reference.text("identifier")
        self.errors.extend(reference.errors)
        if number and credit_id is None and not reference.errors:
            self.errors.append("<credit> needs an <id>: ConnectWise does not take its number.")
        return None if credit_id is None else {"id": credit_id}


_WRITABLE: dict[str, Callable[[_Reading, str], JsonValue | None]] = {
    "amount": _Reading.decimal,
    "paymentDate": _Reading.date_time,
    "appliedBy": _Reading.text,
    "type": _Reading.text,
    "credit": _Reading.credit,
    "paymentAccount": _Reading.text,
    "aRPaymentAccount": _Reading.text,
}
_KNOWN = frozenset(("id", "externalId", "invoice", ERROR_MESSAGE, *_WRITABLE)) | _READ_ONLY


def _utc(text: str) -> datetime:
    """Read an xsd:dateTime or xsd:date; without a zone it is UTC. Raises ValueError."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    *numbers, zone = (*match.groups()[:3], *match.groups()[4:])
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    local = datetime(year, month, day, hour, minute, second, tzinfo=_zone(zone))
    end_of_day = match[4] is not None
    return (local + timedelta(days=end_of_day)).astimezone(UTC)


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    if offset > timedelta(hours=14) or int(text[4:6]) > 59:  # xsd:dateTime's bounds
        raise ValueError(text)
    return timezone(-offset if text[0] == "-" else offset)


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"
