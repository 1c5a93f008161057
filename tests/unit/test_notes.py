"""What is noted of invoices before they are changed."""

from decimal import Decimal
from typing import Any

import pytest

from fakes.ledger import FakeLedger
from payments.models import Found, LedgerEntry, Payment, There
from payments.notes import Notes, Seen

HERE, OTHER = "this import", "another import"
PAYMENT = Payment(70, {"amount": Decimal(5)})
ENTRY = LedgerEntry(1, 70, "2024-01-01T00:00:00Z", Decimal(5))
CLEAR, PAID, NAMED = Seen(Decimal(0)), Seen(Decimal(5)), Seen(None, is_named=True)
IN_DOUBT, UNKNOWN = Seen(None, in_doubt=True), Seen(None)


def there(entry: LedgerEntry | None = None, found: Found | None = None) -> There:
    return There(1, entry, found)


def found(import_id: str = HERE, **more: Any) -> Found:
    return Found(import_id, **more)


def noted(before: There | None) -> tuple[Notes, FakeLedger]:
    ledger = FakeLedger(*([before] if before else []))
    return Notes(ledger, HERE), ledger


@pytest.mark.parametrize(
    ("before", "seen", "then"),
    [
        (None, CLEAR, None),
        (None, PAID, there(None, found())),
        (None, UNKNOWN, there(None, found())),
        (None, NAMED, there(None, found())),
        (None, IN_DOUBT, None),
        (there(ENTRY), PAID, there(ENTRY)),
        (there(ENTRY), NAMED, there(ENTRY)),
        (there(ENTRY), CLEAR, there(ENTRY, found())),
        (there(ENTRY), UNKNOWN, there(ENTRY, found())),
        (there(ENTRY), IN_DOUBT, there(ENTRY)),
        (there(None, found(OTHER, looked=True, payment=PAYMENT)), PAID, there(None, found())),
        (there(None, found()), IN_DOUBT, there(None, found())),
        (there(None, found(looked=True, payment=PAYMENT)), PAID, there(None, found())),
        (there(None, found()), CLEAR, there(None, found(looked=True))),
        (there(ENTRY, found()), PAID, there(ENTRY)),
    ],
    ids=str,
)
def test_before_a_chunk_is_begun_the_ledger_knows_where_something_else_may_be(
    before: There | None, seen: Seen, then: There | None
) -> None:
    """Unless that is in doubt: what was noted before it may have been sent counts."""
    notes, ledger = noted(before)
    notes.prepare(1, {1: seen})
    assert ledger.entries.get(1) == then


def test_what_another_import_has_found_is_old_news() -> None:
    notes, _ = noted(there(ENTRY, found(OTHER, looked=True, payment=PAYMENT)))
    notes.prepare(1, {1: IN_DOUBT})
    assert notes.there(1) == there(ENTRY)


def test_what_a_chunk_in_front_is_at_work_on_is_not_noted_anew() -> None:
    """What shows there by now may be its own work."""
    notes, ledger = noted(None)
    notes.prepare(1, {1: CLEAR})
    notes.prepare(2, {1: PAID})
    assert ledger.entries == {}


@pytest.mark.parametrize("payments", [(), (PAYMENT,)])
def test_what_is_found_is_noted_where_something_may_be(payments: tuple[Payment, ...]) -> None:
    """Also in doubt: the record has not been sent, or it would be noted already."""
    notes, ledger = noted(None)
    notes.prepare(1, {1: PAID})
    notes.looked(1, 1, payments, is_doubtful=True)
    shown = payments[0] if payments else None
    assert ledger.entries == {1: there(None, found(looked=True, payment=shown))}
    assert notes.there(1) == ledger.entries[1]


def test_what_is_found_on_an_invoice_that_seemed_clear_is_noted() -> None:
    """Somebody has just recorded it, or it is a payment of zero."""
    notes, ledger = noted(None)
    notes.prepare(1, {1: CLEAR})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=False)
    assert ledger.entries == {1: there(None, found(looked=True, payment=PAYMENT))}


def test_what_is_as_the_ledger_knows_it_needs_no_note() -> None:
    """A later run then knows who had recorded it."""
    notes, ledger = noted(there(ENTRY))
    notes.prepare(1, {1: UNKNOWN})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=False)
    assert ledger.entries[1] == there(ENTRY)


def test_what_may_be_this_import_s_own_is_not_noted_as_found() -> None:
    notes, ledger = noted(None)
    notes.prepare(1, {1: IN_DOUBT})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=True)
    assert ledger.entries == {}


@pytest.mark.parametrize(
    "other", [Payment(71), Payment(70, {"amount": Decimal(6)})], ids=["another", "changed"]
)
def test_what_is_not_as_the_ledger_knows_it_is_noted_beside_that(other: Payment) -> None:
    notes, ledger = noted(there(ENTRY))
    notes.prepare(1, {1: PAID})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=False)
    assert ledger.entries == {1: there(ENTRY)}
    notes.looked(1, 1, (other,), is_doubtful=False)
    assert ledger.entries == {1: there(ENTRY, found(looked=True, payment=other))}


def test_what_this_run_has_recorded_is_not_in_the_ledger_before_it_is_stored() -> None:
    notes, ledger = noted(None)
    notes.prepare(1, {1: CLEAR})
    notes.recorded(1, ENTRY)
    notes.looked(1, 1, (Payment(71),), is_doubtful=False)
    assert ledger.entries == {}


def test_what_this_run_has_recorded_is_known_while_a_chunk_needs_it() -> None:
    notes, _ = noted(None)
    notes.prepare(1, {1: CLEAR, 2: CLEAR})
    notes.recorded(1, ENTRY)
    notes.prepare(2, {1: PAID})
    notes.forget(2)
    assert (notes.there(1), notes.there(2)) == (there(ENTRY), There(2))
    notes.forget(3)
    assert notes.there(1) == There(1)
