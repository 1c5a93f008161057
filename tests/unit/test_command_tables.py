"""How rows are shown."""

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from payments.command.finding import Check, Verdict
from payments.command.preview import PreviewRow
from payments.command.rehearsal import Change
from payments.command.tables import (
    described,
    preview_json,
    preview_table,
    replaced_by,
    settings_columns,
    show_check,
    truth_details,
    truth_table,
)
from payments.models import (
    Action,
    LedgerEntry,
    Receipt,
    Replaced,
    TruthRecord,
)


def shown(table: Table) -> list[list[str]]:
    """The words of each line."""
    output = StringIO()
    Console(file=output, width=200, markup=False).print(table)
    return [line.split() for line in output.getvalue().splitlines()]


def test_text_of_others_is_no_markup() -> None:
    record = TruthRecord("[red]1[/red]", 2, 206, "", "")
    assert ["[red]1[/red]", "2", "206"] in shown(truth_table([record]))


def test_an_invoice_that_zynk_did_not_keep_is_not_known() -> None:
    record = TruthRecord("1234", 2, None, "", "")
    assert ["Invoice", "not", "known"] in shown(truth_details(record))


DAY = "2026-03-28T00:00:00Z"
RECEIPTS = {"RC1": Receipt(Decimal("400.5"), DAY), "RC2": Receipt(Decimal(-100))}
SUM = LedgerEntry(206, 70, "", Decimal("300.5"), DAY, added_up=RECEIPTS)


def test_a_list_of_truth_records_fits_on_80_columns() -> None:
    """What is long is folded; numbers and days are whole."""
    record = TruthRecord(
        "RECEIPT-2026-000000000001", 1234567, 7654321, "", DAY, amount=Decimal("12345.00"), day=DAY
    )
    output = StringIO()
    filed = replace(record, key="incoming/2026/03/bank.xml")
    Console(file=output, width=80).print(truth_table([filed]))
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    words = {word for line in lines for word in line.split()}
    assert {"1234567", "7654321", "12345.00", "2026-03-28"} <= words


def test_a_truth_record_shows_what_its_invoice_is_the_sum_of() -> None:
    record = TruthRecord("RC1", 70, 206, "", "")
    lines = shown(truth_details(record, SUM))
    assert ["ConnectWise", "held", "last", "payment", "70:", "300.50", "of", "2026-03-28"] in lines
    assert ["Receipts", "known", "RC1:", "400.50", "2026-03-28"] in lines
    assert ["RC2:", "-100.00"] in lines
    assert ["together", "300.50"] in lines


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("amount", Decimal("25.00"), Decimal("60.00")), "amount 25.00 → 60.00"),
        (Change("amount", Decimal(60), Decimal("60.00")), "amount stays 60.00"),
        (Change("appliedBy", None, "Me"), "appliedBy (none) → Me"),
        (Change("type", "P", "P"), "type stays P"),
        (Change("credit", {"id": 5}, {"id": 5}), 'credit stays {"id":5}'),
        (Change("credit", {"id": 5}, {"id": 6}), 'credit {"id":5} → {"id":6}'),
    ],
)
def test_an_update_says_from_what_to_what(change: Change, words: str) -> None:
    assert described(change, creates=False) == words


def test_a_create_says_what_it_sends() -> None:
    assert described(Change("amount", None, Decimal("5.00")), creates=True) == "amount 5.00"


@pytest.mark.parametrize(
    ("replaced", "record", "words"),
    [
        (Replaced(Decimal("5.00")), None, "5.00, which was not recorded from a file"),
        (
            Replaced(Decimal(5), "2026-01-02T00:00:00Z", "R-1", "p.xml"),
            3,
            "5.00 of 2026-01-02, recorded as R-1 from p.xml, record 3",
        ),
        (Replaced(Decimal(5), key="p.xml"), None, "5.00, recorded from p.xml"),
        (Replaced(), None, "a payment, which was not recorded from a file"),
    ],
)
def test_what_would_be_replaced_is_said(replaced: Replaced, record: int | None, words: str) -> None:
    row = PreviewRow(4, None, "7", Action.UPDATED, replaced=replaced, replaced_record=record)
    assert replaced_by(row) == words


def test_a_preview_shows_the_invoice_s_number_beside_its_id() -> None:
    row = PreviewRow(1, None, "7", Action.FAILED, invoice_number="INV-7")
    assert ["1", "7", "(INV-7)", "reject"] in shown(preview_table([row]))


def test_a_preview_shows_each_field_in_a_line() -> None:
    changes = (Change("amount", Decimal(1), Decimal(2)), Change("type", None, "P"))
    row = PreviewRow(7, "R-1", "INV-1", Action.UPDATED, 12, changes)
    lines = shown(preview_table([row]))
    assert ["7", "R-1", "INV-1", "update", "12", "amount", "1.00", "→", "2.00"] in lines
    assert ["type", "(none)", "→", "P"] in lines


def test_a_payment_that_is_not_there_yet_is_new() -> None:
    row = PreviewRow(1, None, "7", Action.CREATED, None, (Change("amount", None, Decimal(2)),))
    assert ["1", "7", "create", "new", "amount", "2.00"] in shown(preview_table([row]))


def test_a_rejected_record_shows_why() -> None:
    row = PreviewRow(1, None, None, Action.FAILED, messages=("Give <invoice>.",))
    assert ["1", "reject", "Give", "<invoice>."] in shown(preview_table([row]))


def test_json_has_amounts_with_their_digits() -> None:
    changes = (Change("amount", Decimal("0.10"), Decimal("12345678901234567.89")),)
    replaced = Replaced(Decimal("0.10"))
    row = PreviewRow(
        1, "R-1", "7", Action.UPDATED, 12, changes, invoice_number="INV-7", replaced=replaced
    )
    line = preview_json(row)
    assert '"from":0.10,"to":12345678901234567.89' in line
    assert '"replaces":{"amount":0.10,"paymentDate":null' in line
    read = json.loads(line)
    assert (read["action"], read["invoice"], read["invoiceNumber"]) == ("update", "7", "INV-7")


def test_json_is_one_line_whatever_the_record_holds() -> None:
    line = preview_json(PreviewRow(1, 'a"\n', None, Action.SKIPPED, messages=("é\n",)))
    assert "\n" not in line
    assert json.loads(line)["externalId"] == 'a"\n'


def test_what_to_do_stands_below_a_finding_and_its_command_in_one_piece() -> None:
    command = f"aws sns subscribe --topic-arn {'x' * 80} --protocol email"
    output = StringIO()
    check = Check("Alarms reach somebody", Verdict.MISSING, " ".join(["do this"] * 20), command)
    show_check(Console(file=output, width=80, markup=False), check)
    first, *below = output.getvalue().splitlines()
    assert first.split() == ["Alarms", "reach", "somebody", "missing"]
    assert below[-1].strip() == command
    assert {word for line in below[:-1] for word in line.split()} == {"do", "this"}


def test_what_is_well_is_one_line() -> None:
    output = StringIO()
    show_check(Console(file=output, width=80), Check("Secret", Verdict.GOOD, "theirs"))
    assert output.getvalue().split() == ["Secret", "ok", "theirs"]


def test_settings_stand_beside_each_other_where_there_is_room() -> None:
    output = StringIO()
    settings = {"Enabled": "true", "KmsKeyArn": "", "IncomingPrefix": "incoming/"}
    Console(file=output, width=80).print(settings_columns(settings))
    assert "Enabled = true" in output.getvalue()
    assert "KmsKeyArn = (none)" in output.getvalue()
    assert len(output.getvalue().splitlines()) < len(settings)
