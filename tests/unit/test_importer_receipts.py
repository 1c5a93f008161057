"""Whole files through the deployed program, where the payments of an invoice add up."""

import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from e2e.payment_xml import payment
from fakes.connectwise import FakeInvoice, answer, error
from fakes.deployment import Deploy, Deployment
from fakes.mishaps import Mishap, answering, kill, kill_after, lost
from payments.models import SecondPayment
from payments.pipeline import Bounds


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    def made(*invoices: FakeInvoice, **more: Any) -> Deployment:
        large = (FakeInvoice(number, total=Decimal(5000)) for number in range(1, 9))
        shelf = invoices or tuple(large)
        settings = {"second_payment": SecondPayment.ADD, **more}
        return Deployment(tmp_path / "disk", *shelf, **settings)

    return made


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    return deploy()


def on(
    invoice: int, amount: object, receipt: str | None, day: str = "2026-03-01", **more: Any
) -> str:
    return payment(invoice=invoice, amount=amount, external_id=receipt, paymentDate=day, **more)


def imported(deployment: Deployment, *records: str, name: str = "a") -> list[str]:
    """Import a file; return its errors."""
    deployment.upload(*records, name=name)
    deployment.to_end()
    return deployment.errors(name)


def sums(deployment: Deployment) -> dict[int, Decimal]:
    """Return what ConnectWise holds on each invoice that has just one payment."""
    office = deployment.connectwise
    return {n: amounts[0] for n in office.invoices if len(amounts := office.amounts(n)) == 1}


def days(deployment: Deployment, invoice: int) -> list[str]:
    return [row["paymentDate"][:10] for row in deployment.connectwise.held[invoice].values()]


# What is held


def test_instalments_add_up_over_records_and_files_with_the_newest_day(
    deployment: Deployment,
) -> None:
    assert imported(deployment, on(1, 400, "RC-1", "2026-03-28"), on(1, 100, "RC-2")) == []
    assert imported(deployment, on(1, 500, "RC-3", "2026-02-01"), name="b") == []
    assert sums(deployment) == {1: 1000}
    assert days(deployment, 1) == ["2026-03-28"]
    assert deployment.published.tally.replaced == 0


def test_a_file_that_is_sent_again_changes_nothing(deployment: Deployment) -> None:
    """Nor does its success file, which names the payment."""
    file = on(1, 400, "RC-1"), on(1, 600, "RC-2")
    for name in ("a", "b"):
        assert imported(deployment, *file, name=name) == []
    again = on(1, 400, "RC-1", payment_id=101), on(1, 600, "RC-2", payment_id=101)
    assert imported(deployment, *again, name="c") == []
    assert sums(deployment) == {1: 1000}


@pytest.mark.parametrize(("amount", "total"), [("450", 1050), ("0", 600), ("-100", 500)])
def test_a_receipt_is_corrected_taken_back_or_paid_back(
    deployment: Deployment, amount: str, total: int
) -> None:
    imported(deployment, on(1, 400, "RC-1"), on(1, 600, "RC-2"))
    assert imported(deployment, on(1, amount, "RC-1"), name="b") == []
    assert sums(deployment) == {1: total}


def test_a_receipt_moves_to_the_invoice_that_it_names(deployment: Deployment) -> None:
    imported(deployment, on(1, 400, "RC-1"), on(1, 600, "RC-2"), on(2, 50, "RC-3"))
    assert imported(deployment, on(2, 600, "RC-2"), name="b") == []
    assert sums(deployment) == {1: 400, 2: 650}
    known = deployment.truth.get("RC-2", "na.example.com/acme")
    assert known is not None
    assert known["invoiceId"] == 2


@pytest.mark.parametrize("mishap", [None, kill, kill_after])
def test_a_receipt_that_moves_is_told_as_what_its_former_invoice_has_lost(
    deployment: Deployment, mishap: Mishap | None
) -> None:
    """Nobody may have meant that: two payments with one external id look just so."""
    imported(deployment, on(1, 400, "RC-1"), on(1, 600, "RC-2"), on(2, 50, "RC-3"))
    if mishap is not None:
        deployment.mishaps.plan("update", mishap, about="invoice 1 ")
    assert imported(deployment, on(2, 650, "RC-2"), on(2, 60, "RC-3"), name="b") == []
    row = next(it for it in deployment.imports.all() if it["key"] == "incoming/b.xml")
    assert (row["updated"], row["replaced"], row["replacedAmount"]) == (2, 1, 600)
    told = (
        "eceipt of 600.00 of 2026-03-01, taken from invoice INV-1 (id 1), recorded as RC-2 from "
        "incoming/a.xml"
    )
    assert row["firstReplaced"] == [f"RC-2, invoice 2, 650.00: r{told}"]
    assert f"R{told}." in unescape(deployment.bucket.read("reports/b.html").decode())
    [(subject, text)] = [it for it in deployment.topic.mails if "b.xml" in it[0]]
    assert subject == "Payments imported, 1 replaced: b.xml"
    assert f"r{told}" in text


