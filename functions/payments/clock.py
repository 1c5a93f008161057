"""The time, as it is written into tables."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """Return the time in ISO 8601 UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
