"""Find the invoice that an operator names, by its id or its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from payments.command.problem import CommandFailed
from payments.decisions import FoundInvoices
from payments.errors import NotPermitted
from payments.files.record import MAX_ID
from payments.wording import visible

LookUp: TypeAlias = Callable[[Sequence[int], Sequence[str]], FoundInvoices]
"""Look up ids and numbers of invoices."""

Named: TypeAlias = dict[int, str | None]
"""Invoices by their ids, with their numbers where these are known."""

_ID = "id:"


def find_invoice(named: str, look_up: LookUp) -> tuple[int, str | None]:
    """Return the invoice's id, and its number if that is known; raises CommandFailed.

    What is an id and a number of two invoices is neither: `id:206` is only an id.
    """
    text = named.strip()
    found = _by_id(text.removeprefix(_ID), look_up)
    if not text.startswith(_ID):
        found |= _by_number(text, look_up, may_not_know=bool(found))
    if not found:
        raise CommandFailed(
            f"ConnectWise has no invoice with the id or the number {visible(text)}, or the API "
            "member may not see it: then set the member's System Level to 1."
        )
    if len(found) > 1:
        ids = " or ".join(f"{_ID}{number}" for number in found)
        raise CommandFailed(f"{visible(text)} may be one of several invoices: write {ids}.")
    return found.popitem()


def _by_id(text: str, look_up: LookUp) -> Named:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:20]) <= MAX_ID):
        return {}
    number = int(text[:20])
    found = look_up([number], []).by_id
    invoice = found.get(number)
    if number in found and invoice is None:
        return {}
    return {number: None if invoice is None else invoice.number}


def _by_number(text: str, look_up: LookUp, *, may_not_know: bool) -> Named:
    try:
        found = look_up([], [text])
    except NotPermitted:
        if may_not_know:
            return {}
        raise
    for trouble in found.troubles.values():
        raise trouble
    return {invoice.id: invoice.number for invoice in found.by_number.get(text, ())}
