"""Whole files through the deployed program: what each failure does to them."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from e2e.payment_xml import file_errors, payment, payment_file
from fakes.connectwise import FakeInvoice, error
from fakes.deployment import FINISHED, KILLED, PUT_BACK, Deploy, Deployment
from fakes.dynamodb import client_error
from fakes.mishaps import Mishap, answering, kill, kill_after, lost, raising, slow
from payments.errors import NoAnswer
from payments.import_state import MAX_KILLS
from payments.importer import import_id
from payments.models import SourceFile
from payments.pipeline import Bounds
from payments.quiet import CALL_SECONDS, SETTLE_SECONDS

FAULT = answering(error(500, "Error", "A timeout has occured."))
ALWAYS = float("inf")


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    return deploy()


def on(invoice: int, amount: object = 10, **more: Any) -> str:
    return payment(invoice=invoice, amount=amount, **more)


def new_payments(count: int) -> list[str]:
    return [on(n, external_id=f"R-{n}") for n in range(1, count + 1)]


def about(invoice: int) -> str:
    """Return what only calls about this invoice have in them."""
    return f"invoice {invoice} "


def held(deployment: Deployment) -> dict[int, list[Decimal]]:
    """Return the amounts that ConnectWise holds, by invoice."""
    invoices = deployment.connectwise.invoices
    return {n: amounts for n in invoices if (amounts := deployment.connectwise.amounts(n))}


# One file


def test_a_file_becomes_payments_two_files_a_row_and_truth_records(deployment: Deployment) -> None:
    deployment.upload(*new_payments(5), on(6, "x"), on(99))
    assert deployment.run() == FINISHED
    assert held(deployment) == {n: [10] for n in range(1, 6)}
    assert [record.payment_id for record in deployment.success()] == [101, 201, 301, 401, 501]
    assert [record.values.get("invoice/id") for record in deployment.fail()] == ["6", "99"]
    row = deployment.row()
    assert (row["status"], row["total"], row["done"]) == ("CompletedWithFailures", 7, 7)
    assert (row["created"], row["failed"], row["recordedAmount"]) == (5, 2, 50)
    known = deployment.truth.get("R-3", "na.example.com/acme")
    assert known is not None
    assert (known["paymentId"], known["invoiceId"], known["accepted"]) == (301, 3, True)


def test_a_version_is_imported_once_and_as_it_was_when_its_event_came(
    deployment: Deployment,
) -> None:
    """Delivered again it is recognised; one that overwrites it has an event of its own."""
    deployment.upload(on(1, 10))
    deployment.queue.send(deployment.queue.messages[0].body)
    deployment.upload(on(1, 20))
    assert [deployment.run(), deployment.run()] == [FINISHED, FINISHED]
    assert held(deployment) == {1: [10]}
    assert len(deployment.published.files) == 1
    deployment.to_end()
    assert held(deployment) == {1: [20]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (payment_file(on(1)), "No record failed."),
        (payment_file(on(1), on(99)), "1 of 2 records failed: the fail file says why."),
        (b"<InvoicePayments>&Miller;", "line 1, column 18: undefined entity"),
        (b"<Payments/>", "line 1, column 1: the root element is <Payments>, but must be"),
    ],
)
def test_the_log_says_why_an_import_ended_without_quoting_the_file(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, content: bytes, reason: str
) -> None:
    caplog.set_level("INFO")
    deployment.upload_content(content)
    deployment.to_end()
    [finished] = [record for record in caplog.records if record.getMessage() == "Finished"]
    assert str(vars(finished)["reason"]).startswith(reason)


def test_of_an_import_that_an_earlier_run_has_cut_short_the_log_says_where_the_reason_is(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    deployment.upload_content(b"")
    deployment.mishaps.plan("PutObject", kill)
    deployment.to_end()
    [finished] = [record for record in caplog.records if record.getMessage() == "Finished"]
    assert "the imports table has the reason" in vars(finished)["reason"]


def test_an_external_id_that_no_table_takes_is_its_records_error_alone(
    deployment: Deployment,
) -> None:
    """1,500 times ü are more than DynamoDB's 2,048 bytes."""
    deployment.upload(on(1, external_id="ü" * 1500), on(2, external_id="B"))
    assert deployment.run() == FINISHED
    assert held(deployment) == {2: [10]}
    assert len(deployment.errors()) == 1


