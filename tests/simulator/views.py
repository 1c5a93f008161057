"""Invoices and payments as ConnectWise shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simulator.invoices import Invoice
from simulator.payments import Paid, Payment
from simulator.settings import Settings

_API_MEMBER = "ImportApi"


def invoice_view(invoice: Invoice, paid: Paid) -> dict[str, Any]:
    """Show an invoice; `payments` is an amount there, not a list (OpenAPI description)."""
    return {
        "id": invoice.id,
        "invoiceNumber": invoice.number,
        **invoice.fields,
        "total": invoice.total,
        "payments": paid.payments,
        "credits": invoice.credits + paid.credits,
        "balance": open_balance(invoice, paid),
    }


def open_balance(invoice: Invoice, paid: Paid) -> Decimal:
    """Return what is still to be paid on an invoice."""
    return invoice.total - invoice.credits - paid.payments - paid.credits


def payment_view(payment: Payment, invoice: Invoice, paid: Paid) -> dict[str, Any]:
    """Show a payment; fields without a value are left out."""
    values = payment.values
    balance = open_balance(invoice, paid)
    view: dict[str, Any] = {
        "id": payment.id,
        "type": "C" if payment.is_credit() else "P",
        "source": "Default",
        "amount": values.amount,
        "balance": balance,
        "invoiceBalance": balance,
        "invoiceTotal": invoice.total,
        "paymentDate": values.payment_date,
        "appliedBy": _API_MEMBER,
        "paymentSyncStatus": "Unapplied",
        **values.fields,
        "invoice": {"id": invoice.id, "identifier": invoice.number},
        "_info": {"lastUpdated": payment.updated, "updatedBy": _API_MEMBER},
    }
    return {name: value for name, value in view.items() if value is not None}


def as_shown(payment: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Show a payment as this tenant does."""
    view = dict(payment)
    sent = view.pop("paymentDate", None)
    if sent is not None and settings.shows_days:
        moment = datetime.fromisoformat(sent) + timedelta(hours=settings.day_shift_hours)
        view["paymentDate"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if settings.credit_rows == "unmarked":
        view.pop("credit", None)
    return view


def project(record: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Keep the named fields only; `status/isClosed` keeps that part of the status.

    `_info` goes unless it is named, as working clients report. A name that the record does not
    have is passed over (not documented).
    """
    kept: dict[str, Any] = {}
    for path in paths:
        _keep(record, kept, path.split("/"))
    return kept


def _keep(record: Mapping[str, Any], kept: dict[str, Any], names: Sequence[str]) -> None:
    name = names[0]
    if name not in record:
        return
    if len(names) == 1:
        kept[name] = record[name]
    elif isinstance(record[name], Mapping):
        part = dict(kept.get(name, {}))
        _keep(record[name], part, names[1:])
        kept[name] = part
