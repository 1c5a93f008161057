"""Payments out of a spreadsheet: what is plain is converted, what is not has to be told."""

from __future__ import annotations

import shlex
from dataclasses import replace
from decimal import Decimal
from typing import BinaryIO, cast

import pytest

from payments.command.spreadsheets.amount_cells import Point
from payments.command.spreadsheets.csv_table import SaidOfCsv
from payments.command.spreadsheets.csv_to_xml import csv_to_xml
from payments.command.spreadsheets.day_cells import Order
from payments.command.spreadsheets.problems import MAX_PROBLEMS
from unit.payment_files import RULES, on_disk
from unit.spreadsheets import NOTHING_SAID, Scales, payments_of, problems_of, xml_of

HEADER = "Invoice;Amount;Date\n"


def amounts_of(*cells: str, said: SaidOfCsv = NOTHING_SAID) -> list[Decimal | None]:
    """Return the amounts of rows with these cells."""
    rows = "".join(f'INV-1;"{cell}";2026-03-04\n' for cell in cells)
    return [payment.amount for payment in payments_of(HEADER + rows, said)]


def wrong_amounts(*cells: str, said: SaidOfCsv = NOTHING_SAID) -> list[str]:
    """Return what is wrong with rows with these cells."""
    return problems_of(HEADER + "".join(f'INV-1;"{cell}";2026-03-04\n' for cell in cells), said)


def days_of(*cells: str, said: SaidOfCsv = NOTHING_SAID) -> list[str]:
    """Return the days of rows with these cells."""
    rows = "".join(f'INV-1;1;"{cell}"\n' for cell in cells)
    return [(payment.day or "")[:10] for payment in payments_of(HEADER + rows, said)]


def wrong_days(*cells: str, said: SaidOfCsv = NOTHING_SAID) -> list[str]:
    """Return what is wrong with rows with these cells."""
    return problems_of(HEADER + "".join(f'INV-1;1;"{cell}"\n' for cell in cells), said)


def test_a_row_becomes_a_record() -> None:
    xml = xml_of('Receipt no,Invoice #,AMOUNT,Payment Date\nR-1,"A & B",10.50,2026-03-04\n')
    assert xml.decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        "<InvoicePayments>\n"
        "  <InvoicePayment>\n"
        "    <externalId>R-1</externalId>\n"
        "    <invoice>\n"
        "      <identifier>A &amp; B</identifier>\n"
        "    </invoice>\n"
        "    <amount>10.50</amount>\n"
        "    <paymentDate>2026-03-04</paymentDate>\n"
        "  </InvoicePayment>\n"
        "</InvoicePayments>\n"
    )


