"""Start a simulator, set its scene and see what it was asked: the one module that others import.

with Simulator() as connectwise:
    connectwise.add_invoices(count=3, total="100.00")
    connectwise.add_fault(method="POST", status=500, after=True)
    ...  # call connectwise.site with connectwise.secret
    assert connectwise.payments(invoice_id=1)[0]["amount"] == Decimal("100.00")
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack
from urllib.parse import urlsplit

from simulator import exact_json
from simulator.settings import Budget

__all__ = ["Budget", "Call", "Counts", "Simulator", "SimulatorError", "Switches"]

_ROOT = Path(__file__).parents[1]
_BATCH = 10_000
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_COMMAND_SECONDS = 60.0


class SimulatorError(Exception):
    """The simulator did not start, or refused a command."""


class Switches(TypedDict, total=False):
    """What `configure` takes; `simulator.settings.Settings` says what each means."""

    company: str
    public_key: str
    private_key: str
    client_id: str
    codebase: str
    unknown_company: Literal["null", "404"]
    refused_credentials_status: Literal[401, 404]
    read_invoices: bool
    read_payments: bool
    write_payments: bool
    delete_payments: Literal["allow", "forbid", "refuse", "pretend"]
    second_payment: Literal["reject", "allow", "replace"]
    required_fields: Sequence[str]
    unwelcome_fields: Sequence[str]
    fixed_fields: Sequence[str]
    overpayment: Literal["cut", "accept", "reject"]
    amount_decimals: int | None
    zero_amounts: bool
    negative_amounts: bool
    day_shift_hours: int
    shows_days: bool
    shows_paid: bool
    credit_rows: Literal["marked", "unmarked", "hidden"]
    honours_fields: bool
    links: bool
    wildcards: bool
    sets: bool
    refused_conditions: Sequence[str]
    unposted: Literal["same", "other", "none", "forbid", "missing"]
    missing_invoice: Literal["404", "empty"]
    latency_seconds: float
    url_limit: int | None
    max_page_size: int
    budget: Budget | None
    log_calls: bool
    silence_grace_seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call; moments are `time.monotonic()`, which all processes of a machine share."""

    number: int
    received: float
    took_effect: float | None
    """None if it was refused, or has not taken effect yet."""
    answered: float | None
    method: str
    path: str
    query: str
    kind: str
    """companyinfo, invoices, payments, payment, payment-create, payment-update, payment-delete,
    unposted, not-allowed or other."""
    body: str
    status: int | None
    """None while it is open, and if the connection was cut instead of an answer."""
    in_flight: int
    """How many calls were waited for when it came in, itself included."""
    inside_silence: bool
    """Whether it came while a Retry-After of an earlier 429 or 503 was running."""
    accept: str | None
    content_type: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """The totals since the start, the last `clear_calls` or the last `reset`."""

    calls: Mapping[tuple[str, str], int]
    """By method and kind, for example `("POST", "payment-create")`."""
    statuses: Mapping[int | None, int]
    total: int
    in_flight: int
    late: int
    """How many calls are still to take effect, answered or not."""
    max_in_flight: int
    inside_silence: int
    connections: int
    creates: int
    """The creates that took effect, answered or not; deleted payments still count."""
    max_creates_per_invoice: int


