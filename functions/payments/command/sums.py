"""What an operator decides of a payment that is a sum of receipts: adopt it, or begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from payments.clock import iso
from payments.command.connectwise_access import Access
from payments.command.named_invoice import find_invoice
from payments.command.problem import CommandFailed
from payments.command.truth import StoredTruth
from payments.command.unchanged import Unchanged
from payments.connectwise.invoices import InvoiceLookup, batches
from payments.connectwise.patience import Patience, drive
from payments.decisions import FoundInvoices
from payments.models import LedgerEntry, Payment, SecondPayment, There, TruthRecord
from payments.quiet import Quiet
from payments.receipts import adopted, forgotten, is_known, receipts_before
from payments.rules import listed
from payments.sending import Sender
from payments.stores.ledger import ATTRIBUTES
from payments.wording import money


@dataclass(frozen=True, slots=True)
class Standing:
    """An invoice, its payment in ConnectWise, and what the ledger knows of it, on a day."""

    invoice_id: int
    number: str | None
    payment: Payment | None
    there: There
    today: str


@dataclass(frozen=True, slots=True)
class Change:
    """What the ledger is to know, None if there is nothing to change, and what that means.

    `adopted` is what the truth table is to know of a receipt that is new.
    """

    entry: LedgerEntry | None
    meaning: str
    adopted: TruthRecord | None = None


class Sums:
    """The sums of one deployment, in ConnectWise and in its ledger."""

    def __init__(self, truth: StoredTruth, access: Access) -> None:
        self._finance, self._clock = access.finance, access.clock
        self._patience = Patience(access.clock, access.api.answers, Random())  # noqa: S311
        self._unchanged = Unchanged(truth.client, "invoiceId", ATTRIBUTES)
        self._ledger = truth.ledger_through(self._unchanged)
        self._truth = truth.table

    def standing(self, named: str) -> Standing:
        """Return how the invoice stands that has this id or number; raises CommandFailed."""
        invoice_id, number = find_invoice(named, self._look_up)
        sender = Sender(self._finance, self._patience, Quiet(), self._clock)
        payments = drive(sender.read(invoice_id, None), self._clock)
        there = self._ledger.find([invoice_id]).get(invoice_id, There(invoice_id))
        today = iso(self._clock.time())[:10]
        return Standing(invoice_id, number, _only(payments, invoice_id), there, today)

    def store(self, entry: LedgerEntry, adopted: TruthRecord | None = None) -> None:
        """Write an entry alone, unless the ledger has been changed since it was read.

        The truth table learns first of a receipt that is `adopted`: so it can move to another
        invoice, and is not counted on both.
        """
        now = iso(self._clock.time())
        if adopted is not None:
            self._truth.store([replace(adopted, created=now, modified=now)])
        self._ledger.store([There(entry.invoice_id, replace(entry, modified=now))])
        if self._unchanged.changed:
            raise CommandFailed(
                f"An import has changed what is known of invoice {entry.invoice_id} meanwhile: "
                "nothing was written. Look again."
            )

    def _look_up(self, ids: Sequence[int], numbers: Sequence[str]) -> FoundInvoices:
        lookup = InvoiceLookup(self._finance, self._patience)
        return drive(lookup.look_up_all(batches(ids, numbers)), self._clock)


def check_mode(truth: StoredTruth) -> None:
    """Refuse where payments are no sums; raises CommandFailed."""
    mode = truth.deployment.second_payment
    if mode is not SecondPayment.ADD:
        raise CommandFailed(
            f"Stack {truth.deployment.stack} has SecondPayment={mode}. Receipts are added up with "
            "Add only: there is nothing to adopt or to reset."
        )


def adoption(standing: Standing) -> Change:
    """Return what it means that all that ConnectWise holds counts; raises CommandFailed."""
    number, payment = standing.invoice_id, standing.payment
    if payment is None:
        raise CommandFailed(
            f"ConnectWise has no payment on invoice {number}: there is nothing to adopt. If the "
            "next receipt is to be its first, and make a new payment, reset the invoice instead."
        )
    entry = adopted(standing.there, payment, standing.today)
    if is_known(entry, standing.there):
        told = f"Nothing to adopt: payment {payment.id} is the sum of its receipts."
        return Change(None, told)
    name = next(iter(entry.receipts.keys() - receipts_before(standing.there, payment)), None)
    told = f"further receipts of invoice {number} are added to {_held(entry)}."
    if name is None:
        return Change(entry, told)
    new = entry.receipts[name]
    record = TruthRecord(name, payment.id, number, "", "", amount=new.amount, day=new.day)
    return Change(entry, f"{name} is one more receipt, and {told}", record)


def reset(standing: Standing) -> Change:
    """Return what it means to forget an invoice's receipts."""
    number, payment = standing.invoice_id, standing.payment
    entry = forgotten(standing.there, payment)
    if entry is None or is_known(entry, standing.there):
        told = f"Nothing to forget: the next receipt of invoice {number} is its first."
        return Change(None, told)
    instead = "make a new payment"
    if payment is not None:
        instead = f"replace the {_held(entry)} that ConnectWise holds"
    told = f"All receipts of invoice {number} are forgotten: those from now on {instead}."
    return Change(entry, told)


def _held(entry: LedgerEntry) -> str:
    return money(entry.amount or Decimal(0))


def _only(payments: tuple[Payment, ...], invoice_id: int) -> Payment | None:
    if len(payments) > 1:
        raise CommandFailed(
            f"Invoice {invoice_id} has several payments where one should be the sum of its "
            f"receipts: {listed([payment.id for payment in payments])}. Delete what is too much in "
            "ConnectWise, then look again."
        )
    for payment in payments:
        if payment.amount is None:
            raise CommandFailed(f"ConnectWise does not show what payment {payment.id} holds.")
    return payments[0] if payments else None
