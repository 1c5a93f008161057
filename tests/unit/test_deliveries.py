"""Which files an event names, however it arrives and whatever it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.deliveries import Delivery, Message, deliveries
from payments.models import SourceFile
from unit.notifications import TEST_EVENT, eventbridge, s3_record, sqs, sqs_texts

AWKWARD_KEYS = [
    "incoming/plain.xml",
    "incoming/a+b c.xml",
    "incoming/100%25 & more.xml",
    "incoming/Zahlungen März/Überweisung €.xml",
    "incoming/支払い😀.xml",
    "incoming/a/../b//c.xml",
    "incoming/%2Bnot-encoded.xml",
    "incoming/(1) [x]{y} #?=.xml",
    "incoming/" + "x" * 1015,
]
TOO_DEEP = '{"Records":' + "[" * 100_000 + "]" * 100_000 + "}"
FILE = SourceFile("payments", "a.xml")


def files(event: object) -> list[SourceFile]:
    return [file for delivery in deliveries(event) for file in delivery.files]


def in_s3_record(*path: str, value: object) -> dict[str, Any]:
    """A record of S3's own notification in which one thing is another."""
    record = s3_record("a.xml")
    place = record
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return record


# ---- notifications -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_every_notification_names_the_key_as_it_is_in_s3(key: str) -> None:
    """In S3's own it is URL-encoded, in EventBridge's it is not."""
    for notification in (eventbridge(key), {"Records": [s3_record(key)]}):
        for event in (notification, sqs(notification)):
            assert files(event) == [SourceFile("payments", key)]


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=256))
def test_every_key_is_found_both_ways(key: str) -> None:
    assert files(eventbridge(key)) == files({"Records": [s3_record(key)]})
    assert files(eventbridge(key))[0].key == key


def test_a_plus_is_a_plus_or_a_space_depending_on_the_notification() -> None:
    assert files(eventbridge("a+b c.xml"))[0].key == "a+b c.xml"
    record = in_s3_record("s3", "object", "key", value="a%2Bb+c.xml")
    assert files({"Records": [record]})[0].key == "a+b c.xml"


def test_version_etag_and_sequencer_are_read_from_both() -> None:
    expected = [SourceFile("payments", "a.xml", version_id="v1", etag="e1", sequencer="s1")]
    event = eventbridge("a.xml", **{"version-id": "v1", "etag": "e1", "sequencer": "s1"})
    assert files(event) == expected
    record = s3_record("a.xml", versionId="v1", eTag="e1", sequencer="s1")
    assert files({"Records": [record]}) == expected


@pytest.mark.parametrize("version", ["", "null", None])
def test_a_version_that_names_no_one_content_is_none(version: str | None) -> None:
    """Without versioning each upload is version "null"; `sam local generate-event` says ""."""
    for event in (
        eventbridge("a.xml", **{"version-id": version, "etag": "e1"}),
        {"Records": [s3_record("a.xml", versionId=version, eTag="e1")]},
    ):
        assert files(event) == [SourceFile("payments", "a.xml", etag="e1")]


def test_what_sam_writes_instead_of_an_etag_is_none() -> None:
    """`sam local generate-event s3 put` writes these, whatever the object is."""
    record = s3_record(
        "a.xml", eTag="0123456789abcdef0123456789abcdef", sequencer="0A1B2C3D4E5F678901"
    )
    assert files({"Records": [record]}) == [FILE]


def test_the_message_that_brought_a_file_is_known() -> None:
    delivered = list(deliveries(sqs(eventbridge("a.xml"), eventbridge("b.xml"))))
    assert delivered == [
        Delivery((FILE,), Message("m1", "r1")),
        Delivery((SourceFile("payments", "b.xml"),), Message("m2", "r2")),
    ]


def test_without_a_queue_there_is_no_message() -> None:
    for event in (eventbridge("a.xml"), {"Records": [s3_record("a.xml")]}):
        assert list(deliveries(event)) == [Delivery((FILE,), None)]


def test_a_notification_can_name_several_files() -> None:
    notification = {"Records": [s3_record("a.xml"), s3_record("b.xml")]}
    for event in (notification, sqs(notification)):
        (delivery,) = deliveries(event)
        assert [file.key for file in delivery.files] == ["a.xml", "b.xml"]


# ---- what is none --------------------------------------------------------------------------------

