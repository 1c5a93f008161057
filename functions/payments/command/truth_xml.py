"""Zynk's truth records as XML, read and written as streams.

    <TruthRecords>
      <TruthRecord Type="…InvoicePayment" InternalId="2" ExternalId="1234"
        Created="2018-10-11T09:30:00" Modified="2018-10-11T09:30:00"/>
    </TruthRecords>

InternalId is the payment's id in ConnectWise. Zynk keeps no more; what we write has
attributes of its own beside (`InvoiceId`, `Amount`, `PaymentDate`, `Accepted`, `File`, `ImportId`),
so that nothing is lost between two of our own stacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import errors
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from payments.errors import FileRefused
from payments.files.amounts import WrongAmount, read_amount
from payments.files.days import WrongDay, read_day
from payments.files.encoding import utf8_blocks
from payments.files.output import NOT_XML
from payments.files.record import MAX_EXTERNAL_ID_BYTES, MAX_ID, ReadingRules
from payments.models import TruthRecord

ROOT = "TruthRecords"
RECORD = "TruthRecord"
TYPE = "InvoicePayment"

MAX_KEY_BYTES = 1024  # S3's limit


@dataclass(frozen=True, slots=True)
class ZynkRecord:
    """One truth record as it stands in a file; `problems` says what is wrong with it.

    `type_name` is the last part of Zynk's type, such as InvoicePayment. A time that is not
    given is None; so is one that cannot be read, in which case `unreadable_time` is set.
    """

    line: int
    type_name: str
    external_id: str = ""
    payment_id: int = 0
    invoice_id: int | None = None
    created: str | None = None
    modified: str | None = None
    unreadable_time: bool = False
    problems: tuple[str, ...] = ()
    amount: Decimal | None = None
    day: str | None = None
    accepted: bool = True
    key: str | None = None
    import_id: str | None = None


def read_truth_xml(file: BinaryIO, rules: ReadingRules) -> Iterator[ZynkRecord]:
    """Yield the records of a file in order; raises FileRefused, with line and column."""
    target = _Target(rules)
    parser = DefusedXMLParser(target=target, forbid_dtd=True, encoding="utf-8")
    target.parser = parser
    try:
        for block in utf8_blocks(file):
            parser.feed(block)
            yield from target.take()
        parser.close()
    except ParseError as error:
        line, column = error.position
        reason = "the file is not well-formed XML"
        if error.code == errors.codes[errors.XML_ERROR_NO_ELEMENTS]:
            reason = "the file is empty, or is cut off: it ends before its root element does"
        raise FileRefused(f"line {line}, column {column + 1}: {reason}.") from None
    except DefusedXmlException:
        reason = "DTDs, entity declarations and external references are not allowed."
        raise FileRefused(f"line {target.line}: {reason}") from None
    yield from target.take()


def truth_xml(records: Iterable[TruthRecord]) -> Iterator[str]:
    """Yield the lines of a file with these records."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f"<{ROOT}>\n"
    for record in records:
        attributes = {
            "Type": TYPE,
            "InternalId": str(record.payment_id),
            "ExternalId": record.external_id,
            "InvoiceId": None if record.invoice_id is None else str(record.invoice_id),
            "Created": record.created or None,
            "Modified": record.modified or None,
            "Amount": None if record.amount is None else f"{record.amount:f}",
            "PaymentDate": (record.day or "")[:10],
            "Accepted": str(record.accepted).lower(),
            "File": NOT_XML.sub("\ufffd", record.key or ""),
            "ImportId": record.import_id,
        }
        given = (f"{name}={quoteattr(text)}" for name, text in attributes.items() if text)
        yield f"  <{RECORD} {' '.join(given)}/>\n"
    yield f"</{ROOT}>\n"


