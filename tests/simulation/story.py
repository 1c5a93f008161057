"""What happened in a seed, to be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from simulation.scenario import Scenario

_LONGEST = 220


def story(of: Scenario, trace: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Yield the scenario, and then event by event what came of it."""
    yield f"Seed {of.seed}, mode {of.mode}"
    for name in ("prevents_reprocessing", "takes_second_payment", "cuts_overpayments"):
        if getattr(of, name):
            yield f"  {name.replace('_', ' ')}"
    yield f"  {of.connections} connections, chunks of {of.chunk_records}"
    for invoice in of.invoices:
        held = [row for invoice_id, row in of.held if invoice_id == invoice.id]
        yield f"  {_told(invoice)} has {held}"
    yield f"  payments that are gone: {sorted(of.removed)}"
    yield from (f"  known: {external_id} is {_told(e)}" for external_id, e in of.truth.items())
    yield f"  {_told(of.mishaps)}"
    for upload in of.uploads:
        yield f"{upload.key} at {upload.at:.2f} s, announced {upload.announced} times"
        if upload.goes:
            yield f"  deleted at {upload.deleted_at}, overwritten at {upload.overwritten_at}"
        yield from (f"  {_told(record)}" for record in upload.records)
    for time, what, who, *about in trace:
        yield f"{time:10.2f}  {who:8} {what:12} {' '.join(map(str, about))}"[:_LONGEST]


def _told(thing: Any) -> str:
    """Return what a dataclass holds that is worth telling."""
    values = ((field.name, getattr(thing, field.name)) for field in fields(thing))
    return f"{type(thing).__name__}({', '.join(f'{n}={v}' for n, v in values if v or v == 0)})"
