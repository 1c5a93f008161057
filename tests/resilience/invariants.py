"""What must be true after a file's import, whatever happened on the way."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from payments.models import SourceFile
from resilience.world import World

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_WRITABLE = ("amount", "type", "appliedBy")


@dataclass(frozen=True, slots=True)
class Ending:
    """What a file's import leaves behind, without times."""

    success: bytes
    fail: bytes
    held: Any
    status: str
    truth: dict[str, tuple[int, int]]
    metadata: Any


def ending(world: World, source: SourceFile) -> Ending:
    """Return how the file's import ended."""
    name = source.key.removeprefix("incoming/")
    row = world.import_row(source)
    success = world.bucket.latest(f"success/{name}")
    assert success is not None
    return Ending(
        _TIME.sub(b"TIME", world.bucket.read(f"success/{name}")),
        _TIME.sub(b"TIME", world.bucket.read(f"fail/{name}")),
        world.connectwise.held,
        row["status"],
        {
            key[0]: (int(i["paymentId"]), int(i["invoiceId"]))
            for key, i in world.truth.items.items()
        },
        dict(success.metadata),
    )


def check(world: World, source: SourceFile, content: bytes) -> None:
    """Check what needs no other run to compare with."""
    name = source.key.removeprefix("incoming/")
    successes = _records(world.bucket.read(f"success/{name}"))
    failures = _records(world.bucket.read(f"fail/{name}"))
    given = _records(content)
    assert sorted(_numbers(successes)) == _numbers(successes), "success file out of order"
    assert sorted(_numbers(failures)) == _numbers(failures), "fail file out of order"
    both = Counter(_numbers(successes)) + Counter(_numbers(failures))
    assert both == Counter(_numbers(given)), "not every record in exactly one file"
    _check_content(given, successes + failures)
    row = world.import_row(source)
    assert row["total"] == row["done"] == len(given)
    assert max(world.connectwise.creates.values(), default=0) <= 1, "created twice"
    _check_held(world, successes, failures)


def check_same(found: Ending, expected: Ending) -> None:
    """Check that an interrupted import ended as the uninterrupted one did."""
    assert found.held == expected.held, "ConnectWise holds something else"
    assert found.success == expected.success
    assert found.fail == expected.fail
    assert found.status == expected.status
    assert found.truth == expected.truth


def check_settled(world: World, source: SourceFile) -> None:
    """Check that another delivery of a finished file's event changes nothing."""
    before = world.everything()
    world.deliver(source)
    assert world.everything() == before


def _records(content: bytes) -> list[ET.Element]:
    return [element for element in ET.fromstring(content) if element.tag == "InvoicePayment"]


def _numbers(records: list[ET.Element]) -> list[int]:
    return [int(record.attrib["n"]) for record in records]


def _check_content(given: list[ET.Element], returned: list[ET.Element]) -> None:
    came = {record.attrib["n"]: _values(record) for record in given}
    for record in returned:
        values = _values(record)
        assert values == came[record.attrib["n"]], "a record was changed on the way"


def _values(record: ET.Element) -> list[bytes]:
    return [ET.tostring(child) for child in record if child.tag not in ("id", "ErrorMessage")]


def _check_held(world: World, successes: list[ET.Element], failures: list[ET.Element]) -> None:
    """Check that ConnectWise holds the latest values of each payment of the success file."""
    cut = {_cut(record): int(record.attrib["n"]) for record in failures if _cut(record)}
    latest: dict[tuple[int, str], tuple[int, str]] = {}
    for record in successes:
        payment_id = int(record.findtext("id") or 0)
        for name in _WRITABLE:
            if text := record.findtext(name):
                latest[payment_id, name] = (int(record.attrib["n"]), text)
    held = {
        p: fields for payments in world.connectwise.held.values() for p, fields in payments.items()
    }
    for (payment_id, name), (number, text) in latest.items():
        if number > cut.get(payment_id, 0):
            possible = [text, *_perhaps_sent(failures, number, name)]
            values = map(Decimal, possible) if name == "amount" else possible
            assert held[payment_id].get(name) in list(values), (
                f"record {number} is in the success file, but ConnectWise does not hold its {name}"
            )


def _perhaps_sent(failures: list[ET.Element], after: int, name: str) -> list[str]:
    """Return the values of later records of which the fail file says that it is not known."""
    return [
        text
        for record in failures
        if int(record.attrib["n"]) > after and (text := record.findtext(name))
        if "it is not known" in (record.findtext("ErrorMessage") or "")
    ]


def _cut(record: ET.Element) -> int | None:
    """Return the payment of a record that ConnectWise accepted with another amount."""
    match = re.search(r"has recorded payment (\d+) with", record.findtext("ErrorMessage") or "")
    return int(match[1]) if match else None
