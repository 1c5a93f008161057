"""Payment files: written for an upload, and read when they come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True, slots=True)
class Record:
    """A record that came back: its values by path (`invoice/id`), and its error messages."""

    values: dict[str, str]
    errors: list[str]

    @property
    def payment_id(self) -> int:
        """The id that a success file gives."""
        return int(self.values["id"])


def payment(
    *,
    payment_id: object = None,
    external_id: str | None = None,
    invoice: object = None,
    number: str | None = None,
    more: str = "",
    **fields: object,
) -> str:
    """One record; `fields` are elements by their names, `more` is XML as it is."""
    reference = _element("id", invoice) + _element("identifier", number)
    parts = [
        _element("id", payment_id),
        _element("externalId", external_id),
        f"<invoice>{reference}</invoice>" if reference else "",
        *(_element(name, value) for name, value in fields.items()),
        more,
    ]
    return f"<InvoicePayment>{''.join(parts)}</InvoicePayment>"


def payment_file(*records: str) -> bytes:
    """A file of these records."""
    lines = "".join(f"  {record}\n" for record in records)
    root = f'<InvoicePayments xmlns:xsi="{_XSI}">\n{lines}</InvoicePayments>\n'
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + root).encode()


def read_records(content: bytes) -> list[Record]:
    """The records of a file that came back."""
    root = ElementTree.fromstring(content)
    return [_record(child) for child in root if _local(child) != "ErrorMessage"]


def file_errors(content: bytes) -> list[str]:
    """The error messages of a file that was refused as a whole."""
    root = ElementTree.fromstring(content)
    return [child.text or "" for child in root if _local(child) == "ErrorMessage"]


def _record(element: ElementTree.Element) -> Record:
    errors = [child.text or "" for child in element if _local(child) == "ErrorMessage"]
    return Record(dict(_values(element)), errors)


def _values(element: ElementTree.Element, path: str = "") -> Iterator[tuple[str, str]]:
    for child in element:
        if _local(child) == "ErrorMessage":
            continue
        name = path + _local(child)
        if len(child):
            yield from _values(child, f"{name}/")
        else:
            yield name, child.text or ""


def _local(element: ElementTree.Element) -> str:
    tag: Any = element.tag
    return str(tag).rpartition("}")[2]


def _element(name: str, value: object) -> str:
    return "" if value is None else f"<{name}>{escape(str(value))}</{name}>"
