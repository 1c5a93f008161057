"""What `status` shows, on 80 columns, in a log and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from typing import Any

from rich.console import Console

from payments.command.imports import ImportRow
from payments.command.standing import Standing, State, Told
from payments.command.status import Answer, Overview
from payments.command.status_view import one_line, show_answer, show_overview, standing_json
from payments.command.uploads import Upload
from payments.import_state import Status, Tally

UPLOAD = Upload("id", "incoming/a.xml", "v1", 1_750_000_000.0, newest=True)
LONG = " ".join(["Something does not answer, and nobody knows why it does not."] * 40)


def row(status: Status = Status.RUNNING, **more: Any) -> ImportRow:
    moments = {"started_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z"}
    begun: dict[str, Any] = {"total": 4, **moments}
    tally = more.pop("tally", Tally(created=1))
    return ImportRow("id", "incoming/a.xml", status, tally, **(begun | more))


def console() -> tuple[Console, StringIO]:
    output = StringIO()
    return Console(file=output, width=80, markup=False, highlight=False), output


def listed(*standings: Standing, **more: Any) -> list[str]:
    to, output = console()
    show_overview(to, Overview(standings, **({"unclaimed": ()} | more)), "incoming/")
    return output.getvalue().splitlines()


def told(standing: Standing, *older: Standing) -> dict[str, str]:
    """What is said of one file, by what it is called."""
    to, output = console()
    show_answer(to, Answer(standing, older))
    said: dict[str, str] = {}
    name = ""
    for line in output.getvalue().splitlines():
        name = line[:10].strip() or name
        said[name] = f"{said.get(name, '')} {line[10:].strip()}".strip()
    return said


def test_an_import_is_one_line_of_the_list() -> None:
    [_, line] = listed(Standing("incoming/a.xml", Told(State.RUNNING), row()))
    assert line.split() == ["2026-01-02", "03:04", "Running", "1/4", "0", "a.xml"]


def test_what_is_to_be_said_stands_below_in_whole_words() -> None:
    waiting = row(error="down", waits_until="2026-01-02T03:05:06Z")
    lines = listed(Standing("incoming/a.xml", Told(State.WAITING, LONG), waiting))
    assert len(lines) <= 5
    assert lines[2].strip().startswith("Until 03:05: Something does not answer")
    words = {word.strip("…") for line in lines[2:] for word in line.split()[2:]}
    assert words <= {*LONG.split(), "answer", "no"}
    assert max(map(len, lines)) <= 80


def test_a_name_that_does_not_fit_has_a_line_of_its_own_and_is_whole() -> None:
    name = f"{'long-' * 14}.xml"
    lines = listed(Standing(f"incoming/{name}", Told(State.QUEUED), upload=UPLOAD))
    assert lines[2].strip() == name


def test_what_a_name_has_in_it_steers_no_terminal() -> None:
    [_, line] = listed(Standing("incoming/\x1b[31ma\u202e.xml", Told(State.QUEUED), upload=UPLOAD))
    assert line.endswith("\ufffd[31ma\ufffd.xml")


def test_a_queued_file_says_how_many_are_before_it() -> None:
    before = tuple(f"incoming/{number}.xml" for number in range(5))
    queued = Standing("incoming/a.xml", Told(State.QUEUED), upload=UPLOAD, before=before)
    assert listed(queued)[2].strip() == "5 files before it."
    assert (
        told(queued)["Before it"]
        == "5 files: incoming/0.xml, incoming/1.xml, incoming/2.xml and 2 more"
    )


def test_uploads_that_nothing_will_import_are_listed_apart_and_not_without_end() -> None:
    lost = Standing("incoming/a.csv", Told(State.NOT_IMPORTED, "A table.", "Convert it."))
    lines = listed(unclaimed=(lost,) * 12, notes=("Something: not shown.",))
    assert "Uploads that nothing will import:" in lines
    assert len([line for line in lines if line.endswith("incoming/a.csv")]) == 10
    assert lines.count("    A table. Convert it.".ljust(80)) == 1
    assert lines[-2:] == ["… and 2 more: --json shows all.", "Note: Something: not shown."]


def test_without_imports_that_is_said() -> None:
    assert listed() == ["There has been no import yet."]


def test_a_file_shows_its_money_and_its_first_failures() -> None:
    tally = Tally(created=3, failed=12, recorded_amount=Decimal(1234), failed_amount=Decimal(7))
    ended = row(Status.COMPLETED_WITH_FAILURES, tally=tally, first_failures=("record 2: no",) * 10)
    said = told(Standing("incoming/a.xml", Told(State.WITH_FAILURES), ended, UPLOAD))
    assert said["Money"].startswith("1,241.00 in all")
    assert said["Failed"].count("record 2: no") == 10
    assert said["Failed"].endswith("… and 2 more.")


def test_a_refused_file_says_once_why() -> None:
    refused = row(Status.FAILED, error="line 1: no.", total=None, tally=Tally())
    said = told(Standing("incoming/a.xml", Told(State.FAILED, "line 1: no."), refused))
    assert said["Records"] == "Not imported: line 1: no. No payment was sent."
    assert "Why" not in said


def test_what_was_stopped_before_it_began_has_not_started() -> None:
    kept = Standing("incoming/a.xml", Told(State.STOPPING), row(stop_asked="me", tally=Tally()))
    assert "Started" not in told(kept)
    assert json.loads(standing_json(kept))["startedAt"] is None


def test_older_uploads_of_that_name_are_shown_as_older() -> None:
    older = Standing("incoming/a.xml", Told(State.SUCCEEDED), row(Status.SUCCEEDED))
    said = told(Standing("incoming/a.xml", Told(State.QUEUED), upload=UPLOAD), older)
    assert (said["State"], said["Older"]) == (
        "Queued",
        "2026-01-02 03:04  Succeeded, 1 of 4 records",
    )


def test_json_has_amounts_with_their_digits_and_is_one_line() -> None:
    tally = Tally(created=1, recorded_amount=Decimal("12345678901234567.89"))
    line = standing_json(
        Standing('incoming/a"\n.xml', Told(State.RUNNING, "so"), row(tally=tally), UPLOAD)
    )
    assert "\n" not in line
    assert '"recordedAmount":12345678901234567.89' in line
    read = json.loads(line)
    assert (read["file"], read["state"], read["done"]) == ('incoming/a"\n.xml', "Running", 1)
    assert read["uploadedAt"] == "2025-06-15T15:06:40Z"


def test_json_has_the_same_names_in_every_line_and_null_for_what_there_is_not() -> None:
    queued = json.loads(standing_json(Standing("a.xml", Told(State.QUEUED), upload=UPLOAD)))
    begun = json.loads(standing_json(Standing("a.xml", Told(State.RUNNING), row())))
    unknown = json.loads(standing_json(Standing("a.xml", Told(State.QUEUED))))
    assert queued.keys() == begun.keys() == unknown.keys()
    assert (queued["importId"], queued["done"], queued["reason"]) == ("id", None, None)
    assert unknown["importId"] is None
    assert begun["done"] == 1


def test_json_names_ten_files_before_it_and_counts_all() -> None:
    before = tuple(map(str, range(30)))
    read = json.loads(standing_json(Standing("a.xml", Told(State.QUEUED), before=before)))
    assert (read["before"], read["beforeCount"]) == (list(before[:10]), 30)


def test_a_line_of_a_log_says_how_far_it_is_and_why() -> None:
    waiting = Standing("incoming/a.xml", Told(State.WAITING, "down"), row())
    assert one_line(waiting) == "incoming/a.xml: Waiting, 1 of 4 records: down"
    assert one_line(replace(waiting, row=None, told=Told(State.QUEUED))) == "incoming/a.xml: Queued"
