"""The success file and the fail file, put together from the stored outcomes."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fakes.s3 import FakeBucket, FakeS3
from fakes.way import Answer
from payments.errors import AwsDown, OutOfTime
from payments.files.output import write_part
from payments.import_state import Result, Root, Tally
from payments.models import Action, Outcome, Replaced
from payments.page.import_page import PageHead
from payments.rules import failed
from payments.stores import result_files
from payments.stores.bucket import Bucket
from payments.stores.result_files import (
    MAX_NAMED,
    ResultFiles,
    ResultKeys,
    Written,
    result_keys,
    write_result_files,
)
from payments.workers import Ended, ThreadWorkers, Workers
from unit.payment_files import SAMPLE, check, document, payment, records

KEYS = ResultKeys("success/a.xml", "fail/a.xml", "reports/a.html")
NOW = "2026-03-04T10:15:00Z"
METADATA = {"import-id": "i1", "total": "10"}


@cache
def outcomes_of(content: bytes) -> list[Outcome]:
    """Return outcomes for all records of a file: failed, skipped, updated, created, and so on."""
    results = []
    for record in records(content):
        action = [Action.CREATED, Action.FAILED, Action.SKIPPED, Action.UPDATED][record.number % 4]
        messages = () if action.succeeded else (f"no {record.number}",)
        payment_id = 100 + record.number if action.succeeded else None
        again = 5 if action is Action.CREATED else None
        replaced = Replaced(Decimal(record.number)) if action is Action.UPDATED else None
        outcome = Outcome(record, action, payment_id, messages, look_again=again)
        results.append(replace(outcome, replaced=replaced))
    return results


class Killed(BaseException):
    """The run is dead."""


class AtOnce:
    """Workers that do each job when it comes; place `told` of those that have ended is told."""

    def __init__(self, told: int) -> None:
        self.told = told
        self.ended: list[Ended] = []

    def start(self, tag: Any, job: Callable[[], Any]) -> None:
        self.ended.append(Ended(tag, job()))

    def next_ended(self, timeout_seconds: float) -> Ended | None:
        return self.ended.pop(self.told) if self.ended else None

    def close(self) -> None:
        """Nothing is under way."""


class Uploads(dict[str, Any]):
    """Uploads whose ids are never used again, as S3's are not."""

    begun = 0

    def __len__(self) -> int:
        self.begun += 1
        return self.begun


@dataclass
class Import:
    """An import whose outcomes are stored, and S3.

    `calls` are what was asked of S3, and `types` what it was told of each file.
    """

    outcomes: list[Outcome]
    root: Root = field(default_factory=Root)
    part_size: int = 3
    calls: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    workers: Workers = field(default_factory=lambda: AtOnce(0))
    kill_at: int | None = None
    kill_has_effect: bool = False

    def __post_init__(self) -> None:
        self.s3 = FakeS3(FakeBucket(), self._way)
        self.s3.bucket.uploads = Uploads()
        self.bucket = Bucket(self.s3, Path())
        for at in range(0, len(self.outcomes), self.part_size):
            part = write_part(self.outcomes[at : at + self.part_size])
            self.bucket.store_part("b", "i1", at, part)
        self.calls.clear()

    def _way(self, operation: str, request: Any, effect: Callable[[], Answer]) -> Answer:
        self.calls.append(operation)
        if "ContentType" in request:
            self.types[request["Key"]] = request["ContentType"]
        if operation.startswith(("Get", "List")) or self.kill_at is None:
            return effect()
        self.kill_at -= 1
        if self.kill_at >= 0:
            return effect()
        self.kill_at = None
        if self.kill_has_effect:
            effect()
        raise Killed

    def write(self, out_of_time: Callable[[], bool] = lambda: False, **more: Any) -> Written:
        results = [Result(it.action, it.record.amount, it.replaced) for it in self.outcomes]
        page = PageHead(
            "i1", "bucket", "incoming/a.xml", KEYS.success, KEYS.fail, NOW, Tally.of(results)
        )
        files = ResultFiles("b", "i1", KEYS, self.root, len(self.outcomes), METADATA, page, **more)
        return write_result_files(files, self.bucket, self.workers, out_of_time)

    def page(self) -> str:
        return self.s3.bucket.read(KEYS.report).decode()

    def both(self) -> tuple[bytes, bytes]:
        return self.s3.bucket.read(KEYS.success), self.s3.bucket.read(KEYS.fail)