class TestColumns:
    def test_one_that_is_told_wins_over_one_that_is_known(self) -> None:
        said = SaidOfCsv(columns=[("amount", "betrag"), ("paymentDate", "Datum")])
        (payment,) = payments_of("Invoice,Amount,Betrag,Datum\nI,1,2,2026-03-04", said)
        assert payment.amount == 2

    def test_two_that_may_be_the_same_are_a_question(self) -> None:
        assert problems_of("Invoice,Amount,Amount paid,Date\nI,1,2,2026-03-04") == [
            "line 1: several columns may be the amount: Amount, Amount paid. Say which: --column "
            "'amount=NAME'."
        ]

    def test_all_that_are_missing_are_named_at_once(self) -> None:
        assert problems_of("\n\nBetrag,Datum\n1,2026-03-04") == [
            "line 3: no column is known as the amount. Say --column 'amount=NAME', or 'amount=' "
            "if there is none.",
            "line 3: no column is known as the paymentDate. Say --column 'paymentDate=NAME', or "
            "'paymentDate=' if there is none.",
            "line 3: no column is known as the invoice. Say --column 'invoice/identifier=NAME'.",
        ]

    def test_a_column_that_is_not_there_can_be_told_too(self) -> None:
        (payment,) = payments_of("Invoice,Amount\nI,1", SaidOfCsv(columns=[("paymentDate", "")]))
        assert payment.day is None

    @pytest.mark.parametrize("name", ["ID", "Payment ID", "InvoiceID"])
    def test_one_that_may_be_the_accounting_packages_own_is_a_question(self, name: str) -> None:
        """Taken for ConnectWise's, an id of the package would change somebody else's payment."""
        content = f"Invoice,Amount,Date,{name}\nI,1,2026-03-04,7"
        (question,) = problems_of(content)
        assert question.startswith(f"line 1: column {name}: whose is it?")
        (payment,) = payments_of(content, SaidOfCsv(columns=[("", name)]))
        assert payment.payment_id is None
        (payment,) = payments_of(content, SaidOfCsv(columns=[("id", name)]))
        assert payment.payment_id == 7

    def test_one_that_says_what_an_amount_is_is_a_question(self) -> None:
        content = "Invoice,Amount,Date,Currency\nI,1,2026-03-04,USD\nJ,1,2026-03-04,EUR\n"
        assert problems_of(content) == [
            "line 1: column Currency has 'USD' (line 2), 'EUR' (line 3): it may say that an amount "
            "is no payment received, or of another currency. Remove the rows that are none, and "
            "split the table by currency; then say --column '=Currency' to leave the column out."
        ]
        assert len(payments_of(content, SaidOfCsv(columns=[("", "Currency")]))) == 2

    @pytest.mark.parametrize(
        "header", ["CurrencyCode", "Cur.", "Divisa", "Munt", "ISO", "Wa\u0308hrung", "Whatever"]
    )
    def test_two_currencies_are_asked_about_whatever_their_column_is_called(
        self, header: str
    ) -> None:
        content = f"Invoice,Amount,Date,{header}\nI,1,2026-03-04,CHF\nJ,1,2026-03-04,EUR\n"
        [question] = problems_of(content)
        assert "split the table by currency" in question

    def test_a_type_that_a_row_does_not_have_is_no_other_type(self) -> None:
        content = "Invoice,Amount,Date,Type\nI,1,2026-03-04,Payment\nJ,1,2026-03-04,\n"
        assert len(payments_of(content)) == 2

    @pytest.mark.parametrize("header", ["Type d'op\u00e9ration", "Status \u2013 Zahlung"])
    def test_the_option_that_is_told_can_be_pasted(self, header: str) -> None:
        content = f"Invoice,Amount,Date,{header}\nI,1,2026-03-04,a\nJ,1,2026-03-04,b\n"
        [question] = problems_of(content)
        option = question.partition("then say ")[2].partition(" to leave")[0]
        assert shlex.split(option) == ["--column", f"={header}"]

    def test_an_amount_of_zero_has_to_be_meant(self) -> None:
        """It would take the invoice's payment back."""
        content = "Invoice,Amount,Date\nI,0.00,2026-03-04\n"
        [problem] = problems_of(content)
        assert problem.startswith("line 2, column Amount: is 0: that takes a payment back.")
        assert len(payments_of(content, SaidOfCsv(may_be_zero=True))) == 1

    @pytest.mark.parametrize(
        ("name", "cells"),
        [
            ("Währung", ["EUR", "CHF"]),
            ("WKZ Umsatz", ["EUR", ""]),
            ("Transaction type", ["Payment", "Refund"]),
            ("transaction_type", ["Refund", "Refund"]),
            ("Type", ["Payment", "Voided"]),
            ("Buchungsart", ["Zahlung", "Storno"]),
            ("Status", ["void", "void"]),
            ("Void", ["No", "Yes"]),
            ("S/H", ["H", "H"]),
            ("Soll/Haben-Kennzeichen", ["S", "H"]),
            ("Debit/Credit", ["Debit", "Credit"]),
            ("Credit", ["", "7.00"]),
            ("Refunded amount", ["0.00", "1.00"]),
            ("Memo", ["March", "VOIDED"]),
            ("Memo", ["", "Credit memo"]),
        ],
    )
    def test_so_is_whatever_may_tell_a_payment_from_a_refund(
        self, name: str, cells: list[str]
    ) -> None:
        rows = "".join(f"INV-{cell},1,2026-03-04,{cell}\n" for cell in cells)
        (question,) = problems_of(f"Invoice,Amount,Date,{name}\n{rows}")
        assert question.startswith(f"line 1: column {name} has '")

    @pytest.mark.parametrize(
        ("name", "cells"),
        [
            ("Currency", ["USD", "usd"]),
            ("Type", ["Payment", "Payment"]),
            ("Payment type", ["Credit Card", "Credit card"]),
            ("Status", ["Cleared", "Cleared"]),
            ("Voided", ["No", ""]),
            ("Credit", ["", "0.00"]),
            ("Debitor", ["10001", "10002"]),
            ("Memo", ["Refund of March is missing", "x"]),
            ("Customer", ["A", "B"]),
        ],
    )
    def test_one_that_says_the_same_of_all_is_left_out(self, name: str, cells: list[str]) -> None:
        rows = "".join(f"I,1,2026-03-04,{cell}\n" for cell in cells)
        assert len(payments_of(f"Invoice,Amount,Date,{name}\n{rows}")) == 2

    def test_a_column_without_a_name_is_asked_about_too(self) -> None:
        content = "Invoice,Amount,Date,\nI,1,2026-03-04,VOID\n"
        said = SaidOfCsv(columns=[("externalId", "")])
        (question,) = problems_of(content, said)
        assert question.startswith("line 1: column without a name has 'VOID' (line 2)")
        assert "say --column '='" in question
        assert len(payments_of(content, SaidOfCsv(columns=[("", "")]))) == 1

    def test_a_question_shows_a_few_values(self) -> None:
        rows = "".join(f"I,1,2026-03-04,type {number}\n" for number in range(20))
        (question,) = problems_of(f"Invoice,Amount,Date,Type\n{rows}")
        assert "'type 4' (line 6), …: it may say" in question

    def test_a_slip_in_what_is_told_is_named(self) -> None:
        said = SaidOfCsv(columns=[("ammount", "Amount"), ("type", "Kind")])
        problems = problems_of("Invoice,Amount,Date\nI,1,2026-03-04", said)
        assert problems[0].startswith(
            "line 1: --column ammount=Amount: the elements are externalId,"
        )
        assert problems[1] == "line 1: --column type=Kind: there is no such column."


