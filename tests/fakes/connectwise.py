"""ConnectWise in memory, at the level of HTTP: what an import calls of invoices and payments.

Shapes: ConnectWise's OpenAPI description; errors and paging: its developer guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from requests.structures import CaseInsensitiveDict

from fakes.way import Way, straight
from payments.connectwise.wire import Request, Response

Row = dict[str, Any]

_JSON = CaseInsensitiveDict({"Content-Type": "application/json; charset=utf-8"})
_API = re.compile(
    r".*?apis/3\.0/finance/invoices(?:/([0-9]+)/payments(?:/([0-9]+))?)?", re.ASCII | re.DOTALL
)
_KINDS = {
    ("GET", False, False): "invoices",
    ("GET", True, False): "payments",
    ("GET", True, True): "payment",
    ("POST", True, False): "create",
    ("PATCH", True, True): "update",
}
_IDS = re.compile(r"id in \(([0-9,]+)\)", re.ASCII)
_NUMBERS = re.compile(r'invoiceNumber in \(("(?:[^"\\]|\\.)*"(?:,"(?:[^"\\]|\\.)*")*)\)', re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(slots=True)
class FakeInvoice:
    """An invoice; what is paid on it lies with the payments."""

    id: int
    number: str = ""
    total: Decimal = Decimal(100)
    credits: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        self.number = self.number or f"INV-{self.id}"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: which kind it is, and what it is about.

    Kinds: `company`, `invoices`, `payments`, `payment`, `create`, `update`, `other`.
    """

    kind: str
    invoice_id: int | None = None
    payment_id: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether it means to change a payment."""
        return self.kind in ("create", "update")

    def __str__(self) -> str:
        shown = " ".join(f"{name}={_plain(value)}" for name, value in self.fields.items())
        about = [self.invoice_id and f"invoice {self.invoice_id}", self.payment_id, shown]
        about += [self.query.get("conditions")]
        return " ".join([self.kind, *(str(part) for part in about if part)])


class FakeConnectWise:
    """A tenant, as a Wire.

    The ids of an invoice's payments tell the invoice, so that they do not depend on the order of
    creates on different invoices: 301 is the first payment of invoice 3.
    """

    def __init__(
        self,
        *invoices: FakeInvoice,
        takes_second_payment: bool = False,
        cuts_overpayments: bool = False,
        way: Way = straight,
    ) -> None:
        self.invoices = {invoice.id: invoice for invoice in invoices}
        self.takes_second_payment = takes_second_payment
        self.cuts_overpayments = cuts_overpayments
        self.way = way
        self.held: dict[int, dict[int, Row]] = {invoice.id: {} for invoice in invoices}
        self.created: list[tuple[int, int]] = []
        self.calls: list[Call] = []
        self._numbered: dict[int, int] = {}

    # As others see it

    def send(self, request: Request) -> Response:
        call = read_call(request)
        self.calls.append(call)
        return self.way(call.kind, call, lambda: self.answer(call))

    def add_payment(self, invoice_id: int, **fields: Any) -> int:
        """Record a payment as somebody else would; return its id."""
        number = self._numbered[invoice_id] = self._numbered.get(invoice_id, 0) + 1
        payment_id = invoice_id * 100 + number
        self.held[invoice_id][payment_id] = {"id": payment_id, **fields}
        return payment_id

    def remove_payment(self, payment_id: int) -> None:
        """Delete a payment as somebody else would."""
        del self.held[payment_id // 100][payment_id]

    def amounts(self, invoice_id: int) -> list[Decimal]:
        """Return what the payments of an invoice amount to, credit memos aside."""
        return [row["amount"] for row in self.held[invoice_id].values() if "credit" not in row]

    @property
    def writes(self) -> list[Call]:
        """All calls that meant to change payments, in order."""
        return [call for call in self.calls if call.writes]

    # What a call does

    def answer(self, call: Call) -> Response:
        """Let the call take effect, and return ConnectWise's answer to it."""
        if call.kind == "company":
            return answer(200, {"Codebase": "v2026_1/", "CompanyName": "Acme", "IsCloud": True})
        if call.kind == "invoices":
            return self._list_invoices(call)
        if call.kind == "other" or call.invoice_id is None:
            return error(404, "ConnectWiseApi", "The endpoint does not exist.")
        if call.invoice_id not in self.invoices:
            return error(404, "NotFound", f"Invoice {call.invoice_id} not found")
        return self._about_invoice(call, call.invoice_id)

    def _about_invoice(self, call: Call, invoice_id: int) -> Response:
        if call.kind == "payments":
            rows = self.held[invoice_id].values()
            return _page([self._shown(invoice_id, row) for row in rows], call)
        if call.kind == "create":
            return self._create(invoice_id, call.fields)
        return self._one_payment(call, invoice_id)

    def _one_payment(self, call: Call, invoice_id: int) -> Response:
        row = self.held[invoice_id].get(call.payment_id or 0)
        if row is None:
            return error(404, "NotFound", f"Payment {call.payment_id} not found")
        if call.kind == "update":
            row.update(call.fields)
            self._cut(invoice_id, row)
        return answer(200, self._shown(invoice_id, row))

    def _create(self, invoice_id: int, fields: Mapping[str, Any]) -> Response:
        if "amount" not in fields:
            return error(400, "MissingRequiredField", "The amount field is required.", "amount")
        if self.amounts(invoice_id) and not self.takes_second_payment:
            return error(400, "ObjectExists", "The invoice has a payment already.")
        payment_id = self.add_payment(invoice_id, **fields)
        self.created.append((invoice_id, payment_id))
        self._cut(invoice_id, self.held[invoice_id][payment_id])
        return answer(201, self._shown(invoice_id, self.held[invoice_id][payment_id]))

    def _cut(self, invoice_id: int, row: Row) -> None:
        if self.cuts_overpayments and "amount" in row:
            invoice = self.invoices[invoice_id]
            others = sum(self.amounts(invoice_id), Decimal(0)) - row["amount"]
            row["amount"] = min(row["amount"], max(invoice.total - invoice.credits - others, 0))

    def _list_invoices(self, call: Call) -> Response:
        conditions = call.query.get("conditions")
        if conditions is None:
            found = list(self.invoices.values())
        elif ids := _IDS.fullmatch(conditions):
            wanted = [int(text) for text in ids[1].split(",")]
            found = [self.invoices[number] for number in wanted if number in self.invoices]
        elif numbers := _NUMBERS.fullmatch(conditions):
            texts = {_unquoted(text).casefold() for text in _STRING.findall(numbers[1])}
            found = [row for row in self.invoices.values() if row.number.casefold() in texts]
        else:
            return error(400, "ApiFindCondition", f"{conditions[:50]} is not recognized.")
        return _page([self._invoice_row(invoice) for invoice in found], call)

    def _invoice_row(self, invoice: FakeInvoice) -> Row:
        paid = sum(self.amounts(invoice.id), Decimal(0))
        return {
            "id": invoice.id,
            "invoiceNumber": invoice.number,
            "total": invoice.total,
            "payments": paid,
            "credits": invoice.credits,
            "balance": invoice.total - invoice.credits - paid,
        }

    def _shown(self, invoice_id: int, row: Row) -> Row:
        return {
            **row,
            "invoice": {"id": invoice_id, "identifier": self.invoices[invoice_id].number},
            "_info": {"lastUpdated": "2026-01-01T00:00:00Z"},
        }


