"""Whatever is in a file, it is read or refused: no other error, and no payment of a refused one."""

from __future__ import annotations

import codecs
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from itertools import repeat
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.s3 import FakeBucket, FakeS3
from fuzz import reading
from fuzz.effort import FULL
from payments.errors import FileRefused
from payments.files.output import write_part
from payments.import_state import CheckedFile
from payments.models import Action, Outcome
from payments.page.import_page import PageHead
from payments.stores.bucket import Bucket
from payments.stores.result_files import ResultFiles, ResultKeys, write_result_files
from payments.workers import ThreadWorkers
from unit.payment_files import check, document, payment, records

FILE = document(payment("<id>7</id><externalId>A</externalId>"), payment("<amount>1</amount>"))
MEGABYTE = 1024 * 1024
fuzzed = settings(max_examples=20_000 if FULL else 300, derandomize=not FULL, deadline=None)
PAGE = PageHead("i1", "bucket", "k", "s", "f", "2026-03-04T10:15:00Z")

imported = settings(fuzzed, max_examples=2_000 if FULL else 60)

NAMES = [
    *("InvoicePayments", "InvoicePayment", "id", "externalId", "invoice", "identifier", "amount"),
    *("paymentDate", "type", "credit", "ErrorMessage", "balance", "x:id", "ammount", "é"),
]
VALUES = [
    "",
    "1",
    "0",
    "-1",
    "1e9",
    "10.50",
    "2018-10-11",
    "٣",
    "x" * 3000,
    "\u0001",
    "&amp;",
    "]]>",
]
PIECES = [
    *(
        b"<",
        b">",
        b"</",
        b"/>",
        b"&",
        b"&lt;",
        b"&#0;",
        b"&#x41;",
        b'"',
        b"'",
        b"=",
        b"\0",
        b"\xff",
    ),
    *(b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?pi", b"?>", b"<!DOCTYPE a>", b"\xef\xbb\xbf"),
    *(
        b'<!DOCTYPE a [<!ENTITY b "c">]>',
        b"&b;",
        b' xmlns="u"',
        b' xmlns:x="u"',
        b' xsi:nil="true"',
    ),
    *(b"<InvoicePayment>", b"</InvoicePayment>", b"<id/>", b"<ErrorMessage>", b"\r\n", b"\x85"),
]
DECLARED = [
    *("utf-8", "utf-16", "latin-1", "cp1252", "utf-7", "idna", "rot13", "zlib", "cp037", "ascii"),
    *("utf-32", "shift_jis", "big5", "hz", "utf_8_sig", "mbcs", "unicode_escape", "x" * 500),
]
VALID = [
    FILE,
    document(),
    b"\xef\xbb\xbf" + FILE,
    FILE.decode().encode("utf-16"),
    b'<?xml version="1.0" encoding="latin-1"?>' + FILE,
    FILE.replace(b"><", b">\n  <!-- c --> <").replace(b"InvoicePayments", b"a:InvoicePayments"),
    b'<InvoicePayments xmlns="u" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    b'<InvoicePayment a="b>c"><id xsi:nil="1"/><amount><![CDATA[1]]></amount></InvoicePayment>'
    b"<?pi?><InvoicePayment/></InvoicePayments>",
]


def mutated(content: bytes, changes: Iterable[tuple[float, int, bytes]]) -> bytes:
    """Return the content with stretches of it replaced."""
    for place, length, new in changes:
        start = int(place * len(content))
        content = content[:start] + new + content[start + length :]
    return content


def element(parts: tuple[str, str, str, list[str]]) -> str:
    name, attribute, text, children = parts
    return f"<{name}{attribute}>{text}{''.join(children)}</{name}>"


places = st.floats(0, 1, exclude_max=True)
new_bytes = st.sampled_from(PIECES) | st.binary(max_size=20)
mutations = st.builds(
    mutated,
    st.sampled_from(VALID),
    st.lists(st.tuples(places, st.integers(0, 30), new_bytes), min_size=1, max_size=4),
)
attributes = st.sampled_from(["", "", ' xsi:nil="true"', ' a="1"', ' xmlns="v"', " broken"])
texts = st.sampled_from(VALUES) | st.text(max_size=10)
trees = st.recursive(
    st.builds(element, st.tuples(st.sampled_from(NAMES), attributes, texts, st.just([]))),
    lambda inner: st.builds(
        element,
        st.tuples(st.sampled_from(NAMES), attributes, texts, st.lists(inner, max_size=4)),
    ),
    max_leaves=12,
)
whole_records = st.lists(trees, max_size=4).map(
    lambda children: f"<InvoicePayment>{''.join(children)}</InvoicePayment>"
)
documents = st.lists(whole_records | trees, max_size=4).map(
    lambda children: f"<InvoicePayments>{''.join(children)}</InvoicePayments>".encode(
        errors="surrogatepass"
    )
)
declared = st.builds(
    lambda name, body: f'<?xml version="1.0" encoding="{name}"?>'.encode() + body,
    st.sampled_from(DECLARED),
    documents | st.binary(max_size=200),
)
marked = st.builds(
    lambda mark, body: mark + body,
    st.sampled_from(
        [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE]
    ),
    documents | st.binary(max_size=200),
)
files = mutations | documents | declared | marked | st.binary(max_size=300)


@given(files)
@fuzzed
def test_a_file_is_read_or_refused_with_a_reason(content: bytes) -> None:
    """And what has been checked can be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "payments.xml")
        path.write_bytes(content)
        assert re.match(r"line \d+, column \d+: .|\d+ of \d+ records", reading.read(path))


@given(files)
@imported
def test_no_record_of_a_file_is_lost_on_its_way_into_the_two_files(content: bytes) -> None:
    """They can be read by others, whatever they quote; and a fail file can be read again."""
    try:
        file = check(content)
    except FileRefused:
        return
    success, fail = written(file, content)
    roots = [ET.fromstring(content) for content in (success, fail)]
    assert all(root.tag.endswith("InvoicePayments") for root in roots)
    assert [len(root) for root in roots] == [file.total // 2, file.total - file.total // 2]
    assert check(fail).total == len(roots[1])


def written(file: CheckedFile, content: bytes) -> tuple[bytes, bytes]:
    """Have every other record fail; return the success file and the fail file."""
    outcomes = [
        Outcome(record, Action.CREATED, 7)
        if record.number % 2 == 0
        else Outcome(record, Action.FAILED, messages=record.errors or ("odd",))
        for record in records(content)
    ]
    objects, workers = FakeBucket(), ThreadWorkers(1)
    bucket = Bucket(FakeS3(objects), Path())
    if outcomes:
        bucket.store_part("b", "i1", 0, write_part(outcomes))
    files = ResultFiles("b", "i1", ResultKeys("s", "f", "r"), file.root, file.total, {}, PAGE)
    write_result_files(files, bucket, workers, lambda: False)
    workers.close()
    return objects.read("s"), objects.read("f")


def test_the_fuzzed_files_are_not_all_refused() -> None:
    """Else nothing behind the check would be tried."""
    assert [check(content).total for content in VALID[:5]] == [2, 0, 2, 2, 2]


# Giants


def around(before: bytes, block: bytes, after: bytes) -> Callable[[int], Iterable[bytes]]:
    """A file of so many bytes, most of them the same block again and again."""
    return lambda size: [before, *repeat(block, size // len(block)), after]


def different(before: bytes, pattern: bytes, after: bytes) -> Callable[[int], Iterable[bytes]]:
    """A file of so many bytes, most of them a pattern with ever different numbers."""

    def content(size: int) -> Iterable[bytes]:
        return [
            before,
            *(pattern % number for number in range(size // len(pattern % 10**5))),
            after,
        ]

    return content


START, END = b"<InvoicePayments>", b"</InvoicePayments>"
RECORD, RECORD_END = START + b"<InvoicePayment>", b"</InvoicePayment>" + END
BLANKS = b" " * 65536
LINES = b" \n\t\r" * 16384
TEXT = b"x" * 65536
ENTITIES = b"".join(
    b'<!ENTITY e%d "%s">' % (level + 1, b"&e%d;" % level * 10) for level in range(1, 10)
)
BOMB = b'<!DOCTYPE a [<!ENTITY e1 "boom">' + ENTITIES + b"]>" + START + b"&e10;" + END
GIANTS: dict[str, tuple[int, Callable[[int], Iterable[bytes]], str]] = {
    "different names": (9, different(RECORD, b"<n%d/>", RECORD_END), "different names"),
    "records of different names": (9, different(START, b"<n%d/>", END), "different names"),
    "different attributes": (9, different(START, b"<a b%d=''/>", END), "different names"),
    "different instructions": (9, different(START, b"<?n%d?>", END), "0 of 0"),
    "different namespaces": (9, different(START, b"<a xmlns='u%d'/>", END), "different names"),
    "blanks between records": (200, around(START, BLANKS, END), "0 of 0"),
    "lines between records": (20, around(START, LINES, END), "0 of 0"),
    "blanks before the root": (200, around(b"", BLANKS, START + END), "0 of 0"),
    "blanks after the root": (50, around(START + END, BLANKS, b""), "0 of 0"),
    "blanks in a record": (50, around(RECORD, BLANKS, RECORD_END), "record 1 is larger"),
    "blanks in a tag": (50, around(START[:-1], BLANKS, b">" + END), "over 1048576 bytes long"),
    "only blanks": (200, around(b"", BLANKS, b""), "the file is empty"),
    "only NULs": (50, around(b"", b"\0" * 65536, b""), "line 1, column 1"),
    "a comment": (50, around(START + b"<!--", TEXT, b"-->" + END), "over 1048576 bytes long"),
    "comments after the root": (50, around(START + END, b"<!--" + TEXT + b"-->", b""), "0 of 0"),
    "the root's message": (50, around(START + b"<ErrorMessage>", TEXT, b""), "record 1 is larger"),
    "the root's messages": (20, around(START, b"<ErrorMessage/>" * 1000, END), "holds no payments"),
    "comments": (50, around(START, b"<!--" + TEXT + b"-->", END), "0 of 0"),
    "an instruction": (50, around(START + b"<?p ", TEXT, b"?>" + END), "over 1048576 bytes"),
    "an unquoted section": (50, around(RECORD + b"<![CDATA[", TEXT, b""), "record 1 is larger"),
    "a name": (50, around(RECORD + b"<", TEXT, b"/>" + RECORD_END), "record 1 is larger"),
    "the root's name": (50, around(b"<", TEXT, b"/>"), "over 1048576 bytes long"),
    "a value": (50, around(RECORD + b"<amount>", TEXT, b""), "record 1 is larger"),
    "an attribute": (50, around(RECORD + b'<a b="', TEXT, b'"/>'), "record 1 is larger"),
    "attributes": (
        20,
        lambda size: [
            RECORD + b"<a",
            *(b' a%d="1"' % number for number in range(size // 10)),
            b"/>" + RECORD_END,
        ],
        "record 1 is larger",
    ),
    "deep elements": (50, around(RECORD, b"<a>" * 10000, b""), "nested more than 100 deep"),
    "many fields": (50, around(RECORD, b"<id/>" * 10000, RECORD_END), "record 1 is larger"),
    "many records": (1, around(START, b"<a/>" * 100, END), "262100 of 262100 records are wrong"),
    "an entity bomb": (0, lambda _size: [BOMB], "DTDs, entity declarations"),
    "text without an end in UTF-16": (
        50,
        lambda size: [
            "<a>".encode("utf-16"),
            *repeat("x".encode("utf-16-le") * 65536, size // 131072),
        ],
        "the root element is <a>",
    ),
}


@pytest.mark.parametrize("name", GIANTS)
def test_a_giant_is_read_or_refused_in_bounded_memory(tmp_path: Path, name: str) -> None:
    """Whatever its size: one record, of very many elements, takes the most."""
    megabytes, content, result = GIANTS[name]
    found, peak_bytes = reading_of(tmp_path / "payments.xml", content(megabytes * MEGABYTE))
    assert result in found
    assert peak_bytes < 100 * MEGABYTE


def test_many_large_records_are_read_or_refused_in_bounded_memory(tmp_path: Path) -> None:
    """As many as an import has in memory at once."""
    record = b"<InvoicePayment>" + (b"<!--" + TEXT[:50_000] + b"-->") * 18 + b"</InvoicePayment>"
    _, peak_bytes = reading_of(tmp_path / "payments.xml", [START, *repeat(record, 150), END])
    assert peak_bytes < 100 * MEGABYTE


def reading_of(path: Path, content: Iterable[bytes]) -> tuple[str, int]:
    """Have a process read a file; return what came of it, and how much memory that took."""
    with path.open("wb") as file:
        file.writelines(content)
    answer = subprocess.run(
        [sys.executable, reading.__file__, path],
        env={"PYTHONPATH": str(Path(reading.__file__).parents[2] / "functions")},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    path.unlink()
    found, peak_bytes = json.loads(answer.stdout)
    return found, peak_bytes
