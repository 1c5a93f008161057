"""The few calls to ConnectWise's REST API that an import makes.

Paths and schemas: ConnectWise's OpenAPI description, `/finance/invoices` and its `payments`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from payments.errors import AnswerLost, ConnectWiseDown
from payments.models import Invoice, JsonValue, Payment
from payments.connectwise.transport import Transport

_INVOICE_FIELDS = "id,invoiceNumber,payments"
_PAYMENT_FIELDS = "id,amount"
_PAGE_SIZE = 1000  # the most that ConnectWise returns at once (its guide on pagination)


class ConnectWise:
    """Invoices and payments of one ConnectWise company."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        """Return those of the invoices that exist; as many as fit into a URL.

        Raises NotPermitted if the API member may not read invoices.
        """
        return self._invoices(f"id in ({','.join(str(number) for number in ids)})")

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        """Return all invoices that have one of the numbers, as `invoices_by_id` does."""
        return self._invoices(f"invoiceNumber in ({','.join(quoted(text) for text in numbers)})")

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        """Return the invoice's payments; raises NotFound if there is no such invoice."""
        query: dict[str, str | int] = {"fields": _PAYMENT_FIELDS, "pageSize": _PAGE_SIZE}
        rows = self._all_rows(f"/finance/invoices/{invoice_id}/payments", query)
        return tuple(_payment(row) for row in rows)

    def create_payment(self, invoice_id: int, fields: Mapping[str, JsonValue]) -> Payment:
        """Create a payment; the invoice is named in the body too, as working clients do.

        Raises AnswerLost if nobody knows whether it was created.
        """
        body = {**fields, "invoice": {"id": invoice_id}}
        answer = self._transport.post(f"/finance/invoices/{invoice_id}/payments", body)
        try:
            return _payment(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise AnswerLost("an answer without the payment") from error

    def update_payment(
        self, invoice_id: int, payment_id: int, fields: Mapping[str, JsonValue]
    ) -> Payment:
        """Set the fields of a payment and leave its others; raises NotFound if it is gone."""
        path = f"/finance/invoices/{invoice_id}/payments/{payment_id}"
        operations = [
            {"op": "replace", "path": name, "value": value} for name, value in fields.items()
        ]
        answer = self._transport.patch(path, operations)
        amount = answer.get("amount") if isinstance(answer, dict) else None
        return Payment(payment_id, _decimal(amount))

    def wait_after(self, failures: int) -> None:
        """Wait as long as before repeating a call that has failed that often."""
        self._transport.wait_after(failures)

    def _invoices(self, conditions: str) -> list[Invoice]:
        query: dict[str, str | int] = {
            "conditions": conditions,
            "fields": _INVOICE_FIELDS,
            "pageSize": _PAGE_SIZE,
        }
        return [_invoice(row) for row in self._all_rows("/finance/invoices", query)]

    def _all_rows(self, path: str, query: Mapping[str, str | int]) -> list[dict[str, Any]]:
        """Return the rows of all pages; a page may be shorter than was asked for.

        What moves to another page meanwhile must not count twice.
        """
        rows: dict[int, dict[str, Any]] = {}
        for number in count(1):
            paged = query if number == 1 else {**query, "page": number}
            answer, has_next = self._transport.get_page(path, paged)
            page = _rows(answer)
            rows |= {row["id"]: row for row in page}
            if not page or not (has_next or len(page) >= _PAGE_SIZE):
                break
        return list(rows.values())


def quoted(text: str) -> str:
    """Return `text` as a string in ConnectWise's conditions."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _rows(answer: Any) -> list[dict[str, Any]]:
    if isinstance(answer, list) and all(
        isinstance(row, dict) and isinstance(row.get("id"), int) for row in answer
    ):
        return answer
    raise ConnectWiseDown("ConnectWise answered a list of records with something else.")


def _invoice(row: dict[str, Any]) -> Invoice:
    return Invoice(int(row["id"]), str(row.get("invoiceNumber", "")), _decimal(row.get("payments")))


def _payment(row: dict[str, Any]) -> Payment:
    return Payment(int(row["id"]), _decimal(row.get("amount")))


def _decimal(number: Any) -> Decimal | None:
    return Decimal(number) if isinstance(number, int | Decimal) else None