def test_payments_cost_hardly_more_than_one_call_each(deploy: Deploy) -> None:
    """1.01 for a new one, exactly one where the truth table knows it."""
    deployment = deploy(*map(FakeInvoice, range(1, 201)), bounds=Bounds())
    for name in ("a", "b"):
        deployment.upload(*new_payments(200), name=name)
        deployment.connectwise.calls.clear()
        deployment.to_end()
        calls = [call.kind for call in deployment.connectwise.calls if call.kind != "company"]
        assert len(calls) == (202 if name == "a" else 200)


def test_without_the_right_to_read_invoices_each_is_looked_up_by_itself(
    deployment: Deployment,
) -> None:
    deployment.connectwise.add_payment(1, amount=Decimal(5))
    deployment.mishaps.plan("invoices", answering(error(403, "Forbidden", "No.")), times=ALWAYS)
    deployment.upload(*new_payments(6))
    deployment.to_end()
    kinds = [call.kind for call in deployment.connectwise.calls]
    assert [kinds.count(kind) for kind in ("payments", "create", "update")] == [6, 5, 1]


def test_payments_of_one_invoice_keep_their_order_however_it_is_named(
    deployment: Deployment,
) -> None:
    """Across chunks, linked by ids, numbers and external ids."""
    ways: list[Callable[[int], dict[str, Any]]] = [
        lambda n: {"external_id": f"R-{n}", "invoice": n},
        lambda n: {"external_id": f"R-{n}", "number": f"INV-{n}"},
        lambda n: {"external_id": f"R-{n}"},
        lambda n: {"invoice": n},
        lambda n: {"number": f"INV-{n}"},
    ]
    places = range(1, 46)
    way_of = {place: ways[place % 5 if place > 3 else 0] for place in places}
    deployment.upload(*(payment(**way_of[n](1 + n % 3), amount=n) for n in places))
    deployment.to_end()
    assert deployment.fail() == []
    for invoice in (1, 2, 3):
        sent = [
            c.fields["amount"] for c in deployment.connectwise.writes if c.invoice_id == invoice
        ]
        assert sent == [n for n in places if 1 + n % 3 == invoice]


def test_order_is_kept_by_what_only_a_record_in_front_has_taught(deploy: Deploy) -> None:
    """The second record's invoice is known when the first is sent; by then the third may begin."""
    deployment = deploy(bounds=Bounds(chunk_records=1, chunks=2))
    deployment.mishaps.plan("create", FAULT)
    deployment.mishaps.plan("update", FAULT)
    deployment.upload(on(1, 10, external_id="E"), payment(external_id="E", amount=20), on(1, 30))
    deployment.to_end()
    assert held(deployment) == {1: [30]}


# Replay


@pytest.mark.parametrize("second_end", ["killed before", "killed after", "outage"])
def test_no_later_record_is_lost_however_often_the_file_is_resumed(
    deployment: Deployment, second_end: str
) -> None:
    """ConnectWise must not hold 10 while the success file says 20."""
    mishaps = deployment.mishaps
    deployment.upload(on(9), on(1, 10), on(1, 20, external_id="B"))
    mishaps.plan("create", lost(deployment.clock), about=about(9), times=ALWAYS)
    assert deployment.run() == PUT_BACK
    assert held(deployment) == {1: [20]}
    twenty = "amount=20"
    if second_end == "outage":
        mishaps.plan("update", lost(deployment.clock), about=twenty, times=ALWAYS)
        assert deployment.run() == PUT_BACK
    else:
        mishaps.plan("update", kill if second_end == "killed before" else kill_after, about=twenty)
        assert deployment.run() == KILLED
    mishaps.end()
    deployment.to_end()
    assert held(deployment) == {1: [20], 9: [10]}
    assert [record.values["amount"] for record in deployment.success()] == ["10", "10", "20"]


