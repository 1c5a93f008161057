"""A record as the cells of a row, by the paths of its elements, and back."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from payments.command.spreadsheets.columns import PATHS
from payments.files.reader import RECORD, Element
from payments.wording import BLANKS

_INDENT = "  "


def to_element(cells: Mapping[str, str]) -> Element:
    """Return the record that has these values."""
    record = Element(RECORD)
    for path, text in cells.items():
        name, _, part = path.partition("/")
        if part:
            parent = next((child for child in record.children if child.name == name), None)
            if parent is None:
                parent = Element(name)
                record.children.append(parent)
            parent.children.append(Element(part, text=text))
        else:
            record.children.append(Element(name, text=text))
    return record


def to_cells(record: Element) -> dict[str, str]:
    """Return the values of a record that have a column; of several for one, the first."""
    cells: dict[str, str] = {}
    for child in record.children:
        for path, element in (
            (child.name, child),
            *((f"{child.name}/{part.name}", part) for part in child.children),
        ):
            text = element.text.strip(BLANKS)
            if text and path in PATHS:
                cells.setdefault(path, text)
    return cells


def to_xml(element: Element, indent: str = _INDENT) -> str:
    """Return an element as it stands in a file, its first line not indented."""
    if not element.children:
        content = escape(element.text, {"\r": "&#13;"})
    else:
        inner = indent + _INDENT
        content = "".join(f"\n{inner}{to_xml(child, inner)}" for child in element.children)
        content += f"\n{indent}"
    return f"<{element.name}>{content}</{element.name}>"