def joined(content: bytes, message: str | None = None, part_size: int = 3) -> tuple[bytes, bytes]:
    """Return the success file and the fail file of an imported file."""
    imported = Import(outcomes_of(content), check(content).root, part_size)
    imported.write(message=message)
    return imported.both()


def external_ids(content: bytes) -> list[str]:
    return [record.findtext("externalId") or "" for record in ElementTree.fromstring(content)]


TEN = document(*(payment(f"\n <externalId>{number}</externalId>") for number in range(1, 11)))
LARGE = document(
    *(
        payment(f"<externalId>{n}</externalId><!--{'x' * 400_000}--><amount>{n}.00</amount>")
        for n in range(1, 45)
    )
)


@pytest.mark.parametrize("part_size", [1, 3, 10])
def test_every_record_is_in_exactly_one_file_in_the_files_order(part_size: int) -> None:
    success_file, fail_file = joined(TEN, part_size=part_size)
    assert external_ids(success_file) == ["3", "4", "7", "8"]
    assert external_ids(fail_file) == ["1", "2", "5", "6", "9", "10"]


def test_both_files_say_their_encoding_and_end_with_a_line() -> None:
    for content in joined(TEN):
        assert content.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<InvoicePayments>')
        assert content.endswith(b"</InvoicePayments>\n")


def test_without_records_both_files_are_empty() -> None:
    for content in joined(document()):
        assert len(ElementTree.fromstring(content)) == 0


XML = "{http://www.w3.org/XML/1998/namespace}"


def test_the_root_is_kept_with_its_attributes_and_namespaces() -> None:
    tag = '<x:InvoicePayments xmlns:x="urn:x" xmlns="urn:y" xml:base="Sage &amp; Co">'
    content = f"{tag}<x:InvoicePayment/></x:InvoicePayments>".encode()
    for written in joined(content):
        assert f"\n{tag}\n".encode() in written
        root = ElementTree.fromstring(written)
        assert (root.tag, root.get(f"{XML}base")) == ("{urn:x}InvoicePayments", "Sage & Co")


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8"])
def test_the_files_are_utf_8_whatever_came(encoding: str) -> None:
    content = document(
        payment("<type>É</type>"),
        root='InvoicePayments xml:base="É"',
        before=f'<?xml version="1.0" encoding="{encoding}"?>',
    )
    _, fail_file = joined(content.decode().encode(encoding))
    root = ElementTree.fromstring(fail_file)
    assert (root.get(f"{XML}base"), root.findtext("InvoicePayment/type")) == ("É", "É")


@pytest.mark.parametrize("tag", ["InvoicePayments", 'p:InvoicePayments xmlns:p="urn:p"'])
def test_the_reason_for_refusing_a_file_stands_right_under_the_root(tag: str) -> None:
    success_file, fail_file = joined(document(root=tag), "line 1, column 2: a < b & \ud800")
    root = ElementTree.fromstring(fail_file)
    (message,) = root
    assert message.tag == root.tag.replace("InvoicePayments", "ErrorMessage")
    assert message.text == "line 1, column 2: a < b & \ufffd"
    assert len(ElementTree.fromstring(success_file)) == 0


def test_a_name_that_is_too_long_for_the_page_alone_is_shortened_too() -> None:
    """`.html` is one longer than `.xml`."""
    fits, too_long = ("x" * (1024 - len("success/") - 1 - more) + ".xml" for more in (4, 3))
    keys = [result_keys(name, "", "success/", "fail/", "reports/") for name in (fits, too_long)]
    assert [it.shortened for it in keys] == [False, True]
    assert [len(it.report) for it in keys] == [1024, 1024]


def test_all_files_carry_the_metadata() -> None:
    for content, part_size in ((TEN, 3), (LARGE, 10)):
        imported = Import(outcomes_of(content), part_size=part_size)
        imported.write()
        for key in (KEYS.success, KEYS.fail, KEYS.report):
            found = imported.s3.bucket.latest(key)
            assert found is not None
            assert found.metadata == METADATA


