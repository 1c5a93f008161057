"""What an import of a file would do, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest

from fakes.connectwise import FakeConnectWise, FakeInvoice, answer
from fakes.ledger import FakeLedger
from payments.command.preview import PreviewRow, Rehearsal, rehearse
from payments.command.problem import CommandFailed, in_plain_words
from payments.command.rehearsal import (
    KnownInvoices,
    RehearsedLedger,
    RehearsedPayments,
    RehearsedTruth,
)
from payments.decisions import Policy
from payments.errors import NoAnswer
from payments.models import (
    Action,
    Fields,
    LedgerEntry,
    PaymentRecord,
    RecordXml,
    Replaced,
    SecondPayment,
    There,
    TruthRecord,
)
from unit.operated import access_through, ending

XML = RecordXml(b"<InvoicePayment></InvoicePayment>", content=(16, 16))
TIME = "2026-01-01T00:00:00Z"


def record(number: int, amount: str | None = "10.00", **known: Any) -> PaymentRecord:
    fields = {} if amount is None else {"amount": Decimal(amount)}
    return PaymentRecord(number, XML, fields=fields, **known)


class Truth:
    """A truth table with these records."""

    def __init__(self, *records: TruthRecord) -> None:
        self._records = {record.external_id: record for record in records}

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        return {name: self._records[name] for name in external_ids if name in self._records}


@pytest.fixture
def connectwise() -> FakeConnectWise:
    return FakeConnectWise(*map(FakeInvoice, range(1, 9)))


Rehearse = Callable[..., list[PreviewRow]]


@pytest.fixture
def previews(connectwise: FakeConnectWise) -> Rehearse:
    """Preview records; `truth` and `ledger` are what earlier imports have left."""

    def run(
        *records: PaymentRecord,
        truth: Iterable[TruthRecord] = (),
        ledger: Iterable[There] = (),
        second: SecondPayment = SecondPayment.REPLACE,
    ) -> list[PreviewRow]:
        rows: list[PreviewRow] = []
        access = access_through(connectwise)
        invoices = KnownInvoices(access.finance, access.api)
        payments = RehearsedPayments(access.finance, invoices.balance)
        books = FakeLedger(*ledger)
        rehearsal = Rehearsal(
            payments,
            invoices,
            RehearsedTruth(Truth(*truth)),
            RehearsedLedger(books),
            rows.extend,
        )
        rehearse(rehearsal, access, Policy("preview", "p.xml", False, second), 8, iter(records))
        assert connectwise.writes == []
        assert books.entries == FakeLedger(*ledger).entries
        assert access.clock.monotonic() < access.deadline
        return rows

    return run


def test_the_first_payment_of_an_invoice_would_be_created(previews: Rehearse) -> None:
    [row] = previews(record(1, invoice_id=1))
    assert (row.action, row.payment_id, row.replaced) == (Action.CREATED, None, None)


def test_an_invoice_that_is_named_by_its_id_shows_its_number_too(previews: Rehearse) -> None:
    by_id, by_number = previews(record(1, invoice_id=1), record(2, invoice_number="INV-2"))
    assert (by_id.invoice, by_id.invoice_number) == ("1", "INV-1")
    assert (by_number.invoice, by_number.invoice_number) == ("INV-2", "INV-2")


def test_what_somebody_else_has_recorded_is_shown_as_replaced(
    previews: Rehearse, connectwise: FakeConnectWise
) -> None:
    held: Fields = {"amount": Decimal("25.00"), "paymentDate": "2026-01-02T00:00:00Z"}
    payment_id = connectwise.add_payment(1, **held)
    [row] = previews(record(1, external_id="R-1", invoice_id=1))
    assert (row.action, row.payment_id) == (Action.UPDATED, payment_id)
    assert row.replaced == Replaced(Decimal("25.00"), "2026-01-02T00:00:00Z")


def test_what_an_earlier_record_of_the_file_has_made_is_shown_as_replaced(
    previews: Rehearse,
) -> None:
    rows = previews(record(1, "5", invoice_id=1), record(2, invoice_number="INV-1"))
    assert rows[1].replaced == Replaced(Decimal(5), key="p.xml")
    assert rows[1].replaced_record == 1


def test_what_an_earlier_file_has_recorded_is_shown_with_its_external_id(
    previews: Rehearse, connectwise: FakeConnectWise
) -> None:
    payment_id = connectwise.add_payment(1, amount=Decimal(5))
    earlier = LedgerEntry(1, payment_id, TIME, Decimal(5), None, "RC-71", "incoming/a.xml")
    [row] = previews(record(1, external_id="RC-72", invoice_id=1), ledger=[There(1, earlier)])
    assert row.replaced == Replaced(Decimal(5), None, "RC-71", "incoming/a.xml")


def test_what_is_not_to_be_replaced_would_be_rejected(
    previews: Rehearse, connectwise: FakeConnectWise
) -> None:
    connectwise.add_payment(1, amount=Decimal(5))
    first, second = previews(
        record(1, invoice_id=1), record(2, invoice_id=2), second=SecondPayment.REJECT
    )
    assert (first.action, second.action) == (Action.FAILED, Action.CREATED)
    assert "SecondPayment is Reject" in first.messages[0]


def test_receipts_that_would_add_up_are_shown_with_their_sum(
    previews: Rehearse, connectwise: FakeConnectWise
) -> None:
    payment_id = connectwise.add_payment(1, amount=Decimal(5))
    earlier = LedgerEntry(1, payment_id, TIME, Decimal(5), None, "RC-71", "incoming/a.xml")
    rows = previews(
        record(1, "6.00", external_id="RC-72", invoice_id=1),
        record(2, "7.00", external_id="RC-73", invoice_id=1),
        ledger=[There(1, earlier)],
        second=SecondPayment.ADD,
    )
    assert [row.changes[0].after for row in rows] == [11, 18]
    assert rows[1].messages == ("the sum of 3 receipts: RC-71 5.00, RC-72 6.00, RC-73 7.00.",)
    assert rows[1].replaced is None


def test_a_record_s_own_payment_is_not_replaced(
    previews: Rehearse, connectwise: FakeConnectWise
) -> None:
    first, second = (connectwise.add_payment(number, amount=Decimal(5)) for number in (1, 2))
    rows = previews(
        record(1, invoice_id=1, payment_id=first),
        record(2, invoice_id=2, external_id="known"),
        record(3, invoice_id=3, external_id="twice"),
        record(4, invoice_id=3, external_id="twice"),
        truth=[TruthRecord("known", second, 2, TIME, TIME)],
    )
    assert [row.action for row in rows[:3]] == [Action.UPDATED, Action.UPDATED, Action.CREATED]
    assert [row.replaced for row in rows] == [None] * 4


def test_a_rejected_record_says_why_and_of_which_invoice(previews: Rehearse) -> None:
    missing, empty = previews(record(1, invoice_id=99), record(2, amount=None, invoice_id=1))
    assert (missing.action, missing.invoice) == (Action.FAILED, "99")
    assert missing.messages[0].startswith("ConnectWise has no invoice with id 99, or ")
    assert empty.action is Action.FAILED


def test_more_than_is_due_is_doubtful(previews: Rehearse) -> None:
    [row] = previews(record(1, "100.01", invoice_id=1))
    assert "open for 100.00 only" in row.messages[0]


def test_ids_that_only_the_rehearsal_has_are_not_shown(previews: Rehearse) -> None:
    rows = previews(
        record(1, invoice_id=1, external_id="A"), record(2, invoice_id=2, external_id="A")
    )
    assert "is payment (new) on invoice 1" in rows[1].messages[0]
    assert "upload a record with the <id> that it gets, " in rows[1].messages[0]


ODD: list[Any] = [None, {}, "text", [None], [{}], [{"id": "1"}], [{"id": True}], [{"id": 2**31}]]


@pytest.mark.parametrize("body", ODD, ids=str)
def test_an_odd_answer_about_payments_ends_a_preview_in_words(
    previews: Rehearse, connectwise: FakeConnectWise, body: Any
) -> None:
    connectwise.add_payment(1, amount=Decimal(5))
    connectwise.way = ending("payments", answer(200, body))
    told = r"^ConnectWise answers, but not when it is to read payments"
    with pytest.raises(CommandFailed, match=told), in_plain_words():
        previews(record(1, invoice_id=1))


@pytest.mark.parametrize("body", ODD, ids=str)
def test_an_odd_answer_about_invoices_costs_a_look_at_their_payments(
    previews: Rehearse, connectwise: FakeConnectWise, body: Any
) -> None:
    connectwise.way = ending("invoices", answer(200, body))
    [row] = previews(record(1, invoice_id=1))
    assert (row.action, row.invoice_number) == (Action.CREATED, None)


def test_a_connectwise_that_does_not_answer_ends_a_preview_in_words(
    previews: Rehearse, connectwise: FakeConnectWise
) -> None:
    connectwise.way = ending("invoices", NoAnswer("ReadTimeout"))
    with pytest.raises(CommandFailed, match=r"ConnectWise does not answer"), in_plain_words():
        previews(record(1, invoice_id=1))
