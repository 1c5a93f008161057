"""The ConnectWise simulator as a Wire: in this process, without sockets."""

from __future__ import annotations

from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from fakes.way import Way, straight
from payments.connectwise.wire import Request, Response
from simulator.access import check_access
from simulator.answers import Answer, Refusal
from simulator.calls import OpenCall
from simulator.resources import serve
from simulator.routes import find_route
from simulator.simulation import Simulation


class SimulatedWire:
    """Calls go the `way` to the tenant and back; their kinds are kept in `kinds`."""

    def __init__(self, simulation: Simulation, way: Way = straight) -> None:
        self.kinds: list[str] = []
        self.way = way
        self._simulation = simulation

    def send(self, request: Request) -> Response:
        call = _read(request)
        self.kinds.append(call.route.kind)
        return self.way(call.route.kind, request, lambda: self._answer(call))

    def _answer(self, call: OpenCall) -> Response:
        try:
            check_access(call, self._simulation.settings)
            answer = serve(self._simulation, call)
        except Refusal as refusal:
            answer = refusal.answer
        return _response(answer, self._simulation)


def _read(request: Request) -> OpenCall:
    parts = urlsplit(request.url)
    given = CaseInsensitiveDict(request.headers)
    headers = {
        "host": parts.netloc,
        "authorization": given.get("Authorization"),
        "client_id": given.get("clientId"),
    }
    body = (request.body or b"").decode()
    route = find_route(request.method, parts.path)
    return OpenCall(request.method, parts.path, parts.query, headers, body, route)


def _response(answer: Answer, simulation: Simulation) -> Response:
    headers = {
        **answer.headers,
        "Content-Type": answer.content_type,
        "api-current-version": simulation.settings.version(),
        "x-cw-request-id": "1",
    }
    return Response(answer.status, CaseInsensitiveDict(headers), answer.body.encode())
