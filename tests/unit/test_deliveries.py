"""Which files an event names, however it arrives."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.deliveries import Delivery, Message, deliveries
from payments.models import SourceFile
from unit.notifications import TEST_EVENT, eventbridge, s3_record, sqs

AWKWARD_KEYS = [
    "incoming/plain.xml",
    "incoming/a+b c.xml",
    "incoming/100%25 & more.xml",
    "incoming/Zahlungen März/Überweisung €.xml",
    "incoming/支払い😀.xml",
    "incoming/a/../b//c.xml",
    "incoming/%2Bnot-encoded.xml",
    "incoming/(1) [x]{y} #?=.xml",
]


def files(event: dict[str, Any]) -> list[SourceFile]:
    return [file for delivery in deliveries(event) for file in delivery.files]


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_an_eventbridge_event_has_the_key_as_it_is(key: str) -> None:
    for event in (eventbridge(key), sqs(eventbridge(key))):
        assert files(event) == [SourceFile("payments", key)]


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_an_s3_notification_has_the_key_encoded(key: str) -> None:
    notification = {"Records": [s3_record(key)]}
    for event in (notification, sqs(notification)):
        assert files(event) == [SourceFile("payments", key)]


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_key_is_found_both_ways(key: str) -> None:
    assert files(eventbridge(key)) == files({"Records": [s3_record(key)]})


def test_a_plus_is_a_plus_or_a_space_depending_on_the_notification() -> None:
    assert files(eventbridge("a+b c.xml"))[0].key == "a+b c.xml"
    record = s3_record("")
    record["s3"]["object"]["key"] = "a%2Bb+c.xml"
    assert files({"Records": [record]})[0].key == "a+b c.xml"


def test_version_etag_and_sequencer_are_read_from_both() -> None:
    expected = SourceFile("payments", "a.xml", version_id="v1", etag="e1", sequencer="s1")
    event = eventbridge("a.xml", **{"version-id": "v1", "etag": "e1", "sequencer": "s1"})
    assert files(event) == [expected]
    record = s3_record("a.xml", versionId="v1", eTag="e1", sequencer="s1")
    assert files({"Records": [record]}) == [expected]


def test_an_empty_version_is_none() -> None:
    """`sam local generate-event` leaves it empty."""
    assert files(eventbridge("a.xml", **{"version-id": ""}))[0].version_id is None
    assert files({"Records": [s3_record("a.xml", versionId="", eTag="e")]})[0].version_id is None


def test_the_message_that_brought_a_file_is_known() -> None:
    delivered = list(deliveries(sqs(eventbridge("a.xml"), eventbridge("b.xml"))))
    assert delivered == [
        Delivery((SourceFile("payments", "a.xml"),), Message("m1", "r1")),
        Delivery((SourceFile("payments", "b.xml"),), Message("m2", "r2")),
    ]


def test_without_a_queue_there_is_no_message() -> None:
    for event in (eventbridge("a.xml"), {"Records": [s3_record("a.xml")]}):
        (delivery,) = deliveries(event)
        assert delivery == Delivery((SourceFile("payments", "a.xml"),), None)


def test_a_notification_can_name_several_files() -> None:
    notification = {"Records": [s3_record("a.xml"), s3_record("b.xml")]}
    (bare,) = deliveries(notification)
    (wrapped,) = deliveries(sqs(notification))
    assert [file.key for file in bare.files] == ["a.xml", "b.xml"]
    assert bare.files == wrapped.files


@pytest.mark.parametrize(
    "notification",
    [
        TEST_EVENT,
        {},
        {"Records": []},
        {**eventbridge("a.xml"), "detail-type": "Object Deleted"},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        {"Records": [{"eventSource": "aws:sns", "Sns": {}}]},
    ],
)
def test_other_notifications_name_no_file(notification: dict[str, Any]) -> None:
    assert files(notification) == []
    (delivery,) = deliveries(sqs(notification))
    assert delivery == Delivery((), Message("m1", "r1"))


@pytest.mark.parametrize("body", ["", "hello", "[]", "null", '"text"', "5", "{"])
def test_a_message_that_is_no_notification_names_no_file(body: str) -> None:
    """It is acknowledged: coming back again and again it would stop the queue."""
    event = sqs(None)
    event["Records"][0]["body"] = body
    assert list(deliveries(event)) == [Delivery((), Message("m1", "r1"))]


def test_what_is_no_notification_is_not_logged_itself(caplog: pytest.LogCaptureFixture) -> None:
    """It may be a file of payments that somebody has sent to the queue."""
    event = sqs({})
    event["Records"][0]["body"] = "<amount>73519.26</amount>"
    assert files(event) == []
    [logged] = [vars(record) for record in caplog.records]
    assert logged["characters"] == 25
    assert "73519" not in str(logged)
