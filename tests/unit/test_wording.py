"""Texts as they are shown to people."""

import shlex
from decimal import Decimal

import pytest

from payments.wording import command, in_words, money, truth_delete


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("5", "5.00"), ("49.6", "49.60"), ("0.4", "0.40"), ("-7.125", "-7.125"), ("1E+3", "1000.00")],
)
def test_money_has_two_decimals_at_least(amount: str, shown: str) -> None:
    """Without them, 5 is taken for a number of records."""
    assert money(Decimal(amount)) == shown


def test_money_is_grouped_where_it_is_a_total() -> None:
    assert money(Decimal("1234567.5"), thousands=True) == "1,234,567.50"


@pytest.mark.parametrize("external_id", ["A b", "O'Neil", "a;b", "$HOME", "`id`", "R-1"])
def test_a_printed_command_names_the_external_id_for_a_shell(external_id: str) -> None:
    assert shlex.split(truth_delete(external_id))[-1] == external_id


def test_a_printed_command_takes_no_external_id_for_an_option() -> None:
    assert truth_delete("-1").endswith("delete -- -1")
    assert truth_delete("R-1") == "payments truth delete R-1"


def test_a_printed_command_names_the_stack_and_the_file_for_a_shell() -> None:
    """Pasted, it goes to no other stack: that may be another company's."""
    printed = command("payments-uk", "stop", "incoming/o'neil a.xml")
    assert shlex.split(printed) == [
        "payments", "--stack", "payments-uk", "stop", "incoming/o'neil a.xml",
    ]  # fmt: skip
    assert command("connectwise-payments", "redrive") == "payments redrive"
    assert command("connectwise-payments", "stop", "-a.xml") == "payments stop -- -a.xml"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "2 h"), (90000, "25 h")],
)
def test_times_are_said_as_exactly_as_is_of_use(seconds: float, said: str) -> None:
    assert in_words(seconds) == said
