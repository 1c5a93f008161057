"""Whole files against ConnectWise: how many calls they cost, in which order, and how patiently."""

import itertools
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from component.conftest import OpenLink
from component.link import Link
from component.office import Office
from e2e.payment_xml import payment
from payments.importer import PutBack
from simulator.control import Budget, Call, Simulator

MANY = 1_000

OpenOffice = Callable[..., Office]


@pytest.fixture
def connectwise(connectwise: Simulator) -> Simulator:
    connectwise.add_invoices(count=100_000, number="INV-{id}", total="1000.00")
    return connectwise


@pytest.fixture
def office(link: Link, tmp_path: Path) -> Office:
    return Office(link, tmp_path)


@pytest.fixture
def small_chunks(link: Link, tmp_path: Path) -> Office:
    """Chunks of ten records, so that a short file has many."""
    return Office(link, tmp_path, chunk_records=10)


def new_payments(count: int, first: int = 1) -> list[str]:
    numbers = range(first, first + count)
    return [payment(external_id=f"R-{n}", invoice=n, amount="1.00") for n in numbers]


def total(connectwise: Simulator) -> int:
    """All calls but the one that asks for the codebase."""
    counts = connectwise.counts()
    return counts.total - counts.calls.get(("GET", "companyinfo"), 0)


def amounts(connectwise: Simulator, invoice: int) -> list[Decimal]:
    return [each["amount"] for each in connectwise.payments(invoice)]


def writes_to(connectwise: Simulator, invoice: int) -> list[Call]:
    """The writes for an invoice, in the order in which they came in."""
    return [
        call
        for call in connectwise.calls()
        if call.method in ("POST", "PATCH") and f"/invoices/{invoice}/" in call.path
    ]


# How many calls a payment costs


def test_a_new_payment_costs_one_call_and_a_share_of_a_lookup(
    connectwise: Simulator, office: Office
) -> None:
    """At most 1.01 calls a payment."""
    imported = office.imported(*new_payments(MANY))
    assert imported.state.counts.created == connectwise.counts().creates == MANY
    assert total(connectwise) <= 1.01 * MANY
    assert connectwise.counts().calls["POST", "payment-create"] == MANY


def test_a_new_payment_by_invoice_number_costs_hardly_more(
    connectwise: Simulator, office: Office
) -> None:
    """Numbers are longer than ids, so that fewer fit into a URL."""
    numbers = range(10_000, 10_000 + MANY)
    imported = office.imported(*(payment(number=f"INV-{n}", amount="1.00") for n in numbers))
    assert imported.state.counts.created == MANY
    assert total(connectwise) <= 1.015 * MANY


def test_an_update_by_id_costs_exactly_one_call(connectwise: Simulator, office: Office) -> None:
    """Nothing has to be looked up."""
    invoices = range(1, 201)
    ids = {n: connectwise.add_payment(n, "1.00")["id"] for n in invoices}
    imported = office.imported(
        *(payment(payment_id=ids[n], invoice=n, amount="2.00") for n in invoices)
    )
    assert imported.state.counts.updated == len(ids)
    assert total(connectwise) == len(ids)


def test_an_update_by_a_known_external_id_costs_exactly_one_call(
    connectwise: Simulator, office: Office
) -> None:
    """The truth table knows payment and invoice."""
    office.imported(*new_payments(200))
    connectwise.clear_calls()
    imported = office.imported(*new_payments(200))
    assert imported.state.counts.updated == 200
    assert connectwise.counts().total == 200


def test_an_update_found_by_its_invoice_costs_two_calls_and_a_share(
    connectwise: Simulator, office: Office
) -> None:
    """Which payment it is must be asked for."""
    for invoice in range(1, 201):
        connectwise.add_payment(invoice, "5.00")
    imported = office.imported(*new_payments(200))
    assert imported.state.counts.updated == 200
    assert 400 < total(connectwise) <= 404


def test_records_that_are_wrong_cost_no_call(connectwise: Simulator, office: Office) -> None:
    """Not even the question for the codebase."""
    imported = office.imported(*(payment(invoice=n, amount="x") for n in range(1, 50)))
    assert len(imported.failed) == 49
    assert connectwise.counts().total == 0


