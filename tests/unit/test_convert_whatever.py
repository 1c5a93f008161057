"""Whatever convert writes, the importer accepts, with the values that are in the spreadsheet."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from payments.command.spreadsheets.amount_cells import Point
from payments.command.spreadsheets.csv_table import SaidOfCsv
from payments.command.spreadsheets.day_cells import Order
from payments.command.spreadsheets.guarding import guarded
from payments.command.spreadsheets.problems import NotConverted
from payments.errors import FileRefused
from payments.wording import BLANKS
from unit.payment_files import records
from unit.spreadsheets import payments_of, xml_of

HEADER = ["External id", "Invoice number", "Amount", "Date", "appliedBy"]
DAYS = {Order.DMY: "%d/%m/%Y", Order.MDY: "%m/%d/%Y", Order.YMD: "%y/%m/%d"}

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8
).map(lambda text: text.strip(BLANKS))
values = st.one_of(texts, st.sampled_from(["=1", "'+1", "007", "a\r\nb", 'a"b', "a,b;c\td", "<&>"]))


@dataclass(frozen=True)
class Receipt:
    """What somebody has in a spreadsheet."""

    external_id: str
    invoice: str
    amount: Decimal
    day: date
    applied_by: str


receipts = st.lists(
    st.builds(
        Receipt,
        values,
        values.filter(lambda text: bool(text) and "*" not in text),
        st.decimals(0, 10**9, places=2),
        st.dates(date(2001, 1, 1), date(2026, 12, 31)),
        values,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda receipt: receipt.external_id or object(),
)


@dataclass(frozen=True)
class Habit:
    """How somebody writes a spreadsheet."""

    point: Point
    thousands: str
    currency: str
    order: Order
    separator: str
    encoding: str

    def written(self, receipts: list[Receipt]) -> bytes:
        """Return the CSV file."""
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=self.separator)
        writer.writerow(HEADER)
        for each in receipts:
            amount = f"{each.amount:,.2f}".translate({44: self.thousands, 46: self.point})
            day = each.day.strftime(DAYS[self.order])
            texts = [guarded(text, is_text=True) for text in (each.external_id, each.invoice)]
            writer.writerow(
                [*texts, self.currency + amount, day, guarded(each.applied_by, is_text=True)]
            )
        return file.getvalue().encode(self.encoding)

    @property
    def said(self) -> SaidOfCsv:
        """Say all of it."""
        return SaidOfCsv(
            dates=self.order,
            decimals=self.point,
            separator=self.separator,
            may_be_zero=True,
        )


habits = st.builds(
    Habit,
    st.sampled_from(Point),
    st.sampled_from(["", " ", "'", "\u202f"]),
    st.sampled_from(["", "€", "USD "]),
    st.sampled_from(Order),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)


def told(receipt: Receipt) -> tuple[object, ...]:
    """Return a receipt as the importer has it."""
    values = {"amount": receipt.amount, "paymentDate": f"{receipt.day}T00:00:00Z"}
    if receipt.applied_by:
        values["appliedBy"] = receipt.applied_by
    return (receipt.external_id or None, receipt.invoice, values)


@given(receipts, habits)
def test_with_everything_said_the_values_are_those_of_the_spreadsheet(
    receipts: list[Receipt], habit: Habit
) -> None:
    payments = payments_of(habit.written(receipts), habit.said)
    assert [payment.errors for payment in payments] == [()] * len(receipts)
    assert [
        (payment.external_id, payment.invoice_number, dict(payment.fields)) for payment in payments
    ] == [told(receipt) for receipt in receipts]


@given(receipts, habits)
def test_with_nothing_said_they_are_the_same_or_nothing_is_written(
    receipts: list[Receipt], habit: Habit
) -> None:
    content = habit.written(receipts)
    try:
        payments = payments_of(content)
    except NotConverted:
        assume(False)
    assert [dict(payment.fields) for payment in payments] == [told(each)[2] for each in receipts]


cells = st.one_of(
    values,
    st.text("0123456789.,-/ €()E+'", max_size=12),
    st.sampled_from(["1.000", "01/02/2026", "13/02/2026", "10,50", "2026-03-04", "\0", "\x01"]),
)


@given(
    st.lists(st.lists(cells, min_size=5, max_size=5), max_size=4), st.sampled_from([None, *Order])
)
def test_whatever_is_in_the_cells_what_is_written_has_no_errors(
    rows: list[tuple[str, ...]], dates: Order | None
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([HEADER, *rows])
    try:
        xml = xml_of(file.getvalue(), SaidOfCsv(dates=dates, separator=","))
    except (NotConverted, FileRefused):
        return
    assert all(record.errors == () for record in records(xml))
