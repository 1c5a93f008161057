"""The sockets: one HTTP server for ConnectWise's API and the control API."""

import asyncio
import socket
import struct
import time
import uuid

from aiohttp import web

from simulator.access import check_access
from simulator.answers import JSON_TYPE, Answer, Refusal
from simulator.budget import too_many
from simulator.calls import OpenCall
from simulator.control_api import PREFIX, add_payment, control
from simulator.faults import Fault
from simulator.resources import serve
from simulator.routes import find_route
from simulator.simulation import Simulation

HOST = "127.0.0.1"
_LONGEST_LINE = 1 << 20
_TRICKLE_SECONDS = 0.1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class SimulatorServer:
    """Listens on the loopback address only."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._server = web.Server(
            self._handle,
            access_log=None,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )
        self._listener: asyncio.Server | None = None

    async def start(self, port: int) -> str:
        """Listen, and return the address as a URL."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._server, HOST, port, backlog=1024)
        port = self._listener.sockets[0].getsockname()[1]
        self._simulation.site = f"http://{HOST}:{port}"
        return self._simulation.site

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._listener:
            self._listener.close()
        # aiohttp takes 0 for "wait for ever".
        await self._server.shutdown(timeout=0.01)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        body = (await request.content.read()).decode(errors="replace")
        if path.startswith(PREFIX):
            return _response(control(self._simulation, path.removeprefix(PREFIX), body))
        return await self._handle_call(request, path, query, body)

    async def _handle_call(
        self, request: web.BaseRequest, path: str, query: str, body: str
    ) -> web.StreamResponse:
        simulation, log = self._simulation, self._simulation.log
        route = find_route(request.method, path)
        call = OpenCall(request.method, path, query, _headers(request), body, route)
        if request.transport is None:
            # The caller is gone before the call was read to its end.
            return web.Response()
        log.arrived(call, request.transport)
        log.keep(call, simulation.settings)
        answer = await self._outcome(call)
        if answer:
            await self._wait_out_latency(call)
        if answer and answer.trickle:
            await _trickle(request.transport, answer)
            answer = None
        log.answered(call, answer, simulation.settings)
        if answer is None:
            _reset_connection(request)
            return web.Response()
        return _api_response(answer, simulation.settings.version())

    async def _outcome(self, call: OpenCall) -> Answer | None:
        """Return what is answered, or None if the connection is to be cut."""
        fault = self._simulation.outages.strike(call) or self._simulation.faults.strike(call)
        return await self._strike(call, fault) if fault else self._work(call)

    async def _strike(self, call: OpenCall, fault: Fault) -> Answer | None:
        form = fault.how()
        await asyncio.sleep(fault.delay_seconds)
        if fault.appear is not None:
            _appear(self._simulation, call, fault)
        if fault.late_seconds is not None:
            self._take_effect_later(call, fault.late_seconds)
        answer = self._work(form.change(call)) if fault.after or form.spares() else Answer(200)
        await asyncio.sleep(fault.hang_seconds)
        return None if form.cut else form.page or form.twist(answer)

    def _take_effect_later(self, call: OpenCall, seconds: float) -> None:
        async def take_effect() -> None:
            await asyncio.sleep(call.received + seconds - time.monotonic())
            self._work(call)

        late = self._simulation.late
        task = asyncio.create_task(take_effect())
        late.add(task)
        task.add_done_callback(late.discard)

    def _work(self, call: OpenCall) -> Answer:
        """Let the call take effect, all at once: nothing else runs in between."""
        refused = self._over_budget()
        if refused:
            return refused
        try:
            check_access(call, self._simulation.settings)
            answer = serve(self._simulation, call)
        except Refusal as refusal:
            return refusal.answer
        call.took_effect = time.monotonic()
        return answer

    def _over_budget(self) -> Answer | None:
        budget, limiter = self._simulation.settings.budget, self._simulation.limiter
        if budget is None or limiter is None:
            return None
        wait_seconds = limiter.wait_seconds()
        return too_many(budget, wait_seconds) if wait_seconds > 0 else None

    async def _wait_out_latency(self, call: OpenCall) -> None:
        latency_seconds = self._simulation.settings.latency_seconds
        left = call.received + latency_seconds - time.monotonic()
        if latency_seconds and left > 0:
            await asyncio.sleep(left)


def _appear(simulation: Simulation, call: OpenCall, fault: Fault) -> None:
    try:
        add_payment(simulation, call.route.invoice_id, fault.appear or {})
    except Refusal:
        # No such invoice: nobody can have paid it, and the call will be told.
        return


async def _trickle(transport: asyncio.Transport, answer: Answer) -> None:
    """Send a byte now and then until the caller hangs up: none of them comes late."""
    begun = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {JSON_TYPE}\r\n"
    rest = "X-Trickle: " if answer.trickle == "headers" else "Content-Length: 1000000\r\n\r\n"
    transport.write((begun + rest).encode())
    while not transport.is_closing():
        transport.write(b" ")
        await asyncio.sleep(_TRICKLE_SECONDS)


def _headers(request: web.BaseRequest) -> dict[str, str | None]:
    headers = request.headers
    return {
        "host": headers.get("Host"),
        "accept": headers.get("Accept"),
        "content_type": headers.get("Content-Type"),
        "authorization": headers.get("Authorization"),
        "client_id": headers.get("clientId"),
    }


def _reset_connection(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def _api_response(answer: Answer, version: str) -> web.Response:
    response = _response(answer)
    # Both headers are known from working clients' logs.
    response.headers["x-cw-request-id"] = str(uuid.uuid4())
    response.headers["api-current-version"] = version
    return response


def _response(answer: Answer) -> web.Response:
    headers = dict(answer.headers)
    if answer.body:
        headers["Content-Type"] = answer.content_type
    return web.Response(status=answer.status, headers=headers, body=answer.body.encode() or None)
