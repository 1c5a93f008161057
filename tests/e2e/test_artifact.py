"""What `sam build` has made, run by AWS's own runtime: nothing missing, nothing there by luck."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack import LocalStack, Stack
from local_stack.clients import ROOT_CREDENTIALS
from local_stack.emulator import RuntimeEmulator, emulator_binary
from sam_local.events import Uploaded, event_about
from simulator.control import Simulator

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / ".aws-sam" / "build"
SAM = ROOT / ".build" / "sam"
PYTHON = ROOT / ".build" / "emulator" / "bin" / "python"
FILE = b"""<InvoicePayments>
  <InvoicePayment><invoice><id>7</id></invoice><amount>10.50</amount></InvoicePayment>
</InvoicePayments>"""


@pytest.fixture(scope="module")
def artifact() -> Path:
    if not PYTHON.exists():
        pytest.skip(
            "python3.13, the function's own runtime, is not on this machine: see `make sam`"
        )
    if not (BUILT / "template.yaml").exists():
        pytest.skip("there is no built artifact: run `make sam`")
    return BUILT


@pytest.fixture(scope="module")
def connectwise() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.add_invoices(count=20)
        yield simulator


@pytest.fixture(scope="module")
def stack(artifact: Path, connectwise: Simulator) -> Iterator[Stack]:
    with LocalStack() as local_stack:
        local_stack.put_secret("connectwise-payments", connectwise.secret)
        # The emulator calls the function, not the queue.
        yield local_stack.deploy(ROOT / "template.yaml", {"Enabled": "false"})


@pytest.fixture(scope="module")
def emulator(artifact: Path, stack: Stack) -> Iterator[RuntimeEmulator]:
    environment = {
        **_deployed_environment(stack),
        **ROOT_CREDENTIALS,
        "AWS_ENDPOINT_URL": stack.server.endpoint_url,
        "AWS_CA_BUNDLE": str(stack.server.certificate.certificate),
        "AWS_LAMBDA_FUNCTION_NAME": "ImportPaymentsFunction",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "900",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    }
    with RuntimeEmulator(
        binary=emulator_binary(SAM),
        python=PYTHON,
        function=artifact / "ImportPaymentsFunction",
        layer=artifact / "DependenciesLayer",
        handler="import_payments.app.lambda_handler",
        environment=environment,
    ) as emulator:
        yield emulator


def _deployed_environment(stack: Stack) -> dict[str, str]:
    configuration = stack.client("lambda").get_function_configuration(
        FunctionName=stack.outputs["FunctionName"]
    )
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables


def _event(name: str, stack: Stack, key: str) -> Any:
    """Upload a file, and return a sample event about it."""
    bucket = stack.bucket(stack.outputs["BucketName"])
    version_id = bucket.upload(key, FILE)
    etag = hashlib.md5(FILE).hexdigest()
    return event_about(name, Uploaded(bucket.name, key, version_id, etag, len(FILE)))


def test_the_built_function_imports_a_file_that_the_queue_brings(
    emulator: RuntimeEmulator, stack: Stack
) -> None:
    bucket = stack.bucket(stack.outputs["BucketName"])
    answer = emulator.invoke(_event("sqs-eventbridge.json", stack, "incoming/from-queue.xml"))
    assert [file["status"] for file in answer["files"]] == ["Succeeded"], emulator.log()
    assert b"<id>" in bucket.read("success/from-queue.xml")


def test_the_built_function_imports_a_file_of_a_plain_notification_with_an_awkward_key(
    emulator: RuntimeEmulator, stack: Stack
) -> None:
    bucket = stack.bucket(stack.outputs["BucketName"])
    answer = emulator.invoke(_event("s3-put-awkward-key.json", stack, "incoming/a+b c.xml"))
    assert [file["status"] for file in answer["files"]] == ["Succeeded"], emulator.log()
    assert b"<id>" in bucket.read("success/a+b c.xml")


def test_the_runtime_has_no_package_that_only_the_tests_install(artifact: Path) -> None:
    installed = {path.name.lower() for path in (PYTHON.parent.parent / "lib").rglob("*.dist-info")}
    assert not any(
        name.startswith(("requests-", "defusedxml-", "aws_lambda_")) for name in installed
    )
