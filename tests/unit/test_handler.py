"""From a Lambda event to imports, and what happens to the message."""

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from payments.clock import SystemClock
from payments.errors import SecretUnusable
from payments.handler import EventHandler, ImportPutBack, RunFailed
from payments.import_state import ImportState, Status, Tally
from payments.importer import Finished, PutBack, RunResult
from payments.models import SourceFile
from unit.notifications import TEST_EVENT, eventbridge, s3_record, sqs, sqs_texts

QUEUE = "https://sqs.example/files.fifo"
DONE = Finished(ImportState("i1", SourceFile("payments", "incoming/a.xml")))
FOREVER = 900.0


class Noon(SystemClock):
    """A clock that stands still."""

    def monotonic(self) -> float:
        return 12.0 * 3600


class FakeImporter:
    """An importer whose results a test decides, by key."""

    def __init__(self) -> None:
        self.result: Callable[[str], RunResult] = lambda _: DONE
        self.files: list[SourceFile] = []
        self.deadlines: list[float] = []

    def run(self, source: SourceFile, deadline: float) -> RunResult:
        self.files.append(source)
        self.deadlines.append(deadline)
        return self.result(source.key)

    @property
    def keys(self) -> list[str]:
        return [file.key for file in self.files]


class FakeSqs:
    """A queue that notes which messages are put back for how long, or refuses that."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.put_back: list[tuple[str, int]] = []

    def change_message_visibility(self, **request: Any) -> None:
        assert request.keys() == {"QueueUrl", "ReceiptHandle", "VisibilityTimeout"}
        assert request["QueueUrl"] == QUEUE
        assert 0 <= request["VisibilityTimeout"] <= 43_200  # SQS's limit
        if self.refusal is not None:
            raise self.refusal
        self.put_back.append((request["ReceiptHandle"], request["VisibilityTimeout"]))


@pytest.fixture
def importer() -> FakeImporter:
    return FakeImporter()


@pytest.fixture
def queue() -> FakeSqs:
    return FakeSqs()


Handle = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def answer(importer: FakeImporter, queue: FakeSqs) -> Handle:
    """Have an event handled, and return all that the function answers."""
    handler = EventHandler(importer, queue, QUEUE, "incoming/", Noon(), "payments")
    return lambda event: handler.handle(event, FOREVER)


@pytest.fixture
def handle(answer: Handle) -> Handle:
    """Have an event handled, and return what SQS reads of the answer."""
    return lambda event: {"batchItemFailures": answer(event)["batchItemFailures"]}


NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


def failures(*message_ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in message_ids]}


def test_a_finished_file_is_acknowledged(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    assert handle(sqs(eventbridge("incoming/a+b c.xml"))) == NO_FAILURES
    assert importer.keys == ["incoming/a+b c.xml"]
    assert queue.put_back == []


def test_a_file_that_goes_on_later_is_put_back_with_its_delay(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    importer.result = lambda _: PutBack(120, "ConnectWise is down")
    assert handle(sqs(eventbridge("incoming/a.xml"))) == failures("m1")
    assert queue.put_back == [("r1", 120)]


def test_a_delay_beyond_what_sqs_can_wait_is_as_long_as_it_can(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    """Counted from when the message was received: the run has used up some of it."""
    importer.result = lambda _: PutBack(86_400, "silence")
    assert handle(sqs(eventbridge("incoming/a.xml"))) == failures("m1")
    assert 43_200 - 1_200 < queue.put_back[0][1] < 43_200 - 900


def test_after_one_that_is_put_back_none_is_imported(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    """Or a later correction could land before it."""
    importer.result = lambda key: PutBack(2, "later") if "b" in key else DONE
    keys = ["incoming/a.xml", "incoming/b.xml", "incoming/c.xml"]
    event = sqs(*(eventbridge(key) for key in keys))
    assert handle(event) == failures("m2", "m3")
    assert importer.keys == keys[:2]
    assert queue.put_back == [("r2", 2)]


def test_of_several_files_in_a_message_none_follows_one_that_is_put_back(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    importer.result = lambda _: PutBack(2, "later")
    event = sqs({"Records": [s3_record("incoming/a.xml"), s3_record("incoming/b.xml")]})
    assert handle(event) == failures("m1")
    assert importer.keys == ["incoming/a.xml"]
    assert queue.put_back == [("r1", 2)]


REFUSALS = [
    ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "ChangeMessageVisibility"),
    ClientError({"Error": {"Code": "MessageNotInflight"}}, "ChangeMessageVisibility"),
    EndpointConnectionError(endpoint_url="https://sqs.example"),
    OSError("no more files"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_delay_that_sqs_does_not_take_changes_nothing_else(
    handle: Handle,
    importer: FakeImporter,
    queue: FakeSqs,
    refusal: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The message comes again by itself, and those behind it have to wait all the same."""
    queue.refusal = refusal
    importer.result = lambda _: PutBack(120, "ConnectWise is down")
    event = sqs(eventbridge("incoming/a.xml"), eventbridge("incoming/b.xml"))
    assert handle(event) == failures("m1", "m2")
    assert importer.keys == ["incoming/a.xml"]
    assert [record.getMessage() for record in caplog.records] == ["Delay not set"]


