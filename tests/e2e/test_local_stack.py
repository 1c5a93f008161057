"""The local stack itself: it is as strict as AWS where that counts, and leaves nothing behind."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from e2e.deployed import ROOT, Deployment
from e2e.somebody import somebody_with
from local_stack import LocalStack, Stack, wait_for
from local_stack.clients import Clients
from local_stack.guarded import new_directory, start_guarded
from local_stack.guardian import processes
from local_stack.server import REGION

pytestmark = pytest.mark.e2e

FOREIGN = ("ministack", "yaml", "pydantic", "hypercorn", "pytest", "requests", "local_stack")


def pids_of(session: int) -> set[int]:
    return {each.pid for each in processes() if each.session() == session}


def run_once(stack: Stack) -> list[int]:
    """Have the function's process started, and return it."""
    function = stack.function(stack.outputs["FunctionName"])
    assert function.invoke({"Event": "s3:TestEvent"})["files"] == []
    return function.worker_pids()


# As strict as AWS


def test_functions_run_on_a_python_that_has_boto3_and_nothing_else(
    default_deployment: Deployment,
) -> None:
    """A dependency that the layer forgot must not be found by chance."""
    pids = run_once(default_deployment.stack)
    runtime_python = str(ROOT / ".build" / "runtime" / "bin" / "python")
    commands = {each.command.split()[0] for each in processes() if each.pid in pids}
    assert commands == {runtime_python}
    program = f"import importlib.util as u; print([n for n in {FOREIGN} if u.find_spec(n)])"
    found = subprocess.run(
        [runtime_python, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"


@pytest.fixture(scope="module")
def writer(aws: LocalStack) -> Iterator[Clients]:
    """Somebody who may do anything with buckets and queues."""
    allowed = {"Effect": "Allow", "Action": ["s3:*", "sqs:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    with somebody_with(aws, policy, "writer") as clients:
        yield clients


def over_plain_http(aws: LocalStack, clients: Clients, service: str) -> Any:
    """A client with the same credentials."""
    keys = clients(service)._get_credentials()
    return boto3.client(
        service,
        endpoint_url=aws.server.http_endpoint_url,
        region_name=REGION,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )


def test_the_bucket_is_closed_to_plain_http(
    aws: LocalStack, default_deployment: Deployment, writer: Clients
) -> None:
    """Whoever may write may do so over TLS only."""
    bucket = default_deployment.bucket.name
    writer("s3").put_object(Bucket=bucket, Key="over-tls.txt", Body=b"")
    with pytest.raises(ClientError, match="explicit deny"):
        over_plain_http(aws, writer, "s3").put_object(Bucket=bucket, Key="over-http.txt", Body=b"")


@pytest.mark.parametrize("output", ["QueueUrl", "DeadLetterQueueUrl", "UndeliveredEventsQueueUrl"])
def test_the_queues_are_closed_to_plain_http(
    aws: LocalStack, default_deployment: Deployment, writer: Clients, output: str
) -> None:
    request: dict[str, Any] = {
        "QueueUrl": default_deployment.stack.outputs[output],
        "AttributeNames": ["QueueArn"],
    }
    writer("sqs").get_queue_attributes(**request)
    with pytest.raises(ClientError, match="explicit deny"):
        over_plain_http(aws, writer, "sqs").get_queue_attributes(**request)


# Nothing is left behind


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Every core has something else to do."""
    with ExitStack() as loops:
        for _ in range(os.cpu_count() or 1):
            process = loops.enter_context(
                subprocess.Popen([sys.executable, "-c", "while True: pass"])
            )
            loops.callback(process.kill)
        yield


@pytest.mark.usefixtures("busy_machine")
def test_nothing_is_left_after_closing() -> None:
    """No process, no file, no open port, on a busy machine too."""
    with LocalStack() as running:
        workers = run_once(running.deploy(ROOT / "template.yaml"))
        directory, port = running.server.directory, running.server.port
        session = running.server.process.guardian.pid
        pids = pids_of(session)
        assert set(workers) < pids
    assert not directory.exists()
    assert not pids & {each.pid for each in processes()}
    assert not pids_of(session)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """A test run that dies takes its MiniStack with it."""
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent("""\
            import time
            from local_stack import LocalStack
            with LocalStack() as running:
                print(running.server.process.guardian.pid, running.server.directory, flush=True)
                time.sleep(600)
            """)
    )
    with subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    ) as parent:
        assert parent.stdout is not None
        session, directory = parent.stdout.readline().split()
        assert len(pids_of(int(session))) > 1
        parent.kill()
    wait_for(lambda: not Path(directory).exists(), description="the folder to go")
    wait_for(lambda: not pids_of(int(session)), description="the end of all processes")


def test_what_does_not_want_to_end_is_killed() -> None:
    """Neither ignoring signals nor leaving the process group helps."""
    directory = new_directory("stubborn")
    program = textwrap.dedent("""\
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
        print(subprocess.Popen(sleeping, process_group=0).pid, flush=True)
        time.sleep(600)
        """)
    stubborn = start_guarded([sys.executable, "-c", program], directory, os.environ)
    wait_for(stubborn.log)
    pids = pids_of(stubborn.guardian.pid)
    assert int(stubborn.log()) in pids
    stubborn.close()
    assert not pids & {each.pid for each in processes()}
    assert not directory.exists()


def test_a_deleted_stack_leaves_no_process(aws: LocalStack) -> None:
    """Nor its folder: dozens are deployed in a test run."""
    stack = aws.deploy(ROOT / "template.yaml", {"Enabled": "false"}, "deleted")
    workers = run_once(stack)
    assert workers
    name = stack.outputs["FunctionName"]
    stack.delete()
    assert not set(workers) & {each.pid for each in processes()}
    assert not list(stack.server.directory.glob(f"*-{name}-*"))