def test_a_receipt_that_cannot_leave_its_invoice_stays_there(deployment: Deployment) -> None:
    """The other invoice gets its sum back."""
    imported(deployment, on(1, 400, "RC-1"), on(1, 600, "RC-2"), on(2, 50, "RC-3"))
    refused = answering(error(400, "Closed", "The invoice is closed."))
    deployment.mishaps.plan("update", refused, about="invoice 1 ", times=float("inf"))
    told = imported(deployment, on(2, 600, "RC-2"), name="b")
    assert "was not moved from invoice 1" in told[0]
    assert sums(deployment) == {1: 1000, 2: 50}
    deployment.mishaps.end()
    assert imported(deployment, on(2, 600, "RC-2"), name="c") == []
    assert sums(deployment) == {1: 400, 2: 650}


def test_a_receipt_that_could_not_be_set_back_is_told_with_what_to_do(
    deployment: Deployment,
) -> None:
    """It counts on both invoices in ConnectWise, until somebody sets one of them."""
    imported(deployment, on(1, 400, "RC-1"), on(2, 50, "RC-3"))
    refused = answering(error(400, "Closed", "The invoice is closed."))
    deployment.mishaps.plan("update", refused, about="invoice 1 ", times=float("inf"))
    deployment.mishaps.plan("update", refused, about="invoice 2 ", skip=1, times=float("inf"))
    told = " ".join(imported(deployment, on(2, 400, "RC-1"), name="b"))
    assert "was not moved from invoice 1" in told
    assert "Set payment 201 to 50.00 in ConnectWise" in told
    assert sums(deployment) == {1: 400, 2: 450}
    deployment.mishaps.end()
    deployment.connectwise.held[2][201]["amount"] = Decimal(50)
    assert imported(deployment, on(2, 400, "RC-1"), name="c") == []
    assert sums(deployment) == {1: 0, 2: 450}


def test_a_receipt_that_was_accepted_is_corrected_and_moved_once_that_is_allowed(
    deploy: Deploy,
) -> None:
    """`truth delete` forgets that it was accepted, and no more."""
    deployment = deploy(prevent_reprocessing=True)
    imported(deployment, on(1, 400, "RC-1"), on(1, 50, "RC-2"))
    for number, record in enumerate((on(1, 300, "RC-1"), on(2, 300, "RC-1"))):
        [told] = imported(deployment, record, name=f"refused{number}")
        assert "truth delete RC-1" in told
        key = ("RC-1", "na.example.com/acme")
        deployment.truth.put({**(deployment.truth.get(*key) or {}), "accepted": False})
        assert imported(deployment, record, name=f"accepted{number}") == []
    assert sums(deployment) == {1: 50, 2: 300}


def test_a_number_that_disagrees_with_its_id_makes_nobody_look_too_late(deploy: Deploy) -> None:
    """What a killed run has left is not taken for what was there before."""
    deployment = deploy(bounds=Bounds(chunk_records=1, chunks=4))
    imported(deployment, on(1, 400, "RC-1"))
    slip = payment(invoice=1, number="INV-2", amount=1, external_id="SLIP")
    further = payment(number="INV-1", amount=100, external_id="RC-2")
    deployment.upload(slip, further, name="b")
    deployment.mishaps.plan("update", kill_after, about="invoice 1 ")
    deployment.to_end()
    [told] = deployment.errors("b")
    assert "INV-2" in told
    assert sums(deployment) == {1: 500}
    assert deployment.published.tally.replaced == 0


def test_a_move_that_is_cut_is_none(deploy: Deploy) -> None:
    """The receipt is still where it was, and can be moved with another amount."""
    deployment = deploy(FakeInvoice(1, total=Decimal(1000)), FakeInvoice(2), cuts_overpayments=True)
    imported(deployment, on(1, 400, "RC-1"), on(2, 90, "RC-2"))
    [told] = imported(deployment, on(2, 400, "RC-1"), name="b")
    assert "the sum of 2 receipts" in told
    assert imported(deployment, on(2, 10, "RC-1"), name="c") == []
    assert sums(deployment) == {1: 0, 2: 100}


@pytest.mark.parametrize("is_killed", [False, True], ids=["", "killed behind it"])
def test_a_move_whose_rest_is_rounded_is_told_and_still_one(
    deployment: Deployment, is_killed: bool
) -> None:
    """The receipt counts on its new invoice, and on no other."""

    def rounds(effect: Callable[[], Any]) -> Any:
        effect()
        row = deployment.connectwise.held[2][201]
        row["amount"] = Decimal(78)
        return answer(200, row)

    def killed(effect: Callable[[], Any]) -> Any:
        return kill_after(lambda: rounds(effect))

    imported(deployment, on(2, 600, "RC-1"), on(2, "77.77", "RC-2"))
    if is_killed:
        deployment.mishaps.plan("update", killed, about="invoice 2 ")
    deployment.mishaps.plan("update", rounds, about="invoice 2 ")
    [told] = imported(deployment, on(1, 600, "RC-1"), name="b")
    assert "was moved from invoice 2" in told
    assert "78.00 there, not the 77.77" in told
    assert sums(deployment) == {1: 600, 2: 78}
    assert imported(deployment, on(1, 500, "RC-1"), on(2, 10, "RC-3"), name="c") == []
    assert sums(deployment) == {1: 500, 2: Decimal("87.77")}


