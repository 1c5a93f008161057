"""Read the values of one record, and say everything that is wrong with it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches

from payments.files.amounts import WrongAmount, read_amount
from payments.files.days import WrongDay, read_day
from payments.files.output import MAX_MESSAGES
from payments.files.reader import ERROR_MESSAGE, RECORD, Element, RawRecord
from payments.files.unknown import about_attributes, cure
from payments.models import JsonValue, PaymentRecord
from payments.payment_fields import WRITABLE, Kind
from payments.wording import BLANKS, DIRECTIONS, MINUS_SIGNS, visible

# The element names are those of InvoicePayment in ConnectWise's OpenAPI description, plus
# Zynk's externalId, lookups and ErrorMessage. Of an invoice reference only id and identifier are
# used.
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
        ERROR_MESSAGE,
    )
)
_IGNORED_PARTS = frozenset(("billingType", "applyToType", "invoiceDate", "chargeFirmFlag", "_info"))
_IGNORED = _READ_ONLY | _IGNORED_PARTS
_LOOKUPS = "lookups"
_KINDS = {field.name: field.kind for field in WRITABLE}
KNOWN = frozenset(("id", "externalId", "invoice", _LOOKUPS, *_KINDS)) | _READ_ONLY
REFERENCE_PARTS = frozenset(("id", "identifier")) | _IGNORED_PARTS
# What is often written in place of what is known, and where it belongs.
_IDENTIFIER = "<invoice><identifier>…</identifier></invoice>"
_ELSEWHERE = {
    "identifier": _IDENTIFIER,
    "invoicenumber": _IDENTIFIER,
    "invoiceno": _IDENTIFIER,
    "number": _IDENTIFIER,
    "invoiceid": "<invoice><id>…</id></invoice>",
    "date": "<paymentDate>",
}
_INSTEAD_OF_TEXT = {
    "invoice": f"Write the invoice's number as {_IDENTIFIER}, or its id as an <id>.",
    "credit": (
        "A credit memo is no payment: take the record out of the file. Only if it is about the "
        "application of the memo, write <credit><id>…</id></credit>."
    ),
}
_MUST_NOT_BE_EMPTY = frozenset(("id", "invoice/id", "amount"))

MAX_ID = 2**31 - 1  # ConnectWise's ids are int32
MAX_TEXT_CHARACTERS = 1000
MAX_AMOUNT_CHARACTERS = 100
MAX_INVOICE_NUMBER_CHARACTERS = 100  # ConnectWise stores 15 at most
MAX_EXTERNAL_ID_BYTES = 2048  # DynamoDB's limit for a partition key

_NIL_BUT_GIVEN = "is marked as nil, but is not empty. Remove the mark, or what it holds."
_LONGEST_NAME = max(map(len, KNOWN)) + 5
_INTEGER = re.compile(r"\+?[0-9]{1,20}")
_BESIDE_DIGITS = re.compile(r",(?=[0-9]{3}\b)|\.0*\Z")
_SPREADSHEET_ERROR = re.compile(r"#(?:[^\W\d_]+(?:/0)?[!?]|N/A|NV|#{2,})")  # in any language
_NO_ID = re.compile(rf"(?i:n/a|null|none|undefined|nan)|[{MINUS_SIGNS}]+")
_TURNS = re.compile(f"[{DIRECTIONS}]")
_ONE_INVOICE = (
    "A record is about one invoice. For one payment of several write an <InvoicePayment> for each, "
    "with its part of the amount and an <externalId> of its own."
)


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What reading depends on: how many decimals money has, what day it is, and if it may go back.

    `refunds`: a negative amount is money that was given back.
    """

    currency_decimals: int
    today: date
    refunds: bool = False


def read_record(raw: RawRecord, rules: ReadingRules) -> PaymentRecord:
    """Return the record with its values, or with one error for each thing wrong with it."""
    if raw.element.name != RECORD:
        error = (
            f"<{visible(raw.element.name)}> is not known here: a payment is an <{RECORD}>, "
            "with just these capital letters."
        )
        return PaymentRecord(raw.number, raw.xml, errors=(error,))
    reading = _Reading(raw.element, rules)
    invoice = reading.reference("invoice")
    fields: dict[str, JsonValue] = {}
    for name in reading.names():
        value = _READ[_KINDS[name]](reading, name) if name in _KINDS else None
        if value is not None:
            fields[name] = value
    reading.refuse_lookups()
    return PaymentRecord(
        raw.number,
        raw.xml,
        payment_id=reading.integer("id"),
        external_id=reading.external_id(),
        invoice_id=invoice.integer("id"),
        invoice_number=invoice.invoice_number(),
        fields=fields,
        errors=tuple(dict.fromkeys((*reading.errors, *invoice.errors))),
    )


