"""A fail file as a spreadsheet: to be corrected there, and converted back."""

from __future__ import annotations

from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.command.spreadsheets.guarding import guarded, unguarded
from payments.command.spreadsheets.xml_to_csv import xml_to_csv
from payments.files.output import failed_record
from payments.models import PaymentRecord
from unit.payment_files import RULES, document, on_disk, payment, raw_records, records
from unit.spreadsheets import Scales, csv_of, payments_of, problems_of, rows_of

FULL = (
    "<id>17</id><externalId>PAY-9</externalId>"
    "<invoice><id>351</id><identifier>INV-351</identifier></invoice>"
    "<amount>120.50</amount><paymentDate>2019-03-29T12:00:00Z</paymentDate>"
    "<appliedBy>Kim</appliedBy><type>P</type><credit><id>8</id></credit>"
    "<paymentAccount>1200</paymentAccount><aRPaymentAccount>1100</aRPaymentAccount>"
)
INVOICE = "<invoice><identifier>I</identifier></invoice>"


def same_values(one: PaymentRecord, other: PaymentRecord) -> bool:
    """Tell whether two records say the same, in whatever order."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("payment_id", "external_id", "invoice_id", "invoice_number", "fields")
    )


def test_a_row_has_the_values_and_the_reasons() -> None:
    (raw,) = raw_records(document(payment(FULL)))
    failed = failed_record(raw.xml, ["ConnectWise says no.", "Twice."]).decode()
    assert rows_of(document(failed)) == [
        {
            "ConnectWise id": "17",
            "externalId": "PAY-9",
            "invoice/id": "351",
            "invoice/identifier": "INV-351",
            "amount": "120.50",
            "paymentDate": "2019-03-29T12:00:00Z",
            "appliedBy": "Kim",
            "ConnectWise type": "P",
            "credit/id": "8",
            "paymentAccount": "1200",
            "aRPaymentAccount": "1100",
            "ErrorMessage": "ConnectWise says no.; Twice.",
        }
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_record_with_everything_comes_back(separator: str) -> None:
    content = document(payment(FULL + "<ErrorMessage>No; again, no.</ErrorMessage>"))
    (back,) = payments_of(csv_of(content, separator))
    (before,) = records(content)
    assert same_values(back, before)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@sum", "\uff1d1", "'=1", "''+1"])
def test_a_value_that_a_spreadsheet_would_compute_is_made_harmless(value: str) -> None:
    content = document(payment(f"<externalId>{value}</externalId>{INVOICE}<amount>1</amount>"))
    (row,) = rows_of(content)
    assert row["externalId"] == f"'{value}"
    (back,) = payments_of(csv_of(content))
    assert back.external_id == value


def test_a_reason_is_made_harmless_too() -> None:
    (row,) = rows_of(document(payment("<ErrorMessage>=cmd|'/c calc'!A1</ErrorMessage>")))
    assert row["ErrorMessage"] == "'=cmd|'/c calc'!A1"


@pytest.mark.parametrize("value", ["00123", "123456789012", "1E5", "3-4", "MAR1", "12:30", "TRUE"])
def test_an_id_that_a_spreadsheet_would_change_is_marked_as_text(value: str) -> None:
    """00123 would come back as 123, and be another payment."""
    assert guarded(value, is_text=True) == f"'{value}"


@pytest.mark.parametrize("value", ["R-123", "12345", "INV-206", "O'Neil", "'s-Hertogenbosch"])
def test_what_stays_as_it_is_has_no_mark(value: str) -> None:
    assert guarded(value, is_text=True) == value


def test_amounts_and_days_stay_numbers_and_days() -> None:
    assert guarded("1.50", is_text=False) == "1.50"
    assert guarded("2026-03-04", is_text=False) == "2026-03-04"
    assert guarded("-1.50", is_text=False) == "'-1.50"


@given(st.text("'=+-@0123456789/Ejan ", max_size=6), st.booleans())
def test_whatever_is_guarded_comes_back(text: str, is_text: bool) -> None:
    assert unguarded(guarded(text, is_text=is_text), is_text=is_text) == text


@pytest.mark.parametrize(
    ("record", "not_shown"),
    [
        (
            f"{INVOICE}<ammount>25</ammount>",
            "<ammount> is not known. Did you mean <amount>?; <ammount>: 25",
        ),
        (
            f"{INVOICE}<amount>1</amount><amount>2</amount>",
            "<amount> is given 2 times: '1', '2'. Keep the right one.; <amount>: 1; <amount>: 2",
        ),
        (
            f'{INVOICE}<amount currencyID="EUR">1</amount>',
            '<amount> has the attribute currencyID="EUR": an amount is taken as it stands, in the '
            "currency of its invoice. Convert it if need be, then remove the attribute.; "
            "<amount>: 1",
        ),
        (f"{INVOICE}<amount/>", "<amount> is empty. Give it a value, or leave it out."),
        (f"7{INVOICE}<amount>1</amount>", "<InvoicePayment> holds text that is in none of its"),
    ],
)
def test_what_a_row_cannot_show_is_said_and_has_to_be_dealt_with(
    record: str, not_shown: str
) -> None:
    """Nothing that has failed a record vanishes on the way through a spreadsheet."""
    content = document(payment(f"{record}<paymentDate>2026-03-04</paymentDate>"))
    (row,) = rows_of(content)
    assert row["Not shown here"].startswith(not_shown)
    (problem,) = problems_of(csv_of(content))
    assert problem.startswith("line 2, column Not shown here: '<")
    assert problem.endswith("put it into the column where it belongs, and empty this cell.")


@pytest.mark.parametrize("left", ["<amount>1.50</amount>", "<paymentDate>2026-03-04</paymentDate>"])
def test_a_record_without_amount_or_day_comes_back_as_it_was(left: str) -> None:
    content = document(payment(f"<id>17</id>{INVOICE}{left}<appliedBy>Kim</appliedBy>"))
    assert "(none)" in rows_of(content)[0].values()
    (back,) = payments_of(csv_of(content))
    assert same_values(back, records(content)[0])


def test_what_is_known_and_not_sent_is_left_out() -> None:
    content = document(payment(f"{FULL}<balance>5</balance><lookups/>"))
    assert "Not shown here" not in rows_of(content)[0]


def test_a_value_that_is_wrong_is_told_again() -> None:
    content = document(payment(f"{INVOICE}<amount>1x</amount><paymentDate>soon</paymentDate>"))
    assert [problem[:27] for problem in problems_of(csv_of(content))] == [
        "line 2, column amount: must",
        "line 2, column paymentDate:",
    ]


def test_memory_does_not_grow_with_the_file() -> None:
    scales = Scales()
    with on_disk(document(*[payment(FULL)] * 4000)) as path:
        xml_to_csv(path, RULES, cast("TextIO", scales), ",")
    assert scales.growth < 1000
