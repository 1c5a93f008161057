"""ConnectWise's resources: what each kind of call reads or changes, and answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from simulator.answers import Answer, Refusal, error, json_answer, not_found
from simulator.calls import OpenCall
from simulator.conditions import Condition, Pattern
from simulator.invoices import Invoice, InvoiceBook
from simulator.listing import Listing, link_header, page_of, read_listing
from simulator.payment_bodies import RESOURCE, read_patch, read_whole
from simulator.payment_rules import first_payment, settle
from simulator.payments import NOTHING_PAID, Payment
from simulator.simulation import Simulation
from simulator.views import as_shown, invoice_view, payment_view, project

View = dict[str, Any]


def serve(simulation: Simulation, call: OpenCall) -> Answer:
    """Do what a call asks for; raise `Refusal` if that cannot be."""
    return _SERVED[call.route.kind](simulation, call)


def _company(simulation: Simulation, call: OpenCall) -> Answer:
    settings = simulation.settings
    if call.route.company.casefold() != settings.company.casefold():
        if settings.unknown_company == "404":
            raise not_found("company")
        return json_answer(None)
    return json_answer(
        {
            "CompanyName": settings.company,
            "Codebase": settings.codebase,
            "VersionCode": settings.codebase.strip("/").replace("_", "."),
            "VersionNumber": f"v{settings.version()}",
            "CompanyID": settings.company,
            "IsCloud": True,
        }
    )


def _invoices(simulation: Simulation, call: OpenCall) -> Answer:
    listing = _listing(simulation, call, "invoice")
    found = _found_invoices(simulation, listing.condition)
    views = [_show_invoice(simulation, number) for number in page_of(found, listing)]
    return _list_answer(simulation, call, listing, views, len(found))


def _payments(simulation: Simulation, call: OpenCall) -> Answer:
    listing = _listing(simulation, call, RESOURCE)
    settings = simulation.settings
    if settings.missing_invoice == "empty" and not simulation.invoices.get(call.route.invoice_id):
        return json_answer([])
    invoice = _invoice_of(simulation, call)
    views = {
        payment.id: _show_payment(simulation, payment, invoice)
        for payment in simulation.payments.of(invoice.id)
        if not (payment.is_credit() and settings.credit_rows == "hidden")
    }
    page = [views[number] for number in page_of(list(views), listing)]
    return _list_answer(simulation, call, listing, page, len(views))


def _payment(simulation: Simulation, call: OpenCall) -> Answer:
    listing = _listing(simulation, call, RESOURCE)
    invoice, payment = _payment_of(simulation, call)
    return json_answer(_projected(_show_payment(simulation, payment, invoice), listing))


def _create(simulation: Simulation, call: OpenCall) -> Answer:
    invoice = _invoice_of(simulation, call)
    values = read_whole(call.body, invoice.id, simulation.settings)
    first = first_payment(simulation, invoice)
    values = settle(simulation, invoice, values, first)
    payment = (
        simulation.payments.change(first, values)
        if first
        else simulation.payments.add(invoice.id, values)
    )
    simulation.payments.creates[invoice.id] += 1
    return json_answer(_show_payment(simulation, payment, invoice), 201)


def _update(simulation: Simulation, call: OpenCall) -> Answer:
    invoice, payment = _payment_of(simulation, call)
    read = read_patch(call.body, payment, simulation.settings)
    changed = simulation.payments.change(payment, settle(simulation, invoice, read, payment))
    return json_answer(_show_payment(simulation, changed, invoice))


def _delete(simulation: Simulation, call: OpenCall) -> Answer:
    invoice, payment = _payment_of(simulation, call)
    allowed = simulation.settings.delete_payments
    if allowed == "refuse":
        raise _refused_method("DELETE")
    if allowed == "allow":
        simulation.payments.delete(invoice.id, payment.id)
    return Answer(204)


def _unposted(simulation: Simulation, call: OpenCall) -> Answer:
    kind = simulation.settings.unposted
    if kind == "missing":
        raise error(404, "ConnectWiseApi", "The endpoint does not exist.")
    listing = _listing(simulation, call, "unposted")
    wanted = listing.condition.ids if listing.condition else frozenset()
    views = [
        {**_view(simulation, payment), "id": payment.id + _OTHER_IDS * (kind == "other")}
        for payment in simulation.payments.all()
        if kind != "none" and not payment.is_credit()
        if listing.condition is None or payment.invoice_id in wanted
    ]
    start = (listing.page - 1) * listing.page_size
    page = views[start : start + listing.page_size]
    return _list_answer(simulation, call, listing, page, len(views))


def _view(simulation: Simulation, payment: Payment) -> View:
    invoice = simulation.invoices.get(payment.invoice_id)
    assert invoice is not None
    return _show_payment(simulation, payment, invoice)


_OTHER_IDS = 5_000_000


def _not_allowed(simulation: Simulation, call: OpenCall) -> Answer:
    raise _refused_method(call.method)


def _refused_method(method: str) -> Refusal:
    return error(405, "MethodNotAllowed", f"{method} is not allowed here.")


def _nothing(simulation: Simulation, call: OpenCall) -> Answer:
    raise error(404, "NotFound", "The requested resource was not found.")


_SERVED: Mapping[str, Callable[[Simulation, OpenCall], Answer]] = {
    "companyinfo": _company,
    "invoices": _invoices,
    "payments": _payments,
    "payment": _payment,
    "payment-create": _create,
    "payment-update": _update,
    "payment-delete": _delete,
    "unposted": _unposted,
    "not-allowed": _not_allowed,
    "other": _nothing,
}


def _invoice_of(simulation: Simulation, call: OpenCall) -> Invoice:
    invoice = simulation.invoices.get(call.route.invoice_id)
    if invoice is None:
        raise not_found(f"Invoice {call.route.invoice_id}")
    return invoice


def _payment_of(simulation: Simulation, call: OpenCall) -> tuple[Invoice, Payment]:
    invoice = _invoice_of(simulation, call)
    payment = simulation.payments.find(invoice.id, call.route.payment_id)
    if payment is None:
        raise not_found(f"Payment {call.route.payment_id}")
    return invoice, payment


def _show_invoice(simulation: Simulation, invoice_id: int) -> View:
    invoice = simulation.invoices.get(invoice_id)
    assert invoice is not None
    shown = simulation.settings.shows_paid
    return invoice_view(invoice, simulation.payments.paid(invoice_id) if shown else NOTHING_PAID)


def _show_payment(simulation: Simulation, payment: Payment, invoice: Invoice) -> View:
    view = payment_view(payment, invoice, simulation.payments.paid(invoice.id))
    return as_shown(view, simulation.settings)


def _found_invoices(simulation: Simulation, condition: Condition | None) -> Sequence[int]:
    book = simulation.invoices
    if condition is None:
        return book.ids()
    found = {invoice_id for invoice_id in condition.ids if book.get(invoice_id)}
    for pattern in condition.numbers:
        found.update(_numbered(book, pattern))
    return sorted(found)


def _numbered(book: InvoiceBook, pattern: Pattern) -> Iterator[int]:
    if pattern.text is not None:
        yield from book.numbered(pattern.text)
        return
    for invoice_id in book.ids():
        invoice = book.get(invoice_id)
        if invoice and pattern.regex.fullmatch(invoice.number):
            yield invoice_id


def _projected(view: View, listing: Listing) -> View:
    return project(view, listing.fields) if listing.fields else view


def _listing(simulation: Simulation, call: OpenCall, resource: str) -> Listing:
    return read_listing(call.query, resource, simulation.settings)


def _list_answer(
    simulation: Simulation, call: OpenCall, listing: Listing, views: list[View], found: int
) -> Answer:
    linked = simulation.settings.links
    headers = link_header(f"{simulation.site}{call.path}", listing, found) if linked else {}
    return json_answer([_projected(view, listing) for view in views], headers=headers)
