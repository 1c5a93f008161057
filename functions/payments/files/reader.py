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
from xml.parsers.expat import ExpatError, errors

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from payments.errors import FileRefused
from payments.models import RecordXml
from payments.files.encoding import utf8_blocks

ROOT = "InvoicePayments"
RECORD = "InvoicePayment"
ERROR_MESSAGE = "ErrorMessage"

# Bounds on memory, far above what a payment needs. They hold for one record, and for one name,
# value or comment, which expat has to keep whole.
MAX_RECORD_BYTES = 1024 * 1024
MAX_DEPTH = 100
MAX_ROOT_TAG_BYTES = 16 * 1024

_NIL = ["http://www.w3.org/2001/XMLSchema-instance", "nil"]
_START_TAG = re.compile(rb"""<(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_BLANK = " \t\r\n"
_ROOT_DEPTH, _RECORD_DEPTH, _FIELD_DEPTH = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Root:
    """The root element's own tags, as they stand in the file."""

    start_tag: bytes = b"<InvoicePayments>"
    end_tag: bytes = b"</InvoicePayments>"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a file that may be imported consists of."""

    root: Root
    total: int


@dataclass(slots=True)
class Element:
    """An element inside a record: its local name, direct text, and child elements."""

    name: str
    nil: bool = False
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
        reader = _Reader()
        total = sum(1 for _ in reader.read(file))
        return CheckedFile(reader.root, total)


def read_records(path: Path, after: int = 0) -> Iterator[RawRecord]:
    """Yield the records of a checked file in order, beginning behind record `after`."""
    with path.open("rb") as file:
        for record in _Reader().read(file):
            if record.number > after:
                yield record


class _Reader:
    """Feed a file to the parser block by block and collect its records."""

    def __init__(self) -> None:
        self.root = Root()
        self._window = _Window()
        self._open: list[Element] = []
        self._found: list[RawRecord] = []
        self._record_start = 0
        self._records = 0
        self._spans: list[tuple[str, int, int]] = []
        self._span_start = 0
        self._defused = DefusedXMLParser(forbid_dtd=True, encoding="utf-8")
        self._expat = self._defused.parser
        self._expat.namespace_prefixes = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.DefaultHandlerExpand = None
        self._expat.CommentHandler = self._comment
        self._expat.ProcessingInstructionHandler = self._comment

    def read(self, file: BinaryIO) -> Iterator[RawRecord]:
        for block in utf8_blocks(file):
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
            reason = f"the file is not well-formed XML ({errors.messages[error.code]})."
            if error.code == errors.codes[errors.XML_ERROR_NO_ELEMENTS]:
                reason = "the file is empty, or is cut off: it ends before its root element does."
            raise self._refusal(reason, error.lineno, error.offset) from None
        except DefusedXmlException:
            reason = "DTDs, entity declarations and external references are not allowed."
            raise self._refusal(reason) from None

    def _refusal(
        self, reason: str, line: int | None = None, offset: int | None = None
    ) -> FileRefused:
        line = self._expat.CurrentLineNumber if line is None else line
        offset = self._expat.CurrentColumnNumber if offset is None else offset
        return FileRefused(f"line {line}, column {offset + 1}: {reason}")

    def _start(self, qualified: str, attributes: list[str]) -> None:
        element = Element(_local(qualified))
        self._open.append(element)
        depth = len(self._open)
        if depth == _ROOT_DEPTH:
            self._start_root(element.name)
        elif depth == _RECORD_DEPTH:
            self._record_start = self._expat.CurrentByteIndex
        elif depth == _FIELD_DEPTH:
            self._span_start = self._expat.CurrentByteIndex
        elif depth > MAX_DEPTH:
            raise self._refusal(f"elements are nested more than {MAX_DEPTH} deep.")
        if depth > _RECORD_DEPTH:
            self._open[-2].children.append(element)
        if attributes and depth >= _RECORD_DEPTH:
            element.nil = _is_nil(attributes)

    def _start_root(self, name: str) -> None:
        if name != ROOT:
            raise self._refusal(f"the root element is <{name[:100]}>, but must be <{ROOT}>.")
        start_tag = self._window.start_tag(self._expat.CurrentByteIndex)
        if len(start_tag) > MAX_ROOT_TAG_BYTES:
            raise self._refusal(f"the root's tag is over {MAX_ROOT_TAG_BYTES} bytes long.")
        if start_tag.endswith(b"/>"):
            start_tag = start_tag[:-2].rstrip() + b">"
        qualified = re.split(rb"[\s>]", start_tag[1:], maxsplit=1)[0]
        self.root = Root(start_tag, b"</" + qualified + b">")

    def _text(self, text: str) -> None:
        depth = len(self._open)
        if depth > _ROOT_DEPTH:
            self._open[-1].text += text
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
        return self._refusal("there is text outside of any record.", line, column or 0)

    def _comment(self, *_: str) -> None:
        """Let go of what stands between records."""
        if len(self._open) < _RECORD_DEPTH:
            self._window.drop_before(self._expat.CurrentByteIndex)

    def _end(self, _qualified: str) -> None:
        depth = len(self._open)
        element = self._open.pop()
        if depth == _FIELD_DEPTH:
            if element.name in ("id", ERROR_MESSAGE):
                end = self._window.element_end(self._span_start, self._expat.CurrentByteIndex)
                self._spans.append((element.name, self._span_start, end))
        elif depth == _RECORD_DEPTH:
            self._end_record(element)

    def _end_record(self, element: Element) -> None:
        spans, self._spans = self._spans, []
        end = self._window.element_end(self._record_start, self._expat.CurrentByteIndex)
        # A refused file's fail file has its message right under the root: no record.
        if element.name != ERROR_MESSAGE:
            self._records += 1
            source = self._window.slice(self._record_start, end)
            xml = _record_xml(source, self._record_start, spans)
            self._found.append(RawRecord(self._records, element, xml))
        self._window.drop_before(end)

    def _bound_memory(self) -> None:
        if len(self._open) >= _RECORD_DEPTH:
            if self._window.end - self._record_start > MAX_RECORD_BYTES:
                raise self._refusal(
                    f"record {self._records + 1} is larger than {MAX_RECORD_BYTES} bytes."
                )
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

    def start_tag(self, start: int) -> bytes:
        match = _START_TAG.match(self._bytes, start - self.start)
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


def _record_xml(source: bytes, start: int, spans: list[tuple[str, int, int]]) -> RecordXml:
    tag = _START_TAG.match(source)
    assert tag is not None, "a record begins with its start tag"
    empty = tag[0].endswith(b"/>")
    content = (tag.end(), tag.end() if empty else source.rindex(b"</"))
    return RecordXml(
        source,
        content,
        next(((s - start, e - start) for name, s, e in spans if name == "id"), None),
        tuple((s - start, e - start) for name, s, e in spans if name == ERROR_MESSAGE),
    )


def _local(qualified: str) -> str:
    """Return the local name of expat's `local`, `uri}local` or `uri}local}prefix`."""
    parts = qualified.split("}")
    return parts[-1] if len(parts) < 3 else parts[-2]


def _is_nil(attributes: list[str]) -> bool:
    return any(
        name.split("}")[:2] == _NIL and value.strip(_BLANK) in ("true", "1")
        for name, value in zip(attributes[::2], attributes[1::2], strict=True)
    )
