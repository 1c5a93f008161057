"""The invoices: single ones, and series of any length that take no room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

NUMBER_PLACE = "{id}"


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice; what is paid on it lies with the payments."""

    id: int
    number: str
    total: Decimal
    credits: Decimal
    fields: Mapping[str, Any]
    """All other fields of the record, by ConnectWise's names."""


@dataclass(frozen=True, slots=True)
class InvoiceSeries:
    """Invoices alike but for their ids and numbers, made when asked for."""

    ids: range
    number: str
    total: Decimal
    credits: Decimal
    fields: Mapping[str, Any]

    def invoice(self, invoice_id: int) -> Invoice:
        """Make one invoice of the series."""
        number = self.number.replace(NUMBER_PLACE, str(invoice_id))
        return Invoice(invoice_id, number, self.total, self.credits, self.fields)

    def numbered(self, number: str) -> int | None:
        """Return the id of the invoice with that number, whatever its case, or None."""
        before, _, after = self.number.casefold().partition(NUMBER_PLACE)
        digits = number.casefold().removeprefix(before).removesuffix(after)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(self.ids.stop))):
            return None
        same = f"{before}{int(digits)}{after}" == number.casefold()
        return int(digits) if same and int(digits) in self.ids else None


class InvoiceBook:
    """All invoices of the tenant, by id and by number."""

    def __init__(self) -> None:
        self._single: dict[int, Invoice] = {}
        self._series: list[InvoiceSeries] = []
        self._deleted: set[int] = set()
        self._numbers: dict[str, list[int]] = {}
        self._ids: list[int] | None = None

    def add(self, invoice: Invoice) -> None:
        """Add or overwrite one invoice. Numbers need not be unique."""
        self.delete(invoice.id)
        self._deleted.discard(invoice.id)
        self._single[invoice.id] = invoice
        self._numbers.setdefault(invoice.number.casefold(), []).append(invoice.id)

    def add_series(self, series: InvoiceSeries) -> None:
        """Add a series; single invoices with the same ids keep the upper hand."""
        self._series.append(series)
        self._deleted.difference_update(series.ids)
        self._ids = None

    def delete(self, invoice_id: int) -> bool:
        """Take an invoice out; False if there is none."""
        found = self.get(invoice_id)
        single = self._single.pop(invoice_id, None)
        if single is not None:
            self._numbers[single.number.casefold()].remove(invoice_id)
        self._deleted.add(invoice_id)
        self._ids = None
        return found is not None

    def get(self, invoice_id: int) -> Invoice | None:
        """Return an invoice, or None."""
        single = self._single.get(invoice_id)
        if single is not None:
            return single
        if invoice_id in self._deleted:
            return None
        for series in self._series:
            if invoice_id in series.ids:
                return series.invoice(invoice_id)
        return None

    def numbered(self, number: str) -> Iterator[int]:
        """Yield the ids of the invoices with that number, whatever its case."""
        yield from self._numbers.get(number.casefold(), ())
        for series in self._series:
            found = series.numbered(number)
            if found is not None and found not in self._single and found not in self._deleted:
                yield found

    def ids(self) -> list[int]:
        """Return all ids in order."""
        if self._ids is None:
            known = {invoice_id for series in self._series for invoice_id in series.ids}
            self._ids = sorted((known - self._deleted) | self._single.keys())
        return self._ids