def test_the_first_failures_are_named_and_all_are_counted() -> None:
    written = Import(outcomes_of(LARGE)).write()
    assert written.failed == 22
    assert len(written.failures) == MAX_NAMED
    first = written.failures[0]
    assert (first.number, first.external_id, first.messages) == (1, "1", ("no 1",))
    assert str(first.result.amount) == "1.00"


def test_the_first_failures_are_named_however_many_were_skipped_before_them() -> None:
    outcomes = outcomes_of(LARGE)
    skipped = [replace(it, action=Action.SKIPPED) for it in outcomes[:-1]]
    written = Import([*skipped, replace(outcomes[-1], action=Action.FAILED)]).write()
    assert [it.number for it in written.failures] == [outcomes[-1].number]
    assert written.failed == len(outcomes)


def test_what_the_last_look_has_overruled_goes_to_the_fail_file() -> None:
    imported = Import(outcomes_of(TEN))
    written = imported.write(overruled={4: ("two payments",), 7: ("gone",)})
    success_file, fail_file = imported.both()
    assert external_ids(success_file) == ["3", "8"]
    assert external_ids(fail_file) == ["1", "2", "4", "5", "6", "7", "9", "10"]
    moved = ElementTree.fromstring(fail_file)[2]
    assert (moved.findtext("ErrorMessage"), moved.find("id")) == ("two payments", None)
    assert [failure.messages for failure in written.failures][1] == ("two payments",)


# The page


def lists(page: str) -> list[list[str]]:
    """Return the external ids of each list of the page."""
    tables = page.split('<table class="rows">')[1:]
    return [re.findall('<td class="key" data-label="External id">([^<]*)<', it) for it in tables]


def test_the_page_shows_what_failed_was_replaced_and_was_skipped() -> None:
    imported = Import(outcomes_of(TEN))
    imported.write()
    failed, replaced, skipped = lists(imported.page())
    assert failed == ["1", "5", "9"]
    assert replaced == ["3", "7"]
    assert skipped == ["2", "6", "10"]


def test_the_page_is_html() -> None:
    imported = Import(outcomes_of(TEN))
    imported.write()
    assert imported.types[KEYS.report] == "text/html; charset=utf-8"
    assert imported.types[KEYS.fail] == "application/xml"


def test_what_the_last_look_has_overruled_has_failed_on_the_page() -> None:
    imported = Import(outcomes_of(TEN))
    imported.write(overruled={4: ("two payments",), 7: ("gone",)})
    failed, replaced, _ = lists(imported.page())
    assert failed == ["1", "4", "5", "7", "9"]
    assert replaced == ["3"]
    assert "<p>two payments</p>" in imported.page()


def test_the_page_is_written_when_both_files_are_there() -> None:
    """Who has it can have them."""
    imported = Import(outcomes_of(LARGE), part_size=10)
    imported.write()
    assert imported.calls.index("CompleteMultipartUpload") < len(imported.calls) - 1
    assert imported.calls[-1] == "PutObject"


# Round trip


def test_a_fail_file_can_be_corrected_and_uploaded_as_it_is() -> None:
    wrong = SAMPLE.replace(b"120.50", b"120,50")
    (record,) = records(wrong)
    imported = Import([failed(record, *record.errors)], check(wrong).root)
    imported.write()
    _, returned = imported.both()
    assert b"120.50 was meant, write that.]]></ErrorMessage>" in returned
    (again,) = records(returned.replace(b"120,50<", b"120.50<"))
    (meant,) = records(SAMPLE)
    assert (again.fields, again.payment_id, again.external_id, again.errors) == (
        (meant.fields, meant.payment_id, meant.external_id, ())
    )


def test_a_success_file_can_be_uploaded_to_change_its_payments() -> None:
    success_file, _ = joined(TEN)
    assert [record.payment_id for record in records(success_file)] == [103, 104, 107, 108]


def test_the_file_of_a_given_up_import_can_be_uploaded_as_it_is() -> None:
    """The message under the root is then ignored."""
    _, fail_file = joined(TEN, "given up")
    again = records(fail_file)
    assert [record.external_id for record in again] == ["1", "2", "5", "6", "9", "10"]
    assert all(record.errors == () for record in again)