MIXED = [
    on(1, None, paymentDate="2024-01-31"),  # "no payment yet": a verdict about ConnectWise's state
    on(1, 11, external_id="A"),
    on(2, 12),
    payment(number="INV-1", amount=13),
    on(2, 14, external_id="B"),
    on(3, "x", external_id="C"),
    payment(external_id="A", amount=15),
    on(3, 16, external_id="C"),
    on(3, None, paymentDate="2024-01-31", external_id="C"),
    on(99, 17, external_id="D"),
]


def come_to(deployment: Deployment) -> Any:
    """Return everything that an import leaves behind, but how often it was tried."""
    truth = {
        row["externalId"]: (row["paymentId"], row["invoiceId"], row["accepted"], row.get("amount"))
        for row in deployment.truth.all()
    }
    row = deployment.row()
    counts = [row[name] for name in ("status", "total", "done", "skipped", "failed")]
    errors = [re.sub(r"20[-0-9T:]+Z", "some time", error) for error in deployment.errors()]
    failed = [record.values for record in deployment.fail()]
    return held(deployment), deployment.success(), failed, errors, truth, counts


@pytest.mark.parametrize("prevent", [False, True], ids=["", "prevent reprocessing"])
@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_wherever_it_is_killed_a_file_comes_to_the_same(
    deploy: Deploy, mishap: Mishap, prevent: bool
) -> None:
    """At every single call to ConnectWise, S3, DynamoDB or SQS."""

    def imported(killed_at: int | None) -> tuple[Any, bool]:
        deployment = deploy(prevent_reprocessing=prevent, takes_second_payment=True)
        deployment.upload(*MIXED)
        if killed_at is not None:
            deployment.mishaps.plan("any", mishap, skip=killed_at)
        runs = deployment.to_end()
        return come_to(deployment), runs > 1

    expected, _ = imported(None)
    for place in range(200):
        found, was_killed = imported(place)
        assert found == expected, f"killed at call {place}"
        if not was_killed:
            break
    assert 25 < place < 200


def test_outcomes_are_stored_before_the_truth_table_learns_and_both_before_the_checkpoint(
    deployment: Deployment,
) -> None:
    """Killed at each: the truth table knows nothing from beyond the stored parts."""
    deployment.upload(*new_payments(2))
    deployment.mishaps.plan("PutObject", kill, about=".jsonl")
    assert deployment.run() == KILLED
    assert held(deployment) == {1: [10], 2: [10]}
    assert deployment.truth.all() == []
    deployment.mishaps.plan("PutObject", kill_after, about=".jsonl")
    while deployment.run() != KILLED:
        pass
    assert deployment.truth.all() == []
    writes = len(deployment.connectwise.writes)
    deployment.mishaps.plan("BatchWriteItem", kill_after)
    while deployment.run() != KILLED:
        pass
    assert (len(deployment.truth.all()), deployment.row()["done"]) == (2, 0)
    deployment.to_end()
    assert len(deployment.connectwise.writes) == writes, "what is stored is not sent again"
    assert len(deployment.success()) == 2


def test_what_a_killed_run_has_sent_may_arrive_before_anything_else_is_sent(
    deployment: Deployment,
) -> None:
    deployment.upload(*new_payments(2))
    deployment.mishaps.plan("create", kill_after)
    assert deployment.run() == KILLED
    sent = len(deployment.connectwise.writes)
    assert deployment.run() == PUT_BACK
    assert len(deployment.connectwise.writes) == sent
    assert deployment.delay() >= SETTLE_SECONDS
    assert deployment.run() == FINISHED


def test_a_run_that_was_taken_over_writes_nothing_any_more(deployment: Deployment) -> None:
    def taken_over(effect: Callable[[], Any]) -> Any:
        deployment.imports.put({**deployment.row(), "run": 2, "runToken": "another"})
        return effect()

    deployment.upload(*new_payments(2))
    deployment.mishaps.plan("create", taken_over)
    assert deployment.run() == PUT_BACK
    row = deployment.row()
    assert (row["run"], row["runToken"], row["done"]) == (2, "another", 0)


# Time


def test_a_run_that_is_short_of_time_goes_on_at_the_checkpoint(deployment: Deployment) -> None:
    deployment.upload(*new_payments(12))
    deployment.mishaps.plan("create", slow(deployment.clock, 10.0), times=ALWAYS)
    assert deployment.run(seconds=80.0) == PUT_BACK
    assert deployment.delay() <= 2
    assert 0 < deployment.row()["done"] < 12
    deployment.to_end()
    assert [call.kind for call in deployment.connectwise.writes].count("create") == 12
    assert len(deployment.success()) == 12


