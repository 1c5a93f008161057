"""The state of one simulator: the tenant, its switches, its faults and what it was asked."""

import asyncio
from dataclasses import dataclass, field, replace

from simulator.budget import Limiter
from simulator.calls import CallLog
from simulator.faults import FaultBook
from simulator.invoices import InvoiceBook
from simulator.payments import PaymentBook
from simulator.settings import Settings


@dataclass(slots=True)
class Simulation:
    """Everything that changes; the server and the control API share one."""

    settings: Settings
    site: str = ""
    invoices: InvoiceBook = field(default_factory=InvoiceBook)
    payments: PaymentBook = field(default_factory=PaymentBook)
    faults: FaultBook = field(default_factory=FaultBook)
    outages: FaultBook = field(default_factory=FaultBook)
    """Faults that are looked at first, until all are ended together."""
    late: set[asyncio.Task[None]] = field(default_factory=set)
    """The calls that are still to take effect."""
    limiter: Limiter | None = None
    log: CallLog = field(init=False)
    first_settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.first_settings = replace(self.settings)
        self.log = CallLog()

    def switch(self, settings: Settings) -> None:
        """Change the switches; a new budget starts full."""
        if settings.budget != self.settings.budget:
            self.limiter = Limiter(settings.budget) if settings.budget else None
        self.settings = settings

    def reset(self) -> None:
        """Go back to how it all began, first credentials included."""
        self.switch(self.first_settings)
        self.invoices, self.payments = InvoiceBook(), PaymentBook()
        self.faults, self.outages = FaultBook(), FaultBook()
        for task in self.late:
            task.cancel()
        self.log = CallLog()

    def secret(self) -> dict[str, str]:
        """Return what one needs to call, as the product's secret holds it."""
        return {
            "site": self.site,
            "company": self.settings.company,
            "publicKey": self.settings.public_key,
            "privateKey": self.settings.private_key,
            "clientId": self.settings.client_id,
        }
