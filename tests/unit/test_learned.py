"""What a run has done itself, for records that were looked up before it was done."""

from payments.learned import Learned
from payments.models import Payment
from unit.records import truth_record


def test_a_payment_that_a_record_named_need_not_be_the_only_one() -> None:
    """Where it is another than the one that was known, there are two: nobody knows."""
    learned = Learned()
    learned.add(1, (1, None), Payment(60), None, is_only=False)
    assert (learned.touched(1), learned.only_payment((1, None))) == (True, None)
    learned.add(1, (1, None), Payment(70), None, is_only=True)
    learned.add(1, (1, None), Payment(60), None, is_only=False)
    assert learned.only_payment((1, None)) is None


def test_the_only_payment_is_known_as_it_was_last_seen() -> None:
    """Also where a record has named it."""
    learned = Learned()
    learned.add(1, (1, None), Payment(70), None, is_only=True)
    changed = Payment(70, {"type": "P"})
    learned.add(1, (1, None), changed, None, is_only=False)
    assert learned.only_payment((1, None)) == changed


def test_what_is_in_the_tables_by_now_is_forgotten() -> None:
    """Of chunks before a number; what a later one has taught anew stays."""
    learned = Learned()
    learned.add(1, (1, None), Payment(70), truth_record("A", 70), is_only=True)
    learned.add(1, (2, None), Payment(80), truth_record("B", 80), is_only=True)
    learned.add(2, (2, None), Payment(80), truth_record("B", 80), is_only=True)
    learned.forget(before=2)
    assert (learned.truth("A"), learned.touched(1)) == (None, False)
    assert (learned.truth("B"), learned.only_payment((2, None))) == (
        truth_record("B", 80),
        Payment(80),
    )