class _Reading:
    """Values out of an element's children, with every error on the way.

    A child that is wrong in itself, such as one that is given twice, has no value.
    """

    def __init__(self, element: Element, rules: ReadingRules, path: str = "") -> None:
        self.errors: list[str] = []
        self._rules = rules
        self._path = path
        known = REFERENCE_PARTS if path else KNOWN
        given: dict[str, list[Element]] = defaultdict(list)
        for child in element.children:
            given[child.name].append(child)
        self._errors_of_names([name for name in given if name not in known], known)
        self._children = {
            name: children[-1]
            for name, children in given.items()
            if name in known and self._is_usable(name, children)
        }
        if element.attributes:
            self.errors.append(about_attributes(element.name, element.attributes))
        if element.text.strip(BLANKS):
            self.errors.append(_about_text(element))
        if element.nil and element.children:
            self.errors.append(f"<{element.name}> {_NIL_BUT_GIVEN}")
            self._children = {}

    def names(self) -> list[str]:
        return list(self._children)

    def reference(self, name: str) -> _Reading:
        """Read a child that is a reference, such as an invoice, by its own children."""
        element = self._children.get(name, Element(name))
        return _Reading(element, self._rules, path=f"{name}/")

    def text(self, name: str, limit: int = MAX_TEXT_CHARACTERS) -> str | None:
        """Return the child's text without the blanks around it, None if it is not given."""
        element = self._children.get(name)
        if element is None:
            return None
        path = self._path + name
        text = element.text.strip(BLANKS)
        if element.attributes:
            self.errors.append(about_attributes(path, element.attributes))
        elif element.children:
            self.errors.append(f"<{path}> must hold a value, not other elements.")
        elif element.nil and text:
            self.errors.append(f"<{path}> {_NIL_BUT_GIVEN}")
        elif told := _about_value(text):
            self.errors.append(f"<{path}> {told}")
        elif len(text) > limit:
            self.errors.append(f"<{path}> is longer than {limit} characters. Shorten it.")
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
        if not _INTEGER.fullmatch(text) or int(text) > MAX_ID:
            number = " If it is the invoice's number, write <identifier>." if self._path else ""
            bare = _BESIDE_DIGITS.sub("", text)
            meant = f" If {bare} was meant, write that." if _INTEGER.fullmatch(bare) else ""
            told = f"must be a whole number from 1 to {MAX_ID}: '{visible(text)}'.{meant}{number}"
            self._wrong(name, told)
        elif int(text) == 0:
            self._wrong(name, "is 0, but ids begin at 1. If there is none, leave it out.")
        else:
            return int(text)
        return None

    def amount(self, name: str) -> Decimal | None:
        """Return the child as money with exactly its digits."""
        text = self.text(name, MAX_AMOUNT_CHARACTERS)
        if text is None:
            return None
        try:
            return read_amount(text, self._rules.currency_decimals, refunds=self._rules.refunds)
        except WrongAmount as wrong:
            self._wrong(name, str(wrong))
            return None

    def day(self, name: str) -> str | None:
        """Return the child's day, as it is written whatever the zone, as it is sent."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return f"{read_day(text, self._rules.today).isoformat()}T00:00:00Z"
        except WrongDay as wrong:
            self._wrong(name, str(wrong))
            return None

    def external_id(self) -> str | None:
        text = self.text("externalId", MAX_EXTERNAL_ID_BYTES)
        if text and len(text.encode()) > MAX_EXTERNAL_ID_BYTES:
            self._wrong("externalId", f"is longer than {MAX_EXTERNAL_ID_BYTES} bytes. Shorten it.")
            return None
        if text and _NO_ID.fullmatch(text):
            # Taken for an id, it would be that of every payment without one.
            told = f"is '{visible(text)}', which says that there is none. Give the payment's own id"
            self._wrong("externalId", f"{told}, or leave it out.")
            return None
        return text

    def invoice_number(self) -> str | None:
        text = self.text("identifier", MAX_INVOICE_NUMBER_CHARACTERS)
        if text and "*" in text:
            told = "has a * in it, which would stand for any invoice: write the whole number"
            self._wrong("identifier", f"{told}: '{visible(text)}'.")
            return None
        return text

    def credit(self, name: str) -> JsonValue | None:
        """Return the credit memo as ConnectWise wants references: whole, by id."""
        reference = self.reference(name)
        credit_id, number = reference.integer("id"), reference.text("identifier")
        self.errors.extend(reference.errors)
        if number and credit_id is None and not reference.errors:
            self._wrong(name, "needs an <id>: ConnectWise does not take its number.")
        return None if credit_id is None else {"id": credit_id}

    def refuse_lookups(self) -> None:
        """Reject what Zynk's newer files may hold, and this does not do."""
        lookups = self._children.get(_LOOKUPS)
        if lookups and (lookups.children or lookups.text.strip(BLANKS)):
            self._wrong(
                _LOOKUPS,
                "cannot be used: a payment is found by its <id>, <externalId> or <invoice>. Remove "
                "the <lookups>, and give the <id> if another payment is meant than is found then.",
            )

    def _wrong(self, name: str, told: str) -> None:
        self.errors.append(f"<{self._path}{name}> {told}")

    def _errors_of_names(self, unknown: list[str], known: Iterable[str]) -> None:
        for name in unknown[:MAX_MESSAGES]:
            hint = self._instead_of(name, known)
            self.errors.append(f"<{visible(self._path + name)}> is not known. {hint}")
        if len(unknown) > MAX_MESSAGES:
            self.errors.append(f"{len(unknown) - MAX_MESSAGES} more elements are not known.")

    def _instead_of(self, name: str, known: Iterable[str]) -> str:
        if elsewhere := _ELSEWHERE.get(name.lower()):
            return f"Write {elsewhere}."
        is_known = name.lower() in map(str.lower, known)
        if not is_known and (told := cure([name], "element")):
            return told
        near = _near(name, known)
        if near:
            return f"Did you mean <{self._path}{near}>?"
        return "Correct its name, or remove it if the payment is the same without."

    def _is_usable(self, name: str, given: list[Element]) -> bool:
        if len(given) == 1 or name == ERROR_MESSAGE:
            return True
        shown = ", ".join(f"'{visible(_all_text(element))}'" for element in given[:MAX_MESSAGES])
        keep = _ONE_INVOICE if "invoice/" in (self._path, f"{name}/") else "Keep the right one."
        self._wrong(name, f"is given {len(given)} times: {shown}. {keep}")
        return False


