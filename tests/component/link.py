"""The product's own way to ConnectWise, put together as `bootstrap` does."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from payments.clock import SystemClock
from payments.connectwise.api import Api
from payments.connectwise.credentials import Credentials, read_credentials
from payments.connectwise.finance import Finance
from payments.connectwise.gate import Gate
from payments.connectwise.login import Login
from payments.connectwise.wire import HttpWire
from simulator.control import Simulator

API_VERSION = "2026.1"
CALL_SECONDS = 5.0
RUN_SECONDS = 60.0

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class Link:
    """One process's link to ConnectWise; `secret` may change while it is open."""

    def __init__(
        self,
        connectwise: Simulator,
        connections: int = 8,
        run_seconds: float = RUN_SECONDS,
        call_seconds: float = CALL_SECONDS,
        **changed: str,
    ) -> None:
        self.secret = {**connectwise.secret, **changed}
        self.reads = 0
        """How often the secret was read."""
        self.connections = connections
        self.clock = SystemClock()
        self.login = Login(self._read)
        self.wire = HttpWire(connections, call_seconds=call_seconds)
        self.start(run_seconds)

    def start(self, run_seconds: float = RUN_SECONDS) -> None:
        """Begin a run, as the next invocation in the same process does."""
        self.gate = Gate(self.connections, self.clock.monotonic() + run_seconds, self.clock)
        self.api = Api(self.wire, self.login, self.gate, API_VERSION, self.clock)
        self.finance = Finance(self.api)

    def close(self) -> None:
        """Close the connections."""
        self.wire.close()

    def together(
        self, call: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
    ) -> list[_Result]:
        """Make calls with as many threads as there are connections."""
        with ThreadPoolExecutor(self.connections) as pool:
            return list(pool.map(call, arguments))

    def _read(self) -> Credentials:
        self.reads += 1
        return read_credentials(json.dumps(self.secret), "the-secret")