class TestAmounts:
    @pytest.mark.parametrize(
        ("cells", "amounts"),
        [
            (["10", "10.5", "1,234.50"], ["10", "10.5", "1234.50"]),
            (["10", "10,5", "1.234,50"], ["10", "10.5", "1234.50"]),
            (["1.000", "0,50"], ["1000", "0.50"]),
            (["1,000", "0.50"], ["1000", "0.50"]),
            (["1 234,50", "1\u202f234,50", "1'234,50", "1\u2019234,50"], ["1234.50"] * 4),
            (["1.234.567"], ["1234567"]),
            (["€ 5", "5 €", "€5.10"], ["5", "5", "5.10"]),
            (["USD 5", "5USD"], ["5", "5"]),
            (["US$5"], ["5"]),
            (["+5", ".5", "5."], ["5", "0.5", "5"]),
        ],
    )
    def test_a_column_is_read_in_the_one_way_that_fits_all_of_it(
        self, cells: list[str], amounts: list[str]
    ) -> None:
        assert amounts_of(*cells) == [Decimal(amount) for amount in amounts]

    @pytest.mark.parametrize("refunds", [False, True])
    @pytest.mark.parametrize(
        ("cell", "amount"),
        [
            ("50.-", 50),
            ("50.\u2014", 50),
            ("50,--", 50),
            ("CHF 1\u2019250.\u2013", 1250),
            ("50.- CHF", 50),
            ("Fr. 50.00", 50),
            ("Fr.50.-", 50),
            ("SFr 50", 50),
        ],
    )
    def test_a_dash_in_place_of_the_cents_is_no_minus(
        self, cell: str, amount: int, refunds: bool
    ) -> None:
        rows = f"{HEADER}INV-1;{cell};2026-03-04"
        (payment,) = payments_of(rows, rules=replace(RULES, refunds=refunds))
        assert payment.amount == amount

    @pytest.mark.parametrize("cell", ["-.50", "\u2013,50"])
    def test_a_dash_in_place_of_the_whole_may_be_a_minus(self, cell: str) -> None:
        (problem,) = problems_of(
            f"{HEADER}INV-1;{cell};2026-03-04", rules=replace(RULES, refunds=True)
        )
        assert "may be cents or minus: write 0 before the point." in problem

    def test_one_that_can_be_read_in_two_ways_is_a_question(self) -> None:
        assert wrong_amounts("5", "1.000", "2.000") == [
            "line 3, column Amount: '1.000' can be read in several ways: say --decimals . if it is "
            "1, --decimals , if it is 1000."
        ]

    def test_the_answer_decides(self) -> None:
        assert amounts_of("1.000", said=SaidOfCsv(decimals=Point.POINT)) == [1]
        assert amounts_of("1.000", said=SaidOfCsv(decimals=Point.COMMA)) == [1000]

    def test_one_that_does_not_fit_the_answer_is_wrong(self) -> None:
        assert wrong_amounts("1.50", said=SaidOfCsv(decimals=Point.COMMA)) == [
            "line 2, column Amount: '1.50' is not written as --decimals , says."
        ]

    def test_two_ways_in_one_column_are_wrong(self) -> None:
        assert wrong_amounts("1.50", "7", "1,50") == [
            "line 4, column Amount: '1,50' cannot be read in the way of line 2, '1.50': write both "
            "alike."
        ]

    def test_a_thousand_among_decimal_points_is_a_question_of_the_import_too(self) -> None:
        """It may have been written by somebody for whom the point is another sign."""
        (problem,) = wrong_amounts("10.50", "1.000")
        assert problem.startswith("line 3, column Amount: can be read in two ways: '1.000'.")

    def test_amounts_of_two_currencies_are_wrong(self) -> None:
        assert wrong_amounts("€5", "6", "$7") == [
            "line 4, column Amount: the currency is $, but € in line 2: a file has amounts of one "
            "currency, that of the invoices."
        ]

    def test_a_sign_that_may_be_no_currency_has_to_be_told(self) -> None:
        """CR and DR say which way the money goes."""
        assert wrong_amounts("5 kr", "5 CR") == [
            "line 2, column Amount: must be a number like 10.50: '5 kr'. If 5, in the currency of "
            "the invoice, was meant, write that.",
            "line 3, column Amount: must be a number like 10.50: '5 CR'.",
        ]
        assert amounts_of("5 kr", said=SaidOfCsv(currency="kr")) == [5]

    @pytest.mark.parametrize("cell", ["-5", "(5)", "5-", "\u22125", "-€5", "€ (5)"])
    def test_a_negative_one_is_refused_as_the_import_does(self, cell: str) -> None:
        (problem,) = wrong_amounts(cell)
        assert problem.startswith("line 2, column Amount: ")

    @pytest.mark.parametrize(
        "cell", ["1,00,000", "1.2.3", "abc", "+-5x", "$5$", "()", "1 2", "0,000.5"]
    )
    def test_what_is_no_number_is_none(self, cell: str) -> None:
        (problem,) = wrong_amounts(cell)
        assert problem.startswith("line 2, column Amount: must be a number like 10.50: ")

    def test_a_currency_without_decimals_takes_none(self) -> None:
        rules = replace(RULES, currency_decimals=0)
        (problem,) = problems_of(f"{HEADER}I;1.5;2026-03-04", rules=rules)
        assert problem.startswith("line 2, column Amount: has more than 0 decimals: '1.5'.")


