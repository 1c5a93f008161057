"""The rules for one payment, as the oracle knows them: each example was worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from simulation.oracle import Books, Entry, Record, apply


def books(**other: Any) -> Books:
    """Invoice 1 has no payment, 2 has one and a credit memo, 3 has two; E is known for 201."""
    held: dict[int, dict[int, Any]] = {
        1: {},
        2: {201: {"id": 201, "amount": Decimal(5)}, 202: {"id": 202, "credit": {"id": 9}}},
        3: {301: {"id": 301}, 302: {"id": 302}},
    }
    numbers = {1: "one", 2: "two", 3: "one"}
    entry = Entry(201, 2, amount=Decimal(5))
    return Books(numbers, held, {"E": entry}, counted={2: 2, 3: 2}, **other)


RECORD = Record(1, amount=Decimal(7))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (replace(RECORD, invoice_id=1), ("Created", 101)),
        (replace(RECORD, invoice_id=1, external_id="new"), ("Created", 101)),
        (replace(RECORD, invoice_id=2), ("Updated", 201)),
        (replace(RECORD, invoice_number="two"), ("Updated", 201)),
        (replace(RECORD, external_id="E"), ("Updated", 201)),
        (replace(RECORD, external_id="E", invoice_id=1), ("Failed", None)),
        (replace(RECORD, external_id="E", invoice_id=3, payment_id=302), ("Updated", 302)),
        (replace(RECORD, invoice_id=3), ("Failed", None)),
        (replace(RECORD, invoice_id=3, payment_id=301), ("Updated", 301)),
        (replace(RECORD, invoice_id=2, payment_id=301), ("Failed", None)),
        (replace(RECORD, payment_id=301), ("Failed", None)),
        (replace(RECORD, invoice_number="one"), ("Failed", None)),
        (replace(RECORD, invoice_number="one", invoice_id=1), ("Created", 101)),
        (replace(RECORD, invoice_number="two", invoice_id=1), ("Failed", None)),
        (replace(RECORD, invoice_id=99), ("Failed", None)),
        (replace(RECORD, invoice_id=1, wrong=True), ("Failed", None)),
        (Record(1, invoice_id=1, text="no amount"), ("Failed", None)),
        (Record(1, invoice_id=2, text="no amount"), ("Updated", 201)),
        (Record(1, invoice_id=2), ("Failed", None)),
    ],
    ids=str,
)
def test_a_record_goes_where_the_rules_say(record: Record, expected: tuple[str, Any]) -> None:
    """By id, by external id, by the invoice's payment, or as a new one."""
    assert apply(books(), record) == expected


def test_what_was_accepted_is_not_sent_again_but_a_correction_is_told() -> None:
    """Where reprocessing is prevented; what was not accepted is sent."""
    prevents = books(prevents_reprocessing=True)
    assert apply(prevents, replace(RECORD, external_id="E", amount=Decimal(5)))[0] == "Skipped"
    assert apply(prevents, replace(RECORD, external_id="E"))[0] == "Failed"
    prevents.truth["E"] = replace(prevents.truth["E"], accepted=False)
    assert apply(prevents, replace(RECORD, external_id="E"))[0] == "Updated"


def test_an_overpayment_fails_and_is_known_as_not_accepted() -> None:
    """ConnectWise has cut it."""
    cut = books(balances={1: Decimal(6)})
    assert apply(cut, replace(RECORD, invoice_id=1, external_id="new")) == ("Failed", 101)
    assert cut.held[1][101]["amount"] == 6
    assert cut.truth["new"] == Entry(101, 1, accepted=False, amount=Decimal(7))
