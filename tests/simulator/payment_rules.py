"""What ConnectWise makes of a payment that is well-formed: where it is documented, and where not.

One payment per invoice is what vendors write of ConnectWise; how a second one is refused, and what
becomes of an overpayment, is documented nowhere for REST: both are switches.
"""

from dataclasses import replace
from decimal import Decimal

from simulator.answers import invalid_field
from simulator.invoices import Invoice
from simulator.payment_bodies import RESOURCE
from simulator.payments import Payment, PaymentValues
from simulator.simulation import Simulation
from simulator.views import open_balance


def first_payment(simulation: Simulation, invoice: Invoice) -> Payment | None:
    """Return the payment that a second one takes the place of; refuse it, unless it is allowed.

    The code is the one that working clients see for other records that exist already.
    """
    payments = simulation.payments.of(invoice.id)
    first = next((payment for payment in payments if not payment.is_credit()), None)
    if simulation.settings.second_payment == "allow" or first is None:
        return None
    if simulation.settings.second_payment == "replace":
        return first
    message = f"A payment already exists for invoice {invoice.number}."
    raise invalid_field(RESOURCE, "invoice", message, "ObjectExists")


def settle(
    simulation: Simulation,
    invoice: Invoice,
    values: PaymentValues,
    payment: Payment | None = None,
) -> PaymentValues:
    """Hold a payment against the open balance; `payment` is the one that it replaces."""
    settings = simulation.settings
    values = replace(values, amount=_rounded(values.amount, settings.amount_decimals))
    if values.amount < 0 and not settings.negative_amounts:
        raise invalid_field(RESOURCE, "amount", "The amount must not be negative.", "OutOfRange")
    if not values.amount and not settings.zero_amounts:
        raise invalid_field(RESOURCE, "amount", "The amount must not be zero.", "OutOfRange")
    own = payment.values.amount if payment else Decimal(0)
    most = max(open_balance(invoice, simulation.payments.paid(invoice.id)) + own, Decimal(0))
    rule = settings.overpayment
    if rule == "accept" or values.amount <= most:
        return values
    if rule == "cut":
        return replace(values, amount=most)
    message = f"The field amount must not exceed the balance of {most:f}."
    raise invalid_field(RESOURCE, "amount", message, "OutOfRange")


def _rounded(amount: Decimal, decimals: int | None) -> Decimal:
    return amount if decimals is None else round(amount, decimals)