@pytest.mark.parametrize("seconds", [900.0, 60.0], ids=["in one run", "short of time"])
def test_an_import_does_not_close_while_a_message_may_still_arrive(
    deployment: Deployment, seconds: float
) -> None:
    """It would come after those of the next file."""
    deployment.connectwise.add_payment(1, amount=Decimal(5))
    deployment.upload(on(1, 10))
    deployment.upload(on(1, 20), name="b")
    deployment.mishaps.plan("update", lost(deployment.clock, CALL_SECONDS + SETTLE_SECONDS - 1))
    assert deployment.run(seconds) == (FINISHED if seconds > 60.0 else PUT_BACK)
    deployment.to_end()
    deployment.clock.sleep(100.0)
    assert held(deployment) == {1: [20]}


# Whose fault


def test_two_records_that_alone_get_500_fail_within_minutes_and_all_others_succeed(
    deployment: Deployment,
) -> None:
    """Where the others are done at once, there is nothing to compare them with."""
    for poison in (1, 4):
        deployment.mishaps.plan("create", FAULT, about=about(poison), times=ALWAYS)
    deployment.upload(*new_payments(8))
    assert deployment.run() == PUT_BACK
    assert len(held(deployment)) == 6
    assert deployment.to_end() <= 4
    assert [record.values["invoice/id"] for record in deployment.fail()] == ["1", "4"]
    assert all("A timeout has occured." in error for error in deployment.errors())
    assert deployment.clock.now < 15 * 60.0


def test_a_stuck_record_lets_others_go_on_and_fails_when_it_was_stuck_often_enough(
    deployment: Deployment,
) -> None:
    """There is no other of its kind to compare it with."""
    deployment.connectwise.add_payment(1, amount=Decimal(5))
    deployment.mishaps.plan("update", FAULT, times=ALWAYS)
    deployment.upload(*new_payments(8))
    assert deployment.run() == PUT_BACK
    assert len(held(deployment)) == 8
    assert "for one record" in deployment.row()["error"]
    assert deployment.to_end() <= 6
    assert [record.values["invoice/id"] for record in deployment.fail()] == ["1"]
    assert "error" not in deployment.row()


@pytest.mark.parametrize("kind", ["create", "invoices"])
@pytest.mark.parametrize("form", ["500", "no answer"])
def test_if_all_records_fail_it_is_an_outage_that_fails_none(
    deploy: Deploy, kind: str, form: str
) -> None:
    deployment = deploy(bounds=Bounds(20, 2))
    mishap = FAULT if form == "500" else raising(NoAnswer("reset"))
    deployment.mishaps.plan(kind, mishap, times=ALWAYS)
    if kind == "invoices":
        deployment.mishaps.plan("payments", mishap, times=ALWAYS)
    deployment.upload(*new_payments(12))
    delays = []
    for _ in range(7):
        assert deployment.run() == PUT_BACK
        delays.append(round(deployment.delay()))
    assert delays == [60, 120, 240, 480, 900, 900, 900]
    assert "ConnectWise" in deployment.row()["error"]
    deployment.mishaps.end()
    deployment.to_end()
    assert len(deployment.success()) == 12
    assert held(deployment) == {n: [10] for n in range(1, 13)}


@pytest.mark.parametrize("kinds", [("create",), ("update", "invoices", "payments")])
def test_an_outage_in_which_each_call_takes_all_its_time_is_seen_within_the_run(
    deploy: Deploy, kinds: tuple[str, ...]
) -> None:
    """Of more records than a run has time to try often enough; of all calls, or of one kind."""
    deployment = deploy(bounds=Bounds(20, 2))
    for kind in kinds:
        deployment.mishaps.plan(kind, lost(deployment.clock), times=ALWAYS)
    by_id = "update" in kinds
    for n in range(1, 21 if by_id else 1):
        deployment.connectwise.add_payment(n, amount=Decimal(5))
    deployment.upload(*(on(n, payment_id=n * 100 + 1 if by_id else None) for n in range(1, 21)))
    assert deployment.run() == PUT_BACK
    assert (deployment.published.delays, round(deployment.delay())) == (1, 60)
    assert "ConnectWise" in deployment.row()["error"]


