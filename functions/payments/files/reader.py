"""Check and read an input file, as a stream, in memory that does not grow with the file.

The parser is defusedxml's: DTDs, entity declarations and external references are refused. What
is kept of a record is its own bytes and where its elements stand in them, so that the success
and fail files can hand it back as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.parsers.expat import ErrorString, ExpatError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from payments.errors import FileRefused
from payments.files.encoding import utf8_blocks
from payments.files.formats import about_root, other_format
from payments.files.mistakes import NO_DOCTYPE, explain
from payments.files.unknown import about_attributes
from payments.import_state import CheckedFile, Root
from payments.models import RecordXml
from payments.wording import visible

ROOT = "InvoicePayments"
ROOTS = (ROOT,)
"""What a file may have as its root; `kinds` says what its records are."""

RECORD = "InvoicePayment"
ERROR_MESSAGE = "ErrorMessage"
START_TAG = re.compile(rb"""<(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")

# Bounds on memory, far above what a payment needs. The first holds for one record, not counting the
# error messages that we have written into it, and for one name, value or comment, which expat has
# to keep whole.
MAX_RECORD_BYTES = 1024 * 1024
MAX_MESSAGES_BYTES = MAX_RECORD_BYTES // 2
MAX_DEPTH = 100
MAX_ROOT_TAG_BYTES = 16 * 1024
# expat keeps every name for good, with about so much beside it.
MAX_NAMES_BYTES = 1024 * 1024
_NAME_OVERHEAD_BYTES = 100
_MAX_INTERNED = 20_000

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{_XSI}}}nil}}"
_NOT_OURS = (f"{_XSI}}}", "http://www.w3.org/XML/1998/namespace}")
_BLANK = " \t\r\n"
_STRAY_TEXT = "there is text outside of any record"
_ROOT_DEPTH, _RECORD_DEPTH, _FIELD_DEPTH = 1, 2, 3


