"""Names of local files: on many systems any bytes, not only text."""

from __future__ import annotations


def as_text(name: str) -> str:
    """Return a name that can be printed and stored; what is no text in it is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
