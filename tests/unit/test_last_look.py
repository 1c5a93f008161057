"""Looking once more, in the end, at payments that may have been created twice."""

from pathlib import Path
from random import Random

import pytest

from fakes.clock import VirtualClock
from fakes.s3 import FakeBucket, FakeS3
from payments.connectwise.patience import Patience
from payments.errors import NotFound
from payments.files.output import write_part
from payments.import_state import ImportState, Tally
from payments.last_look import last_look
from payments.models import Action, Outcome, Payment, SourceFile
from payments.rules import failed
from payments.stores.bucket import Bucket
from unit.records import payment_record


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(FakeS3(FakeBucket()), tmp_path / "disk")


class Look:
    """An import of four records, and what its invoices have now."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.asked: list[int] = []
        parts = (self.created(1, 7), self.created(2, 7)), (self.created(3, 8), self.failed(4, 9))
        for after, part in ((0, parts[0]), (2, parts[1])):
            bucket.store_part("bucket", "import", after, write_part(part))

    def created(self, number: int, invoice_id: int) -> Outcome:
        outcome = Outcome(payment_record(number), Action.CREATED, payment_id=number)
        return outcome.looked_at_again(invoice_id)

    def failed(self, number: int, invoice_id: int) -> Outcome:
        return failed(payment_record(number), "no").looked_at_again(invoice_id)

    def payments(self, invoice_id: int) -> tuple[Payment, ...]:
        self.asked.append(invoice_id)
        if invoice_id == 8:
            raise NotFound("gone")
        return (Payment(70), Payment(71))

    def found(self) -> dict[int, tuple[str, ...]]:
        source = SourceFile("bucket", "incoming/a.xml")
        state = ImportState("import", source, tally=Tally(created=3, failed=1))
        clock = VirtualClock()
        patience = Patience(clock, lambda: True, Random(1))
        overruled = last_look(state, self.bucket, self.payments, patience, clock)
        assert all(result.action.succeeded for result, _ in overruled.values())
        return {number: messages for number, (_, messages) in overruled.items()}


def test_the_last_success_of_an_invoice_with_two_payments_is_overruled_with_both_ids(
    bucket: Bucket,
) -> None:
    """Neither failures are, nor what cannot be read any more."""
    look = Look(bucket)
    ((number, (message,)),) = look.found().items()
    assert number == 2
    assert "Invoice 7 has several payments where there should be one: 70, 71" in message
    assert sorted(look.asked) == [7, 8]


def test_what_was_found_is_stored_so_that_a_further_run_comes_to_the_same(bucket: Bucket) -> None:
    look = Look(bucket)
    found = look.found()
    look.asked.clear()
    assert (look.found(), look.asked) == (found, [])
