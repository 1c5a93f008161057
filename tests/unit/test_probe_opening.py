"""Which invoice a probe takes, what it asks before, and whose payments it never touches."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fakes.connectwise import error
from fakes.mishaps import Killed
from fakes.way import Answer
from payments.command.probe.report import found_json
from payments.command.problem import CommandFailed
from payments.errors import NoAnswer
from unit.operated import ending
from unit.probed import INVOICE, Tenant


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    return Tenant(tmp_path / "notes")


def pay(tenant: Tenant, amount: str, **fields: Any) -> dict[str, Any]:
    """Record a payment as somebody else would."""
    values = {"amount": Decimal(amount), **fields}
    return dict(tenant.do("add-payment", invoice_id=INVOICE, values=values))


def writes(tenant: Tenant) -> list[str]:
    return [kind for kind in tenant.kinds if kind.startswith("payment-")]


def refused(tenant: Tenant, **options: Any) -> str:
    """Why it does not even begin."""
    with pytest.raises(CommandFailed) as failure:
        tenant.probe(**options)
    assert writes(tenant) == []
    return str(failure.value)


def dying_at(kind: str, number: int) -> Callable[..., Any]:
    """The process dies when the answer to this call of a kind comes."""
    left = [number]

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if left[0] <= 0:
            raise Killed
        answer = effect()
        left[0] -= operation == kind
        if left[0] <= 0:
            raise Killed
        return answer

    return way


# ---- Which invoice -------------------------------------------------------------------------------


def test_an_invoice_with_a_payment_is_refused(tenant: Tenant) -> None:
    pay(tenant, "12.50")
    said = refused(tenant)
    assert "INV-7 has payments or credits (payment 1 of 12.50)" in said


@pytest.mark.parametrize("amount", ["0.01", "0"])
def test_a_payment_of_next_to_nothing_is_somebody_s_too(tenant: Tenant, amount: str) -> None:
    """There is no note of it."""
    pay(tenant, amount)
    assert "has payments or credits" in refused(tenant)


@pytest.mark.parametrize("hidden", [True, False])
def test_an_invoice_with_a_credit_memo_is_refused(tenant: Tenant, hidden: bool) -> None:
    tenant.is_such(credit_rows="hidden" if hidden else "marked")
    pay(tenant, "5", credit={"id": 9})
    assert "has payments or credits" in refused(tenant)


def test_an_invoice_without_a_balance_is_refused(tenant: Tenant) -> None:
    tenant.do("add-invoices", invoices=[{"id": INVOICE, "invoiceNumber": "INV-7", "total": 0}])
    assert "has a balance of 0.00: name one" in refused(tenant)


def test_an_invoice_that_is_not_there_is_named(tenant: Tenant) -> None:
    assert refused(tenant, number="INV-99") == "ConnectWise has no invoice with the number INV-99."


def test_a_number_that_several_invoices_have_is_refused(tenant: Tenant) -> None:
    tenant.do("add-invoices", invoices=[{"id": 70, "invoiceNumber": "inv-7"}])
    assert "has 2 invoices with the number INV-7" in refused(tenant)


def test_a_number_with_a_wildcard_is_refused(tenant: Tenant) -> None:
    assert "wildcard" in refused(tenant, number="INV-*")


def test_who_may_not_read_invoices_is_told_the_right(tenant: Tenant) -> None:
    tenant.is_such(read_invoices=False)
    assert "Finance > Invoicing" in refused(tenant)


# ---- Consent -------------------------------------------------------------------------------------


def test_it_says_what_it_will_do_and_asks(tenant: Tenant) -> None:
    refused(tenant, yes=False, confirm=lambda _: False)
    said = " ".join(tenant.said)
    assert "Invoice INV-7 (id 7)" in said
    assert "100.01, for a moment" in said
    assert tenant.notes == []


def test_with_yes_nothing_is_asked(tenant: Tenant) -> None:
    tenant.probe()
    assert tenant.asked == []


# ---- What an earlier one has left ----------------------------------------------------------------


def test_what_is_taken_back_is_named_before(tenant: Tenant) -> None:
    with pytest.raises(Killed):
        tenant.probe(dying_at("payment-create", 1))
    tenant.probe(yes=False)
    assert tenant.asked[0] == (
        "An earlier probe has left on invoice INV-7: payment 1 of 0.01. Take it back?"
    )
    assert tenant.payments == []


def test_without_consent_it_stays(tenant: Tenant) -> None:
    with pytest.raises(Killed):
        tenant.probe(dying_at("payment-create", 1))
    refused(tenant, yes=False, confirm=lambda _: False)
    assert len(tenant.payments) == 1
    assert len(tenant.notes) == 1


def test_somebody_s_payment_beside_what_was_left_stays(tenant: Tenant) -> None:
    with pytest.raises(Killed):
        tenant.probe(dying_at("payment-create", 1))
    others = pay(tenant, "25")
    with pytest.raises(CommandFailed, match="has payments or credits"):
        tenant.probe()
    assert [row["id"] for row in tenant.payments] == [others["id"]]


def test_what_somebody_pays_in_the_middle_stays(tenant: Tenant) -> None:
    tenant.is_such(second_payment="allow")
    left = [30]

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        left[0] -= 1
        if not left[0]:
            pay(tenant, "25")
        return effect()

    result = tenant.probe(way)
    assert [row["amount"] for row in tenant.payments] == [25]
    assert "there is now payment 3 of 25: not surely the probe's" in result.remarks[0]


def killed_while_it_overpays(tenant: Tenant) -> None:
    """ConnectWise cuts one cent more than the balance to the balance."""
    creates = 8
    with pytest.raises(Killed):
        tenant.probe(dying_at("payment-create", creates))
    assert tenant.payments[0]["amount"] == 100


def test_a_cut_payment_is_known_by_its_odd_moment(tenant: Tenant) -> None:
    killed_while_it_overpays(tenant)
    assert tenant.probe().clean
    assert tenant.asked == []


def test_a_whole_balance_of_another_moment_is_somebody_s(tenant: Tenant) -> None:
    killed_while_it_overpays(tenant)
    tenant.do("delete-payment", invoice_id=INVOICE, payment_id=tenant.payments[0]["id"])
    others = pay(tenant, "100", paymentDate="2026-01-31T00:00:00Z")
    with pytest.raises(CommandFailed, match="has payments or credits"):
        tenant.probe()
    assert [row["id"] for row in tenant.payments] == [others["id"]]
    assert tenant.asked == []


@pytest.mark.parametrize("consents", [True, False])
def test_a_whole_balance_without_a_moment_is_asked_about_even_with_yes(
    tenant: Tenant, consents: bool
) -> None:
    """It may be somebody's."""
    tenant.is_such(shows_days=False)
    killed_while_it_overpays(tenant)
    asked: list[str] = []

    def confirm(text: str) -> bool:
        asked.append(text)
        return consents

    if consents:
        tenant.probe(confirm=confirm)
    else:
        with pytest.raises(CommandFailed, match="has payments or credits"):
            tenant.probe(confirm=confirm)
    assert len(asked) == 1
    assert "There is now payment 7 of 100.00" in asked[0]
    assert len(tenant.payments) == (0 if consents else 1)