class TestDays:
    @pytest.mark.parametrize(
        ("cells", "days"),
        [
            (["2026-03-04", "2026-03-04T23:00:00-08:00", "2026/3/4"], ["2026-03-04"] * 3),
            (["13/02/2026", "01/02/2026"], ["2026-02-13", "2026-02-01"]),
            (["02/13/2026", "01/02/2026"], ["2026-02-13", "2026-01-02"]),
            (["13.2.2026", "1.2.2026"], ["2026-02-13", "2026-02-01"]),
            (["02/02/2026"], ["2026-02-02"]),
            (
                ["4 Mar 2026", "4-March-2026", "5/Sept/2025"],
                ["2026-03-04", "2026-03-04", "2025-09-05"],
            ),
            (["March 4, 2026", "Mar 4,2026"], ["2026-03-04"] * 2),
            (["04-Mar-26"], ["2026-03-04"]),
            (["04/13/2025 00:00", "04/13/2025 9:30:00 PM"], ["2025-04-13"] * 2),
        ],
    )
    def test_a_column_is_read_in_the_one_way_that_fits_all_of_it(
        self, cells: list[str], days: list[str]
    ) -> None:
        assert days_of(*cells) == days

    def test_one_that_can_be_read_in_two_ways_is_a_question(self) -> None:
        assert wrong_days("02/02/2026", "01/02/2026") == [
            "line 3, column Date: '01/02/2026' can be read in several ways: say --dates dmy if it "
            "is 2026-02-01, --dates mdy if it is 2026-01-02."
        ]

    def test_the_answer_decides(self) -> None:
        assert days_of("01/02/2026", said=SaidOfCsv(dates=Order.DMY)) == ["2026-02-01"]
        assert days_of("01/02/2026", said=SaidOfCsv(dates=Order.MDY)) == ["2026-01-02"]
        assert days_of("26/02/01", said=SaidOfCsv(dates=Order.YMD)) == ["2026-02-01"]

    def test_a_year_of_two_digits_is_a_question_where_it_may_be_a_day(self) -> None:
        (question,) = wrong_days("13.02.25")
        assert "--dates dmy if it is 2025-02-13, --dates ymd if it is 2013-02-25" in question

    def test_two_ways_in_one_column_are_wrong(self) -> None:
        assert wrong_days("13/02/2026", "02/13/2026") == [
            "line 3, column Date: '02/13/2026' cannot be read in the way of line 2, '13/02/2026': "
            "write both alike."
        ]

    def test_one_that_does_not_fit_the_answer_is_wrong(self) -> None:
        assert wrong_days("02/13/2026", said=SaidOfCsv(dates=Order.DMY)) == [
            "line 2, column Date: '02/13/2026' is not written as --dates dmy says."
        ]

    @pytest.mark.parametrize(
        "cell", ["46085", "30/02/2026", "1/2-2026", "Foo 4, 2026", "2026-02-30"]
    )
    def test_what_is_no_day_is_none(self, cell: str) -> None:
        (problem,) = wrong_days(cell)
        assert problem.startswith("line 2, column Date: ")
        assert "must be a day written like 2018-10-11" in problem or "no day of the cal" in problem

    def test_one_that_no_payment_has_is_refused_as_the_import_does(self) -> None:
        (problem,) = wrong_days("13/02/2206")
        assert problem.startswith("line 2, column Date: is more than a year ahead")