def read_call(request: Request) -> Call:
    """Return what a request means."""
    parts = urlsplit(request.url)
    if "/login/companyinfo/" in parts.path:
        return Call("company")
    found = _API.fullmatch(unquote(parts.path))
    if found is None:
        return Call("other")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    invoice_id, payment_id = (None if text is None else int(text) for text in found.groups())
    what = request.method, invoice_id is not None, payment_id is not None
    kind = _KINDS.get(what, "other")
    return Call(kind, invoice_id, payment_id, _fields(kind, request.body), query)


def _fields(kind: str, body: bytes | None) -> Row:
    """Return the fields of a payment that a call wants to set, as ConnectWise stores them."""
    if kind not in ("create", "update"):
        return {}
    given = json.loads(body or b"null", parse_float=Decimal)
    if kind == "update":
        assert all(operation["op"] in ("replace", "add") for operation in given), given
        given = {operation["path"].strip("/"): operation["value"] for operation in given}
    return {name: _held(name, value) for name, value in given.items() if name != "invoice"}


def answer(status: int, body: Any, **headers: str) -> Response:
    """Return an answer of ConnectWise's in JSON."""
    content = json.dumps(body, default=float).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, CaseInsensitiveDict({**_JSON, **named}) if named else _JSON, content)


def error(status: int, code: str, message: str, field_name: str | None = None) -> Response:
    """Return an error as ConnectWise words it."""
    body: Row = {"code": code, "message": message, "errors": None}
    if field_name is not None:
        detail = {"code": code, "message": message, "resource": "payment", "field": field_name}
        body = {"code": "InvalidObject", "message": "payment object is invalid", "errors": [detail]}
    return answer(status, body)


def page_of_html(status: int, **headers: str) -> Response:
    """Return the answer of something between us and ConnectWise."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f"<html><head><title>{status}</title></head><body>Sorry</body></html>".encode()
    return Response(status, CaseInsensitiveDict({"Content-Type": "text/html", **named}), body)


def _page(rows: list[Row], call: Call) -> Response:
    size = min(int(call.query.get("pageSize", 25)), 1000)
    page = int(call.query.get("page", 1))
    shown = rows[(page - 1) * size : page * size]
    if names := call.query.get("fields"):
        wanted = {name.partition("/")[0] for name in names.split(",")}
        shown = [{n: value for n, value in row.items() if n in wanted} for row in shown]
    more = (
        {"Link": f'<https://next?page={page + 1}>; rel="next"'} if page * size < len(rows) else {}
    )
    return answer(200, shown, **more)


def _held(name: str, value: Any) -> Any:
    """Return a value as ConnectWise stores it."""
    return Decimal(str(value)) if name == "amount" else value


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace("[[]", "[")


def _plain(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