@dataclass(slots=True)
class Element:
    """An element inside a record: its local name, direct text, and child elements.

    `attributes` are those that are no namespace, `xml:` or `xsi:` attributes, as they are written.
    """

    name: str
    nil: bool = False
    attributes: tuple[str, ...] = ()
    text: str = ""
    children: list[Element] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A child element of the root, not yet interpreted; `number` counts from 1."""

    number: int
    element: Element
    xml: RecordXml


def check_file(path: Path) -> CheckedFile:
    """Read the whole file once and return its root and its number of records.

    Raises FileRefused, with line and column, if anything in it is not as it must be.
    """
    with path.open("rb") as file:
        reader = _Reader(after=None)
        for _ in reader.read(file):
            pass
    if reader.has_message and not reader.records:
        raise FileRefused(
            "line 1, column 1: this is the fail file of a file that was refused as a whole. It "
            "holds no payments: correct the original file, and upload that one."
        )
    return CheckedFile(reader.root, reader.records)


def read_records(path: Path, after: int = 0) -> Iterator[RawRecord]:
    """Yield the records of a checked file in order, beginning behind record `after`."""
    with path.open("rb") as file:
        yield from _Reader(after).read(file)


class _Reader:
    """Feed a file to the parser block by block and collect the records behind record `after`.

    Of those before it, of all if that is None, only what may be wrong is looked at.
    """

    def __init__(self, after: int | None) -> None:
        self.root = Root()
        self.records = 0
        self.has_message = False
        self._after = after
        self._window = _Window()
        self._head = b""
        self._has_root = False
        self._open: list[str] = []
        self._elements: list[Element] = []
        self._collecting = False
        self._found: list[RawRecord] = []
        self._record_start = 0
        self._spans: list[tuple[str, int, int]] = []
        self._span_start = 0
        self._names: dict[str, str] = {}
        self._names_bytes = 0
        self._defused = DefusedXMLParser(forbid_dtd=True, encoding="utf-8")
        self._expat = self._defused.parser
        self._expat.namespace_prefixes = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.StartNamespaceDeclHandler = self._declare
        self._expat.DefaultHandlerExpand = None
        self._expat.CommentHandler = self._comment
        self._expat.ProcessingInstructionHandler = self._comment

    def read(self, file: BinaryIO) -> Iterator[RawRecord]:
        for block in utf8_blocks(file):
            self._head = self._head or block
            self._window.append(block)
            self._parse(block, final=False)
            yield from self._take_found()
            self._bound_memory()
        self._parse(b"", final=True)
        # expat may put off what it has been given to the very end.
        yield from self._take_found()

    def _take_found(self) -> list[RawRecord]:
        found, self._found = self._found, []
        return found

    def _parse(self, block: bytes, final: bool) -> None:
        try:
            self._expat.Parse(block, final)
        except ExpatError as error:
            self._refuse_other_format()
            source, at = self._window.around(self._expat.ErrorByteIndex)
            reason, back = explain(error.code, source, at, self._open)
            raise self._refusal(
                reason, error.lineno, error.offset - back, for_log=ErrorString(error.code)
            ) from None
        except DefusedXmlException:
            self._refuse_other_format()
            raise self._refusal(NO_DOCTYPE) from None

    def _refuse_other_format(self) -> None:
        reason = None if self._has_root else other_format(self._head)
        if reason is not None:
            raise FileRefused(f"line 1, column 1: {reason}") from None

    def _refusal(
        self,
        reason: str,
        line: int | None = None,
        offset: int | None = None,
        *,
        for_log: str | None = None,
    ) -> FileRefused:
        """Say what is wrong and where; `for_log` is the reason if that quotes the file."""
        line = self._expat.CurrentLineNumber if line is None else line
        offset = self._expat.CurrentColumnNumber if offset is None else offset
        place = f"line {line}, column {offset + 1}: "
        return FileRefused(place + reason, for_log=place + (for_log or reason))

    def _start(self, qualified: str, attributes: list[str]) -> None:
        name = self._names.get(qualified) or self._new_name(qualified)
        for attribute in attributes[::2]:
            if attribute not in self._names:
                self._new_name(attribute)
        self._open.append(name)
        depth = len(self._open)
        if depth > _FIELD_DEPTH:
            if depth > MAX_DEPTH:
                raise self._refusal(f"elements are nested more than {MAX_DEPTH} deep.")
        elif depth == _FIELD_DEPTH:
            if name in ("id", ERROR_MESSAGE):
                self._span_start = self._expat.CurrentByteIndex
        elif depth == _RECORD_DEPTH:
            self._start_record()
        else:
            self._start_root(name, _as_written(attributes))
        if self._collecting:
            self._collect(Element(name), attributes)

    def _new_name(self, qualified: str) -> str:
        """Note a name of an element or attribute, and return its local part."""
        self._names_bytes += len(qualified) + _NAME_OVERHEAD_BYTES
        if self._names_bytes > MAX_NAMES_BYTES:
            raise self._refusal(
                "elements and attributes have thousands of different names: this is no file of "
                "payments."
            )
        # expat gives `local`, `uri}local` or `uri}local}prefix`.
        parts = qualified.split("}")
        self._names[qualified] = parts[-1] if len(parts) < 3 else parts[-2]
        return self._names[qualified]

    def _declare(self, prefix: str | None, _uri: str) -> None:
        declared = f"xmlns:{prefix}"
        if declared not in self._names:
            self._new_name(declared)

    def _start_root(self, name: str, attributes: tuple[str, ...]) -> None:
        if name not in ROOTS:
            wanted = " or ".join(f"<{root}>" for root in ROOTS)
            told = f"the root element is <{name[:100]}>, but must be {wanted}. {about_root(name)}"
            raise self._refusal(told)
        self._has_root = True
        if attributes:
            told = about_attributes(name, attributes)
            raise self._refusal(told, for_log="the root has attributes that are not read.")
        start_tag = self._window.start_tag(self._expat.CurrentByteIndex)
        if len(start_tag) > MAX_ROOT_TAG_BYTES:
            raise self._refusal(f"the root's tag is over {MAX_ROOT_TAG_BYTES} bytes long.")
        if start_tag.endswith(b"/>"):
            start_tag = start_tag[:-2].rstrip() + b">"
        qualified = re.split(rb"[\s>]", start_tag[1:], maxsplit=1)[0]
        self.root = Root(start_tag, b"</" + qualified + b">")

    def _start_record(self) -> None:
        self._record_start = self._expat.CurrentByteIndex
        self._collecting = self._after is not None and self.records >= self._after
        if not self._collecting:
            self._expat.CharacterDataHandler = None

    def _collect(self, element: Element, attributes: list[str]) -> None:
        if self._elements:
            self._elements[-1].children.append(element)
        self._elements.append(element)
        if attributes:
            element.nil = _is_nil(attributes)
            element.attributes = _as_written(attributes)

    def _text(self, text: str) -> None:
        if self._elements:
            self._elements[-1].text += text
        elif text.strip(_BLANK):
            raise self._stray_text(text)

    def _stray_text(self, text: str) -> FileRefused:
        """Refuse text where it begins; expat reports it where it ends."""
        blanks = text[: -len(text.lstrip(_BLANK))]
        rest = text[len(blanks) :]
        line = self._expat.CurrentLineNumber - rest.count("\n")
        column = len(blanks) - blanks.rfind("\n") - 1 if "\n" in blanks else None
        if column is None and "\n" not in rest:
            column = self._expat.CurrentColumnNumber - len(rest)
        cure = "put it into an element of the record that it belongs to, or remove it."
        told = f"{_STRAY_TEXT}, '{visible(rest)}': {cure}"
        return self._refusal(told, line, column or 0, for_log=_STRAY_TEXT)

    def _comment(self, *_: str) -> None:
        """Let go of what stands between records."""
        if len(self._open) < _RECORD_DEPTH:
            self._window.drop_before(self._expat.CurrentByteIndex)

    def _end(self, _qualified: str) -> None:
        depth = len(self._open)
        name = self._open.pop()
        if depth == _FIELD_DEPTH:
            if name in ("id", ERROR_MESSAGE):
                end = self._window.element_end(self._span_start, self._expat.CurrentByteIndex)
                self._spans.append((name, self._span_start, end))
        elif depth == _RECORD_DEPTH:
            self._end_record(name)
        if self._elements:
            self._elements.pop()

    def _end_record(self, name: str) -> None:
        spans, self._spans = self._spans, []
        start = self._record_start
        end = self._window.element_end(start, self._expat.CurrentByteIndex)
        # A refused file's fail file has its message right under the root: no record.
        if name == ERROR_MESSAGE:
            self.has_message = True
        else:
            self.records += 1
            if end - start > MAX_RECORD_BYTES // 2:
                self._check_size(_record_xml(self._window.slice(start, end), start, spans))
            if self._collecting:
                xml = _record_xml(self._window.slice(start, end), start, spans)
                self._found.append(RawRecord(self.records, self._elements[0], xml))
        self._window.drop_before(end)
        if not self._collecting:
            self._expat.CharacterDataHandler = self._text
        self._collecting = False

    def _check_size(self, xml: RecordXml) -> None:
        """Refuse a record that could not be uploaded again out of a fail file."""
        size = len(xml.source) - sum(
            end - blanks_before(xml, start) for start, end in xml.error_messages
        )
        if xml.source.endswith(b"/>"):
            size += xml.content[0]  # it will have an end tag then
        if size > MAX_RECORD_BYTES:
            raise self._too_large(self.records)

    def _too_large(self, number: int) -> FileRefused:
        return self._refusal(f"record {number} is larger than {MAX_RECORD_BYTES} bytes.")

    def _bound_memory(self) -> None:
        # Python's part of the parser keeps names too, of instructions as well.
        if len(self._expat.intern) > _MAX_INTERNED:
            self._expat.intern.clear()
        if len(self._open) >= _RECORD_DEPTH:
            if self._window.end - self._record_start > MAX_RECORD_BYTES + MAX_MESSAGES_BYTES:
                raise self._too_large(self.records + 1)
        elif self._expat.CurrentByteIndex == self._window.end:
            self._window.drop_before(self._window.end)
        elif self._window.end - self._window.start > MAX_RECORD_BYTES:
            raise self._refusal(f"a name, value or comment is over {MAX_RECORD_BYTES} bytes long.")


class _Window:
    """The part of the file that is still needed, addressed by positions in the file."""

    def __init__(self) -> None:
        self.start = 0
        self._bytes = bytearray()

    @property
    def end(self) -> int:
        return self.start + len(self._bytes)

    def append(self, block: bytes) -> None:
        self._bytes += block

    def drop_before(self, position: int) -> None:
        del self._bytes[: position - self.start]
        self.start = position

    def slice(self, start: int, end: int) -> bytes:
        return bytes(self._bytes[start - self.start : end - self.start])

    def around(self, position: int) -> tuple[bytes, int]:
        """Return what stands around a position, and where it is in that."""
        start = max(position - 100, self.start)
        return self.slice(start, position + 200), max(position - start, 0)

    def start_tag(self, start: int) -> bytes:
        match = START_TAG.match(self._bytes, start - self.start)
        assert match is not None, "expat has accepted a start tag here"
        return match[0]

    def element_end(self, start: int, end_event: int) -> int:
        """Return where the element ends that begins at `start`.

        expat reports the end of `<a></a>` at its end tag, and that of `<a/>` behind it.
        """
        tag = self.start_tag(start)
        if tag.endswith(b"/>"):
            return start + len(tag)
        return self.start + self._bytes.index(b">", end_event - self.start) + 1


def blanks_before(xml: RecordXml, position: int) -> int:
    """Return where the blanks begin that stand in a record's content before a position."""
    while position > xml.content[0] and xml.source[position - 1] in b" \t\r\n":
        position -= 1
    return position


def _record_xml(source: bytes, start: int, spans: list[tuple[str, int, int]]) -> RecordXml:
    tag = START_TAG.match(source)
    assert tag is not None, "a record begins with its start tag"
    empty = tag[0].endswith(b"/>")
    content = (tag.end(), tag.end() if empty else source.rindex(b"</"))
    return RecordXml(
        source,
        content,
        next(((s - start, e - start) for name, s, e in spans if name == "id"), None),
        tuple((s - start, e - start) for name, s, e in spans if name == ERROR_MESSAGE),
    )


def _as_written(attributes: list[str]) -> tuple[str, ...]:
    """Return the attributes that matter, their names with a prefix."""
    return tuple(
        f'{_with_prefix(name)}="{value}"'
        for name, value in zip(attributes[::2], attributes[1::2], strict=True)
        if not name.startswith(_NOT_OURS)
    )


def _with_prefix(qualified: str) -> str:
    parts = qualified.split("}")
    return f"{parts[2]}:{parts[1]}" if len(parts) == 3 else parts[-1]


def _is_nil(attributes: list[str]) -> bool:
    return any(
        name.startswith(_NIL) and value.strip(_BLANK) in ("true", "1")
        for name, value in zip(attributes[::2], attributes[1::2], strict=True)
    )