def test_where_it_cannot_be_deleted_the_next_one_says_so_and_does_it_once_it_can(
    tenant: Tenant,
) -> None:
    tenant.is_such(delete_payments="forbid")
    first = tenant.probe()
    assert not first.clean
    assert "Still there: payment 1 of 0" in first.remarks[0]
    with pytest.raises(CommandFailed, match="Still there: payment 1 of 0"):
        tenant.probe()
    tenant.is_such(delete_payments="allow")
    assert tenant.probe().clean
    assert tenant.notes == []


def test_a_create_that_never_shows_is_remembered(tenant: Tenant) -> None:
    """Should it come after all, the next probe takes it back."""
    result = tenant.probe(ending("payment-create", NoAnswer("ReadTimeout")))
    assert result.stopped
    assert "never answered, and it has not shown since" in result.remarks[0]
    pay(tenant, "0.01")
    assert tenant.probe().clean
    assert tenant.payments == []


def test_while_connectwise_does_not_answer_it_says_that_something_may_be_there(
    tenant: Tenant,
) -> None:
    created: list[str] = []

    def way(operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if created:
            raise NoAnswer("ConnectTimeout")
        created.extend([operation] if operation == "payment-create" else [])
        return effect()

    result = tenant.probe(way)
    assert "may still be there" in result.remarks[0]
    assert tenant.probe().clean


def test_notes_that_cannot_be_read_stop_it(tenant: Tenant) -> None:
    with pytest.raises(Killed):
        tenant.probe(dying_at("payment-create", 1))
    (tenant.folder / tenant.notes[0]).write_text("{")
    assert "Look at the invoice's payments, then delete the file" in refused(tenant)


def test_without_a_place_for_notes_nothing_is_created(tenant: Tenant) -> None:
    tenant.folder.write_text("a file, no folder")
    with pytest.raises(CommandFailed, match="nothing is created in ConnectWise without a note"):
        tenant.probe()
    assert writes(tenant) == []


# ---- What is handed on ---------------------------------------------------------------------------


def test_the_file_for_the_maintainers_names_nobody(tenant: Tenant) -> None:
    """Whatever ConnectWise says."""
    telling = "Contoso Ltd owes 4711.00 on INV-7, says jsmith of acme."
    tenant.do("add-payment", invoice_id=3, values={"amount": Decimal(5), "credit": {"id": 9}})
    way = ending("payment-update", error(400, telling, telling, "amount"))
    result = tenant.probe(way)
    written = found_json(result.rows)
    secret = tenant.simulation.secret()
    for word in ("Contoso", "4711", "INV-7", "jsmith", "100", *secret.values()):
        assert word not in written.replace('"1000"', ""), word
    assert any(telling in row.finding.says for row in result.rows)