# Keys


@pytest.mark.parametrize("name", ["a/b.xml", "x" * 1009 + ".xml", "é.xml"])
def test_the_files_are_named_like_the_incoming_one(name: str) -> None:
    keys = result_keys(f"incoming/{name}", "incoming/", "success/", "fail/", "reports/")
    page = f"reports/{name.removesuffix('.xml')}.html"
    assert keys == ResultKeys(f"success/{name}", f"fail/{name}", page, shortened=False)


@pytest.mark.parametrize(
    ("name", "page"),
    [("a.XML", "a.HTML"), ("a.Xml", "a.Html"), ("a.xml.xml", "a.xml.html"), ("a.b", "a.b.html")],
)
def test_files_that_are_told_by_the_case_of_their_names_have_a_page_each(
    name: str, page: str
) -> None:
    assert result_keys(name, "", "success/", "fail/", "reports/").report == f"reports/{page}"


@pytest.mark.parametrize(
    "name", ["x" * 1011 + ".xml", "é" * 505 + "x.xml", "a/" + "€" * 337 + "xx"]
)
@pytest.mark.parametrize(
    ("success", "report"),
    [("successes/", "reports/"), ("done/of/the/accounts/department/", "r/"), ("s/", "reports-of/")],
)
def test_a_name_that_is_too_long_there_is_shortened_alike_for_all(
    name: str, success: str, report: str
) -> None:
    keys = result_keys(f"incoming/{name}", "incoming/", success, "fail/", report)
    assert keys.shortened
    assert keys.success.removeprefix(success) == keys.fail.removeprefix("fail/")
    assert keys.report.removeprefix(report) == f"{keys.fail[len('fail/') : -len('.xml')]}.html"
    assert max(len(key.encode()) for key in (keys.success, keys.fail, keys.report)) <= 1024
    other = result_keys(f"incoming/{name}x", "incoming/", success, "fail/", report)
    assert other.success != keys.success


# Calls of S3


def test_small_files_are_written_with_one_call_each() -> None:
    imported = Import(outcomes_of(TEN))
    imported.write()
    assert imported.calls.count("PutObject") == 3
    assert "CreateMultipartUpload" not in imported.calls


def test_large_files_are_written_in_pieces_that_s3_takes() -> None:
    imported = Import(outcomes_of(LARGE), part_size=10)
    imported.write()
    assert imported.calls.count("CompleteMultipartUpload") == 2
    assert imported.calls.count("UploadPart") == 4
    assert not list(imported.s3.bucket.uploads)
    numbers = [str(number) for number in range(1, 45)]
    success_file, fail_file = imported.both()
    assert external_ids(success_file) == [n for n in numbers if int(n) % 4 in (0, 3)]
    assert external_ids(fail_file) == [n for n in numbers if int(n) % 4 in (1, 2)]


def test_parts_may_be_read_in_any_order() -> None:
    threads = ThreadWorkers(4)
    for workers in (AtOnce(-1), threads):
        imported = Import(outcomes_of(TEN), part_size=1, workers=workers)
        imported.write()
        assert external_ids(imported.both()[1]) == ["1", "2", "5", "6", "9", "10"]
    threads.close()


@pytest.mark.parametrize("error", [AwsDown("S3"), Killed()])
def test_what_stops_reading_ahead_stops_writing(error: BaseException) -> None:
    imported = Import(outcomes_of(TEN))
    imported.workers = AtOnce(0)
    imported.workers.ended = [Ended(0, error=error)]
    with pytest.raises(type(error)):
        imported.write()


def test_large_files_that_are_written_are_not_written_again() -> None:
    """The run may be killed before it has closed the import."""
    imported = Import(outcomes_of(LARGE), part_size=10)
    written = imported.write()
    imported.calls.clear()
    assert imported.write() == written
    assert "UploadPart" not in imported.calls
    assert imported.calls.count("PutObject") == 1  # the page


@pytest.mark.parametrize("keys_a_page", [1, 2, 1000])
def test_parts_are_found_however_s3_lists_them(keys_a_page: int) -> None:
    imported = Import(outcomes_of(TEN))
    imported.s3.keys_a_page = keys_a_page
    imported.bucket.store_last_look("b", "i1", {})
    imported.write()
    assert len(external_ids(imported.both()[0])) == 4