class Simulator:
    """A simulator in a process of its own, ended on leaving the `with` block."""

    def __init__(self, *, port: int = 0, company: str = "acme", python: str = "") -> None:
        """Prepare to start; `python` is the interpreter to run it, by default this one."""
        self._options = ["--port", str(port), "--company", company, "--exit-with-parent"]
        self._python = python or sys.executable
        self._process: subprocess.Popen[str] | None = None
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()
        self._secret: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [self._python, "-m", "simulator", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        line = _first_line(self._process)
        if not line:
            self.stop()
            raise SimulatorError("the simulator did not start")
        self._secret = json.loads(line)

    def stop(self) -> None:
        """End the process, and only this one."""
        process, self._process = self._process, None
        if self._connection:
            self._connection.close()
            self._connection = None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()

    @property
    def site(self) -> str:
        """The URL of the site, without a path."""
        return self._secret["site"]

    @property
    def pid(self) -> int:
        """The id of the simulator's process."""
        if self._process is None:
            raise SimulatorError("the simulator is not running")
        return self._process.pid

    @property
    def secret(self) -> dict[str, str]:
        """The site and the credentials in force: site, company, publicKey, privateKey, clientId."""
        return dict(self._secret)

    def add_invoices(
        self,
        invoices: Iterable[Mapping[str, Any]] = (),
        *,
        count: int = 0,
        first_id: int = 1,
        number: str = "INV-{id}",
        **fields: Any,
    ) -> None:
        """Add invoices: the ones listed, and `count` alike from `first_id` on.

        A listed invoice needs an `id`; the rest has defaults (a `total` of 100.00, open). Fields
        have ConnectWise's names; an object is laid over the default, so that
        `status={"isClosed": True}` is enough. Alike ones take no room, a million no time.
        """
        rest = iter(invoices)
        while batch := [dict(invoice) for invoice in islice(rest, _BATCH)]:
            self._do("add-invoices", invoices=batch)
        if count:
            self._do("add-series", count=count, first_id=first_id, number=number, fields=fields)

    def invoices(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return invoices as ConnectWise shows them, numbers exact; unknown ids are left out."""
        return list(self._do("invoices", ids=list(ids)))

    def delete_invoice(self, invoice_id: int) -> None:
        """Delete an invoice and its payments."""
        self._do("delete-invoice", invoice_id=invoice_id)

    def payments(self, invoice_id: int | None = None) -> list[dict[str, Any]]:
        """Return the payments of an invoice, or all, as ConnectWise shows them, numbers exact."""
        return list(self._do("payments", invoice_id=invoice_id))

    def add_payment(
        self, invoice_id: int, amount: Decimal | str | int, **fields: Any
    ) -> dict[str, Any]:
        """Record a payment as somebody else would, whatever the rules say; return it."""
        values = {**fields, "amount": Decimal(amount)}
        return dict(self._do("add-payment", invoice_id=invoice_id, values=values))

    def delete_payment(self, invoice_id: int, payment_id: int) -> None:
        """Delete a payment as somebody else would."""
        self._do("delete-payment", invoice_id=invoice_id, payment_id=payment_id)

    def configure(self, **switches: Unpack[Switches]) -> None:
        """Change switches; the others stay."""
        values: dict[str, Any] = dict(switches)
        if isinstance(values.get("budget"), Budget):
            values["budget"] = asdict(values["budget"])
        self._secret = self._do("configure", **values)

    def rotate_keys(self) -> dict[str, str]:
        """Take new random keys, so that the old ones are refused; return the new secret."""
        self.configure(public_key=secrets.token_hex(8), private_key=secrets.token_hex(8))
        return self.secret

    def add_fault(
        self,
        *,
        method: str | None = None,
        kind: str | None = None,
        invoice: int | None = None,
        path: str | None = None,
        body: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        after: bool = False,
        late_seconds: float | None = None,
        form: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        answer: Any = "",
        reset: bool = False,
        hang_seconds: float = 0.0,
        delay_seconds: float = 0.0,
        appear: Mapping[str, Any] | None = None,
    ) -> int:
        """Let calls fail; return the fault's number.

        Which ones: `method`, `kind` (as in `Call`), `invoice` (an id; for calls on it and on its
        payments), `path` and `body` (regular expressions) must all match; `skip` of those get
        through first, then `times` are struck, None for all.
        What happens: a `form` of `simulator.forms`; or `status` with `headers` and `answer` (text,
        or a value to send as JSON); `reset` of the connection; silence for `hang_seconds` and then
        a cut. All of these before the call takes effect, or `after`, or with the effect coming
        `late_seconds` after the call, without anything else with a reset at once.
        `delay_seconds` lets it take effect, and be answered, late. `appear` are the fields of a
        payment that somebody records on the invoice just before.
        """
        text = answer if isinstance(answer, str) else exact_json.dumps(answer)
        number = self._do(
            "add-fault",
            method=method,
            kind=kind,
            invoice=invoice,
            path=path,
            body=body,
            times=times,
            skip=skip,
            after=after,
            late_seconds=late_seconds,
            form="reset" if reset else form,
            status=status,
            headers=dict(headers or {}),
            answer=text,
            hang_seconds=hang_seconds,
            delay_seconds=delay_seconds,
            appear=appear,
        )
        return int(number)

    def remove_fault(self, number: int) -> None:
        """Take one fault back."""
        self._do("remove-fault", number=number)

    def struck(self) -> dict[int, int]:
        """Return how many calls each fault in force has struck, by the fault's number."""
        return dict(self._do("struck"))

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._do("clear-faults")

    def down(
        self,
        form: str = "unavailable",
        *,
        reset: bool = False,
        invoice: int | None = None,
        kind: str | None = None,
    ) -> None:
        """Refuse every call, or those on an invoice or of a kind, until `up`.

        The forms are those of `simulator.forms`: 503 without Retry-After, `reset` and more.
        """
        form = "reset" if reset else form
        self._do("begin-outage", form=form, invoice=invoice, kind=kind)

    def up(self) -> None:
        """End all outages."""
        self._do("end-outages")

    def calls(self, since: int = 0) -> list[Call]:
        """Return the remembered calls whose number is above `since`, oldest first."""
        return [Call(**_without_decimals(call)) for call in self._do("calls", since=since)]

    def counts(self) -> Counts:
        """Return the totals."""
        found = self._do("counts")
        found["calls"] = {(method, kind): times for method, kind, times in found["calls"]}
        found["statuses"] = dict(found["statuses"])
        return Counts(**found)

    def clear_calls(self) -> None:
        """Forget the calls and start the counts again; payments stay, and their creates count."""
        self._do("clear-calls")

    def reset(self) -> None:
        """Go back to how it all began: no records, no faults, the first switches and keys."""
        self._secret = self._do("reset")

    def _do(self, command: str, **arguments: Any) -> Any:
        body = exact_json.dumps(arguments).encode()
        with self._lock:
            status, text = self._exchange(f"/_simulator/{command}", body)
        answer = exact_json.loads(text)
        if status != 200:
            raise SimulatorError(f"{command}: {answer['message']}")
        return answer

    def _exchange(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            address = urlsplit(self.site).netloc
            self._connection = HTTPConnection(address, timeout=_COMMAND_SECONDS)
        try:
            self._connection.request("POST", path, body)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            self._connection = None
            raise SimulatorError(f"the simulator does not answer: {error!r}") from error


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    stream = process.stdout
    # A pipe cannot be read with a timeout: end the process instead, which ends the reading.
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.start()
    try:
        return stream.readline()
    finally:
        timer.cancel()


def _without_decimals(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
