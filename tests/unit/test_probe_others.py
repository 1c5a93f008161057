"""A probe never changes what may be somebody else's, and says what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fakes.connectwise import error
from fakes.mishaps import Killed
from fakes.way import Answer, Way
from payments.command.problem import CommandFailed
from payments.connectwise.wire import Response
from payments.errors import NoAnswer
from unit.probed import INVOICE, Tenant

Happening = Callable[[Tenant, Callable[[], Any]], Any]


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    return Tenant(tmp_path / "notes")


def pay(tenant: Tenant, amount: str = "25", **fields: Any) -> int:
    """Record a payment as somebody else would; return its id."""
    values = {"amount": Decimal(amount), **fields}
    return int(tenant.do("add-payment", invoice_id=INVOICE, values=values)["id"])


def amounts(tenant: Tenant) -> list[Decimal]:
    tenant.clock.sleep(3600)
    tenant.clock.let_happen()
    return [row["amount"] for row in tenant.payments]


def at(tenant: Tenant, kind: str, happening: Happening, *numbers: int) -> Way:
    """Let it happen to the calls of a kind that have one of these numbers, or to all."""
    seen = [0]

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Any:
        tenant.clock.let_happen()
        seen[0] += operation == kind
        struck = operation == kind and (not numbers or seen[0] in numbers)
        return happening(tenant, effect) if struck else effect()

    return way


def paid_before(tenant: Tenant, effect: Callable[[], Answer]) -> Answer:
    pay(tenant)
    return effect()


def paid_and_told_nothing(tenant: Tenant, effect: Callable[[], Answer]) -> Response:
    """The answer is early and empty, and meanwhile somebody pays."""
    tenant.clock.later(5, effect)
    pay(tenant)
    return Response(201, {}, b"")


def told_early(tenant: Tenant, effect: Callable[[], Answer]) -> Response:
    """The answer is there before the payment shows."""
    tenant.clock.later(10, effect)
    return Response(201, {}, b"")


def change(tenant: Tenant, amount: str) -> None:
    """Give the one payment another amount, as somebody else would."""
    [payment] = tenant.simulation.payments.of(INVOICE)
    values = replace(payment.values, amount=Decimal(amount))
    tenant.simulation.payments.change(payment, values)


# ---- Somebody else at work -----------------------------------------------------------------------


@pytest.mark.parametrize("second", ["replace", "reject", "allow"])
def test_what_is_paid_while_the_user_is_asked_is_left_alone(tenant: Tenant, second: str) -> None:
    tenant.is_such(second_payment=second)

    def consent(_: str) -> bool:
        pay(tenant)
        return True

    result = tenant.probe(yes=False, confirm=consent)
    assert amounts(tenant) == [25]
    assert [kind for kind in tenant.kinds if kind.startswith("payment-")] == []
    assert not result.clean


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_is_paid_meanwhile_is_not_taken_for_what_an_empty_answer_has_created(
    tenant: Tenant, number: int
) -> None:
    tenant.is_such(second_payment="allow")
    result = tenant.probe(at(tenant, "payment-create", paid_and_told_nothing, number))
    assert amounts(tenant) == [25]
    assert "payment-update" not in tenant.kinds or number > 1
    assert any("of 25: not surely the probe's" in remark for remark in result.remarks)


def test_what_somebody_has_changed_meanwhile_is_theirs(tenant: Tenant) -> None:
    """Whatever its id."""

    def changed(tenant: Tenant, effect: Callable[[], Answer]) -> Answer:
        answer = effect()
        change(tenant, "60")
        return answer

    result = tenant.probe(at(tenant, "payment-update", changed, 1))
    assert amounts(tenant) == [60]
    assert "payment 1 of 60: not surely the probe's" in result.remarks[0]


def test_a_payment_of_nothing_that_somebody_records_stays(tenant: Tenant) -> None:
    tenant.is_such(second_payment="allow")

    def paid_nothing(tenant: Tenant, effect: Callable[[], Answer]) -> Answer:
        pay(tenant, "0", paymentDate="2026-01-31T00:00:00Z")
        return effect()

    result = tenant.probe(at(tenant, "payment-create", paid_nothing, 2))
    assert amounts(tenant) == [0]
    assert not result.clean


@pytest.mark.parametrize("amount", ["100", "60"])
def test_a_payment_that_was_left_and_is_somebody_s_by_now_stays_even_with_yes(
    tenant: Tenant, amount: str
) -> None:
    def dies(tenant: Tenant, effect: Callable[[], Answer]) -> Answer:
        effect()
        raise Killed

    dead = [False]
    way = at(tenant, "payment-update", dies, 1)

    def deadly(operation: str, request: Any, effect: Callable[[], Answer]) -> Any:
        if dead[0]:
            raise Killed
        try:
            return way(operation, request, effect)
        except Killed:
            dead[0] = True
            raise

    with pytest.raises(Killed):
        tenant.probe(deadly)
    change(tenant, amount)
    with pytest.raises(CommandFailed, match=f"payment 1 of {amount}"):
        tenant.probe()
    assert amounts(tenant) == [Decimal(amount)]


# ---- What shows late, or never -------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [(), (1,), (2,)])
def test_what_takes_effect_long_after_its_answer_is_taken_back(
    tenant: Tenant, numbers: tuple[int, ...]
) -> None:
    tenant.is_such(second_payment="allow")
    result = tenant.probe(at(tenant, "payment-create", told_early, *numbers))
    assert amounts(tenant) == []
    assert result.remarks == []
    assert tenant.notes == []


def test_what_is_listed_long_after_its_answer_is_taken_back(tenant: Tenant) -> None:
    began = tenant.clock.now

    def listed_late(tenant: Tenant, effect: Callable[[], Answer]) -> Answer | Response:
        return effect() if tenant.clock.now > began + 10 else Response(200, {}, b"[]")

    result = tenant.probe(at(tenant, "payments", listed_late))
    assert amounts(tenant) == []
    assert result.remarks == []


def test_a_payment_that_was_told_and_is_never_listed_is_named(tenant: Tenant) -> None:
    def unlisted(tenant: Tenant, effect: Callable[[], Answer]) -> Response:
        return Response(200, {}, b"[]")

    result = tenant.probe(at(tenant, "payments", unlisted))
    assert "has created payment 1" in result.remarks[0]
    assert not any("All payments are taken back" in remark for remark in result.remarks)
    assert len(tenant.notes) == 1


@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_what_connectwise_rounds_is_taken_back(tenant: Tenant, decimals: int) -> None:
    tenant.is_such(amount_decimals=decimals)
    assert tenant.probe().clean
    assert amounts(tenant) == []


# ---- What is not known ---------------------------------------------------------------------------


def failing(tenant: Tenant, effect: Callable[[], Answer]) -> Any:
    return error(500, "ConnectWiseApi", "An unexpected error has occurred.")


def failing_after_all(tenant: Tenant, effect: Callable[[], Answer]) -> Any:
    effect()
    return failing(tenant, effect)


@pytest.mark.parametrize(
    ("kind", "happening", "rows"),
    [
        ("payment-create", failing, ("type",)),
        (
            "payment-create",
            failing_after_all,
            ("second-payment", "day", "decimals", "zero", "negative", "overpayment"),
        ),
        ("payment-update", failing, ("update-amount", "update-type", "update-paymentDate")),
        ("payment-delete", failing, ("delete",)),
    ],
)
def test_a_server_error_is_no_rule_of_the_tenant(
    tenant: Tenant, kind: str, happening: Happening, rows: tuple[str, ...]
) -> None:
    found = {row.row: row.finding for row in tenant.probe(at(tenant, kind, happening)).rows}
    for row in rows:
        assert found[row].result == "not known", row
        assert found[row].says.startswith("answered 500"), row
        assert "Leave" not in found[row].means, row
    assert not any(amounts(tenant))


def test_where_a_patch_has_no_effect_and_nothing_can_be_deleted_no_amount_is_judged(
    tenant: Tenant,
) -> None:
    found = tenant.finds(fixed_fields=["amount"], delete_payments="forbid")
    for row in ("decimals", "zero", "negative", "overpayment"):
        assert found[row].result == "not known", row
        assert "no PATCH of the amount takes effect here" in found[row].says
    assert "amount 0" not in found["delete"].means


def test_a_day_that_never_shows_is_told_so_though_a_patch_seems_to_change_nothing(
    tenant: Tenant,
) -> None:
    values: dict[str, Any] = {"fixed_fields": ["paymentDate"], "delete_payments": "forbid"}
    assert tenant.finds(**values, shows_days=False)["day"].result == "not shown"


def test_two_payments_of_which_none_is_listed_are_not_judged(tenant: Tenant) -> None:
    def unlisted(tenant: Tenant, effect: Callable[[], Answer]) -> Response:
        return Response(200, {}, b"[]")

    rows = tenant.probe(at(tenant, "payments", unlisted)).rows
    assert {row.row: row.finding for row in rows}["second-payment"].result == "not known"


def test_where_nothing_could_be_created_not_all_was_tried(tenant: Tenant) -> None:
    tenant.is_such(write_payments=False)
    assert not tenant.probe().clean


def test_the_setting_that_decides_about_second_payments_is_named(tenant: Tenant) -> None:
    for second in ("allow", "replace", "reject"):
        assert "`SecondPayment`" in tenant.finds(second_payment=second)["second-payment"].means


def test_what_is_never_answered_is_no_rule_either(tenant: Tenant) -> None:
    def lost(tenant: Tenant, effect: Callable[[], Answer]) -> Any:
        raise NoAnswer("ReadTimeout")

    result = tenant.probe(at(tenant, "payment-update", lost))
    assert result.stopped
    assert amounts(tenant) == []
