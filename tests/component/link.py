"""The product's own way to ConnectWise, put together as `bootstrap` does, with short waits."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from payments.connectwise.finance import ConnectWise
from payments.connectwise.credentials import Credentials, read_credentials
from payments.connectwise.login import Login
from payments.connectwise.pace import Gate
from payments.connectwise.transport import Retries, Transport, new_adapter
from simulator.control import Simulator

API_VERSION = "2026.1"
TRIES = 3
QUICK = Retries(tries=TRIES, first_wait_seconds=0.01, longest_wait_seconds=0.02)
TIMEOUT_SECONDS = (2.0, 0.5)
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
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
        **changed: str,
    ) -> None:
        self.secret = {**connectwise.secret, **changed}
        self.reads = 0
        """How often the secret was read."""
        self.connections = connections
        self._timeout_seconds = timeout_seconds
        self.login = Login(self._read)
        self.adapter = new_adapter(connections)
        self.start(run_seconds)

    def start(self, run_seconds: float = RUN_SECONDS) -> None:
        """Begin a run, as the next invocation in the same process does."""
        self.gate = Gate(self.connections, monotonic() + run_seconds)
        self.transport = Transport(
            self.adapter, self.login, self.gate, API_VERSION, QUICK, self._timeout_seconds
        )
        self.api = ConnectWise(self.transport)

    def close(self) -> None:
        """Close the connections."""
        self.adapter.close()

    def together(
        self, call: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
    ) -> list[_Result]:
        """Make calls with as many threads as there are connections."""
        with ThreadPoolExecutor(self.connections) as pool:
            return list(pool.map(call, arguments))

    def _read(self) -> Credentials:
        self.reads += 1
        return read_credentials(json.dumps(self.secret), "the-secret")