NO_NOTIFICATIONS = [
    "",
    "hello",
    "{",
    "[]",
    "null",
    "5",
    '"text"',
    "1e999999",
    "9" * 10_000,
    "{}",
    '{"Records":null}',
    '{"Records":[]}',
    '{"Records":{"eventSource":"aws:s3"}}',
    '{"Records":[null,5,"x",[],{}]}',
    '{"Records":[{"eventSource":["aws:s3"]}]}',
    '{"Records":[{"eventSource":"aws:sns","Sns":{}}]}',
    '{"detail-type":"Object Created"}',
    '{"detail-type":"Object Created","detail":null}',
    '{"detail-type":"Object Created","detail":[]}',
    '{"detail-type":"Object Created","detail":{"bucket":"payments","object":"a.xml"}}',
    '{"detail-type":["Object Created"]}',
    '{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}',
    TOO_DEEP,
    json.dumps({**eventbridge("a.xml"), "detail-type": "Object Deleted"}),
    json.dumps({"Records": [{**s3_record("a.xml"), "eventName": "ObjectRemoved:Delete"}]}),
]
ODD_FILES = [
    eventbridge(""),
    eventbridge("x" * 1025),
    eventbridge("half a \ud800 pair.xml"),
    eventbridge(5),  # type: ignore[arg-type]
    eventbridge(None),  # type: ignore[arg-type]
    eventbridge("a.xml", **{"version-id": 5}),
    eventbridge("a.xml", etag="line\nbreak"),
    eventbridge("a.xml", sequencer=["s1"]),
    {"Records": [in_s3_record("s3", value=None)]},
    {"Records": [in_s3_record("s3", "bucket", value=None)]},
    {"Records": [in_s3_record("s3", "bucket", "name", value="")]},
    {"Records": [in_s3_record("s3", "bucket", "name", value="../other")]},
    {"Records": [in_s3_record("s3", "object", value={})]},
    {"Records": [in_s3_record("s3", "object", "key", value="%FF.xml")]},
]


@pytest.mark.parametrize("body", NO_NOTIFICATIONS, ids=lambda body: body[:40])
def test_a_message_that_is_no_notification_is_dropped(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Coming back again and again it would stop the queue."""
    assert list(deliveries(sqs_texts(body))) == [Delivery((), Message("m1", "r1"))]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("notification", ODD_FILES, ids=str)
def test_a_notification_of_a_file_that_cannot_be_is_dropped(
    notification: object, caplog: pytest.LogCaptureFixture
) -> None:
    for event in (notification, sqs(notification)):
        assert files(event) == []
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2


@pytest.mark.parametrize("body", [None, 5, {}, []])
def test_a_body_that_is_no_text_is_dropped(body: object) -> None:
    assert list(deliveries(sqs_texts(body))) == [Delivery((), Message("m1", "r1"))]


@pytest.mark.parametrize("event", [None, 5, "x", [], {}, {"Records": [{"eventSource": "aws:sqs"}]}])
def test_an_event_that_is_none_names_no_file(event: object) -> None:
    assert files(event) == []


def test_of_a_good_and_an_odd_entry_the_good_one_is_imported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd: list[Any] = [None, in_s3_record("s3", value=[]), s3_record("")]
    assert files(sqs({"Records": [odd[0], s3_record("a.xml"), *odd[1:]]})) == [FILE]
    assert [vars(record)["dropped"] for record in caplog.records] == [3]


def test_s3_s_own_test_notification_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert list(deliveries(sqs(TEST_EVENT))) == [Delivery((), Message("m1", "r1"))]
    assert caplog.records == []


def test_what_is_no_notification_is_not_logged_itself(caplog: pytest.LogCaptureFixture) -> None:
    """It may be a file of payments that somebody has sent to the queue."""
    assert files(sqs_texts("<amount>73519.26</amount>")) == []
    assert files(sqs(eventbridge("73519.26", etag="\n73519.26"))) == []
    assert len(caplog.records) == 2
    assert "73519" not in str([vars(record) for record in caplog.records])


# ---- everything else -----------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["Object Created", "aws:s3", "aws:sqs", "\ud800", "%FF"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Records", "detail", "detail-type", "eventSource", "s3", "object"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON value, as what holds it and the name or index there."""
    names = value if isinstance(value, dict) else range(len(value) if type(value) is list else 0)
    below = [place for name in names for place in places(value[name])]
    return [(value, name) for name in names] + below


@given(st.data())
def test_no_message_is_an_exception(data: st.DataObject) -> None:
    """Notifications with something else, or nothing, in any place; wrapped or not."""
    wrapped = data.draw(st.booleans())
    keys = [s3_record("a.xml", versionId="v", eTag="e"), eventbridge("a.xml", etag="e")]
    notification: Any = {"Records": [keys[0], s3_record("b.xml")], **keys[1]}
    for _ in range(data.draw(st.integers(1, 3))):
        holder, name = data.draw(st.sampled_from(places([notification])))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            holder.pop(name, None)
        elif holder:
            holder[name] = data.draw(JSON)
    event = sqs(notification) if wrapped else notification
    for file in files(event):
        assert file.bucket
        assert 0 < len(file.key.encode()) <= 1024
        assert all(text is None or text for text in (file.version_id, file.etag, file.sequencer))


@given(JSON)
def test_no_event_is_an_exception(event: object) -> None:
    assert all(isinstance(file, SourceFile) for file in files(event))
