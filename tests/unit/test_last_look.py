"""Looking once more, in the end, at payments that may have been created twice."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from fakes.clock import VirtualClock
from fakes.s3 import FakeBucket, FakeS3
from fakes.workers import SeededWorkers
from payments.connectwise.invoices import InvoiceLookup
from payments.connectwise.patience import Patience
from payments.errors import NotFound
from payments.files.output import write_part
from payments.import_state import ImportState, Tally
from payments.last_look import Look, last_look
from payments.models import Action, Invoice, LedgerEntry, Outcome, Payment, SourceFile, TruthRecord
from payments.rules import failed
from payments.stores.bucket import Bucket
from unit.records import payment_record, truth_record


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(FakeS3(FakeBucket()), tmp_path / "disk")


class Shelf:
    """An import of four records, and what its invoices have now."""

    def __init__(self, bucket: Bucket, *recorded: LedgerEntry) -> None:
        self.bucket = bucket
        self.asked: list[int] = []
        self.learned: list[TruthRecord] = []
        self.paid = {7: Decimal(20)}
        self.there = Payment(70), Payment(71)
        parts = (self.created(1, 7), self.created(2, 7)), (self.created(3, 8), self.failed(4, 9))
        parts = parts[0], (parts[1][0], replace(parts[1][1], recorded=recorded))
        for after, part in ((0, parts[0]), (2, parts[1])):
            bucket.store_part("bucket", "import", after, write_part(part))

    def created(self, number: int, invoice_id: int) -> Outcome:
        learned = truth_record(f"E{number}", number)
        outcome = Outcome(payment_record(number), Action.CREATED, number, learned=learned)
        return outcome.looked_at_again(invoice_id)

    def failed(self, number: int, invoice_id: int) -> Outcome:
        return failed(payment_record(number), "no").looked_at_again(invoice_id)

    def store(self, records: Iterable[TruthRecord]) -> None:
        self.learned += records

    def invoices_by_id(self, ids: Iterable[int]) -> list[Invoice]:
        return [Invoice(invoice_id, "", self.paid.get(invoice_id)) for invoice_id in ids]

    def invoices_by_number(self, numbers: Iterable[str]) -> list[Invoice]:
        raise AssertionError(numbers)

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        self.asked.append(invoice_id)
        if invoice_id == 8:
            raise NotFound("gone")
        return self.there

    def found(self) -> dict[int, tuple[str, ...]]:
        source = SourceFile("bucket", "incoming/a.xml")
        state = ImportState("import", source, tally=Tally(created=3, failed=1))
        clock = VirtualClock()
        patience = Patience(clock, lambda: True, Random(1))
        lookup = InvoiceLookup(self, patience)
        look = Look(
            self, self.payments, lookup, patience, SeededWorkers(clock, Random(1), 2), clock, 900.0
        )
        overruled = last_look(state, self.bucket, look)
        assert all(result.action.succeeded for result, _ in overruled.values())
        return {number: messages for number, (_, messages) in overruled.items()}


def test_the_last_success_of_an_invoice_with_two_payments_is_overruled_with_both_ids(
    bucket: Bucket,
) -> None:
    """Neither failures are, nor what cannot be read any more. Corrected, it is sent again."""
    shelf = Shelf(bucket)
    ((number, (message,)),) = shelf.found().items()
    assert number == 2
    assert "Invoice 7 has several payments where there should be one: 70, 71" in message
    assert sorted(shelf.asked) == [7, 8]
    assert shelf.learned == [truth_record("E2", 2, accepted=False)]


def test_an_invoice_whose_sum_is_what_was_sent_needs_no_closer_look(bucket: Bucket) -> None:
    shelf = Shelf(bucket)
    shelf.paid = {7: Decimal(10), 8: Decimal("10.00")}
    assert (shelf.found(), shelf.asked) == ({}, [])


def test_what_was_found_is_stored_so_that_a_further_run_comes_to_the_same(bucket: Bucket) -> None:
    shelf = Shelf(bucket)
    found = shelf.found()
    shelf.asked.clear()
    assert (shelf.found(), shelf.asked) == (found, [])


def test_what_a_later_record_has_made_of_the_payment_decides_whether_it_adds_up(
    bucket: Bucket,
) -> None:
    """It may have moved to another invoice, and left a second one of the same amount."""
    shelf = Shelf(bucket, LedgerEntry(7, 2, "then", Decimal(0)))
    shelf.found()
    assert 7 in shelf.asked


@pytest.mark.parametrize("own", [True, False])
def test_a_payment_of_zero_counts_only_if_it_is_the_record_s_own(bucket: Bucket, own: bool) -> None:
    shelf = Shelf(bucket, LedgerEntry(7, 2, "then", Decimal(0)))
    zero = 2 if own else 70
    shelf.there = Payment(zero, {"amount": Decimal(0)}), Payment(71, {"amount": Decimal(20)})
    assert (2 in shelf.found()) is own
