"""Find the invoices of many records with few calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import quote_plus

from aws_lambda_powertools import Logger

from payments.connectwise.finance import quoted
from payments.connectwise.patience import Patience, Steps
from payments.decisions import FoundInvoices
from payments.errors import NoAnswer, NotPermitted, RecordRejected, RecordStuck, ServerFault
from payments.models import Invoice

logger = Logger(child=True)

# ConnectWise takes URLs of 2,000 characters, 1,745 to be safe with any host name (its developer
# guide). This is for the ids or numbers alone; host, path, fields and page size need the rest.
MAX_LIST_CHARACTERS = 1500
_MAX_LISTED = 1000  # one page

_KIND = "read invoices"

_Named = TypeVar("_Named", int, str)


class Invoices(Protocol):
    """Where invoices are looked up: ConnectWise."""

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]: ...
    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """As many invoice ids, or invoice numbers, as one call can ask for."""

    ids: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()


def batches(ids: Iterable[int], numbers: Iterable[str]) -> list[Batch]:
    """Share out what has to be looked up over as few calls as possible."""
    return [
        *(Batch(ids=part) for part in _split(dict.fromkeys(ids), str)),
        *(Batch(numbers=part) for part in _split(dict.fromkeys(numbers), quoted)),
    ]


class InvoiceLookup:
    """Look batches up; without permission to read invoices, find nothing out about ids.

    Their payments are then asked for one invoice at a time.
    """

    def __init__(self, invoices: Invoices, patience: Patience) -> None:
        self._invoices = invoices
        self._patience = patience
        self._permitted = True

    def look_up_all(self, wanted: Iterable[Batch]) -> Steps[FoundInvoices]:
        """Return what is known of all invoices in the batches."""
        found = FoundInvoices()
        for batch in wanted:
            found = merged((found, (yield from self.look_up(batch))))
        return found

    def look_up(self, batch: Batch) -> Steps[FoundInvoices]:
        """Return what is known of the invoices in the batch."""
        if batch.numbers:
            return (yield from self._by_number(batch.numbers))
        return (yield from self._by_id(batch.ids))

    def _by_id(self, ids: tuple[int, ...]) -> Steps[FoundInvoices]:
        if not self._permitted:
            return FoundInvoices()
        try:
            invoices = yield from self._asked(lambda: self._invoices.invoices_by_id(ids))
        except NotPermitted as error:
            if self._permitted:
                logger.warning("Invoices are looked up one by one", reason=error.for_log)
            self._permitted = False
            return FoundInvoices()
        except (RecordRejected, RecordStuck, ServerFault) as error:
            logger.warning("Bulk lookup failed", reason=type(error).__name__)
            return FoundInvoices()
        found = {invoice.id: invoice for invoice in invoices}
        return FoundInvoices(by_id={number: found.get(number) for number in ids})

    def _by_number(self, numbers: tuple[str, ...]) -> Steps[FoundInvoices]:
        """Look numbers up; those that ConnectWise does not accept, or fails at, are singled out."""
        try:
            invoices = yield from self._asked(lambda: self._invoices.invoices_by_number(numbers))
        except NotPermitted as error:
            text = "Records that name their invoice by its number need the right to read invoices."
            raise NotPermitted(f"{text} {error}", for_log=f"{text} {error.for_log}") from error
        except (RecordRejected, RecordStuck, ServerFault):
            if len(numbers) == 1:
                return (yield from self._alone(numbers[0]))
            half = len(numbers) // 2
            first = yield from self._by_number(numbers[:half])
            second = yield from self._by_number(numbers[half:])
            return merged((first, second))
        return _found(numbers, invoices)

    def _asked(self, ask: Callable[[], list[Invoice]]) -> Steps[list[Invoice]]:
        """Ask patiently for many invoices; raises ServerFault at once: it may be one's alone."""
        tries = self._patience.tries(_KIND)
        while True:
            try:
                invoices = ask()
            except NoAnswer as failure:
                yield tries.failed(failure)
            else:
                tries.accepted()
                return invoices

    def _alone(self, number: str) -> Steps[FoundInvoices]:
        """Look up a number that has failed, or find out what is the matter with it."""
        try:
            invoices = yield from self._patience.patiently(
                _KIND, lambda: self._invoices.invoices_by_number((number,)), with_control=True
            )
        except (RecordRejected, RecordStuck) as error:
            return FoundInvoices(troubles={number: error})
        return _found((number,), invoices)


def _found(numbers: tuple[str, ...], invoices: list[Invoice]) -> FoundInvoices:
    found: dict[str, list[Invoice]] = {}
    for invoice in invoices:
        found.setdefault(invoice.number.strip().casefold(), []).append(invoice)
    return FoundInvoices(
        by_number={text: tuple(found.get(text.casefold(), ())) for text in numbers}
    )


def merged(parts: Iterable[FoundInvoices]) -> FoundInvoices:
    """Return what several lookups found together."""
    by_id: dict[int, Invoice | None] = {}
    by_number: dict[str, tuple[Invoice, ...]] = {}
    troubles: dict[str, Exception] = {}
    for part in parts:
        by_id.update(part.by_id)
        by_number.update(part.by_number)
        troubles.update(part.troubles)
    return FoundInvoices(by_id, by_number, troubles)


def _split(
    wanted: Iterable[_Named], written: Callable[[_Named], str]
) -> Iterator[tuple[_Named, ...]]:
    part: list[_Named] = []
    characters = 0
    for name in wanted:
        length = len(quote_plus(f"{written(name)},"))
        if part and (characters + length > MAX_LIST_CHARACTERS or len(part) == _MAX_LISTED):
            yield tuple(part)
            part, characters = [], 0
        part.append(name)
        characters += length
    if part:
        yield tuple(part)