def test_the_row_says_until_when_a_file_waits(deployment: Deployment) -> None:
    """To the second, which is as exact as its times are."""
    deployment.mishaps.plan("create", FAULT, times=ALWAYS)
    deployment.upload(*new_payments(1))
    assert deployment.run() == PUT_BACK
    waits_until = datetime.fromisoformat(deployment.row()["waitsUntil"]).timestamp()
    assert round(waits_until - deployment.clock.time() - deployment.delay()) in (-1, 0)


def test_ten_poison_records_at_the_end_of_a_file_do_not_hold_it_up_for_days(
    deploy: Deploy,
) -> None:
    """Though all others of their kind are done by then."""
    deployment = deploy(*map(FakeInvoice, range(1, 31)), bounds=Bounds(5, 2))
    for poison in range(11, 21):
        deployment.mishaps.plan("create", FAULT, about=about(poison), times=ALWAYS)
    deployment.upload(*new_payments(20))
    assert deployment.to_end() < 40
    assert len(deployment.success()) == 10


def test_keys_that_are_refused_fail_no_record(deployment: Deployment) -> None:
    refused = answering(error(401, "Unauthorized", "No."))
    deployment.mishaps.plan("invoices", refused, times=ALWAYS)
    deployment.upload(*new_payments(2))
    assert deployment.run() == PUT_BACK
    assert "keys" in deployment.row()["error"]
    deployment.mishaps.end()
    deployment.secret["privateKey"] = "rotated"
    deployment.to_end()
    assert len(deployment.success()) == 2


def test_an_import_stays_with_the_company_that_it_has_begun_with(deployment: Deployment) -> None:
    deployment.mishaps.plan("update", FAULT, times=ALWAYS)
    deployment.connectwise.add_payment(2, amount=Decimal(5))
    deployment.upload(*new_payments(3))
    assert deployment.run() == PUT_BACK
    deployment.secret["company"] = "other"
    calls = len(deployment.connectwise.calls)
    assert deployment.run() == PUT_BACK
    assert len(deployment.connectwise.calls) == calls
    assert "na.example.com/other" in deployment.row()["error"]
    assert "na.example.com/acme" in deployment.row()["error"]
    deployment.mishaps.end()
    deployment.secret["company"] = "acme"
    deployment.to_end()
    assert len(deployment.success()) == 3


@pytest.mark.parametrize("payment_id", [None, 101], ids=["by invoice", "by id"])
def test_a_company_that_was_misspelt_can_be_corrected(
    deployment: Deployment, payment_id: int | None
) -> None:
    """Nothing was sent to it."""
    deployment.secret["company"] = "acne"
    no_company = answering(error(404, "NotFound", "No such company."))
    deployment.mishaps.plan("company", no_company, times=ALWAYS)
    deployment.connectwise.add_payment(1, amount=Decimal(5))
    deployment.upload(on(1, payment_id=payment_id))
    assert deployment.run() == PUT_BACK
    deployment.mishaps.end()
    deployment.secret["company"] = "acme"
    deployment.to_end(most_runs=3)
    assert held(deployment) == {1: [10]}


@pytest.mark.parametrize("operation", ["PutObject", "BatchWriteItem", "BatchGetItem", "UpdateItem"])
def test_if_aws_fails_the_file_comes_again_and_nothing_is_doubled(
    deploy: Deploy, operation: str
) -> None:
    deployment = deploy(takes_second_payment=True)
    failing = raising(client_error("InternalError"))
    deployment.upload(*new_payments(4))
    deployment.mishaps.plan(operation, failing, times=ALWAYS, skip=1)
    for _ in range(MAX_KILLS + 2):
        if deployment.queue.messages:
            deployment.run()
    deployment.mishaps.end()
    deployment.to_end()
    assert len(deployment.success()) == 4
    assert held(deployment) == {n: [10] for n in range(1, 5)}


# Kills without end