class TestRows:
    def test_empty_ones_are_left_out(self) -> None:
        assert len(payments_of(f"\n;;\n{HEADER}\n;;\n \t;\u00a0;\nI;1;2026-03-04\n\n")) == 1

    @pytest.mark.parametrize(
        "words",
        [
            "Total",
            "TOTALS:",
            "Grand Total USD",
            "Report total",
            "Total Invoices",
            "TOTAL CUSTOMER A",
            "Sub-total",
            "Total:350.00",
            "Total 2026",
            "Summe",
            "Zwischensumme",
            "Gesamtsumme (EUR)",
            "Totale",
            "Count",
        ],
    )
    def test_one_of_totals_is_refused(self, words: str) -> None:
        (problem,) = problems_of(f"{HEADER}I;1;2026-03-04\n{words};1;")
        assert problem == (
            f"line 3, column Invoice: '{words}': a row of totals is no payment. Remove it. If it "
            "is one, name it otherwise, such as its invoice by ConnectWise's id."
        )

    def test_one_that_begins_with_totals_is_refused_unless_its_column_is_left_out(self) -> None:
        content = "Customer;Invoice;Amount;Date\n;I;1;2026-03-04\nTotal Energies;3;1;2026-03-04"
        assert problems_of(content) == [
            "line 3, column Customer: 'Total Energies': a row of totals is no payment. Remove it. "
            "If it is one, say --column '=Customer' to leave the column out."
        ]
        assert len(payments_of(content, SaidOfCsv(columns=[("", "Customer")]))) == 2

    @pytest.mark.parametrize("number", ["SUM-123", "INV-TOTAL-1", "Totally", "Discount-7"])
    def test_a_number_with_such_a_word_in_it_is_no_total(self, number: str) -> None:
        assert len(payments_of(f"{HEADER}{number};1;2026-03-04")) == 1

    def test_several_with_one_id_are_refused(self) -> None:
        """One cheque for several invoices: each row would move the receipt of the one before."""
        header = "Receipt,Invoice,Amount,Date\n"
        rows = "CHK-7,I,1,2026-03-04\n,I,1,2026-03-04\nCHK-7,J,1,2026-03-04\n"
        assert problems_of(header + rows) == [
            "line 4, column Receipt: 'CHK-7' is in line 2 too, with other values: imported, each "
            "would replace the one before. If one of them is wrong, delete it. If both were paid, "
            "give each an id of its own, such as CHK-7-1 and CHK-7-2, or leave the column out by "
            "--column 'externalId=' if no invoice is there twice."
        ]
        said = SaidOfCsv(columns=[("externalId", "")])
        assert len(payments_of(header + rows, said)) == 3

    def test_the_same_payment_twice_is_told_as_such(self) -> None:
        row = "CHK-7,I,1,2026-03-04\n"
        assert problems_of(f"Receipt,Invoice,Amount,Date\n{row}{row}") == [
            "line 3, column Receipt: 'CHK-7': this is the payment of line 2 once more. Delete "
            "one of the two. If both were paid, give each an id of its own, such as CHK-7-1 and "
            "CHK-7-2."
        ]

    def test_several_with_one_id_of_connectwises_are_refused(self) -> None:
        rows = "17,I,1,2026-03-04\n17,I,2,2026-03-04"
        (problem,) = problems_of(f"ConnectWise id,Invoice,Amount,Date\n{rows}")
        assert problem.startswith("line 3, column ConnectWise id: '17' is in line 2 too")

    def test_one_that_names_no_payment_is_refused(self) -> None:
        (problem,) = problems_of("Invoice;Amount;Date;Customer\nI;1;2026-03-04;A\n;1;;Total")
        assert problem == (
            "line 3: it names no invoice. If it is a row of totals or a remark, remove it."
        )

    @pytest.mark.parametrize(
        ("row", "column"), [("I;;2026-03-04", "Amount"), ("I;1;", "Date"), ("I; ;1/1/26", "Amount")]
    )
    def test_one_without_amount_or_day_is_refused(self, row: str, column: str) -> None:
        """It would only move a payment's day, or make a payment of the day of the import."""
        assert problems_of(f"{HEADER}I;1;2026-03-04\n{row}") == [
            f"line 3, column {column}: is empty. Fill it in, or delete the row if it is no "
            "payment. Write (none) only if the payment exists, and this of it is not to be changed."
        ]

    def test_one_may_say_that_a_value_is_not_given(self) -> None:
        (payment, other) = payments_of(f"{HEADER}I;(none);2026-03-04\nJ;1.50;(None)\n")
        assert (payment.amount, other.day) == (None, None)

    @pytest.mark.parametrize("row", ["I;1", "I;1;2026-03-04;rest"])
    def test_one_with_other_columns_than_the_header_is_refused(self, row: str) -> None:
        (problem,) = problems_of(HEADER + row)
        assert problem == (
            f"line 2: it has {row.count(';') + 1} values, but there are 3 columns: is it cut off, "
            "or does a value need quotes?"
        )

    def test_a_value_may_have_line_breaks_and_separators_in_quotes(self) -> None:
        (payment, other) = payments_of(
            'Invoice;Amount;Date;appliedBy\r\nI;1;2026-03-04;"a;\r\n""b"""\r\nJ;2;2026-03-04;c\r\n'
        )
        assert payment.fields["appliedBy"] == 'a;\r\n"b"'
        assert other.amount == 2

    def test_a_problem_is_told_by_the_line_where_its_row_begins(self) -> None:
        (problem,) = problems_of(f'{HEADER}"I\n1";1;2026-03-04\nJ;x;2026-03-04')
        assert problem.startswith("line 4, column Amount: ")

    def test_everything_that_is_wrong_is_told_up_to_a_bound(self) -> None:
        problems = problems_of(HEADER + "I;x;y\n" * MAX_PROBLEMS)
        assert problems[0].startswith("line 2, column Amount: ")
        assert problems[1].startswith("line 2, column Date: ")
        assert len(problems) == MAX_PROBLEMS + 1
        assert problems[-1] == f"… and {MAX_PROBLEMS} more."

    def test_a_long_number_that_a_spreadsheet_has_shortened_is_refused(self) -> None:
        """Two receipts would have one external id, and the second would replace the first."""
        (problem,) = problems_of("Receipt,Invoice,Amount,Date\n1.23457E+15,I,1,2026-03-04")
        assert problem.startswith("line 2, column Receipt: '1.23457E+15' is what a spreadsheet")

    def test_a_character_that_xml_cannot_hold_is_refused(self) -> None:
        (problem,) = problems_of(f"{HEADER}I\x01;1;2026-03-04")
        assert problem.startswith("line 2, column Invoice: 'I[U+0001]' has a character")

    def test_what_the_import_would_refuse_of_a_value_is_refused(self) -> None:
        (problem,) = problems_of(f"{HEADER}I*;1;2026-03-04")
        assert problem.startswith("line 2, column Invoice: has a * in it")


