"""What the questions that write have in common: the least amounts, and what is said often. Pure."""

from __future__ import annotations

from decimal import Decimal

from payments.command.probe.dialogue import Delete, Get, Steps
from payments.command.probe.known import Known

CENT = Decimal("0.01")
TWO_CENTS = Decimal("0.02")
THREE_DECIMALS = Decimal("0.015")
TINY = Decimal("0.05")
"""More than anything that the least amounts can become; nobody pays so little."""

NO_PAYMENT = "no payment could be created"
GIVE = "Give the API member's security role the right to {} (All): see Permissions in SECURITY.md."
AS_SENT = "Nothing to do."


def our_payment(known: Known) -> Get:
    """Return the step that reads our payment."""
    return Get(f"{known.invoice.payments_path}/{known.payment}")


def delete_ours(known: Known) -> Steps[None]:
    """Delete our payment, so that the next one can be created."""
    if known.payment is not None and (yield Delete(known.payment)).ok:
        known.payment = None
