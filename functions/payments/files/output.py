"""Success and fail files: how records go back to whoever sent them.

While an import runs, outcomes are stored in parts, each for a stretch of consecutive records. A
part is JSON Lines, one record a line. At the end the parts are joined into the two files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from payments.models import Action, Outcome, RecordXml
from payments.files.reader import ERROR_MESSAGE, Root

MAX_FAILURES_NAMED = 10

_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
_SUCCESSES = (Action.CREATED, Action.UPDATED)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BLANKS = re.compile(rb"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Failure:
    """A record of the fail file, by its number in the file, and why it is there."""

    record: int
    messages: tuple[str, ...]


def write_part(outcomes: Iterable[Outcome]) -> bytes:
    """Return the stored form of consecutive outcomes."""
    return b"".join(_line(outcome) for outcome in outcomes)


def actions_of_part(part: bytes) -> list[Action]:
    """Return what became of each record of a part."""
    return [Action(json.loads(line)["action"]) for line in part.splitlines()]


def join_parts(
    root: Root, parts: Iterable[bytes], success: Path, fail: Path, message: str | None = None
) -> tuple[Failure, ...]:
    """Write the success file and the fail file from all parts in order.

    `message` is why the file as a whole was refused or given up, if it was: the fail file then
    has it in an `<ErrorMessage>` right under the root. Returns the first records of the fail file.
    """
    failures: list[Failure] = []
    with success.open("wb") as success_file, fail.open("wb") as fail_file:
        for file in (success_file, fail_file):
            file.write(_DECLARATION + root.start_tag)
        if message is not None:
            prefix = root.end_tag.removeprefix(b"</").rpartition(b":")
            fail_file.write(b"\n  " + _element(prefix[0] + prefix[1], ERROR_MESSAGE, message))
        for part in parts:
            for line in part.splitlines():
                outcome = json.loads(line)
                failed = outcome["action"] not in _SUCCESSES
                file = fail_file if failed else success_file
                file.write(b"\n  " + outcome["xml"].encode())
                if failed and len(failures) < MAX_FAILURES_NAMED:
                    failures.append(Failure(outcome["record"], tuple(outcome["messages"])))
        for file in (success_file, fail_file):
            file.write(b"\n" + root.end_tag + b"\n")
    return tuple(failures)


def success_record(xml: RecordXml, payment_id: int) -> bytes:
    """Return the record as it came, with `<id>` set and without old error messages."""
    element = _element(_prefix(xml), "id", str(payment_id))
    edits = _without_error_messages(xml)
    if xml.payment_id:
        edits.append((*xml.payment_id, element))
    else:
        start = xml.content[0]
        edits.append((start, start, _first_indent(xml) + element))
    return _edited(xml, edits)


def failed_record(xml: RecordXml, messages: Iterable[str]) -> bytes:
    """Return the record as it came, with these error messages as its last children."""
    prefix, indent = _prefix(xml), _first_indent(xml)
    new = b"".join(indent + _element(prefix, ERROR_MESSAGE, message) for message in messages)
    content_end = xml.content[0] + len(xml.source[slice(*xml.content)].rstrip(b" \t\r\n"))
    return _edited(xml, [*_without_error_messages(xml), (content_end, content_end, new)])


def _line(outcome: Outcome) -> bytes:
    xml = outcome.record.xml
    if outcome.action in _SUCCESSES:
        assert outcome.payment_id is not None
        rendered = success_record(xml, outcome.payment_id)
    else:
        rendered = failed_record(xml, outcome.messages)
    line = {
        "record": outcome.record.number,
        "action": outcome.action,
        "messages": outcome.messages,
        "xml": rendered.decode(),
    }
    return json.dumps(line).encode() + b"\n"


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
    edits = []
    for start, end in xml.error_messages:
        before = xml.source[xml.content[0] : start].rstrip(b" \t\r\n")
        edits.append((xml.content[0] + len(before), end, b""))
    return edits


def _opened(start_tag: bytes) -> bytes:
    return start_tag[:-2].rstrip() + b">" if start_tag.endswith(b"/>") else start_tag


def _end_tag(xml: RecordXml) -> bytes:
    return b"</" + _name(xml) + b">"


def _name(xml: RecordXml) -> bytes:
    return re.split(rb"[\s/>]", xml.source[1 : xml.content[0]], maxsplit=1)[0]


def _prefix(xml: RecordXml) -> bytes:
    prefix, colon, _ = _name(xml).rpartition(b":")
    return prefix + colon


def _first_indent(xml: RecordXml) -> bytes:
    """Return the blanks before the record's first child, to indent further children alike."""
    match = _BLANKS.match(xml.source, xml.content[0], xml.content[1])
    return match[0] if match else b""


def _element(prefix: bytes, name: str, text: str) -> bytes:
    tag = prefix + name.encode()
    return b"<" + tag + b">" + escape(_NOT_XML.sub("\ufffd", text)).encode() + b"</" + tag + b">"
