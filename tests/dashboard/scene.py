"""What happens before the picture is taken: files of every kind, and an outage."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count, islice

from e2e.deployed import FIRST_INVOICE, INVOICE_NUMBER, INVOICE_TOTAL, SECRET_NAME, Deployment
from e2e.payment_xml import payment, payment_file
from simulator.control import Budget, Simulator

LATENCY_SECONDS = 0.08
_INVOICES = 20_000
_PATIENCE_SECONDS = 240.0

Say = Callable[[str], None]


def play(deployment: Deployment, say: Say) -> None:
    """Let files come, and ConnectWise be slow, throttle, and be down."""
    connectwise = deployment.connectwise
    deployment.local_stack.put_secret(SECRET_NAME, connectwise.secret)
    connectwise.add_invoices(
        count=_INVOICES, first_id=FIRST_INVOICE, number=INVOICE_NUMBER, total=INVOICE_TOTAL
    )
    connectwise.configure(latency_seconds=LATENCY_SECONDS)
    invoices = count(FIRST_INVOICE)

    say("Good files")
    first = _new_payments(invoices, 600)
    _import(deployment, first, "monday.xml")
    say("The same file once more: skipped")
    _import(deployment, first, "monday-again.xml")
    say("Updates, and payments that fail")
    updated = [payment(invoice=FIRST_INVOICE + n, amount="2.00") for n in range(300)]
    failing = [payment(invoice=5, amount="1.00")] * 30
    _import(deployment, payment_file(*updated, *failing), "corrections.xml")
    say("Throttling")
    connectwise.configure(budget=Budget(requests=25, seconds=1.0))
    _import(deployment, _new_payments(invoices, 450), "throttled.xml")
    connectwise.configure(budget=None)
    say("A refused file")
    _import(deployment, b"<InvoicePayments><InvoicePayment></InvoicePayments>", "cut-off.xml")
    say("Several files at once, while ConnectWise is down")
    _outage(deployment, connectwise, [_new_payments(invoices, 300) for _ in range(4)])
    say("A run that cannot start")
    _broken_run(deployment, _new_payments(invoices, 200))


def _new_payments(invoices: "count[int]", number: int) -> bytes:
    return payment_file(
        *(
            payment(external_id=f"P-{each}", invoice=each, amount="1.00")
            for each in islice(invoices, number)
        )
    )


def _import(deployment: Deployment, content: bytes, name: str) -> None:
    deployment.upload(content, name)
    _wait(deployment, name)


def _wait(deployment: Deployment, name: str) -> None:
    deployment.stack.wait_for(
        lambda: "finishedAt" in deployment.import_of(name), _PATIENCE_SECONDS, name
    )


def _outage(deployment: Deployment, connectwise: Simulator, files: list[bytes]) -> None:
    connectwise.down()
    names = [f"tuesday-{number}.xml" for number in range(1, len(files) + 1)]
    for content, name in zip(files, names, strict=True):
        deployment.upload(content, name)
    deployment.settled(names[0])
    connectwise.up()
    for name in names:
        _wait(deployment, name)


def _broken_run(deployment: Deployment, content: bytes) -> None:
    client, name = deployment.stack.client("lambda"), deployment.stack.outputs["FunctionName"]
    environment = client.get_function_configuration(FunctionName=name)["Environment"]
    lacking = {k: v for k, v in environment["Variables"].items() if k != "TRUTH_TABLE_NAME"}
    deployment.queue.set_visibility_timeout(10)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": lacking})
    deployment.upload(content, "wednesday.xml")
    deployment.stack.wait_for(lambda: _errors(deployment, name), _PATIENCE_SECONDS, "an error")
    client.update_function_configuration(FunctionName=name, Environment=environment)
    _wait(deployment, "wednesday.xml")


def _errors(deployment: Deployment, function: str) -> float:
    now = datetime.now(UTC)
    answer = deployment.stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))
