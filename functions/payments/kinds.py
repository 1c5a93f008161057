"""The kinds of records that a file may hold: how each is read, and what is done with it.

A further kind is a class here, its root in `files.reader.ROOTS`, and a `Work` beside `upsert`.
"""

from __future__ import annotations

from collections.abc import Mapping

from payments.clock import Clock
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.patience import Patience
from payments.decisions import Policy
from payments.files.reader import ROOT, RawRecord
from payments.files.record import ReadingRules, read_record
from payments.gathering import Books, Gathering
from payments.models import PaymentRecord
from payments.parts import Connection, Kind
from payments.quiet import Quiet
from payments.sending import Sender
from payments.upsert import Upsert


class InvoicePayments:
    """Payments, each of which is created or updated."""

    def read(self, raw: RawRecord, rules: ReadingRules) -> PaymentRecord:
        """Read a record."""
        return read_record(raw, rules)

    def work(
        self, connection: Connection, patience: Patience, quiet: Quiet, policy: Policy, clock: Clock
    ) -> Upsert:
        """Return what is done with the records of one run."""
        lookup = InvoiceLookup(connection.finance, patience)
        sender = Sender(connection.finance, patience, quiet, clock)
        books = Books(connection.truth, connection.ledger)
        gathering = Gathering(sender, lookup, books, quiet, policy)
        return Upsert(gathering, sender, policy, clock)


KINDS: Mapping[str, Kind] = {ROOT: InvoicePayments()}
"""By the name of the root element."""
