"""`truth adopt` and `truth reset`, on a deployment and its ConnectWise in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes.connectwise import FakeConnectWise, FakeInvoice
from fakes.dynamodb import FakeDynamoDb, FakeTable
from fakes.way import Answer
from payments.clock import SystemClock
from payments.command.app import app
from payments.command.cli import truth
from payments.command.deployment import Deployment
from payments.models import (
    Found,
    LedgerEntry,
    Payment,
    Receipt,
    Receipts,
    SecondPayment,
    There,
    TruthRecord,
)
from payments.stores.ledger import Ledger
from payments.stores.truth_table import TruthTable
from unit.operated import CREDENTIALS, Secrets, access_through, deployment_with

MARCH = "2026-03-28T00:00:00Z"
RC1: Receipts = {"RC1": Receipt(Decimal("400.00"), MARCH)}
ADOPTED = "adopted-2025-06-15-206"  # the day of the clock in memory


@dataclass(slots=True)
class Scene:
    """A stack, its ConnectWise, and what an operator does and hears."""

    second_payment: SecondPayment = SecondPayment.ADD
    meanwhile: Callable[[], None] = lambda: None
    connectwise: FakeConnectWise = field(
        default_factory=lambda: FakeConnectWise(FakeInvoice(206), FakeInvoice(7))
    )
    tables: dict[str, FakeTable] = field(
        default_factory=lambda: {
            "truth": FakeTable(("externalId", "connection")),
            "ledger": FakeTable(("invoiceId", "connection")),
            "imports": FakeTable(("importId",)),
        }
    )

    @property
    def deployment(self) -> Deployment:
        dynamodb = FakeDynamoDb(self.tables, self._way)
        return deployment_with(self.second_payment, dynamodb=dynamodb, secretsmanager=Secrets())

    @property
    def ledger(self) -> Ledger:
        dynamodb = FakeDynamoDb(self.tables)
        return Ledger(dynamodb, "ledger", CREDENTIALS.connection, SystemClock())

    @property
    def truth(self) -> TruthTable:
        dynamodb = FakeDynamoDb(self.tables)
        return TruthTable(dynamodb, "truth", CREDENTIALS.connection, SystemClock())

    def paid(self, amount: int, receipts: Receipts | None = RC1) -> LedgerEntry:
        """Let ConnectWise hold a payment, the ledger know 400 of it, and an import have seen it."""
        paid = self.connectwise.add_payment(206, amount=Decimal(amount), paymentDate=MARCH)
        entry = LedgerEntry(206, paid, "then", Decimal("400.00"), MARCH, added_up=receipts)
        found = Found("ended", looked=True, payment=Payment(paid, {"amount": Decimal(amount)}))
        self.ledger.store([There(206, entry, found)])
        return entry

    def known(self) -> LedgerEntry | None:
        """What the ledger knows of the invoice."""
        return self.there().entry

    def there(self) -> There:
        """All that the ledger has of the invoice."""
        return self.ledger.find([206]).get(206, There(206))

    def receipts(self) -> dict[str, Decimal]:
        """What the receipts are that it knows."""
        known = self.known()
        assert known is not None
        assert known.added_up is not None
        return {name: it.amount for name, it in known.added_up.items()}

    def begins_an_import(self) -> None:
        self.tables["imports"].put(
            {"importId": "i", "bucket": "b", "key": "incoming/a.xml", "status": "Running"}
        )

    def runs(self, *arguments: str, answer: str = "") -> tuple[int, str]:
        """Run the command; return its exit code, and all that it says in one line."""
        result = CliRunner().invoke(app, ["truth", *arguments], input=answer)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, " ".join(result.output.split())

    def _way(self, operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        if operation == "PutItem":
            self.meanwhile()
        return effect()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    monkeypatch.setattr(Deployment, "find", lambda *_: scene.deployment)
    monkeypatch.setattr(truth, "open_access", lambda _: access_through(scene.connectwise))
    return scene


def test_adopting_shows_both_sums_and_takes_the_difference_once_it_is_confirmed(
    scene: Scene,
) -> None:
    entry = scene.paid(450)
    code, said = scene.runs("adopt", "206", answer="y\n")
    assert code == 0
    assert f"ConnectWise holds now payment {entry.payment_id}: 450.00 of 2026-03-28" in said
    assert "Receipts known RC1: 400.00 2026-03-28 together 400.00" in said
    assert f"{ADOPTED}: 50.00 2026-03-28 together 450.00" in said
    assert scene.receipts() == {"RC1": 400, ADOPTED: 50}
    known = scene.known()
    assert known is not None
    assert known.payment_id == entry.payment_id
    assert known.amount == Decimal(450)
    assert known.modified > "2025"


def test_the_truth_table_knows_where_an_adopted_receipt_is(scene: Scene) -> None:
    """So it can move to another invoice, and leaves this one."""
    entry = scene.paid(450)
    scene.runs("adopt", "206", "--yes")
    known = scene.truth.find([ADOPTED])[ADOPTED]
    assert (known.payment_id, known.invoice_id) == (entry.payment_id, 206)
    assert (known.amount, known.day, known.accepted) == (Decimal(50), MARCH, True)


def receipt_of_206(payment_id: int, **more: Any) -> TruthRecord:
    return TruthRecord("RC1", payment_id, 206, "then", "then", amount=Decimal(700), **more)


def test_of_a_receipt_that_counts_only_its_acceptance_is_forgotten(scene: Scene) -> None:
    """Otherwise it would count twice on another invoice; it is processed again."""
    scene.truth.store([receipt_of_206(scene.paid(400).payment_id)])
    code, said = scene.runs("delete", "RC1", "--yes")
    assert code == 0
    assert "RC1 still counts on invoice 206" in said
    known = scene.truth.find(["RC1"])["RC1"]
    assert (known.invoice_id, known.accepted) == (206, False)


def test_of_a_refused_correction_what_counts_is_exported(scene: Scene, tmp_path: Path) -> None:
    scene.truth.store([receipt_of_206(scene.paid(400).payment_id, accepted=False)])
    file = tmp_path / "truth.xml"
    assert scene.runs("export", str(file))[0] == 0
    written = file.read_text()
    assert 'Amount="400.00"' in written
    assert 'Accepted="true"' in written


@pytest.mark.parametrize("what", ["adopt", "reset"])
def test_a_no_changes_nothing(scene: Scene, what: str) -> None:
    entry = scene.paid(450)
    assert scene.runs(what, "206", answer="n\n")[0] != 0
    assert scene.known() == entry


@pytest.mark.parametrize("what", ["adopt", "reset"])
def test_what_an_import_found_before_is_no_longer_there_once_it_is_decided(
    scene: Scene, what: str
) -> None:
    scene.paid(450)
    assert scene.there().found is not None
    assert scene.runs(what, "206", "--yes")[0] == 0
    assert scene.there() == There(206, scene.known())


def test_nothing_is_asked_where_there_is_nothing_to_adopt(scene: Scene) -> None:
    entry = scene.paid(400)
    code, said = scene.runs("adopt", "206")
    assert code == 0
    assert f"Nothing to adopt: payment {entry.payment_id} is the sum of its receipts." in said
    assert scene.known() == entry


def test_without_a_payment_there_is_nothing_to_adopt_but_to_reset(scene: Scene) -> None:
    code, said = scene.runs("adopt", "206", "--yes")
    assert code == 2
    assert "reset the invoice instead" in said


def test_after_a_reset_the_next_receipt_replaces_what_is_held(scene: Scene) -> None:
    scene.paid(450)
    code, said = scene.runs("reset", "206", "--yes")
    assert code == 0
    assert "those from now on replace the 450.00 that ConnectWise holds" in said
    assert scene.receipts() == {}


def test_a_payment_that_is_gone_is_reset_to_none(scene: Scene) -> None:
    entry = scene.paid(400)
    scene.connectwise.remove_payment(entry.payment_id)
    code, said = scene.runs("reset", "206", "--yes")
    assert code == 0
    assert "make a new payment" in said
    known = scene.known()
    assert known is not None
    assert known == LedgerEntry(206, entry.payment_id, known.modified, Decimal(0), added_up={})
    assert "Nothing to forget" in scene.runs("reset", "206")[1]


def test_credit_memos_are_no_payments(scene: Scene) -> None:
    scene.paid(450)
    scene.connectwise.add_payment(206, amount=Decimal(30), credit={"id": 5})
    assert scene.runs("adopt", "206", "--yes")[0] == 0
    assert scene.receipts() == {"RC1": 400, ADOPTED: 50}


def test_several_payments_are_for_connectwise_to_be_put_right(scene: Scene) -> None:
    entry = scene.paid(400)
    second = scene.connectwise.add_payment(206, amount=Decimal(5))
    code, said = scene.runs("adopt", "206", "--yes")
    assert code == 2
    assert f"{entry.payment_id}, {second}" in said
    assert scene.known() == entry


def test_what_an_import_changes_meanwhile_stays(scene: Scene) -> None:
    scene.paid(450)
    later = LedgerEntry(206, 20601, "then", Decimal(450), added_up={"RC1": Receipt(Decimal(450))})
    scene.meanwhile = lambda: scene.ledger.store([There(206, later)])
    code, said = scene.runs("adopt", "206", "--yes")
    assert code == 2
    assert "nothing was written" in said
    assert scene.known() == later


def test_what_an_import_finds_meanwhile_stays(scene: Scene) -> None:
    entry = scene.paid(450)
    scene.ledger.store([There(206, entry)])
    found = There(206, entry, Found("i"))
    scene.meanwhile = lambda: scene.ledger.store([found])
    assert scene.runs("adopt", "206", "--yes")[0] == 2
    assert scene.there() == found


def test_while_an_import_is_under_way_only_a_human_can_decide(scene: Scene) -> None:
    entry = scene.paid(450)
    scene.begins_an_import()
    code, said = scene.runs("adopt", "206", "--yes")
    assert code == 2
    assert "Not imported to its end: incoming/a.xml." in said
    assert scene.known() == entry
    code, said = scene.runs("adopt", "206", answer="y\n")
    assert code == 0
    assert "Not imported to its end: incoming/a.xml." in said
    assert scene.receipts() == {"RC1": 400, ADOPTED: 50}


@pytest.mark.parametrize("mode", [SecondPayment.REPLACE, SecondPayment.REJECT])
def test_where_nothing_is_added_up_there_is_nothing_to_decide(
    scene: Scene, mode: SecondPayment
) -> None:
    entry = scene.paid(450)
    scene.second_payment = mode
    code, said = scene.runs("adopt", "206", "--yes")
    assert code == 2
    assert f"SecondPayment={mode}" in said
    assert scene.known() == entry