def test_a_part_that_is_on_nobodys_way_is_left_out() -> None:
    """A run that had been superseded may have stored it, beside those of the one after it."""
    imported = Import(outcomes_of(TEN))
    imported.bucket.store_part("b", "i1", 4, write_part(imported.outcomes[4:6]))
    imported.write()
    assert external_ids(imported.both()[1]) == ["1", "2", "5", "6", "9", "10"]


@pytest.mark.parametrize("after", [0, 3, 9])
def test_parts_that_are_gone_are_missed(after: int) -> None:
    imported = Import(outcomes_of(TEN))
    imported.s3.delete_object(Key=f"work/i1/{after:010}.jsonl")
    with pytest.raises(AwsDown, match=f"behind record {after} are gone"):
        imported.write()


# Going on


def after(calls: int) -> Callable[[], bool]:
    """Return a clock whose time is up after so many looks."""
    left = [calls]

    def is_up() -> bool:
        left[0] -= 1
        return left[0] < 0

    return is_up


@pytest.mark.parametrize("looks", [1, 2, 4])
def test_a_run_that_is_short_of_time_is_gone_on_with(looks: int) -> None:
    whole = Import(outcomes_of(LARGE), part_size=10)
    expected = whole.write()
    imported = Import(outcomes_of(LARGE), part_size=10)
    places = []
    written = None
    while written is None:
        imported.workers = AtOnce(0)
        try:
            written = imported.write(after(looks))
        except OutOfTime:
            stored = imported.bucket.writing("b", "i1")
            assert stored is not None
            places.append(json.loads(stored.partition(b"\n")[0])["after"])
    assert places == list(range(10 * looks, 44, 10 * looks))
    assert imported.both() == whole.both()
    assert imported.page() == whole.page()
    assert written == expected


def test_a_run_without_any_time_stores_nothing() -> None:
    imported = Import(outcomes_of(TEN))
    with pytest.raises(OutOfTime):
        imported.write(lambda: True)
    assert "PutObject" not in imported.calls


def heavy(numbers: Iterable[int]) -> bytes:
    """Return a file of 44 records, of which these alone come to pieces of an upload."""
    heavy = dict.fromkeys(numbers, f"<!--{'x' * 400000}-->")
    ids = (
        f"<externalId>{n}</externalId>{heavy.get(n, '')}<amount>{n}.00</amount>" for n in NUMBERS
    )
    return document(*map(payment, ids))


NUMBERS = range(1, 45)
SUCCESSES = [number for number in NUMBERS if number % 4 in (0, 3)]
FAILURES = [number for number in NUMBERS if number % 4 in (1, 2)]


@pytest.mark.parametrize("has_effect", [True, False])
@pytest.mark.parametrize("in_pieces", [[], SUCCESSES, FAILURES, NUMBERS])
def test_a_run_that_is_killed_anywhere_is_gone_on_with(
    has_effect: bool, in_pieces: Iterable[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether each of the two files is written by one call or in pieces."""
    monkeypatch.setattr(result_files, "PIECES_BETWEEN_SAVES", 1)
    outcomes = outcomes_of(heavy(in_pieces))
    whole = Import(outcomes, part_size=10)
    whole.write()
    changes = sum(not call.startswith(("Get", "List")) for call in whole.calls)
    for place in range(changes):
        imported = Import(outcomes, part_size=10)
        imported.kill_at, imported.kill_has_effect = place, has_effect
        with pytest.raises(Killed):
            imported.write()
        assert imported.write().failed == len(FAILURES)
        assert imported.both() == whole.both()
        assert imported.page() == whole.page()


def test_what_was_begun_for_other_files_is_not_gone_on_with() -> None:
    """The import may have been given up meanwhile."""
    imported = Import(outcomes_of(LARGE), part_size=10)
    with pytest.raises(OutOfTime):
        imported.write(after(4))
    imported.write(message="given up")
    assert ElementTree.fromstring(imported.both()[1])[0].text == "given up"
    assert len(external_ids(imported.both()[0])) == 22
