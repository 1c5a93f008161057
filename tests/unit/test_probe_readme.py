"""The README's table of unknowns and the probe's rows name each other."""

import re
from pathlib import Path

from payments.command.probe.questions import QUESTIONS

README = Path(__file__).parents[2] / "README.md"


def test_every_row_of_the_probe_is_in_the_table_of_unknowns() -> None:
    section = README.read_text("utf-8").partition("\n## What is not known")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[-1] for line in section.splitlines() if line.startswith("| ")]
    named = {name for cell in cells for name in re.findall("`([A-Za-z-]+)`", cell)} - {"probe"}
    rows = {question.row for question in QUESTIONS}
    assert named <= rows
    assert {row for row in rows if not row.startswith("update-")} <= named
