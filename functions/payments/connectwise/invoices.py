"""Find the invoices of many records with few calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import quote_plus

from aws_lambda_powertools import Logger

from payments.connectwise.finance import quoted
from payments.errors import NotPermitted, RecordRejected, ServerFault
from payments.models import Invoice
from payments.rules import FoundInvoices, InvoiceQuery

logger = Logger(child=True)

# Working clients keep their URLs under 2,000 characters. This is for the ids or numbers alone;
# host, path, fields and page size need the rest.
MAX_LIST_CHARACTERS = 1700
_MAX_LISTED = 1000  # one page
_MOST_FAULTS = 3

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


def batches(queries: Iterable[InvoiceQuery]) -> list[Batch]:
    """Share out what has to be looked up over as few calls as possible."""
    wanted = list(queries)
    ids = dict.fromkeys(query.invoice_id for query in wanted if query.invoice_id is not None)
    numbers = dict.fromkeys(query.invoice_number for query in wanted if query.invoice_number)
    return [
        *(Batch(ids=part) for part in _split(ids, str)),
        *(Batch(numbers=part) for part in _split(numbers, quoted)),
    ]


class InvoiceLookup:
    """Look batches up; without permission to read invoices, find nothing out about ids.

    Their payments are then asked for one invoice at a time.
    """

    def __init__(self, invoices: Invoices) -> None:
        self._invoices = invoices
        self._permitted = True

    def look_up(self, batch: Batch) -> FoundInvoices:
        """Return what is known of the invoices in the batch."""
        if batch.numbers:
            return self._by_number(batch.numbers)
        return self._by_id(batch.ids)

    def _by_id(self, ids: tuple[int, ...]) -> FoundInvoices:
        if not self._permitted:
            return FoundInvoices()
        try:
            found = {invoice.id: invoice for invoice in self._invoices.invoices_by_id(ids)}
        except NotPermitted as error:
            if self._permitted:
                logger.warning("Invoices are looked up one by one", reason=error.for_log)
            self._permitted = False
            return FoundInvoices()
        except (RecordRejected, ServerFault) as error:
            logger.warning("Bulk lookup rejected", reason=type(error).__name__)
            return FoundInvoices()
        return FoundInvoices(by_id={number: found.get(number) for number in ids})

    def _by_number(self, numbers: tuple[str, ...]) -> FoundInvoices:
        try:
            invoices = self._invoices.invoices_by_number(numbers)
        except NotPermitted as error:
            text = "Records that name their invoice by its number need the right to read invoices."
            raise NotPermitted(f"{text} {error}", for_log=f"{text} {error.for_log}") from error
        except (RecordRejected, ServerFault) as error:
            return self._one_by_one(numbers, error)
        found: dict[str, list[Invoice]] = {}
        for invoice in invoices:
            found.setdefault(invoice.number.strip().casefold(), []).append(invoice)
        return FoundInvoices(
            by_number={text: tuple(found.get(text.casefold(), ())) for text in numbers}
        )

    def _one_by_one(
        self, numbers: tuple[str, ...], error: RecordRejected | ServerFault
    ) -> FoundInvoices:
        """Find out which of the numbers ConnectWise does not accept in a search, or fails at.

        Each failure takes a while, so that after a few nobody asks on.
        """
        if len(numbers) == 1 and isinstance(error, RecordRejected):
            return FoundInvoices(rejected_numbers={numbers[0]: error.messages})
        if len(numbers) == 1 and isinstance(error, ServerFault):
            return FoundInvoices(faults={numbers[0]: error})
        found = FoundInvoices()
        for place, number in enumerate(numbers):
            found = merged((found, self._by_number((number,))))
            if len(found.faults) == _MOST_FAULTS:
                unasked = dict.fromkeys(numbers[place + 1 :], next(iter(found.faults.values())))
                found = merged((found, FoundInvoices(faults=unasked)))
                break
        for fault in found.faults.values():
            fault.alone = bool(found.by_number)
        return found


def merged(parts: Iterable[FoundInvoices]) -> FoundInvoices:
    """Return what several lookups found together."""
    by_id: dict[int, Invoice | None] = {}
    by_number: dict[str, tuple[Invoice, ...]] = {}
    rejected: dict[str, tuple[str, ...]] = {}
    faults: dict[str, ServerFault] = {}
    for part in parts:
        by_id.update(part.by_id)
        by_number.update(part.by_number)
        rejected.update(part.rejected_numbers)
        faults.update(part.faults)
    return FoundInvoices(by_id, by_number, rejected, faults)


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