def test_a_file_that_kills_its_runs_at_one_record_is_given_up_with_both_files(
    deployment: Deployment,
) -> None:
    """Everything before that record has succeeded, since the last try goes record by record."""
    deployment.mishaps.plan("create", kill, about=about(5), times=ALWAYS)
    deployment.upload(*new_payments(12))
    deployment.upload(*new_payments(1), name="b")
    while deployment.queue.messages[0].id == "m1":
        deployment.run()
    success = [record.values["invoice/id"] for record in deployment.success()]
    assert success == ["1", "2", "3", "4"]
    assert [record.values["invoice/id"] for record in deployment.fail()] == [
        *map(str, range(5, 13))
    ]
    errors = deployment.errors()
    assert "not known whether" in errors[0]
    assert "If the payment is there, take this record out; if not, upload it again." in errors[0]
    assert "given up before this record" in errors[-1]
    (told,) = file_errors(deployment.bucket.read("fail/a.xml"))
    assert "at record 5" in told
    assert "upload" not in told, "that is for each record to say"
    page = deployment.bucket.read("reports/a.html").decode()
    assert "first look at those of which it is not known whether" in page
    assert deployment.topic.subjects[0] == "4 of 12 payments imported, then given up: a.xml"
    (row,) = deployment.imports.all()
    assert row["status"] == "Failed"
    deployment.to_end()
    assert len(deployment.success("b")) == 1


@pytest.mark.parametrize(
    ("operation", "what"), [("GetObject", "incoming/"), ("CopyObject", ""), ("HeadObject", "")]
)
def test_a_file_that_kills_its_runs_before_anything_is_sent_ends_too(
    deployment: Deployment, operation: str, what: str
) -> None:
    deployment.upload(*new_payments(2))
    deployment.mishaps.plan(operation, kill, about=what, times=MAX_KILLS)
    deployment.to_end(most_runs=12)
    assert deployment.row()["status"] == "Failed"
    assert deployment.connectwise.writes == []
    assert deployment.success() == []
    (told,) = file_errors(deployment.bucket.read("fail/a.xml"))
    assert "before anything was sent" in told


@pytest.mark.parametrize(
    "about_closing", ["success/a.xml", "fail/a.xml", "reports/a.html", "Succeeded"]
)
@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_an_import_that_is_killed_while_closing_goes_on_however_often(
    deployment: Deployment, about_closing: str, mishap: Mishap
) -> None:
    times = MAX_KILLS + 2
    if mishap is kill_after and about_closing == "Succeeded":
        times = 1
    deployment.mishaps.plan("any", mishap, about=about_closing, times=times)
    deployment.upload(*new_payments(3))
    deployment.to_end()
    assert (deployment.row()["status"], len(deployment.success())) == ("Succeeded", 3)
    assert deployment.fail() == []


def test_a_run_that_could_not_note_that_it_put_the_file_back_was_not_killed(
    deployment: Deployment,
) -> None:
    deployment.mishaps.plan("create", raising(NoAnswer("reset")), times=ALWAYS)
    failing = raising(client_error("InternalError"))
    deployment.mishaps.plan("UpdateItem", failing, about="':atWork': {'BOOL': False}", times=ALWAYS)
    deployment.upload(*new_payments(2))
    for _ in range(MAX_KILLS + 3):
        assert deployment.run() == PUT_BACK
    assert deployment.row()["atWork"]
    deployment.mishaps.end()
    deployment.to_end()
    assert len(deployment.success()) == 2


# The file is gone


