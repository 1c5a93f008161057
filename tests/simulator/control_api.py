"""The control API under `/_simulator/`: setting the scene, and seeing what happened."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from simulator import exact_json
from simulator.answers import Answer, Refusal, json_answer, not_found
from simulator.faults import FaultBook, read_fault
from simulator.invoices import NUMBER_PLACE, Invoice, InvoiceSeries
from simulator.payment_bodies import read_whole
from simulator.payments import Payment
from simulator.schema import INVOICE_FIELDS
from simulator.settings import Settings, changed
from simulator.simulation import Simulation
from simulator.views import invoice_view, payment_view

PREFIX = "/_simulator/"

_DEFAULT_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "status": {"id": 1, "name": "New", "isClosed": False},
    "company": {"id": 250, "identifier": "Client", "name": "A client"},
    "currency": {"id": 1, "name": "US Dollars", "currencyCode": "USD", "symbol": "$"},
}


def control(simulation: Simulation, verb: str, body: str) -> Answer:
    """Carry out one command; its arguments and its result are JSON."""
    command = _COMMANDS.get(verb)
    if command is None:
        return json_answer({"message": f"no such command: {verb}"}, 404)
    try:
        arguments = exact_json.loads(body or "{}")
        return json_answer(command(simulation, **arguments))
    except Refusal as refusal:
        return refusal.answer
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        return json_answer({"message": f"{type(error).__name__}: {error}"}, 400)


def add_payment(simulation: Simulation, invoice_id: int, values: Mapping[str, Any]) -> Payment:
    """Record a payment as somebody else would, whatever the rules say."""
    _known(simulation, invoice_id)
    body = read_whole(exact_json.dumps(dict(values)), invoice_id, Settings())
    return simulation.payments.add(invoice_id, body)


def _add_invoices(simulation: Simulation, invoices: list[dict[str, Any]]) -> int:
    now = _now()
    for entry in invoices:
        simulation.invoices.add(_invoice(entry, now))
    return len(invoices)


def _add_series(
    simulation: Simulation, count: int, first_id: int, number: str, fields: dict[str, Any]
) -> int:
    if number.count(NUMBER_PLACE) != 1:
        raise ValueError(f"number must hold {NUMBER_PLACE} once")
    model = _invoice({**fields, "id": first_id, "invoiceNumber": number}, _now())
    ids = range(first_id, first_id + count)
    series = InvoiceSeries(ids, number, model.total, model.credits, model.fields)
    simulation.invoices.add_series(series)
    return count


def _invoice(entry: Mapping[str, Any], now: str) -> Invoice:
    unknown = sorted(entry.keys() - INVOICE_FIELDS.keys() | entry.keys() & {"payments", "balance"})
    if unknown:
        raise ValueError(f"an invoice cannot be given {', '.join(unknown)}")
    fields = {
        "type": "Standard",
        "date": "2026-01-31T00:00:00Z",
        **_DEFAULT_FIELDS,
        "_info": {"lastUpdated": now, "updatedBy": "simulator"},
    }
    number = str(entry.get("invoiceNumber", entry["id"]))
    for name in entry.keys() - {"id", "invoiceNumber", "total", "credits"}:
        fields[name] = _merged(fields.get(name), entry[name])
    total, credits = (Decimal(entry.get(name, default)) for name, default in _AMOUNTS)
    return Invoice(int(entry["id"]), number, total, credits, fields)


_AMOUNTS = (("total", "100.00"), ("credits", "0.00"))


def _merged(default: Any, given: Any) -> Any:
    if isinstance(default, Mapping) and isinstance(given, Mapping):
        return {**default, **given}
    return given


def _invoices(simulation: Simulation, ids: list[int]) -> list[dict[str, Any]]:
    found = (simulation.invoices.get(number) for number in ids)
    return [
        invoice_view(invoice, simulation.payments.paid(invoice.id)) for invoice in found if invoice
    ]


def _delete_invoice(simulation: Simulation, invoice_id: int) -> None:
    if not simulation.invoices.delete(invoice_id):
        raise not_found(f"Invoice {invoice_id}")
    simulation.payments.delete_invoice(invoice_id)


def _payments(simulation: Simulation, invoice_id: int | None = None) -> list[dict[str, Any]]:
    book = simulation.payments
    payments = book.all() if invoice_id is None else book.of(invoice_id)
    return [_view(simulation, payment) for payment in payments]


def _add_payment(simulation: Simulation, invoice_id: int, values: dict[str, Any]) -> dict[str, Any]:
    return _view(simulation, add_payment(simulation, invoice_id, values))


def _delete_payment(simulation: Simulation, invoice_id: int, payment_id: int) -> None:
    if not simulation.payments.delete(invoice_id, payment_id):
        raise not_found(f"Payment {payment_id}")


def _view(simulation: Simulation, payment: Payment) -> dict[str, Any]:
    invoice = _known(simulation, payment.invoice_id)
    return payment_view(payment, invoice, simulation.payments.paid(invoice.id))


def _known(simulation: Simulation, invoice_id: int) -> Invoice:
    invoice = simulation.invoices.get(invoice_id)
    if invoice is None:
        raise not_found(f"Invoice {invoice_id}")
    return invoice


def _configure(simulation: Simulation, **switches: Any) -> dict[str, str]:
    simulation.switch(changed(simulation.settings, switches))
    return simulation.secret()


def _add_fault(simulation: Simulation, **values: Any) -> int:
    return simulation.faults.add(read_fault(values))


def _struck(simulation: Simulation) -> list[list[int]]:
    return [[number, times] for number, times in simulation.faults.struck().items()]


def _clear_faults(simulation: Simulation) -> None:
    simulation.faults = FaultBook()


def _remove_fault(simulation: Simulation, number: int) -> None:
    simulation.faults.remove(number)


def _begin_outage(simulation: Simulation, **values: Any) -> None:
    simulation.outages.add(read_fault({**values, "times": None}))


def _end_outages(simulation: Simulation) -> None:
    simulation.outages = FaultBook()


def _calls(simulation: Simulation, since: int = 0) -> list[dict[str, Any]]:
    return simulation.log.since(since)


def _counts(simulation: Simulation) -> dict[str, Any]:
    creates = simulation.payments.creates
    return {
        **simulation.log.counts(),
        "late": len(simulation.late),
        "creates": creates.total(),
        "max_creates_per_invoice": max(creates.values(), default=0),
    }


def _clear_calls(simulation: Simulation) -> None:
    simulation.log.clear()


def _reset(simulation: Simulation) -> dict[str, str]:
    simulation.reset()
    return simulation.secret()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_COMMANDS: Mapping[str, Callable[..., Any]] = {
    "add-invoices": _add_invoices,
    "add-series": _add_series,
    "invoices": _invoices,
    "delete-invoice": _delete_invoice,
    "payments": _payments,
    "add-payment": _add_payment,
    "delete-payment": _delete_payment,
    "configure": _configure,
    "add-fault": _add_fault,
    "remove-fault": _remove_fault,
    "struck": _struck,
    "clear-faults": _clear_faults,
    "begin-outage": _begin_outage,
    "end-outages": _end_outages,
    "calls": _calls,
    "counts": _counts,
    "clear-calls": _clear_calls,
    "reset": _reset,
}