def test_a_delay_that_sqs_does_not_take_hides_no_fault_of_ours(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    def fail(_: str) -> RunResult:
        raise ZeroDivisionError

    queue.refusal = REFUSALS[0]
    importer.result = fail
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        handle(sqs(eventbridge("incoming/a.xml")))


@pytest.mark.parametrize("key", ["incoming/._a.xml", "incoming/b/._a.xml"])
def test_what_a_mac_leaves_beside_a_file_is_not_imported(
    handle: Handle, importer: FakeImporter, key: str
) -> None:
    files = [s3_record(key), s3_record("incoming/a.xml"), s3_record("incoming/._b/a._.xml")]
    assert handle(sqs({"Records": files})) == NO_FAILURES
    assert importer.keys == ["incoming/a.xml", "incoming/._b/a._.xml"]


@pytest.mark.parametrize("key", ["success/a.xml", "fail/a.xml", "a.xml", "Incoming/a.xml"])
def test_a_file_that_is_not_incoming_is_acknowledged_but_not_imported(
    handle: Handle, importer: FakeImporter, key: str
) -> None:
    """Its own results would otherwise be imported for ever."""
    assert handle(sqs(eventbridge(key))) == NO_FAILURES
    assert importer.files == []


@pytest.mark.parametrize("event", [sqs(TEST_EVENT), TEST_EVENT, {}, sqs_texts("["), None])
def test_what_names_no_file_is_acknowledged(
    handle: Handle, importer: FakeImporter, event: Any
) -> None:
    assert handle(event) == NO_FAILURES
    assert importer.files == []


def test_a_fault_of_ours_puts_the_message_back_and_is_raised(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    def fail(_: str) -> RunResult:
        raise ZeroDivisionError

    importer.result = fail
    with pytest.raises(RunFailed):
        handle(sqs(eventbridge("incoming/a.xml")))
    assert queue.put_back == [("r1", 60)]


def test_a_fault_of_ours_is_told_by_its_kind_and_place_alone(
    handle: Handle, importer: FakeImporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Lambda logs what is raised with all its causes; a message or a value may be a payment's."""

    def fail(_: str) -> RunResult:
        return PutBack(int("73519.26"), "")

    importer.result = fail
    with pytest.raises(RunFailed, match=r"ValueError in test_handler.py:\d+ fail") as raised:
        handle(sqs(eventbridge("incoming/a.xml")))
    assert raised.value.__cause__ is raised.value.__context__ is None
    told = "".join(traceback.format_exception(raised.value))
    logged = [vars(record) for record in caplog.records]
    assert [record["fault"] for record in logged] == ["ValueError"]
    assert "73519" not in f"{told} {logged}"


@pytest.mark.parametrize(
    "event", [eventbridge("incoming/a.xml"), {"Records": [s3_record("incoming/a.xml")]}]
)
def test_without_a_queue_a_file_is_imported_all_the_same(
    handle: Handle, importer: FakeImporter, event: dict[str, Any]
) -> None:
    assert handle(event) == NO_FAILURES
    assert importer.keys == ["incoming/a.xml"]


def test_without_a_queue_a_file_that_goes_on_later_is_an_error(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    """So that Lambda, or whoever has called, tries it again."""
    importer.result = lambda _: PutBack(60, "ConnectWise is down")
    with pytest.raises(ImportPutBack, match="ConnectWise is down"):
        handle(eventbridge("incoming/a.xml"))
    assert queue.put_back == []


def test_without_a_queue_a_fault_of_ours_is_raised(
    handle: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    def fail(_: str) -> RunResult:
        raise SecretUnusable("a fault")

    importer.result = fail
    with pytest.raises(RunFailed, match="SecretUnusable"):
        handle(eventbridge("incoming/a.xml"))
    assert queue.put_back == []


def test_who_calls_by_hand_is_told_what_became_of_the_file(
    answer: Handle, importer: FakeImporter
) -> None:
    tally = Tally(
        updated=1, failed=1, replaced=1, recorded_amount=Decimal("10.50"), failed_amount=Decimal(2)
    )
    source = SourceFile("payments", "incoming/a.xml", "v1")
    state = ImportState("i1", source, Status.COMPLETED_WITH_FAILURES, total=2, tally=tally)
    importer.result = lambda _: Finished(state)
    for event in (eventbridge("incoming/a.xml"), sqs(eventbridge("incoming/a.xml"))):
        [told] = answer(event)["files"]
        assert told["key"] == "incoming/a.xml"
        assert told["status"] == "CompletedWithFailures"
        assert (told["total"], told["updated"], told["replaced"], told["failed"]) == (2, 1, 1, 1)
        assert (told["totalAmount"], told["recordedAmount"]) == ("12.50", "10.50")
        assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    "event", [{}, [1, 2], "hello", None, {"Records": []}, sqs_texts("["), sqs_texts("{}")]
)
def test_who_calls_by_hand_without_a_notification_is_told_so(answer: Handle, event: Any) -> None:
    told = answer(event)
    assert "no S3 notification" in told["error"]
    assert "events/" in told["error"]
    assert told["batchItemFailures"] == []


def test_who_calls_by_hand_with_one_gets_no_error(answer: Handle) -> None:
    assert "error" not in answer(eventbridge("incoming/a.xml"))
    assert "error" not in answer(eventbridge("test/key"))


def test_a_file_that_was_imported_before_is_told_as_that(
    answer: Handle, importer: FakeImporter
) -> None:
    assert "alreadyFinished" not in answer(eventbridge("incoming/a.xml"))["files"][0]
    importer.result = lambda _: Finished(DONE.state, earlier=True)
    assert answer(eventbridge("incoming/a.xml"))["files"][0]["alreadyFinished"] is True


def test_a_refused_file_is_told_with_its_reason(answer: Handle, importer: FakeImporter) -> None:
    refused = replace(DONE.state, status=Status.FAILED, error="line 1, column 1: the file is empty")
    importer.result = lambda _: Finished(refused)
    assert answer(eventbridge("incoming/a.xml"))["files"][0]["error"] == refused.error


def test_a_file_that_has_to_wait_is_told_with_its_reason_whatever_sqs_says(
    answer: Handle, importer: FakeImporter, queue: FakeSqs
) -> None:
    """A sample event's receipt handle is no real one."""
    queue.refusal = REFUSALS[0]
    importer.result = lambda _: PutBack(120, "ConnectWise is down")
    told = answer(sqs(eventbridge("incoming/a.xml")))
    assert told["batchItemFailures"] == failures("m1")["batchItemFailures"]
    [file] = told["files"]
    assert (file["status"], file["error"]) == ("Waiting", "ConnectWise is down")
    assert file["againAfterSeconds"] == 120


def test_a_file_that_is_none_of_ours_is_told_as_ignored(answer: Handle) -> None:
    """A sample event with the bucket's name, or the folder's, left as it came."""
    other = eventbridge("incoming/a.xml")
    other["detail"]["bucket"]["name"] = "example-bucket"
    for event in (other, eventbridge("test/key")):
        [file] = answer(event)["files"]
        assert file["status"] == "Ignored"
        assert "payments" in file["error"] or "incoming/" in file["error"]


@pytest.mark.parametrize(
    ("remaining_seconds", "reserve_seconds"),
    [(900.0, 60.0), (240.0, 60.0), (60.0, 15.0), (3.0, 0.75)],
)
def test_a_run_keeps_time_to_end_in_good_order(
    importer: FakeImporter, queue: FakeSqs, remaining_seconds: float, reserve_seconds: float
) -> None:
    handler = EventHandler(importer, queue, QUEUE, "incoming/", Noon())
    handler.handle(sqs(eventbridge("incoming/a.xml")), remaining_seconds)
    assert importer.deadlines == [Noon().monotonic() + remaining_seconds - reserve_seconds]


def test_all_files_of_an_event_share_its_time(handle: Handle, importer: FakeImporter) -> None:
    handle(sqs(eventbridge("incoming/a.xml"), eventbridge("incoming/b.xml")))
    assert importer.deadlines[0] == importer.deadlines[1]
