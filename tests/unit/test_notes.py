"""What is noted of invoices before they are changed."""

import pytest

from fakes.ledger import FakeLedger
from payments.models import Found, LedgerEntry, Payment, There
from payments.notes import Notes

HERE, OTHER = "this import", "another import"
PAYMENT = Payment(70)
ENTRY = LedgerEntry(1, 70, "2024-01-01T00:00:00Z")


def noted(*there: There) -> tuple[Notes, FakeLedger]:
    ledger = FakeLedger(*there)
    return Notes(ledger, HERE), ledger


@pytest.mark.parametrize(
    ("there", "is_clear", "then"),
    [
        (None, True, None),
        (None, False, Found(1, HERE)),
        (None, None, None),
        (ENTRY, False, ENTRY),
        (ENTRY, True, ENTRY),
        (Found(1, OTHER), True, Found(1, OTHER)),
        (Found(1, OTHER, looked=True, payment=PAYMENT), False, Found(1, HERE)),
        (Found(1, HERE), None, Found(1, HERE)),
        (Found(1, HERE, looked=True, payment=PAYMENT), False, Found(1, HERE)),
        (Found(1, HERE), True, Found(1, HERE, looked=True)),
    ],
    ids=str,
)
def test_before_a_chunk_is_begun_the_ledger_knows_where_something_may_be(
    there: There | None, is_clear: bool | None, then: There | None
) -> None:
    """Unless the invoice is not asked for: what was noted before it may have been sent counts."""
    notes, ledger = noted(*([there] if there else []))
    notes.prepare(1, {1: is_clear})
    assert ledger.entries.get(1) == then


def test_what_another_import_has_found_is_old_news() -> None:
    notes, _ = noted(Found(1, OTHER, looked=True, payment=PAYMENT))
    notes.prepare(1, {1: None})
    assert notes.there(1) is None


def test_what_a_chunk_in_front_is_at_work_on_is_not_noted_anew() -> None:
    """What shows there by now may be its own work."""
    notes, ledger = noted()
    notes.prepare(1, {1: True})
    notes.prepare(2, {1: False})
    assert ledger.entries == {}


@pytest.mark.parametrize("payments", [(), (PAYMENT,)])
def test_what_is_found_is_noted_where_something_may_be(payments: tuple[Payment, ...]) -> None:
    """Also in doubt: the record has not been sent, or it would be noted already."""
    notes, ledger = noted()
    notes.prepare(1, {1: False})
    notes.looked(1, 1, payments, is_doubtful=True)
    shown = payments[0] if payments else None
    assert notes.there(1) == ledger.entries[1] == Found(1, HERE, looked=True, payment=shown)


def test_what_is_found_on_an_invoice_that_seemed_clear_is_noted() -> None:
    """Somebody has just recorded it, or it is a payment of zero."""
    notes, ledger = noted()
    notes.prepare(1, {1: True})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=False)
    assert ledger.entries[1] == Found(1, HERE, looked=True, payment=PAYMENT)


def test_what_may_be_this_import_s_own_is_not_noted_as_found() -> None:
    notes, ledger = noted()
    notes.prepare(1, {1: None})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=True)
    assert ledger.entries == {}


def test_what_the_ledger_knows_is_not_noted_as_found() -> None:
    """But another payment in its place is."""
    notes, ledger = noted(ENTRY)
    notes.prepare(1, {1: False})
    notes.looked(1, 1, (PAYMENT,), is_doubtful=False)
    assert ledger.entries == {1: ENTRY}
    notes.looked(1, 1, (Payment(71),), is_doubtful=False)
    assert ledger.entries[1] == Found(1, HERE, looked=True, payment=Payment(71))


def test_what_this_run_has_recorded_is_known_while_a_chunk_needs_it() -> None:
    notes, _ = noted()
    notes.prepare(1, {1: True, 2: True})
    notes.recorded(1, ENTRY)
    notes.prepare(2, {1: False})
    notes.forget(2)
    assert (notes.there(1), notes.there(2)) == (ENTRY, None)
    notes.forget(3)
    assert notes.there(1) is None