def test_what_was_sent_beyond_the_checkpoint_is_in_the_files_of_a_deleted_version(
    deployment: Deployment,
) -> None:
    """Payments that were sent were in neither file."""
    version = deployment.upload(*new_payments(14))
    deployment.mishaps.plan("create", kill_after, about=about(6))
    deployment.mishaps.plan("create", slow(deployment.clock, 1.0), times=ALWAYS)
    assert deployment.run() == KILLED
    assert deployment.row()["done"] < len(held(deployment)) < 14
    deployment.bucket.erase("incoming/a.xml", version)
    deployment.to_end()
    assert deployment.row()["status"] == "Failed"
    assert "deleted" in deployment.row()["error"]
    sent = [record.values["invoice/id"] for record in deployment.success()]
    assert [str(invoice) for invoice in held(deployment)] == sent
    assert all(error.startswith("Not sent: ") for error in deployment.errors())
    assert len(sent) + len(deployment.fail()) == 14


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "CopyObject"])
def test_a_version_that_is_deleted_before_anything_was_sent_closes_the_import(
    deployment: Deployment, operation: str
) -> None:
    version = deployment.upload(*new_payments(2))

    def deleted(effect: Callable[[], Any]) -> Any:
        deployment.bucket.erase("incoming/a.xml", version)
        return effect()

    deployment.mishaps.plan(operation, deleted)
    deployment.to_end(most_runs=3)
    assert deployment.row()["status"] == "Failed"
    assert deployment.connectwise.writes == []


@pytest.mark.parametrize("when", ["before", "during"])
def test_an_import_that_somebody_stops_ends_at_the_next_checkpoint(
    deployment: Deployment, when: str
) -> None:
    """What may have been sent is brought to its end, the rest comes back."""

    def stopped(effect: Callable[[], Any]) -> Any:
        answer = effect()
        deployment.imports.put({**deployment.row(), "stopAsked": "alice"})
        return answer

    deployment.upload(*new_payments(14))
    if when == "before":
        deployment.mishaps.plan("UpdateItem", stopped)
    else:
        deployment.mishaps.plan("create", stopped, about=about(3))
    deployment.to_end(most_runs=4)
    sent = [record.values["invoice/id"] for record in deployment.success()]
    assert [str(invoice) for invoice in held(deployment)] == sent
    assert (len(sent) == 0) if when == "before" else (3 <= len(sent) < 14)
    assert set(deployment.errors()) == {"Not sent: Stopped by alice."}
    assert (deployment.row()["status"], deployment.row()["done"]) == ("Failed", 14)


def test_an_import_that_was_stopped_before_it_began_sends_nothing(deployment: Deployment) -> None:
    """As `stop` notes it: a row without a run. The original file has all records."""
    version = deployment.upload(*new_payments(2))
    name = import_id(SourceFile("bucket", "incoming/a.xml", version))
    begun = {"importId": name, "key": "incoming/a.xml", "status": "Running", "run": 0, "reach": 0}
    of = {"bucket": "bucket", "versionId": version, "stopAsked": "alice"}
    deployment.imports.put(begun | of)
    assert deployment.to_end() == 1
    assert (deployment.row()["status"], deployment.row()["error"]) == (
        "Failed",
        "Stopped by alice.",
    )
    assert deployment.connectwise.writes == []
    assert deployment.fail() == deployment.success() == []
    [(subject, text)] = deployment.topic.mails
    assert subject == "Payment file stopped: a.xml"
    assert "the original file has all its records. Nothing is to be done." in text


def test_what_was_stopped_before_it_began_hides_no_result_of_another_upload(
    deployment: Deployment,
) -> None:
    """Of the same name: its fail file may be what somebody is about to correct."""
    deployment.upload(*new_payments(2), on(99))
    deployment.to_end()
    before = [deployment.bucket.latest(key) for key in ("success/a.xml", "fail/a.xml")]
    version = deployment.upload(*new_payments(1))
    name = import_id(SourceFile("bucket", "incoming/a.xml", version))
    begun = {"importId": name, "key": "incoming/a.xml", "status": "Running", "run": 0, "reach": 0}
    of = {"bucket": "bucket", "versionId": version, "stopAsked": "alice"}
    deployment.imports.put(begun | of)
    deployment.to_end()
    row = deployment.imports.get(name)
    assert row is not None
    assert row["status"] == "Failed"
    assert [deployment.bucket.latest(key) for key in ("success/a.xml", "fail/a.xml")] == before
    assert b"1 of 3 payments failed" in deployment.bucket.read("reports/a.html")


def stop_asked(deployment: Deployment) -> Mishap:
    """Let somebody ask for the import's end as soon as the call has taken effect."""

    def mishap(effect: Callable[[], Any]) -> Any:
        answer = effect()
        deployment.imports.put({**deployment.row(), "stopAsked": "alice"})
        return answer

    return mishap