class TestFiles:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_one_that_says_how_it_is_encoded_need_not_be_told(self, encoding: str) -> None:
        (payment,) = payments_of(f"{HEADER}Zürich-1;1;2026-03-04".encode(encoding))
        assert payment.invoice_number == "Zürich-1"

    def test_one_that_does_not_has_to_be_told(self) -> None:
        content = f"{HEADER}I;1;2026-03-04\nZürich;1;2026-03-04".encode("windows-1252")
        assert problems_of(content) == [
            "line 3, column 2: byte 0xFC is no utf-8. Save the file as UTF-8, or say how it is "
            "encoded: many spreadsheets write --encoding windows-1252."
        ]
        payments = payments_of(content, SaidOfCsv(encoding="windows-1252"))
        assert payments[1].invoice_number == "Zürich"

    def test_one_that_is_told_wrongly_is_refused(self) -> None:
        content = f"{HEADER}\x81;1;2026-03-04".encode("latin-1")
        (problem,) = problems_of(content, SaidOfCsv(encoding="windows-1252"))
        assert problem.startswith("line 2, column 1: byte 0x81 is no windows-1252.")
        (problem,) = problems_of(content, SaidOfCsv(encoding="klingon"))
        assert problem == "the encoding 'klingon' is not known."

    def test_utf_16_without_its_mark_has_to_be_told(self) -> None:
        content = f"{HEADER}I;1;2026-03-04".encode("utf-16-le")
        (problem,) = problems_of(content)
        assert "say --encoding utf-16-le or utf-16-be" in problem
        assert len(payments_of(content, SaidOfCsv(encoding="utf-16-le"))) == 1

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_the_separator_is_found(self, separator: str) -> None:
        (payment,) = payments_of(
            separator.join(("Invoice", "Amount", '"Customer, and; so on"', "Date"))
            + "\n"
            + separator.join(("I", "1", "A", "2026-03-04"))
        )
        assert payment.amount == 1

    def test_it_is_found_where_all_is_in_quotes(self) -> None:
        assert len(payments_of('"Invoice";"Amount";"Date"\n"I";"1";"2026-03-04"')) == 1

    @pytest.mark.parametrize("line", ["sep=;", '"SEP=;"'])
    def test_it_is_taken_from_the_line_that_excel_reads(self, line: str) -> None:
        assert (
            len(payments_of(f"{line}\r\nInvoice;Amount;a,Date,Paid on;Date\nI;1;;2026-03-04")) == 1
        )

    def test_titles_above_the_header_are_named_with_the_cure(self) -> None:
        content = f"ACME, Inc.\nReceipts, March 2026\n\n{HEADER}I;1;2026-03-04\n"
        assert problems_of(content) == [
            "line 1: the names of the columns seem to be in line 4: say --header-line 4, or remove "
            "what is above it."
        ]
        (payment,) = payments_of(content, SaidOfCsv(header_line=4))
        assert payment.amount == 1
        assert problems_of(content, SaidOfCsv(header_line=6)) == ["there is no row from line 6 on."]

    def test_one_without_payments_is_refused_unless_that_is_right(self) -> None:
        assert problems_of(HEADER) == [
            "line 1: there are no payments below it. If that is right, say --allow-empty."
        ]
        assert payments_of(HEADER, SaidOfCsv(may_be_empty=True)) == []

    def test_two_separators_that_fit_are_a_question(self) -> None:
        content = "Invoice;Amount,Date;Invoice no,Paid on\n"
        (problem,) = problems_of(content)
        assert problem.startswith("line 1: its columns may be separated by ',' or by ';'")

    def test_another_separator_has_to_be_told(self) -> None:
        said = SaidOfCsv(separator="|")
        assert len(payments_of("Invoice|Amount|Date\nI|1|2026-03-04", said)) == 1

    @pytest.mark.parametrize("row", ['"I"x;1;2026-03-04', 'I;1;"2026-03-04'])
    def test_quotes_that_are_wrong_are_told_by_their_line(self, row: str) -> None:
        (problem,) = problems_of(f"{HEADER}J;1;2026-03-04\n{row}\n")
        assert problem.startswith("line 3: the quotes are wrong")

    def test_one_without_a_row_is_empty(self) -> None:
        assert problems_of("\n\n") == ["the file is empty."]

    def test_a_line_without_an_end_does_not_fill_the_memory(self) -> None:
        (problem,) = problems_of(f"{HEADER}{'x' * 2**20}")
        assert problem == "line 2 is longer than any row of payments: is the file CSV?"

    def test_memory_does_not_grow_with_the_file(self) -> None:
        scales = Scales()
        with on_disk((HEADER + "INV-1;1.234,50;13/02/2026\n" * 4000).encode()) as path:
            csv_to_xml(path, SaidOfCsv(), RULES, cast("BinaryIO", scales))
        assert scales.growth < 1000
