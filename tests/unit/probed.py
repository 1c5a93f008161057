"""A probe of an invoice of a simulated tenant, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.simulated import SimulatedWire
from fakes.way import Way, straight
from payments.command.connectwise_access import Access
from payments.command.probe.dialogue import Finding
from payments.command.probe.report import Result
from payments.command.probe.run import Asked, probe
from payments.connectwise.api import Api
from payments.connectwise.credentials import read_credentials
from payments.connectwise.finance import Finance
from payments.connectwise.gate import Gate
from payments.connectwise.login import Login
from simulator import exact_json
from simulator.control_api import control
from simulator.settings import Settings, changed
from simulator.simulation import Simulation
from unit.operated import HastyClock

NUMBER = "INV-7"
INVOICE = 7
CONNECTION = "http://127.0.0.1/acme"


@dataclass(slots=True)
class Tenant:
    """A tenant with a few invoices, of which number 7 is for tests."""

    folder: Path
    simulation: Simulation = field(
        default_factory=lambda: Simulation(Settings(url_limit=4500), "http://127.0.0.1")
    )
    clock: HastyClock = field(default_factory=HastyClock)
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.do("add-series", count=9, first_id=1, number="INV-{id}", fields={"total": "100.00"})

    def do(self, command: str, **arguments: Any) -> Any:
        """Do something as somebody else, by the control API."""
        answer = control(self.simulation, command, exact_json.dumps(arguments))
        assert answer.status == 200, answer.body
        return exact_json.loads(answer.body)

    def is_such(self, **switches: Any) -> None:
        """Let the tenant be otherwise."""
        self.simulation.switch(changed(self.simulation.settings, switches))

    def probe(
        self,
        way: Way = straight,
        *,
        number: str = NUMBER,
        yes: bool = True,
        confirm: Callable[[str], bool] | None = None,
    ) -> Result:
        """Probe the invoice, in a process of its own."""
        wire = SimulatedWire(self.simulation, way)
        self.kinds = wire.kinds
        secret = exact_json.dumps(self.simulation.secret())
        deadline = self.clock.monotonic() + 3600
        gate = Gate(1, deadline, self.clock)
        login = Login(lambda: read_credentials(secret, "secret"))
        api = Api(wire, login, gate, "2026.1", self.clock)
        access = Access(api, Finance(api), gate, self.clock, deadline)
        asked = Asked(
            number,
            CONNECTION,
            "2026.1",
            self.folder,
            yes,
            confirm or self._consent,
            self.said.append,
        )
        result = probe(access, asked)
        self.remarks = result.remarks
        return result

    def finds(self, **switches: Any) -> dict[str, Finding]:
        """What a probe finds of a tenant that is such."""
        self.is_such(**switches)
        return {found.row: found.finding for found in self.probe().rows}

    @property
    def payments(self) -> list[Any]:
        """What is on the invoice."""
        return list(self.do("payments", invoice_id=INVOICE))

    @property
    def notes(self) -> list[str]:
        """The files that are left on the user's machine."""
        return [path.name for path in self.folder.glob("*")]

    def _consent(self, text: str) -> bool:
        self.asked.append(text)
        return True
