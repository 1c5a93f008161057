"""Success and fail files: how records go back to whoever sent them.

While an import runs, outcomes are stored in parts, each for a stretch of consecutive records. A
part is JSON Lines, one record a line. At the end the two files are put together from the parts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any, TypeVar

from payments.files.reader import ERROR_MESSAGE, START_TAG, blanks_before
from payments.import_state import Result, Root
from payments.models import Action, LedgerEntry, Outcome, Receipt, RecordXml, Replaced, TruthRecord

# Bounds on what is said of a record, so that it can be uploaded again with all of it.
MAX_MESSAGES = 20
MAX_MESSAGE_CHARACTERS = 2000
_MAX_INDENT_BYTES = 1000
_MAX_PREFIX_BYTES = 5100

_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMES = {kind: [it.name for it in fields(kind)] for kind in (TruthRecord, LedgerEntry, Replaced)}
_Kind = TypeVar("_Kind", TruthRecord, LedgerEntry, Replaced)
_BLANKS = re.compile(rb"[ \t\r\n]*")
_NAME_END = re.compile(rb"[\s/>]")


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """What a part holds of one record.

    `xml` is the record as it goes to its file, `returned` the record without a word about it, kept
    where the last look may still send it to the fail file. `external_id`, `invoice` (its number, or
    else its id) and `day` are for reports.
    """

    number: int
    result: Result
    payment_id: int | None
    messages: tuple[str, ...]
    learned: TruthRecord | None
    look_again: int | None
    xml: bytes
    external_id: str | None
    invoice: str | None
    day: str | None = None
    returned: bytes | None = None
    recorded: tuple[LedgerEntry, ...] = ()


def write_part(outcomes: Iterable[Outcome]) -> bytes:
    """Return the stored form of consecutive outcomes."""
    return b"".join(_line(outcome) for outcome in outcomes)


def read_part(part: bytes) -> list[StoredOutcome]:
    """Return the outcomes that a part holds."""
    # At once: there is no line break in a line, and reading each by itself takes twice as long.
    lines = part.decode().rstrip("\n").replace("\n", ",")
    return [_stored(line) for line in json.loads(f"[{lines}]")]


def beginning(root: Root, message: str | None = None) -> bytes:
    """Return how a file begins; `message`, if given, is about the file as a whole."""
    told = b""
    if message is not None:
        prefix = root.end_tag.removeprefix(b"</").rpartition(b":")
        told = b"\n  " + _element(prefix[0] + prefix[1], ERROR_MESSAGE, shown(message))
    return _DECLARATION + root.start_tag + told


def entry(xml: bytes) -> bytes:
    """Return how a record stands in its file."""
    return b"\n  " + xml


def ending(root: Root) -> bytes:
    """Return how a file ends."""
    return b"\n" + root.end_tag + b"\n"


def success_record(xml: RecordXml, payment_id: int | None) -> bytes:
    """Return the record as it came, with `<id>` set if given, and without old error messages."""
    edits = _without_error_messages(xml)
    if payment_id is None:
        return _edited(xml, edits)
    element = _element(_prefix(xml), "id", str(payment_id))
    if xml.payment_id:
        edits.append((*xml.payment_id, element))
    else:
        start = xml.content[0]
        edits.append((start, start, _first_indent(xml) + element))
    return _edited(xml, edits)


def failed_record(xml: RecordXml, messages: Sequence[str]) -> bytes:
    """Return the record as it came, with these error messages as its last children."""
    prefix, indent = _prefix(xml), _first_indent(xml)
    new = b"".join(indent + _element(prefix, ERROR_MESSAGE, message) for message in told(messages))
    content_end = xml.content[0] + len(xml.source[slice(*xml.content)].rstrip(b" \t\r\n"))
    return _edited(xml, [*_without_error_messages(xml), (content_end, content_end, new)])


def failed_later(outcome: StoredOutcome, messages: Sequence[str]) -> bytes:
    """Return a record for the fail file whose stored outcome was another."""
    source = outcome.returned or outcome.xml
    tag = START_TAG.match(source)
    assert tag is not None, "a record begins with its start tag"
    return failed_record(RecordXml(source, (tag.end(), source.rindex(b"</"))), messages)


def told(messages: Sequence[str]) -> tuple[str, ...]:
    """Return messages as they can be written, stored and sent anywhere, within bounds."""
    if len(messages) > MAX_MESSAGES:
        more = len(messages) - MAX_MESSAGES + 1
        messages = (*messages[: MAX_MESSAGES - 1], f"And {more} more errors.")
    return tuple(map(shown, messages))


def shown(message: str) -> str:
    """Return one message as it can be written, stored and sent anywhere."""
    if len(message) > MAX_MESSAGE_CHARACTERS:
        message = f"{message[: MAX_MESSAGE_CHARACTERS - 1]}…"
    return NOT_XML.sub("\ufffd", message)


def as_json(value: TruthRecord | LedgerEntry | Replaced | None) -> dict[str, Any] | None:
    """Return a value by the names of its class, those without one left out."""
    if value is None:
        return None
    written = {name: it for name in _NAMES[type(value)] if (it := getattr(value, name)) is not None}
    if value.amount is not None:
        written["amount"] = str(value.amount)
    if isinstance(value, LedgerEntry) and value.added_up is not None:
        written["added_up"] = {
            name: (str(receipt.amount), receipt.day) for name, receipt in value.added_up.items()
        }
    return written


def from_json(kind: type[_Kind], values: Mapping[str, Any] | None) -> _Kind | None:
    """Return the value that `as_json` has returned so."""
    if values is None:
        return None
    amount = values.get("amount")
    exact = None if amount is None else Decimal(amount)
    needed = {"invoice_id": None} if kind is TruthRecord else {}
    return kind(**{**needed, **values, "amount": exact})


def _entry(values: Mapping[str, Any]) -> LedgerEntry:
    entry = from_json(LedgerEntry, values)
    assert entry is not None, "it was written"
    if entry.added_up is None:
        return entry
    receipts = {name: Receipt(Decimal(it[0]), it[1]) for name, it in values["added_up"].items()}
    return replace(entry, added_up=receipts)


def _line(outcome: Outcome) -> bytes:
    record, succeeded = outcome.record, outcome.action.succeeded
    messages = told(outcome.messages)
    if succeeded:
        rendered = success_record(record.xml, outcome.payment_id)
    else:
        rendered = failed_record(record.xml, messages)
    line: dict[str, Any] = {
        "record": record.number,
        "action": outcome.action,
        "amount": None if record.amount is None else str(record.amount),
        "externalId": record.external_id,
        "invoice": record.named_invoice,
        "day": record.day,
        "paymentId": outcome.payment_id,
        "messages": messages,
        "learned": as_json(outcome.learned),
        "recorded": [as_json(entry) for entry in outcome.recorded],
        "replaced": as_json(outcome.replaced),
        "xml": rendered.decode(),
    }
    if outcome.look_again is not None:
        line["lookAgain"] = outcome.look_again
        if succeeded:
            line["returned"] = failed_record(record.xml, ()).decode()
    return json.dumps(line).encode() + b"\n"


def _stored(line: Mapping[str, Any]) -> StoredOutcome:
    """Read a line; an older version wrote only the record's number, action, messages and XML."""
    amount, returned = line.get("amount"), line.get("returned")
    exact = None if amount is None else Decimal(amount)
    replaced = from_json(Replaced, line.get("replaced"))
    return StoredOutcome(
        number=line["record"],
        result=Result(Action(line["action"]), exact, replaced),
        payment_id=line.get("paymentId"),
        messages=tuple(line["messages"]),
        learned=from_json(TruthRecord, line.get("learned")),
        look_again=line.get("lookAgain"),
        xml=line["xml"].encode(),
        external_id=line.get("externalId"),
        invoice=line.get("invoice"),
        day=line.get("day"),
        returned=None if returned is None else returned.encode(),
        recorded=tuple(map(_entry, line.get("recorded") or ())),
    )


