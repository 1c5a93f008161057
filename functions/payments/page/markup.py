"""HTML out of texts: whatever comes in is escaped here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from unicodedata import category

_INSTEAD = "\ufffd"


class Markup(str):
    """Text that is HTML already: a constant, or made here."""

    __slots__ = ()


def element(name: str, *content: str, **attributes: str) -> Markup:
    """Return an element; the name of an attribute has _ for -, and one behind a word of Python."""
    names = {key.rstrip("_").replace("_", "-"): text for key, text in attributes.items()}
    return joined(opening(name, names), *content, closing(name))


def joined(*content: str) -> Markup:
    """Return texts and markup, one behind the other."""
    return Markup("".join(map(_escaped, content)))


def opening(name: str, attributes: Mapping[str, str] = MappingProxyType({})) -> Markup:
    """Return the start tag of an element that has no content, or too much to be made at once."""
    given = "".join(f' {key}="{_escaped(text)}"' for key, text in attributes.items() if text)
    return Markup(f"<{name}{given}>")


def closing(name: str) -> Markup:
    """Return the end tag of an element."""
    return Markup(f"</{name}>")


def _escaped(text: str) -> str:
    return text if isinstance(text, Markup) else escape("".join(map(_seen, text)))


def _seen(character: str) -> str:
    """Return a character that can be seen, and that steers nothing.

    Half a surrogate pair has no UTF-8; a mark of direction turns around what stands beside it.
    """
    if character.isprintable() or category(character) == "Zs":
        return character
    return " " if character.isspace() else _INSTEAD