@pytest.mark.parametrize(
    ("records", "status"),
    [
        (new_payments(3), "Succeeded"),
        ([*new_payments(3), on(99)], "CompletedWithFailures"),
        ([], "Succeeded"),
    ],
)
@pytest.mark.parametrize("is_deleted", [False, True], ids=["stopped", "deleted"])
def test_a_stop_that_comes_when_all_is_stored_stops_nothing(
    deployment: Deployment, records: list[str], status: str, is_deleted: bool
) -> None:
    """Nor does a version that is deleted then: only the files are left to be written."""
    version = deployment.upload(*records)
    deployment.mishaps.plan("PutObject", raising(client_error("InternalError")), about="success/")
    assert deployment.run() == PUT_BACK
    if is_deleted:
        deployment.bucket.erase("incoming/a.xml", version)
    else:
        deployment.imports.put({**deployment.row(), "stopAsked": "alice"})
    assert deployment.run() == FINISHED
    assert (deployment.row()["status"], deployment.row().get("error")) == (status, None)
    assert file_errors(deployment.bucket.read("fail/a.xml")) == []


def test_a_stop_that_comes_while_the_files_are_written_stops_nothing(
    deployment: Deployment,
) -> None:
    deployment.upload(*new_payments(3))
    deployment.mishaps.plan("PutObject", stop_asked(deployment), about="success/")
    assert deployment.to_end() == 1
    assert deployment.row()["status"] == "Succeeded"


@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_a_stop_that_leaves_out_nothing_is_none_wherever_a_run_is_killed(
    deploy: Deploy, mishap: Mishap
) -> None:
    """All was sent before it came, so that all is brought to its end."""
    for place in range(100):
        deployment = deploy(bounds=Bounds(chunk_records=4, chunks=1))
        deployment.upload(*new_payments(3), on(99))
        deployment.mishaps.plan("create", kill_after, about=about(1))
        assert deployment.run() == KILLED
        deployment.imports.put({**deployment.row(), "stopAsked": "alice"})
        deployment.mishaps.plan("any", mishap, skip=place)
        ends = []
        while deployment.queue.messages:
            ends.append(deployment.run())
        assert deployment.row()["status"] == "CompletedWithFailures", f"killed at call {place}"
        assert (len(deployment.success()), len(deployment.fail())) == (3, 1)
        if KILLED not in ends:
            break
    assert 10 < place < 100


@pytest.mark.parametrize("mishap", [kill, kill_after])
def test_a_stop_that_leaves_out_something_is_one_wherever_a_run_is_killed(
    deploy: Deploy, mishap: Mishap
) -> None:
    for place in range(100):
        deployment = deploy(bounds=Bounds(chunk_records=1, chunks=2))
        deployment.upload(*new_payments(6))
        deployment.mishaps.plan("create", stop_asked(deployment), about=about(2))
        deployment.mishaps.plan("any", mishap, skip=place)
        ends = []
        while deployment.queue.messages:
            ends.append(deployment.run())
        assert deployment.row()["status"] == "Failed", f"killed at call {place}"
        assert set(deployment.errors()) == {"Not sent: Stopped by alice."}
        if KILLED not in ends:
            break
    assert 10 < place < 100


# Recorded twice


@pytest.mark.parametrize("mishap", [None, kill, kill_after])
def test_a_payment_that_came_to_be_twice_ends_in_the_fail_file(
    deploy: Deploy, mishap: Mishap | None
) -> None:
    """A message later than anybody can know, on a tenant that takes a second payment."""
    deployment = deploy(takes_second_payment=True)
    deployment.mishaps.plan("create", lost(deployment.clock, 80.0), about=about(1))
    deployment.mishaps.plan("create", slow(deployment.clock, 29.0), about=about(1))
    if mishap is not None:
        deployment.mishaps.plan("PutObject", mishap, about="last-look")
    deployment.upload(*new_payments(2))
    deployment.to_end()
    assert held(deployment)[1] == [10, 10]
    (record,) = deployment.fail()
    assert "several payments where there should be one: 101, 102" in record.errors[0]
    row = deployment.row()
    assert (row["created"], row["failed"], row["failedAmount"]) == (1, 1, 10)
    assert row["status"] == "CompletedWithFailures"