def _edited(xml: RecordXml, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return the record with stretches of its content replaced, closed if it was `<a/>`."""
    start, end = xml.content
    pieces = [_opened(xml.source[:start])]
    for edit_start, edit_end, replacement in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [xml.source[start:edit_start], replacement]
        start = edit_end
    pieces += [xml.source[start:end], xml.source[end:] or _end_tag(xml)]
    return b"".join(pieces)


def _without_error_messages(xml: RecordXml) -> list[tuple[int, int, bytes]]:
    """Return the edits that drop each error message and the blanks before it."""
    return [(blanks_before(xml, start), end, b"") for start, end in xml.error_messages]


def _opened(start_tag: bytes) -> bytes:
    return start_tag[:-2].rstrip() + b">" if start_tag.endswith(b"/>") else start_tag


def _end_tag(xml: RecordXml) -> bytes:
    return b"</" + _name(xml) + b">"


def _name(xml: RecordXml) -> bytes:
    end = _NAME_END.search(xml.source, 1)
    assert end is not None, "a start tag ends"
    return xml.source[1 : end.start()]


def _prefix(xml: RecordXml) -> bytes:
    """Return the record's own prefix, for the elements that are added to it."""
    prefix, colon, _ = _name(xml).rpartition(b":")
    return prefix + colon if len(prefix) <= _MAX_PREFIX_BYTES else b""


def _first_indent(xml: RecordXml) -> bytes:
    """Return the blanks before the record's first child, to indent further children alike."""
    match = _BLANKS.match(xml.source, *xml.content)
    return match[0] if match and len(match[0]) <= _MAX_INDENT_BYTES else b""


def _element(prefix: bytes, name: str, text: str) -> bytes:
    tag = prefix + name.encode()
    return b"<" + tag + b">" + _readable(text).encode() + b"</" + tag + b">"


def _readable(text: str) -> str:
    """Return a text as it stands in XML: with its `<` and `&`, for who reads it in an editor."""
    if not any(character in text for character in "<>&"):
        return text
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
