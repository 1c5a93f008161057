"""`payments convert` as a bookkeeper runs it, without AWS."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from payments.command.app import app

CSV = "Invoice;Betrag;Date;Customer\nI;1,50;2026-03-04;A\n"
AMOUNT = ("--column", "amount=Betrag")


def ran(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["convert", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    file = tmp_path / "receipts.csv"
    file.write_text(CSV)
    return file


def test_xml_goes_to_standard_output_and_words_beside_it(receipts: Path) -> None:
    result = ran(receipts, *AMOUNT)
    assert result.exit_code == 0
    assert result.stdout.startswith('<?xml version="1.0" encoding="utf-8"?>\n<InvoicePayments>')
    assert result.stdout.endswith("</InvoicePayments>\n")
    assert result.stderr == (
        "1 payment. Columns: invoice/identifier = Invoice, amount = Betrag, paymentDate = Date. "
        "Not read: Customer.\n"
    )


def test_or_to_a_file_which_converts_back(receipts: Path) -> None:
    xml, back = receipts.with_name("receipts.xml"), receipts.with_name("back.csv")
    assert ran(receipts, "-o", xml, *AMOUNT).exit_code == 0
    result = ran(xml, "--output", back)
    assert (result.exit_code, result.stderr) == (0, "1 record.\n")
    assert back.read_bytes().startswith(b"\xef\xbb\xbfexternalId,invoice/identifier,amount,")
    assert ran(back).stdout == xml.read_text()


def test_if_anything_is_wrong_nothing_is_written(receipts: Path) -> None:
    xml = receipts.with_name("receipts.xml")
    xml.write_text("the earlier one")
    receipts.write_text(f"{CSV}I;x;2026-03-04;\nI;1;y;\n")
    result = ran(receipts, "-o", xml, *AMOUNT)
    assert result.exit_code == 2
    assert result.stderr == (
        f"{receipts} is not converted:\n"
        "line 3, column Betrag: must be a number like 10.50: 'x'.\n"
        "line 4, column Date: must be a day written like 2018-10-11: 'y'.\n"
    )
    assert sorted(file.name for file in receipts.parent.iterdir()) == [receipts.name, xml.name]
    assert xml.read_text() == "the earlier one"
    assert ran(receipts, *AMOUNT).stdout == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--column", "amount"], "--column amount: write ELEMENT=NAME, such as amount=Betrag."),
        (["--separator", ";;"], "--separator ;;: give one character, or the word tab."),
        (["--encoding", "rot13"], "the encoding 'rot13' is not known."),
    ],
)
def test_a_slip_in_an_option_is_named(options: list[str], said: str, receipts: Path) -> None:
    result = ran(receipts, *options)
    assert (result.exit_code, result.stderr) == (2, f"{said}\n")


def test_a_refund_goes_to_a_spreadsheet_and_back_where_the_stack_takes_it(receipts: Path) -> None:
    fail, back = receipts.with_name("fail.xml"), receipts.with_name("fail.csv")
    receipts.write_text(CSV.replace("1,50", "(1,50)"))
    refused = ran(receipts, *AMOUNT)
    assert refused.exit_code == 2
    assert "If it is a refund and the stack has SecondPayment=Add, say --refunds." in refused.stderr
    assert ran(receipts, *AMOUNT, "--refunds", "-o", fail).exit_code == 0
    assert "<amount>-1.50</amount>" in fail.read_text()
    assert ran(fail, "-o", back, "--refunds").exit_code == 0
    assert ran(back, "--refunds").stdout == fail.read_text()


def test_a_file_is_not_replaced_by_what_is_made_of_it(receipts: Path) -> None:
    result = ran(receipts, "-o", receipts, *AMOUNT)
    assert result.exit_code == 2
    assert "is the file to be converted: give another name." in result.stderr
    assert receipts.read_text() == CSV


def test_a_folder_that_is_not_there_is_named(receipts: Path) -> None:
    result = ran(receipts, "-o", receipts.with_name("none") / "a.xml", *AMOUNT)
    assert result.exit_code == 2
    assert "cannot be used: No such file or directory." in result.stderr


def test_tabs_are_told_by_their_name(receipts: Path) -> None:
    receipts.write_text(CSV.replace(";", "\t"))
    assert ran(receipts, "--separator", "tab", *AMOUNT).exit_code == 0


def test_a_fail_file_of_a_refused_file_has_nothing_to_convert(tmp_path: Path) -> None:
    file = tmp_path / "fail.XML"
    file.write_text("<InvoicePayments><ErrorMessage>No.</ErrorMessage></InvoicePayments>")
    result = ran(file)
    assert result.exit_code == 2
    assert "It holds no payments: correct the original file" in result.stderr