class _Target:
    """Collect records from the parser's events."""

    def __init__(self, rules: ReadingRules) -> None:
        self.parser: DefusedXMLParser | None = None
        self._rules = rules
        self._depth = 0
        self._found: list[ZynkRecord] = []

    @property
    def line(self) -> int:
        assert self.parser is not None
        return int(self.parser.parser.CurrentLineNumber)

    def take(self) -> list[ZynkRecord]:
        found, self._found = self._found, []
        return found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = _local(tag)
        if self._depth == 1 and name != ROOT:
            raise FileRefused(
                f"line {self.line}: the root element is <{name[:100]}>, but must be <{ROOT}>: a "
                "file as Zynk's task Export Truth Records writes it."
            )
        if self._depth == 2:
            self._found.append(_record(self.line, name, attributes, self._rules))
        elif self._depth > 2:
            raise FileRefused(f"line {self.line}: <{name[:100]}> is not known inside <{RECORD}>.")

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """There is no tree to return."""


def _record(line: int, name: str, attributes: dict[str, str], rules: ReadingRules) -> ZynkRecord:
    if name != RECORD:
        return ZynkRecord(line, TYPE, problems=(f"<{name[:100]}> is not a <{RECORD}>.",))
    texts = {_local(attribute): text.strip() for attribute, text in attributes.items()}
    problems: list[str] = []
    external_id = _text(texts, "ExternalId", MAX_EXTERNAL_ID_BYTES, problems)
    if not texts.get("ExternalId"):
        problems.append("it has no ExternalId.")
    times = [_time(texts.get(attribute)) for attribute in ("Created", "Modified")]
    return ZynkRecord(
        line,
        texts.get("Type", TYPE).rpartition(".")[2],
        external_id or "",
        _id(texts, "InternalId", "payment", problems) or 0,
        _id(texts, "InvoiceId", "invoice", problems) if "InvoiceId" in texts else None,
        times[0],
        times[1],
        unreadable_time=any(
            time is None and texts.get(attribute)
            for time, attribute in zip(times, ("Created", "Modified"), strict=True)
        ),
        amount=_amount(texts, rules, problems),
        day=_day(texts, rules, problems),
        accepted=_accepted(texts, problems),
        key=_text(texts, "File", MAX_KEY_BYTES, problems),
        import_id=_text(texts, "ImportId", MAX_KEY_BYTES, problems),
        problems=tuple(problems),
    )


def _text(texts: dict[str, str], name: str, limit: int, problems: list[str]) -> str | None:
    text = texts.get(name)
    if text and len(text.encode()) > limit:
        problems.append(f"its {name} is longer than {limit} bytes.")
        return None
    return text or None


def _amount(texts: dict[str, str], rules: ReadingRules, problems: list[str]) -> Decimal | None:
    try:
        text = texts.get("Amount")
        return read_amount(text, rules.currency_decimals, refunds=rules.refunds) if text else None
    except WrongAmount as wrong:
        problems.append(f"its Amount {wrong}")
        return None


def _day(texts: dict[str, str], rules: ReadingRules, problems: list[str]) -> str | None:
    try:
        text = texts.get("PaymentDate")
        return f"{read_day(text, rules.today).isoformat()}T00:00:00Z" if text else None
    except WrongDay as wrong:
        problems.append(f"its PaymentDate {wrong}")
        return None


def _accepted(texts: dict[str, str], problems: list[str]) -> bool:
    text = texts.get("Accepted", "true")
    if text not in ("true", "false"):
        problems.append(f"its Accepted is '{text[:40]}', but must be true or false.")
    return text == "true"


def _id(texts: dict[str, str], name: str, what: str, problems: list[str]) -> int | None:
    text = texts.get(name, "")
    if text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= MAX_ID:
        return int(text)
    if text:
        problems.append(f"its {name} '{text[:40]}' is no {what}'s id in ConnectWise.")
    else:
        problems.append(f"it has no {name}.")
    return None


def _time(text: str | None) -> str | None:
    """Return a time as the truth table has it, None if it is not given or not ISO 8601."""
    try:
        time = datetime.fromisoformat(text or "")
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None


def _local(name: str) -> str:
    return name.rpartition("}")[2]
