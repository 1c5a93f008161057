"""HTML out of texts: whatever comes in is escaped here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from payments.wording import seen


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
    return text if isinstance(text, Markup) else escape(seen(text))