_READ: dict[Kind, Callable[[_Reading, str], JsonValue | None]] = {
    Kind.AMOUNT: _Reading.amount,
    Kind.DAY: _Reading.day,
    Kind.TEXT: _Reading.text,
    Kind.REFERENCE: _Reading.credit,
}


def _near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant."""
    if len(name) > _LONGEST_NAME:
        return None
    by_lower_case = {other.lower(): other for other in known if other not in _IGNORED}
    near = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.75)
    return by_lower_case[near[0]] if near else None


def _about_value(text: str) -> str | None:
    """Say what is wrong with a text, whatever it is a value of."""
    if _SPREADSHEET_ERROR.fullmatch(text):
        return f"is '{visible(text)}', a spreadsheet's error and no value. Correct it there."
    if _TURNS.search(text):
        return (
            f"has marks in it that turn the direction of writing: '{visible(text)}'. Type it anew."
        )
    return None


def _all_text(element: Element) -> str:
    """Return the text of an element and of its children."""
    return " ".join(" ".join((element.text, *(it.text for it in element.children))).split())


def _about_text(element: Element) -> str:
    instead = _INSTEAD_OF_TEXT.get(
        element.name, "Put it into an element, or remove it if the payment is the same without."
    )
    shown = visible(element.text.strip(BLANKS))
    return f"<{element.name}> holds text that is in none of its elements: '{shown}'. {instead}"