def test_unknown_invoices_cost_only_the_lookup(connectwise: Simulator, office: Office) -> None:
    """A hundred of them, one call."""
    imported = office.imported(*new_payments(100, first=500_000))
    assert imported.errors[0] == "ConnectWise has no invoice with id 500000."
    assert len(imported.failed) == 100
    assert total(connectwise) == 1


def test_without_permission_to_read_invoices_each_is_looked_up_by_itself(
    connectwise: Simulator, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says so once."""
    connectwise.configure(read_invoices=False)
    connectwise.add_payment(1, "5.00")
    imported = office.imported(*new_payments(600))
    assert (imported.state.counts.created, imported.state.counts.updated) == (599, 1)
    calls = connectwise.counts().calls
    assert calls["GET", "payments"] == calls["POST", "payment-create"] + 1 == 600
    assert calls["GET", "invoices"] <= 3  # those of the first chunk, asked at the same time
    assert caplog.messages.count("Invoices are looked up one by one") == 1


# In which order


def test_records_of_one_invoice_are_applied_in_file_order_across_chunks(
    connectwise: Simulator, small_chunks: Office
) -> None:
    """One create, then updates, whichever way the records name the invoice."""
    connectwise.configure(latency_seconds=0.005)
    ways: list[Callable[[int], dict[str, Any]]] = [
        lambda n: {"external_id": f"R-{n}", "invoice": n},
        lambda n: {"external_id": f"R-{n}", "number": f"INV-{n}"},
        lambda n: {"external_id": f"R-{n}", "invoice": n, "number": f"INV-{n}"},
        lambda n: {"external_id": f"R-{n}"},
        lambda n: {"invoice": n},
        lambda n: {"number": f"INV-{n}"},
    ]
    records = [
        payment(**ways[place % 6 if place > 3 else 0](1 + place % 3), amount=f"{place + 1}.00")
        for place in range(96)
    ]
    imported = small_chunks.imported(*records)
    assert imported.errors == []
    for invoice in (1, 2, 3):
        writes = writes_to(connectwise, invoice)
        assert [call.method for call in writes] == ["POST", *["PATCH"] * 31]
        sent = [float(found[1]) for call in writes if (found := re.search(r"(\d+\.00)", call.body))]
        assert sent == [float(place + 1) for place in range(96) if 1 + place % 3 == invoice]
        # Each was answered before the next was sent.
        assert all(
            before.answered is not None and before.answered <= after.received
            for before, after in itertools.pairwise(writes)
        )


@pytest.mark.parametrize("gap", [8, 9, 10, 11, 19, 20, 21, 29, 30, 31])
def test_an_invoice_that_comes_again_in_a_later_chunk_gets_no_second_payment(
    connectwise: Simulator, small_chunks: Office, gap: int
) -> None:
    """However far away: the chunks before it may still be under way, or just done."""
    connectwise.configure(second_payment="allow", latency_seconds=0.002)
    between = new_payments(gap, first=100)
    imported = small_chunks.imported(
        payment(invoice=1, amount="1.00"), *between, payment(invoice=1, amount="2.00")
    )
    assert amounts(connectwise, 1) == [Decimal("2.00")]
    assert imported.state.counts.updated == 1
    assert connectwise.counts().max_creates_per_invoice == 1


def test_an_external_id_that_comes_again_is_known_in_the_same_file(
    connectwise: Simulator, small_chunks: Office
) -> None:
    """On the same invoice it is an update; on another one it is rejected."""
    imported = small_chunks.imported(
        payment(external_id="R", invoice=1, amount="1.00"),
        *new_payments(25, first=100),
        payment(external_id="R", amount="2.00"),
        payment(external_id="R", invoice=2, amount="3.00"),
    )
    assert amounts(connectwise, 1) == [Decimal("2.00")]
    assert amounts(connectwise, 2) == []
    [error] = imported.errors
    assert error.startswith("External id R is payment")


def test_records_come_back_in_file_order(connectwise: Simulator, small_chunks: Office) -> None:
    """Though the answers come in any order."""
    for invoice in range(1, 200, 7):
        connectwise.add_fault(method="POST", path=f"/invoices/{invoice}/", delay_seconds=0.02)
    imported = small_chunks.imported(*new_payments(200))
    receipts = [record.values["externalId"] for record in imported.succeeded]
    assert receipts == [f"R-{n}" for n in range(1, 201)]


# How many at once


@pytest.mark.parametrize("connections", [1, 3, 8, 16])
def test_all_connections_are_used_and_none_more(
    connectwise: Simulator, open_link: OpenLink, tmp_path: Path, connections: int
) -> None:
    """Calls in flight, and connections that are kept alive."""
    connectwise.configure(latency_seconds=0.01)
    office = Office(open_link(connections=connections), tmp_path)
    office.imported(*new_payments(20 * connections))
    counts = connectwise.counts()
    assert counts.max_in_flight == connections
    assert counts.connections == connections


def test_the_next_chunk_is_looked_up_before_this_one_is_done(
    connectwise: Simulator, small_chunks: Office
) -> None:
    """So that connections do not idle where chunks meet."""
    connectwise.configure(latency_seconds=0.01)
    small_chunks.imported(*new_payments(100))
    kinds = [call.kind for call in connectwise.calls() if call.kind != "companyinfo"]
    lookups = [place for place, kind in enumerate(kinds) if kind == "invoices"]
    assert len(lookups) == 10
    for number, place in enumerate(lookups[1:], start=1):
        creates_before = kinds[:place].count("payment-create")
        assert creates_before < 10 * number


def test_chunks_overlap(connectwise: Simulator, open_link: OpenLink, tmp_path: Path) -> None:
    """A slow payment does not hold up those of the next chunk."""
    connectwise.add_fault(method="POST", path="/invoices/1/", delay_seconds=1.0)
    patient = open_link(timeout_seconds=(10.0, 10.0))
    Office(patient, tmp_path, chunk_records=10).imported(*new_payments(20))
    [slow] = writes_to(connectwise, 1)
    [later] = writes_to(connectwise, 20)
    assert slow.answered is not None
    assert later.answered is not None
    assert later.answered < slow.answered


# Lost answers, and payments that appear meanwhile

LOST = {
    "reset before": {"reset": True},
    "reset after": {"reset": True, "after": True},
    "timeout after": {"hang_seconds": 5.0, "after": True},
    "error before": {"status": 500, "answer": '{"message": "A timeout has occured."}'},
    "error after": {"status": 500, "answer": '{"message": "x"}', "after": True},
    "gateway after": {"status": 504, "after": True},
    "no JSON after": {"status": 200, "answer": "<html>", "after": True},
    "busy after": {"status": 503, "headers": {"Retry-After": "1"}, "after": True},
}


@pytest.mark.parametrize("loss", LOST)
def test_a_lost_answer_leads_to_one_payment(
    connectwise: Simulator, office: Office, loss: str
) -> None:
    """It is read back: adopted if it is there, sent again if it is not."""
    connectwise.configure(second_payment="allow")
    connectwise.add_fault(method="POST", times=3, skip=2, **LOST[loss])  # type: ignore[arg-type]
    imported = office.imported(*new_payments(20))
    assert imported.state.counts.created == 20
    counts = connectwise.counts()
    assert (counts.creates, counts.max_creates_per_invoice) == (20, 1)
    assert counts.calls["POST", "payment-create"] == (23 if "before" in loss else 20)
    created = [connectwise.payments(n)[0]["id"] for n in range(1, 21)]
    assert [record.payment_id for record in imported.succeeded] == created


@pytest.mark.parametrize("amount", ["1.00", "7.00"])
def test_a_payment_that_appears_meanwhile_is_updated(
    connectwise: Simulator, office: Office, amount: str
) -> None:
    """ConnectWise refuses the create; whoever recorded it, it is the invoice's payment."""
    connectwise.add_fault(method="POST", path="/invoices/3/", appear={"amount": Decimal(amount)})
    imported = office.imported(*new_payments(5))
    assert (imported.state.counts.created, imported.state.counts.updated) == (4, 1)
    assert amounts(connectwise, 3) == [Decimal("1.00")]
    [post, patch] = writes_to(connectwise, 3)
    assert (post.status, patch.status) == (400, 200)


def test_a_create_that_never_succeeds_puts_the_file_back(
    connectwise: Simulator, office: Office
) -> None:
    """Bounded; what is done is kept, and the next run goes on."""
    fault = connectwise.add_fault(method="POST", path="/invoices/15/", times=None, status=502)
    source = office.upload(*new_payments(20))
    assert isinstance(office.run(source), PutBack)
    assert connectwise.struck()[fault] <= 5
    connectwise.clear_faults()
    assert not isinstance(office.run(source), PutBack)
    assert connectwise.counts().creates == 20
    assert connectwise.counts().max_creates_per_invoice == 1


# Throttling and outages


@pytest.mark.parametrize("body", ["json", "html"])
def test_a_budget_costs_time_but_no_record(
    connectwise: Simulator, office: Office, body: str
) -> None:
    """Not one call is made inside a Retry-After."""
    connectwise.configure(
        latency_seconds=0.01,
        silence_grace_seconds=0.1,
        budget=Budget(requests=40, seconds=1.0, body="json" if body == "json" else "html"),
    )
    imported = office.imported(*new_payments(100))
    assert imported.state.counts.created == 100
    counts = connectwise.counts()
    assert counts.statuses[429] > 0
    assert counts.inside_silence == 0
    assert counts.calls["POST", "payment-create"] == 100 + counts.statuses[429]


@pytest.mark.parametrize("reset", [True, False])
def test_an_outage_puts_the_file_back_and_fails_no_record(
    connectwise: Simulator, small_chunks: Office, reset: bool
) -> None:
    """Payments that were sent before are not sent again."""
    connectwise.add_fault(method="POST", path="/invoices/30/", times=None, reset=True)
    source = small_chunks.upload(*new_payments(60))
    assert isinstance(small_chunks.run(source), PutBack)
    connectwise.down(reset=reset)
    assert isinstance(small_chunks.run(source), PutBack)
    connectwise.up()
    connectwise.clear_faults()
    assert not isinstance(small_chunks.run(source), PutBack)
    assert b"ErrorMessage" not in small_chunks.bucket.read("fail/a.xml")
    assert connectwise.counts().creates == 60
    assert connectwise.counts().max_creates_per_invoice == 1


@pytest.mark.parametrize("status", [401, 404])
def test_refused_credentials_put_the_file_back_and_fail_no_record(
    connectwise: Simulator, open_link: OpenLink, tmp_path: Path, status: int
) -> None:
    """Cloud hosts are said to answer them with 404."""
    connectwise.configure(refused_credentials_status=401 if status == 401 else 404)
    office = Office(open_link(privateKey="wrong"), tmp_path)
    source = office.upload(*new_payments(5))
    result = office.run(source)
    assert isinstance(result, PutBack)
    assert "keys" in result.reason
    office.link.secret = connectwise.secret
    assert not isinstance(office.run(source), PutBack)
    assert connectwise.counts().creates == 5


# What is remembered


def test_every_payment_is_in_the_truth_table_before_its_record_counts_as_done(
    connectwise: Simulator, small_chunks: Office
) -> None:
    """A kill between the two costs a look, not a payment."""
    small_chunks.imported(*new_payments(95))
    passed = small_chunks.writes.passed
    assert len(small_chunks.truth.items) == connectwise.counts().creates == 95
    learnt = 0
    for what in passed:
        learnt += what.startswith("put truth ")
        if what.startswith("put work/"):
            after = int(what.rpartition("/")[2].removesuffix(".jsonl"))
            assert learnt >= min(after + 10, 95)
    assert learnt == 95


def test_the_truth_table_is_read_in_batches(office: Office) -> None:
    """A hundred external ids at once, a chunk before it is needed."""
    office.imported(*new_payments(MANY))
    assert office.writes.passed.count("batch get") == MANY / 100
