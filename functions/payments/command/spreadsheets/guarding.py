"""Write a value so that a spreadsheet takes it for text, and read it back.

A spreadsheet computes what begins like a formula, and changes what looks like a number or a day: an
external id of 00123 becomes 123. The mark for text is an apostrophe before it.
"""

from __future__ import annotations

import re

_MARK = "'"
_FORMULA = re.compile(r"[=+\-@\uff1d\uff0b\uff0d\uff20]")
_KEPT = re.compile(r"0|[1-9][0-9]{0,10}")
_CHANGED = re.compile(
    r"[0-9][0-9.,:/\- ]*(?:[ap]m?|e[+-]?[0-9]+|%)?|true|false|"
    r"[0-9 ./-]*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[0-9 ,./-]*",
    re.IGNORECASE,
)


def guarded(text: str, *, is_text: bool) -> str:
    """Return what to write into a cell; `is_text` says that it is no number or day."""
    return _MARK + text if _needs_mark(text, is_text) else text


def unguarded(cell: str, *, is_text: bool) -> str:
    """Return what was guarded."""
    is_marked = cell.startswith(_MARK) and _needs_mark(cell, is_text)
    return cell[len(_MARK) :] if is_marked else cell


def _needs_mark(text: str, is_text: bool) -> bool:
    bare = text.lstrip(_MARK)
    is_changed = is_text and not _KEPT.fullmatch(bare) and _CHANGED.fullmatch(bare)
    return bool(is_changed or _FORMULA.match(bare))
