"""The few calls to ConnectWise's REST API that an import makes.

Paths and schemas: ConnectWise's OpenAPI description, `/finance/invoices` and its `payments`. An
answer that is not as described there is a ServerFault, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Protocol

from payments.connectwise.answers import usable_id, usable_number
from payments.errors import NoAnswer, ServerFault
from payments.models import Fields, Invoice, JsonValue, Payment
from payments.payment_fields import WRITABLE, Kind

_INVOICE_FIELDS = "id,invoiceNumber,payments,balance"
_PAYMENT_FIELDS = ",".join(("id", *(field.name for field in WRITABLE)))
_PAGE_SIZE = 1000  # the most that ConnectWise returns at once (its guide on pagination)
_MOST_PAGES = 20
_MOST_NUMBER_CHARACTERS = 100  # invoiceNumber has 15 at most (OpenAPI description)

Query = Mapping[str, str | int]
Row = Mapping[str, Any]


class Calls(Protocol):
    """Authenticated calls to ConnectWise."""

    def get(self, path: str, query: Query | None = None) -> Any: ...
    def get_page(self, path: str, query: Query | None = None) -> tuple[Any, bool]: ...
    def post(self, path: str, body: Mapping[str, Any]) -> Any: ...
    def patch(self, path: str, operations: list[Any]) -> Any: ...


class Finance:
    """Invoices and payments of one ConnectWise company."""

    def __init__(self, api: Calls) -> None:
        self._api = api

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        """Return those of the invoices that exist; as many as fit into a URL.

        Raises NotPermitted if the API member may not read invoices.
        """
        wanted = dict.fromkeys(ids)
        found = self._invoices(f"id in ({','.join(map(str, wanted))})", most_rows=len(wanted))
        return [invoice for invoice in found if invoice.id in wanted]

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        """Return all invoices that have one of the numbers, as `invoices_by_id` does."""
        return self._invoices(f"invoiceNumber in ({','.join(map(quoted, numbers))})")

    def payments(self, invoice_id: int, *, with_credits: bool = False) -> tuple[Payment, ...]:
        """Return the invoice's payments; raises NotFound if there is no such invoice.

        Rows with a `credit` are no payments, but credit memos that were applied to the invoice.
        """
        query: Query = {"fields": _PAYMENT_FIELDS, "pageSize": _PAGE_SIZE}
        rows = self._all_rows(payments_path(invoice_id), query)
        return tuple(
            Payment(number, shown(row))
            for number, row in rows.items()
            if with_credits or not row.get("credit")
        )

    def payment(self, invoice_id: int, payment_id: int) -> Payment:
        """Return one payment of the invoice; raises NotFound if it is not there."""
        query: Query = {"fields": _PAYMENT_FIELDS}
        answer = self._api.get(f"{payments_path(invoice_id)}/{payment_id}", query)
        if _id_of(answer) != payment_id:
            raise ServerFault("an answer that is not the payment")
        return Payment(payment_id, shown(answer))

    def create_payment(self, invoice_id: int, fields: Fields) -> Payment:
        """Create a payment; the invoice is named in the body too, as working clients do.

        Raises NoAnswer if nobody knows whether it was created, or which one it is.
        """
        body = {**fields, "invoice": {"id": invoice_id}}
        answer = self._api.post(payments_path(invoice_id), body)
        payment_id = _id_of(answer)
        if payment_id is None:
            raise NoAnswer("an answer without the payment")
        if _id_of(answer.get("invoice")) not in (None, invoice_id):
            raise NoAnswer("an answer about another invoice")
        return Payment(payment_id, shown(answer))

    def update_payment(self, invoice_id: int, payment_id: int, fields: Fields) -> Payment:
        """Set the fields of a payment and leave its others; raises NotFound if it is gone.

        An answer that is not about this payment shows nothing of it.
        """
        operations = [
            {"op": "replace", "path": name, "value": value} for name, value in fields.items()
        ]
        answer = self._api.patch(f"{payments_path(invoice_id)}/{payment_id}", operations)
        return Payment(payment_id, shown(answer) if _id_of(answer) == payment_id else {})

    def _invoices(self, conditions: str, most_rows: float = inf) -> list[Invoice]:
        query: Query = {
            "conditions": conditions,
            "fields": _INVOICE_FIELDS,
            "pageSize": _PAGE_SIZE,
        }
        rows = self._all_rows("/finance/invoices", query, most_rows)
        return [_invoice(number, row) for number, row in rows.items()]

    def _all_rows(self, path: str, query: Query, most_rows: float = inf) -> dict[int, Row]:
        """Return the rows of all pages by their ids; a page may be shorter than was asked for.

        What moves to another page meanwhile must not count twice. The last page is the one behind
        which there is none, the one that completes `most_rows`, or the first that brings nothing
        new.
        """
        rows: dict[int, Row] = {}
        for number in range(1, _MOST_PAGES + 1):
            paged = query if number == 1 else {**query, "page": number}
            answer, has_next = self._api.get_page(path, paged)
            page = _rows_by_id(answer)
            before = len(rows)
            rows |= page
            more = has_next or len(page) >= _PAGE_SIZE
            if not more or len(rows) == before or len(rows) >= most_rows:
                return rows
        raise ServerFault("pages without end")


def quoted(text: str) -> str:
    """Return `text` as a string in ConnectWise's conditions, where `[` begins a set."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("[", "[[]")
    return f'"{escaped}"'


def payments_path(invoice_id: int) -> str:
    """Return where the payments of an invoice are."""
    return f"/finance/invoices/{invoice_id}/payments"


def shown(row: Row) -> Fields:
    """Return the writable fields that a row shows with a usable value."""
    values = ((field.name, _value(field.kind, row.get(field.name))) for field in WRITABLE)
    return {name: value for name, value in values if value is not None}


def _id_of(answer: Any) -> int | None:
    return usable_id(answer.get("id")) if isinstance(answer, dict) else None


def _rows_by_id(answer: Any) -> dict[int, Row]:
    if not isinstance(answer, list):
        raise ServerFault("an answer that is not the list that was asked for")
    rows: dict[int, Row] = {}
    for row in answer:
        number = _id_of(row)
        if number is None:
            raise ServerFault("a list with something else than records")
        rows[number] = row
    return rows


def _invoice(invoice_id: int, row: Row) -> Invoice:
    number = row.get("invoiceNumber")
    text = str(number)[:_MOST_NUMBER_CHARACTERS] if type(number) in (str, int) else ""
    amounts = (usable_number(row.get(name)) for name in ("payments", "balance"))
    return Invoice(invoice_id, text, *amounts)


def _value(kind: Kind, value: object) -> JsonValue | None:
    if kind is Kind.AMOUNT:
        return usable_number(value)
    if kind is Kind.REFERENCE:
        number = _id_of(value)
        return None if number is None else {"id": number}
    return value if isinstance(value, str) else None