def test_a_payment_that_was_changed_by_hand_is_left_alone(deployment: Deployment) -> None:
    """Both numbers are told."""
    imported(deployment, on(1, 400, "RC-1"))
    deployment.connectwise.held[1][101]["amount"] = Decimal(450)
    [told] = imported(deployment, on(1, 600, "RC-2"), name="b")
    assert "of 450.00, on invoice" in told
    assert "400.00 were recorded here" in told
    assert sums(deployment) == {1: 450}


def test_somebody_else_s_payment_is_left_alone(deployment: Deployment) -> None:
    deployment.connectwise.add_payment(1, amount=Decimal(70))
    [told] = imported(deployment, on(1, 600, "RC-2"))
    assert "70.00" in told
    assert sums(deployment) == {1: 70}


def test_credit_memos_are_left_alone(deployment: Deployment) -> None:
    deployment.connectwise.add_payment(1, amount=Decimal(70), credit={"id": 9})
    assert imported(deployment, on(1, 400, "RC-1"), on(1, 600, "RC-2")) == []
    rows = deployment.connectwise.held[1].values()
    assert sorted(row["amount"] for row in rows) == [70, 1000]


def test_a_deployment_that_has_replaced_so_far_goes_on_adding_up(deploy: Deploy) -> None:
    """What was recorded under an external id is a receipt."""
    deployment = deploy(second_payment=SecondPayment.REPLACE)
    imported(deployment, on(1, 400, "RC-1"), on(2, 50, None))
    deployment.switch(SecondPayment.ADD)
    [told] = imported(deployment, on(1, 600, "RC-2"), on(2, 60, "RC-3"), name="b")
    assert "50.00, on invoice INV-2" in told
    assert sums(deployment) == {1: 1000, 2: 50}


# What it costs


def test_receipts_cost_one_call_each(deploy: Deploy) -> None:
    """A new payment and a further receipt alike, and a share of a lookup."""
    deployment = deploy(*map(FakeInvoice, range(1, 201)), bounds=Bounds())
    for name in ("a", "b", "c"):
        deployment.connectwise.calls.clear()
        records = [on(n, 1, f"R-{n}-{name}") for n in range(1, 201)]
        assert imported(deployment, *records, name=name) == []
        calls = [call.kind for call in deployment.connectwise.calls if call.kind != "company"]
        assert len(calls) == 202
    assert sums(deployment) == dict.fromkeys(range(1, 201), 3)


# Killed anywhere


FILE = (
    on(1, 60, "RC-1"),
    on(1, 70, "RC-2", "2026-03-05"),
    on(2, 80, "RC-3"),
    on(1, 65, "RC-1"),
    on(2, 70, "RC-2"),
    on(3, 10, "OLD"),
    on(3, 20, "RC-4"),
    on(1, -5, "RC-5"),
    on(3, "x", "RC-6"),
)


@pytest.mark.parametrize("prevent", [False, True], ids=["", "prevent reprocessing"])
@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_wherever_a_run_is_killed_the_sums_are_right(
    deploy: Deploy, mishap: Mishap, prevent: bool
) -> None:
    """At every single call to ConnectWise, S3, DynamoDB or SQS."""

    def killed(at: int | None) -> tuple[Any, bool]:
        deployment = deploy(prevent_reprocessing=prevent)
        imported(deployment, on(3, 9, "OLD"), on(4, 5, "ELSE"), name="before")
        deployment.upload(*FILE)
        if at is not None:
            deployment.mishaps.plan("any", mishap, skip=at)
        runs = deployment.to_end()
        errors = [re.sub(r"20[-0-9T:]+Z", "some time", told) for told in deployment.errors()]
        return (sums(deployment), days(deployment, 1), errors), runs > 1

    expected, _ = killed(None)
    for place in range(250):
        found, was_killed = killed(place)
        assert found == expected, f"killed at call {place}"
        if not was_killed:
            break
    assert 25 < place < 250


def test_a_late_answer_adds_nothing_twice(deployment: Deployment) -> None:
    """It had taken effect before the receipt was sent again."""
    for kind in ("create", "update"):
        deployment.mishaps.plan(kind, lost(deployment.clock, arrives_after=20.0))
    assert imported(deployment, on(1, 400, "RC-1"), on(1, 600, "RC-2"), on(2, 5, "RC-3")) == []
    assert sums(deployment) == {1: 1000, 2: 5}
