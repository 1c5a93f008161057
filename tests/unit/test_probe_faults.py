"""A probe leaves nothing behind, whatever happens to it at whichever of its calls."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from fakes.connectwise import error, page_of_html
from fakes.mishaps import Killed
from fakes.way import Answer
from payments.command.problem import CommandFailed
from payments.connectwise.wire import Response
from payments.errors import NoAnswer
from simulator import answers
from simulator.forms import ODD_ANSWERS, Form
from unit.probed import Tenant

OTHERS = 3
ENOUGH = 50
"""A probe has more calls than that."""

Effect = Callable[[], Any]
Mishap = Callable[[Tenant, Effect], Any]


def failing(tenant: Tenant, effect: Effect) -> Any:
    return error(500, "ConnectWiseApi", "An unexpected error has occurred.")


def failing_after_all(tenant: Tenant, effect: Effect) -> Any:
    effect()
    return error(500, "ConnectWiseApi", "An unexpected error has occurred.")


def proxied(tenant: Tenant, effect: Effect) -> Any:
    return page_of_html(502)


def forbidden(tenant: Tenant, effect: Effect) -> Any:
    return error(403, "Forbidden", "The security role does not permit this.")


def lost(tenant: Tenant, effect: Effect) -> Any:
    raise NoAnswer("ReadTimeout")


def answer_lost(tenant: Tenant, effect: Effect) -> Any:
    effect()
    raise NoAnswer("ReadTimeout")


def late(tenant: Tenant, effect: Effect) -> Any:
    tenant.clock.later(25, effect)
    raise NoAnswer("ReadTimeout")


def interrupted(tenant: Tenant, effect: Effect) -> Any:
    signal.raise_signal(signal.SIGTERM)
    return effect()


def interrupted_after(tenant: Tenant, effect: Effect) -> Any:
    answer = effect()
    signal.raise_signal(signal.SIGINT)
    return answer


def interrupted_late(tenant: Tenant, effect: Effect) -> Any:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        tenant.clock.later(25, effect)
        raise
    return effect()


def killed(tenant: Tenant, effect: Effect) -> Any:
    raise Killed


def killed_after(tenant: Tenant, effect: Effect) -> Any:
    effect()
    raise Killed


def killed_late(tenant: Tenant, effect: Effect) -> Any:
    tenant.clock.later(25, effect)
    raise Killed


class At:
    """A way on which something happens to the call of this number; no call follows a death."""

    def __init__(self, number: int, mishap: Mishap, tenant: Tenant) -> None:
        self._number = number
        self._mishap = mishap
        self._tenant = tenant
        self._calls = count(1)
        self._dead = False
        self.struck = False

    def __call__(self, operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        self._tenant.clock.let_happen()
        if self._dead:
            raise Killed
        if next(self._calls) != self._number:
            return effect()
        self.struck = True
        try:
            found: Answer = self._mishap(self._tenant, effect)
        except Killed:
            self._dead = True
            raise
        return found


ENDURED = (
    failing,
    failing_after_all,
    proxied,
    forbidden,
    lost,
    answer_lost,
    late,
    interrupted,
    interrupted_after,
    interrupted_late,
)
DEATHS = (killed, killed_after, killed_late)
TENANTS: dict[str, dict[str, Any]] = {
    "one payment": {},
    "one overwritten": {"second_payment": "replace", "overpayment": "reject"},
    "no days": {"shows_days": False},
    "no deletion, several": {
        "delete_payments": "refuse",
        "second_payment": "allow",
        "overpayment": "accept",
    },
    "deletion in words alone": {"delete_payments": "pretend"},
}
FIRST_CREATE = 17
"""The number of the call that creates the first payment: before it nothing can be left."""


def each(mishaps: Sequence[Mishap], everywhere: Sequence[Mishap]) -> pytest.MarkDecorator:
    """Every mishap on the usual tenant, the chosen ones on the others too."""
    pairs = [
        pytest.param(mishap, switches, id=f"{mishap.__name__}: {name}")
        for name, switches in TENANTS.items()
        for mishap in (everywhere if switches else mishaps)
    ]
    return pytest.mark.parametrize(("mishap", "switches"), pairs)


def left_behind(tenant: Tenant) -> list[Decimal]:
    """What is on the invoice; a payment of 0 is all right where none can be deleted."""
    tenant.clock.sleep(3600)
    tenant.clock.let_happen()
    amounts = [payment["amount"] for payment in tenant.payments]
    if tenant.simulation.settings.delete_payments == "allow":
        return amounts
    return [amount for amount in amounts if amount]


def probed(tenant: Tenant, at: At) -> None:
    """Probe, whatever comes of it."""
    try:
        tenant.probe(at)
    except (CommandFailed, KeyboardInterrupt, Killed):
        return
    except Exception as failure:
        tenant.said.append(repr(failure))
        if type(failure).__module__ != "payments.errors":
            raise


@each(ENDURED, (answer_lost, interrupted_late))
def test_it_takes_back_everything_itself(
    tmp_path: Path, mishap: Mishap, switches: dict[str, Any]
) -> None:
    for number in count(FIRST_CREATE):
        tenant = Tenant(tmp_path / str(number))
        others = tenant.do("add-payment", invoice_id=OTHERS, values={"amount": Decimal("0.01")})
        tenant.is_such(**switches)
        at = At(number, mishap, tenant)
        probed(tenant, at)
        if not tenant.simulation.settings.shows_days and left_behind(tenant):
            # It might be somebody's payment of 0, or of the balance.
            assert "asks whether to take it back" in tenant.remarks[-1]
            tenant.probe()
            assert "Is it surely nobody's" in tenant.asked[0]
        assert left_behind(tenant) == [], number
        assert tenant.do("payments", invoice_id=OTHERS) == [others]
        if not at.struck:
            assert number > ENOUGH
            return


@each(DEATHS, (killed_after,))
def test_the_next_one_takes_back_what_a_killed_one_has_left(
    tmp_path: Path, mishap: Mishap, switches: dict[str, Any]
) -> None:
    """It does so before it asks whether to go on."""
    for number in count(FIRST_CREATE):
        tenant = Tenant(tmp_path / str(number))
        tenant.is_such(**switches)
        at = At(number, mishap, tenant)
        probed(tenant, at)
        if not at.struck:
            assert number > ENOUGH
            return
        with pytest.raises(CommandFailed):
            tenant.probe(At(0, mishap, tenant), yes=False, confirm=lambda text: text != "Go on?")
        assert left_behind(tenant) == [], number


def test_a_terminal_that_is_gone_is_no_reason_to_leave_anything(tmp_path: Path) -> None:
    class Gone(list[str]):
        def append(self, text: str) -> None:
            if tenant.payments:
                raise BrokenPipeError

    tenant = Tenant(tmp_path / "notes")
    tenant.said = Gone()
    with pytest.raises(BrokenPipeError):
        tenant.probe()
    assert "payment-create" in tenant.kinds
    assert left_behind(tenant) == []


@pytest.mark.parametrize("form", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_creates_with_odd_answers_are_taken_back(tmp_path: Path, form: Form) -> None:
    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Any:
        response = effect()
        if operation != "payment-create":
            return response
        assert isinstance(response, Response)
        body = form.twist(answers.Answer(response.status, response.body.decode())).body
        return Response(response.status, response.headers, body.encode())

    tenant = Tenant(tmp_path / "notes")
    tenant.probe(way)
    assert left_behind(tenant) == []
