"""ConnectWise's resources: what each kind of call reads or changes, and answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from simulator.answers import Answer, error, json_answer, not_found
from simulator.calls import OpenCall
from simulator.conditions import Condition, Pattern
from simulator.invoices import Invoice, InvoiceBook
from simulator.listing import Listing, link_header, page_of, read_listing
from simulator.payment_bodies import RESOURCE, read_patch, read_whole
from simulator.payment_rules import admit, settle
from simulator.payments import Payment
from simulator.simulation import Simulation
from simulator.views import invoice_view, payment_view, project

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
    invoice = _invoice_of(simulation, call)
    views = {
        payment.id: _show_payment(simulation, payment, invoice)
        for payment in simulation.payments.of(invoice.id)
    }
    page = [views[number] for number in page_of(list(views), listing)]
    return _list_answer(simulation, call, listing, page, len(views))


def _payment(simulation: Simulation, call: OpenCall) -> Answer:
    listing = _listing(simulation, call, RESOURCE)
    invoice, payment = _payment_of(simulation, call)
    return json_answer(_projected(_show_payment(simulation, payment, invoice), listing))


def _create(simulation: Simulation, call: OpenCall) -> Answer:
    invoice = _invoice_of(simulation, call)
    values = read_whole(call.body, invoice.id)
    admit(simulation, invoice)
    payment = simulation.payments.add(invoice.id, settle(simulation, invoice, values))
    simulation.payments.creates[invoice.id] += 1
    return json_answer(_show_payment(simulation, payment, invoice), 201)


def _update(simulation: Simulation, call: OpenCall) -> Answer:
    invoice, payment = _payment_of(simulation, call)
    values = settle(simulation, invoice, read_patch(call.body, payment), payment)
    changed = simulation.payments.change(payment, values)
    return json_answer(_show_payment(simulation, changed, invoice))


def _not_allowed(simulation: Simulation, call: OpenCall) -> Answer:
    raise error(405, "MethodNotAllowed", f"{call.method} is not allowed here.")


def _nothing(simulation: Simulation, call: OpenCall) -> Answer:
    raise error(404, "NotFound", "The requested resource was not found.")


_SERVED: Mapping[str, Callable[[Simulation, OpenCall], Answer]] = {
    "companyinfo": _company,
    "invoices": _invoices,
    "payments": _payments,
    "payment": _payment,
    "payment-create": _create,
    "payment-update": _update,
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
    return invoice_view(invoice, simulation.payments.paid(invoice_id))


def _show_payment(simulation: Simulation, payment: Payment, invoice: Invoice) -> View:
    return payment_view(payment, invoice, simulation.payments.paid(invoice.id))


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
    return read_listing(call.query, resource, simulation.settings.max_page_size)


def _list_answer(
    simulation: Simulation, call: OpenCall, listing: Listing, views: list[View], found: int
) -> Answer:
    headers = link_header(f"{simulation.site}{call.path}", listing, found)
    return json_answer([_projected(view, listing) for view in views], headers=headers)
