"""The operator's command, on the deployed template with ConnectWise behind it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import boto3
import pytest

from e2e.deployed import ROOT, SECRET_NAME, Deploy, Deployment, invoice_number
from e2e.operator import Operator
from e2e.payment_xml import payment, payment_file, read_records
from local_stack import wait_for
from payments.command.deployment import Deployment as CommandDeployment
from payments.command.follow import Patience, watch_import
from payments.command.problem import CommandFailed
from payments.command.results import Copies, bring
from payments.models import SourceFile
from payments.rules import no_invoice
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

_AT_ONCE_SECONDS = 10


@pytest.fixture
def operator(deployment: Deployment, tmp_path: Path) -> Operator:
    return Operator(deployment, tmp_path)


@pytest.fixture(scope="module")
def preventing(deploy_once: Deploy, default_deployment: Deployment) -> Deployment:
    """A stack with Prevent Reprocessing, and the secret of the default one."""
    assert default_deployment.stack.name
    return deploy_once(PreventReprocessing="true")


@pytest.fixture
def strict_operator(preventing: Deployment, connectwise: Simulator, tmp_path: Path) -> Operator:
    """The operator of a stack with Prevent Reprocessing."""
    assert preventing.connectwise is connectwise
    return Operator(preventing, tmp_path)


@pytest.fixture
def broken_secret(deployment: Deployment, connectwise: Simulator) -> Iterator[None]:
    deployment.local_stack.put_secret(SECRET_NAME, {"site": connectwise.site})
    yield
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)


# ---- import --------------------------------------------------------------------------------------


def test_import_brings_both_files_back_next_to_the_file(operator: Operator, invoice: int) -> None:
    file = operator.has(
        "brought.xml",
        payment_file(payment(invoice=invoice, amount=5), payment(invoice=1, amount=5)),
    )
    ran = operator.runs("import", file)
    assert ran.exit_code == 1
    assert "2 records: 1 created, 0 updated, 0 skipped, 1 failed." in ran.output
    [succeeded] = read_records((operator.folder / "brought.success.xml").read_bytes())
    [failed] = read_records((operator.folder / "brought.fail.xml").read_bytes())
    assert succeeded.values["invoice/id"] == str(invoice)
    assert failed.errors == [no_invoice(1)]


def test_import_takes_another_name_and_another_folder(operator: Operator, invoice: int) -> None:
    file = operator.has("local.txt", payment_file(payment(invoice=invoice, amount=5)))
    (operator.folder / "results").mkdir()
    key = f"of {invoice}/named.xml"
    ran = operator.runs("import", file, "--key", key, "--output", operator.folder / "results")
    assert ran.exit_code == 0
    assert operator.deployment.bucket.exists(f"success/{key}")
    assert (operator.folder / "results" / "local.success.xml").exists()


def test_nothing_is_uploaded_while_imports_are_switched_off(
    deploy_once: Deploy, connectwise: Simulator, tmp_path: Path
) -> None:
    off = Operator(deploy_once(Enabled="false"), tmp_path)
    ran = off.runs("import", off.has("off.xml", payment_file()))
    assert ran.exit_code == 2
    assert "Enabled" in ran.errors
    assert off.deployment.bucket.keys("incoming/") == []
    assert connectwise.payments() == []


def test_an_unknown_stack_is_named_with_its_region(operator: Operator) -> None:
    ran = operator.runs("status", "--stack", "elsewhere")
    assert ran.exit_code == 2
    assert "There is no stack elsewhere in region us-east-1." in ran.errors


def started(operator: Operator, *arguments: object) -> subprocess.Popen[str]:
    """Start the command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "payments", *map(str, arguments)],
        env={**os.environ, **operator.environment(), "PYTHONPATH": str(ROOT / "functions")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_runs_as_a_module(operator: Operator, invoice: int) -> None:
    """The exit code is the process's own."""
    file = operator.has("module.xml", payment_file(payment(invoice=invoice, amont=5)))
    ran = started(operator, "import", file)
    output, errors = ran.communicate()
    assert ran.returncode == 1, errors
    assert "<amont> is not known." in output


def test_files_are_imported_in_the_order_in_which_they_are_named(
    operator: Operator, connectwise: Simulator, invoice: int
) -> None:
    """The second corrects the first; neither order of names nor events decides."""
    first, second = (
        operator.has(
            f"{name}-{invoice}.xml",
            payment_file(payment(external_id=f"C-{invoice}", invoice=invoice, amount=amount)),
        )
        for name, amount in (("z", 5), ("a", 7))
    )
    ran = operator.runs("import", first, second)
    assert ran.exit_code == 0
    assert ran.output.splitlines()[-3:] == [
        "2 files:",
        f"  incoming/z-{invoice}.xml: 1 record: 1 created, 0 updated, 0 skipped, 0 failed.",
        f"  incoming/a-{invoice}.xml: 1 record: 0 created, 1 updated, 0 skipped, 0 failed.",
    ]
    [paid] = connectwise.payments(invoice)
    assert paid["amount"] == 7


def test_ctrl_c_ends_the_command_and_not_the_import(
    operator: Operator, connectwise: Simulator, invoice: int
) -> None:
    name = f"goes-on-{invoice}.xml"
    file = operator.has(name, payment_file(payment(invoice=invoice, amount=5)))
    connectwise.configure(latency_seconds=1.0)
    ran = started(operator, "import", file)
    assert ran.stdout is not None
    assert "Uploaded as" in ran.stdout.readline()
    ran.send_signal(signal.SIGINT)
    _, errors = ran.communicate(timeout=_AT_ONCE_SECONDS)
    assert ran.returncode == 130
    assert f"incoming/{name} is uploaded, and its import goes on" in errors
    assert operator.deployment.finished_import(name)["status"] == "Succeeded"


def test_ctrl_c_does_not_wait_for_an_answer_of_connectwise(
    operator: Operator, connectwise: Simulator, invoice: int
) -> None:
    file = operator.has("hangs.xml", payment_file(payment(invoice=invoice, amount=5)))
    connectwise.configure(latency_seconds=2 * _AT_ONCE_SECONDS)
    connectwise.clear_calls()
    ran = started(operator, "preview", file)
    wait_for(connectwise.calls)
    ran.send_signal(signal.SIGINT)
    assert ran.communicate(timeout=_AT_ONCE_SECONDS) == ("", "")
    assert ran.returncode == 130


# ---- what it waits for --------------------------------------------------------------------------


@pytest.fixture
def found(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> CommandDeployment:
    """The deployment as the command finds it."""
    for name, value in operator.environment().items():
        monkeypatch.setenv(name, value)
    return CommandDeployment.find(boto3.Session(), operator.deployment.stack.name)


def why(found: CommandDeployment, name: str, version: str) -> str:
    """What is said of a file that does not move."""
    source = SourceFile(found.bucket, f"incoming/{name}", version)
    return watch_import(found, source, Patience()).explain()


def test_a_file_waits_for_the_one_before_it_and_says_what_that_waits_for(
    operator: Operator, found: CommandDeployment, connectwise: Simulator, invoice: int
) -> None:
    name = f"first {invoice}.xml"
    deployment = operator.deployment
    connectwise.configure(write_payments=False)
    version = deployment.upload(payment_file(payment(invoice=invoice, amount=1)), name)
    reason = deployment.wait_until_put_back(name)
    assert f"Before it: 1 file: incoming/{name}." in why(found, "another.xml", "a version")
    assert why(found, name, version).startswith(f"Waiting. {reason} Run `payments ")
    connectwise.configure(write_payments=True)
    deployment.deliver_instead_of_waiting(name, version)
    assert deployment.finished_import(name)["status"] == "Succeeded"


def test_a_file_that_never_reached_the_queue_is_told_from_one_that_waits(
    operator: Operator, found: CommandDeployment
) -> None:
    operator.deployment.wait_until_idle()
    assert "The queue does not hold it yet" in why(found, "new.xml", "a version")


def test_a_result_of_a_later_import_is_not_taken_for_ours(
    found: CommandDeployment, tmp_path: Path
) -> None:
    """Somebody may import a file of the same name at the same time."""
    s3 = found.client("s3")
    later = {"import-id": "later"}
    s3.put_object(Bucket=found.bucket, Key="success/same.xml", Body=b"<x/>", Metadata=later)
    with pytest.raises(CommandFailed, match="by another import"):
        bring(found, "incoming/same.xml", "ours", Copies.named(tmp_path, "same"))
    assert list(tmp_path.iterdir()) == []


# ---- status --------------------------------------------------------------------------------------


def test_status_lists_imports(operator: Operator, invoice: int) -> None:
    name = f"listed-{invoice}.xml"
    operator.deployment.import_file(b"<nothing/>", name)
    operator.deployment.finished_import(name)
    lines = operator.runs("status", "--limit", 1000).output.splitlines()
    [place] = [place for place, line in enumerate(lines) if name in line]
    assert lines[place].split()[2:] == ["Failed", "0", name]
    assert "the root element is <nothing>" in lines[place + 1]


def test_status_of_a_file_shows_its_counts(operator: Operator, invoice: int) -> None:
    name = f"counted {invoice}.xml"
    operator.deployment.import_file(payment_file(payment(invoice=invoice, amount=1)), name)
    operator.deployment.finished_import(name)
    lines = [line.split() for line in operator.runs("status", name).output.splitlines()]
    assert ["State", "Succeeded"] in lines
    counts = ["1", "record:", "1", "created,", "0", "updated,", "0", "skipped,", "0", "failed."]
    assert ["Records", *counts] in lines
    assert ["Money", "1.00", "in", "all:", "1.00", "recorded."] in lines


def test_status_tells_the_newest_upload_of_a_name_and_not_an_older_one(
    operator: Operator, connectwise: Simulator, invoices: list[int]
) -> None:
    """While it waits for a file that waits itself; when that is redriven, and when it is done."""
    waits, name = f"waits {invoices[0]}.xml", f"newer {invoices[0]}.xml"
    deployment = operator.deployment
    deployment.import_file(payment_file(payment(invoice=invoices[0], amount=1)), name)
    assert deployment.finished_import(name)["status"] == "Succeeded"
    connectwise.configure(write_payments=False)
    version = deployment.upload(payment_file(payment(invoice=invoices[1], amount=1)), waits)
    deployment.wait_until_put_back(waits)
    newer = deployment.upload(payment_file(payment(invoice=invoices[0], amount=2)), name)
    waiting = operator.runs("status", waits)
    assert (waiting.exit_code, state(waiting.output)) == (0, "Waiting")
    assert "does not allow to create payments" in waiting.output
    queued = operator.runs("status", name)
    assert (queued.exit_code, state(queued.output)) == (0, "Queued")
    assert f"1 file: incoming/{waits}" in queued.output
    assert "Succeeded, 1 of 1 records" in queued.output
    refused = operator.runs("fetch", name, "--output", operator.folder)
    assert (refused.exit_code, list(operator.folder.iterdir())) == (2, [])
    deployment.queue.sqs.purge_queue(QueueUrl=deployment.queue.url)
    dead_letters = deployment.stack.queue(deployment.stack.outputs["DeadLetterQueueUrl"])
    deployment.deliver(waits, version, dead_letters)
    for _ in range(2):  # looking takes nothing out
        dead = operator.runs("status", waits)
        assert (dead.exit_code, state(dead.output)) == (2, "Dead-lettered")
    dead_letters.sqs.purge_queue(QueueUrl=dead_letters.url)
    connectwise.configure(write_payments=True)
    deployment.deliver(waits, version)
    deployment.deliver(name, newer)
    watched = operator.runs("status", name, "--watch")
    assert watched.exit_code == 0
    assert watched.output.splitlines()[-1].endswith("Succeeded, 1 of 1 records")
    assert operator.runs("fetch", name, "--output", operator.folder).exit_code == 0
    stem = name.removesuffix(".xml")
    [brought] = read_records((operator.folder / f"{stem}.success.xml").read_bytes())
    assert brought.values["amount"] == "2"


def test_status_names_uploads_that_nothing_will_import(
    deploy_once: Deploy, tmp_path: Path, invoice: int
) -> None:
    operator = Operator(deploy_once(), tmp_path)
    bucket = operator.deployment.bucket
    bucket.upload(f"incoming/receipts-{invoice}.csv", b"a,b")
    bucket.upload(f"inbox/{invoice}.xml", payment_file())
    lines = operator.runs("status").output.splitlines()
    [table] = [place for place, line in enumerate(lines) if f"receipts-{invoice}.csv" in line]
    assert "`payments convert` makes XML of it" in lines[table + 1]
    [astray] = [place for place, line in enumerate(lines) if f"inbox/{invoice}.xml" in line]
    assert "Only files in incoming/ are imported" in lines[astray + 1]


def state(output: str) -> str:
    """What `status` says that a file is."""
    [line] = [line for line in output.splitlines() if line.startswith("State ")]
    return line.split(maxsplit=1)[1].strip()


# ---- truth ---------------------------------------------------------------------------------------


def test_a_record_of_zynk_s_is_honoured_by_prevent_reprocessing(
    strict_operator: Operator, connectwise: Simulator, invoice: int
) -> None:
    """Zynk keeps no invoice: that must not matter for a record that is not sent."""
    external_id = f"Z-{invoice}"
    zynk = (
        '<TruthRecord Type="Zynk.Connect.Objects.InvoicePayment" InternalId="000000071" '
        f'ExternalId="{external_id}" />'
    )
    file = strict_operator.has("zynk.xml", f"<TruthRecords>{zynk}</TruthRecords>".encode())
    assert strict_operator.runs("truth", "import", file).exit_code == 0
    record = payment(external_id=external_id, invoice=invoice, amount=5)
    outcome = strict_operator.deployment.import_records(record)
    assert outcome.errors[0].startswith(
        f"Already processed: external id {external_id} is payment 71"
    )
    assert outcome.metadata["skipped"] == "1"
    assert connectwise.payments() == []


def test_a_record_of_zynk_s_names_the_payment_to_update(
    operator: Operator, connectwise: Simulator, invoices: list[int]
) -> None:
    """Its invoice is the one that the payment's record names, and is remembered from then on."""
    invoice, other = invoices[:2]
    connectwise.add_payment(other, 1)
    paid = connectwise.add_payment(invoice, 5)
    external_id = f"Z-{invoice}"
    zynk = (
        f'<TruthRecord Type="InvoicePayment" InternalId="{paid["id"]}" ExternalId="{external_id}"/>'
    )
    file = operator.has("zynk.xml", f"<TruthRecords>{zynk}</TruthRecords>".encode())
    operator.runs("truth", "import", file)
    record = payment(external_id=external_id, number=invoice_number(invoice), amount=7)
    outcome = operator.deployment.import_records(record)
    assert outcome.errors == []
    [updated] = connectwise.payments(invoice)
    assert (updated["id"], updated["amount"]) == (paid["id"], 7)
    assert operator.deployment.truth(external_id)["invoiceId"] == invoice


def test_an_export_loads_again(operator: Operator, invoice: int) -> None:
    external_id = f'again "{invoice}" & more'
    operator.deployment.import_records(payment(external_id=external_id, invoice=invoice, amount=5))
    before = operator.deployment.truth(external_id)
    file = operator.folder / "export.xml"
    operator.runs("truth", "export", file)
    operator.runs("truth", "delete", external_id, "--yes")
    assert operator.runs("truth", "import", file).exit_code == 0
    after = operator.deployment.truth(external_id)
    for name in ("paymentId", "invoiceId", "created", "modified"):
        assert after[name] == before[name]


def test_a_record_that_differs_stays_unless_it_is_to_be_overwritten(
    operator: Operator, invoice: int
) -> None:
    def zynk(payment_id: int) -> Path:
        record = f'<TruthRecord InternalId="{payment_id}" ExternalId="D-{invoice}"/>'
        return operator.has("zynk.xml", f"<TruthRecords>{record}</TruthRecords>".encode())

    operator.runs("truth", "import", zynk(7))
    ran = operator.runs("truth", "import", zynk(8))
    assert ran.exit_code == 1
    assert f"external id D-{invoice} is payment 7 in the table, payment 8 in the file" in ran.output
    assert operator.deployment.truth(f"D-{invoice}")["paymentId"] == 7
    assert operator.runs("truth", "import", zynk(8), "--overwrite").exit_code == 0
    assert operator.deployment.truth(f"D-{invoice}")["paymentId"] == 8


def test_of_a_file_with_a_mistake_nothing_is_loaded(operator: Operator, invoice: int) -> None:
    good = f'<TruthRecord Type="InvoicePayment" InternalId="5" ExternalId="good-{invoice}"/>'
    bad = '<TruthRecord Type="InvoicePayment" InternalId="five" ExternalId="bad"/>'
    file = operator.has("zynk.xml", f"<TruthRecords>\n{good}\n{bad}\n</TruthRecords>".encode())
    ran = operator.runs("truth", "import", file)
    assert ran.exit_code == 2
    assert "line 3: its InternalId 'five' is no payment's id in ConnectWise." in ran.errors
    assert operator.deployment.truth(f"good-{invoice}") == {}


def test_delete_asks_and_a_no_deletes_nothing(operator: Operator, invoice: int) -> None:
    external_id = f"kept-{invoice}"
    operator.deployment.import_records(payment(external_id=external_id, invoice=invoice, amount=5))
    assert operator.runs("truth", "delete", external_id, stdin="n\n").exit_code != 0
    assert operator.deployment.truth(external_id)


def test_a_deleted_record_is_new_to_prevent_reprocessing(
    strict_operator: Operator, invoice: int
) -> None:
    external_id = f"forgotten-{invoice}"
    record = payment(external_id=external_id, invoice=invoice, amount=5)
    strict_operator.deployment.import_records(record)
    ran = strict_operator.runs("truth", "delete", external_id, stdin="y\n")
    assert ran.exit_code == 0
    assert strict_operator.deployment.import_records(record).errors == []


def test_show_and_list_name_the_payment(operator: Operator, invoice: int) -> None:
    external_id = f"shown-{invoice}"
    operator.deployment.import_records(payment(external_id=external_id, invoice=invoice, amount=5))
    payment_id = operator.deployment.truth(external_id)["paymentId"]
    lines = [
        line.split() for line in operator.runs("truth", "show", external_id).output.splitlines()
    ]
    assert ["Payment", str(payment_id)] in lines
    listed = operator.runs("truth", "list", "--limit", 100_000).output.splitlines()
    [line] = [line for line in listed if external_id in line]
    assert line.split()[1:3] == [str(payment_id), str(invoice)]


# ---- receipts that add up ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adding(deploy_once: Deploy, default_deployment: Deployment) -> Deployment:
    """A stack that adds receipts up."""
    assert default_deployment.stack.name
    return deploy_once(SecondPayment="Add")


@pytest.fixture
def bookkeeper(adding: Deployment, connectwise: Simulator, tmp_path: Path) -> Operator:
    """The operator of a stack that adds receipts up."""
    assert adding.connectwise is connectwise
    return Operator(adding, tmp_path)


@pytest.fixture
def refused(
    bookkeeper: Operator, deployment: Deployment, connectwise: Simulator, invoice: int
) -> str:
    """A receipt of 100 of an invoice where somebody has made 450 of the 400 recorded before."""
    first = payment(external_id=f"RC1-{invoice}", invoice=invoice, amount=400)
    assert bookkeeper.deployment.import_records(first).errors == []
    [paid] = connectwise.payments(invoice)
    by_hand = payment(payment_id=paid["id"], invoice=invoice, amount=450)
    assert deployment.import_records(by_hand).errors == []
    second = payment(external_id=f"RC2-{invoice}", invoice=invoice, amount=100)
    [error] = bookkeeper.deployment.import_records(second).errors
    assert f"payment {paid['id']}, of 450.00" in error
    assert "400.00 were recorded here" in error
    return second


def test_what_was_changed_by_hand_is_adopted_and_added_to(
    bookkeeper: Operator, connectwise: Simulator, invoice: int, refused: str
) -> None:
    ran = bookkeeper.runs("truth", "adopt", invoice, stdin="y\n")
    assert ran.exit_code == 0
    assert bookkeeper.deployment.import_records(refused).errors == []
    [paid] = connectwise.payments(invoice)
    assert paid["amount"] == 550
    shown = bookkeeper.runs("truth", "show", f"RC2-{invoice}").output
    assert "together 550" in shown
    assert f"-{invoice}: 50" in shown


def test_what_was_changed_by_hand_is_reset_and_replaced(
    bookkeeper: Operator, connectwise: Simulator, invoice: int, refused: str
) -> None:
    assert bookkeeper.runs("truth", "reset", invoice_number(invoice), "--yes").exit_code == 0
    assert bookkeeper.deployment.import_records(refused).errors == []
    [paid] = connectwise.payments(invoice)
    assert paid["amount"] == 100


def test_receipts_go_on_adding_up_in_a_new_stack(
    bookkeeper: Operator, deploy_once: Deploy, connectwise: Simulator, invoice: int
) -> None:
    receipts = [
        payment(external_id=f"RC{number}-{invoice}", invoice=invoice, amount=100 * number)
        for number in (1, 2, 3)
    ]
    assert bookkeeper.deployment.import_records(*receipts[:2]).errors == []
    file = bookkeeper.folder / "export.xml"
    assert bookkeeper.runs("truth", "export", file).exit_code == 0
    moved = Operator(deploy_once(SecondPayment="Add"), bookkeeper.folder)
    assert moved.runs("truth", "import", file).exit_code == 0
    assert moved.deployment.import_records(receipts[2]).errors == []
    [paid] = connectwise.payments(invoice)
    assert paid["amount"] == 600


# ---- check ---------------------------------------------------------------------------------------


def verdict(output: str, name: str) -> str:
    """What `check` says of one thing, and below it."""
    lines = output.splitlines()
    [place] = [place for place, line in enumerate(lines) if line.startswith(name)]
    below = takewhile(lambda line: line.startswith(" "), lines[place + 1 :])
    return " ".join([lines[place].removeprefix(name).strip(), *(line.strip() for line in below)])


def test_check_ends_with_0_where_nothing_is_missing(
    deploy_once: Deploy, connectwise: Simulator, tmp_path: Path
) -> None:
    """In a stack of its own: what other tests have left is found."""
    operator = Operator(deploy_once(), tmp_path)
    connectwise.clear_calls()
    ran = operator.runs("check")
    assert ran.exit_code == 0
    assert {call.method for call in connectwise.calls()} == {"GET"}
    assert verdict(ran.output, "Read invoices") == "ok"
    assert verdict(ran.output, "Read payments") == "ok"
    assert "What comes next:" in ran.output


def test_check_names_the_missing_permission(operator: Operator, connectwise: Simulator) -> None:
    connectwise.configure(read_payments=False)
    ran = operator.runs("check")
    assert ran.exit_code == 1
    assert verdict(ran.output, "Read payments").startswith("missing")
    assert "security role" in ran.output
    assert "Mend what is missing or failed" in ran.output


def test_check_says_that_the_keys_are_refused(operator: Operator, connectwise: Simulator) -> None:
    connectwise.rotate_keys()
    ran = operator.runs("check")
    assert ran.exit_code == 1
    assert "does not accept the keys" in verdict(ran.output, "Site, company and keys")


@pytest.mark.usefixtures("broken_secret")
def test_check_names_every_field_that_the_secret_lacks(operator: Operator) -> None:
    ran = operator.runs("check")
    assert ran.exit_code == 1
    assert "lacks company, publicKey, privateKey, clientId" in verdict(ran.output, "Secret")


def test_check_names_what_is_wrong_with_the_stack(
    deploy_once: Deploy, connectwise: Simulator, tmp_path: Path
) -> None:
    """An address that is unsubscribed, a rule that is off, a file that nothing imports."""
    looked_after = deploy_once(ReportEmail="books@example.com")
    operator = Operator(looked_after, tmp_path)
    assert operator.runs("check").exit_code == 0
    sns, topic = looked_after.stack.client("sns"), looked_after.stack.outputs["ReportTopicArn"]
    [subscribed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    looked_after.bucket.upload("incoming/receipts.csv", b"a,b")
    cloudformation = looked_after.stack.client("cloudformation")
    found = cloudformation.describe_stack_resource(
        StackName=looked_after.stack.name, LogicalResourceId="FileArrivedRule"
    )
    rule = found["StackResourceDetail"]["PhysicalResourceId"]
    looked_after.stack.client("events").disable_rule(Name=rule)
    ran = operator.runs("check")
    assert ran.exit_code == 1
    assert f"aws events enable-rule --name {rule}" in verdict(ran.output, "Imports are")
    assert "receipts.csv" in verdict(ran.output, "Every upload is imported")
    subscribe = f"aws sns subscribe --topic-arn {topic} --protocol email"
    assert subscribe in verdict(ran.output, "Reports")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="books@example.com")
    assert verdict(operator.runs("check").output, "Reports").startswith("reach somebody")


# ---- preview -------------------------------------------------------------------------------------


def test_preview_writes_nothing_anywhere(
    operator: Operator, connectwise: Simulator, invoice: int
) -> None:
    connectwise.clear_calls()
    record = payment(external_id=f"P-{invoice}", invoice=invoice, amount=5)
    operator.previews(operator.has("p.xml", payment_file(record)))
    assert {call.method for call in connectwise.calls()} == {"GET"}
    assert operator.deployment.truth(f"P-{invoice}") == {}
    assert not operator.deployment.bucket.exists("incoming/p.xml")


def test_an_import_does_what_the_preview_said(
    strict_operator: Operator, connectwise: Simulator, invoices: list[int]
) -> None:
    """Record by record, with every rule and the common mistakes in one file."""
    paid, known, new, other, twice, hidden = invoices[:6]
    connectwise.add_payment(paid, 5)
    connectwise.add_payment(hidden, 0)  # does not show in the invoice's sum
    own = connectwise.add_payment(other, 5)
    strict_operator.deployment.import_records(
        payment(external_id=f"K-{known}", invoice=known, amount=5)
    )
    file = strict_operator.has(
        "compared.xml",
        payment_file(
            payment(external_id=f"A-{paid}", invoice=paid, amount=6),
            payment(external_id=f"K-{known}", invoice=known, amount=6),
            payment(number=invoice_number(new), amount=6, paymentDate="2026-02-03"),
            payment(payment_id=own["id"], invoice=other, appliedBy="Me"),
            payment(external_id=f"B-{twice}", invoice=twice, amount=6),
            payment(external_id=f"B-{twice}", invoice=twice, amount=7),
            payment(invoice=twice, amount=8),
            payment(invoice=hidden, amount=6),
            payment(payment_id=123_456, invoice=other, amount=6),
            payment(invoice=3, amount=6),
            payment(number="NO-SUCH", amount=6),
            payment(invoice=new),
            payment(invoice=new, amount="six"),
        ),
    )
    said = strict_operator.previews(file)
    assert strict_operator.runs("import", file).exit_code == 1
    results = strict_operator.folder
    succeeded = read_records((results / "compared.success.xml").read_bytes())
    failed = read_records((results / "compared.fail.xml").read_bytes())
    sent = [row for row in said if row["action"] in ("create", "update")]
    kept = [row for row in said if row["action"] in ("skip", "reject")]
    assert [row["invoice"] for row in sent] == [
        record.values.get("invoice/identifier") or record.values["invoice/id"]
        for record in succeeded
    ]
    for row, record in zip(sent, succeeded, strict=True):
        assert row["paymentId"] in (None, record.payment_id)
        assert record.payment_id in {
            payment["id"] for payment in connectwise.payments(_invoice_id(row["invoice"]))
        }
    assert [_comparable(row["messages"]) for row in kept] == [
        _comparable(record.errors) for record in failed
    ]
    entry = strict_operator.deployment.import_of("compared.xml")
    for action, count in (("create", "created"), ("update", "updated"), ("skip", "skipped")):
        assert entry[count] == sum(row["action"] == action for row in said)


def _invoice_id(named: str) -> int:
    return int(named.removeprefix("INV-"))


def _comparable(messages: list[str]) -> list[str]:
    """Without what only an import knows: the id of a new payment, time and file."""
    return [message.partition(" is payment ")[0] for message in messages]
