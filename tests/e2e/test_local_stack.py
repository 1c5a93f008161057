"""The local stack itself: it behaves as AWS does where the product relies on AWS."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack import Bucket, DeploymentFailed, Function, LocalStack, Stack, wait_for

PROBE = Path(__file__).parent / "probe"


@pytest.fixture(scope="module")
def local_stack() -> Iterator[LocalStack]:
    with LocalStack() as running:
        yield running


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> Stack:
    return local_stack.deploy(PROBE / "template.yaml", {"Enabled": "true"}, "probe")


@pytest.fixture
def bucket(stack: Stack) -> Bucket:
    return stack.bucket(stack.outputs["BucketName"])


@pytest.fixture
def function(stack: Stack) -> Function:
    return stack.function(stack.outputs["FunctionName"])


@pytest.fixture
def short_visibility(stack: Stack) -> Iterator[None]:
    queue = stack.queue(stack.outputs["QueueUrl"])
    queue.set_visibility_timeout(1)
    yield
    queue.set_visibility_timeout(30)


def seen(bucket: Bucket, key: str) -> dict[str, Any]:
    """What the function wrote down when it finished the file."""
    answer: dict[str, Any] = json.loads(bucket.wait_for(f"seen/{key}"))
    return answer


def keys_received(function: Function) -> list[str]:
    lines = [line for line in function.logs() if line.startswith('{"received"')]
    return [json.loads(line)["object"]["key"] for line in lines]


def test_the_event_names_the_version_of_the_object(bucket: Bucket) -> None:
    """AWS always sends it for a versioned bucket."""
    version_id = bucket.upload("incoming/version.xml", b"<x/>")
    assert version_id
    assert seen(bucket, "incoming/version.xml")["object"]["version-id"] == version_id


def test_every_overwrite_is_an_event_with_its_own_version(
    bucket: Bucket, function: Function
) -> None:
    """Two uploads under one key are two files."""
    versions = [bucket.upload("incoming/twice.xml", body) for body in (b"<a/>", b"<b/>")]
    seen(bucket, "incoming/twice.xml")

    def received() -> list[str]:
        lines = [json.loads(line) for line in function.logs() if '"incoming/twice.xml"' in line]
        return [line["object"]["version-id"] for line in lines if "object" in line]

    wait_for(lambda: len(received()) == 2)
    assert received() == versions


def test_the_event_carries_size_etag_and_sequencer(bucket: Bucket) -> None:
    """The other fields of `detail.object`."""
    bucket.upload("incoming/fields.xml", b"<abc/>")
    s3_object = seen(bucket, "incoming/fields.xml")["object"]
    head = bucket.s3.head_object(Bucket=bucket.name, Key="incoming/fields.xml")
    assert s3_object["size"] == 6
    assert s3_object["etag"] == head["ETag"].strip('"')
    assert s3_object["sequencer"]


@pytest.mark.parametrize("name", ["a+b c.xml", "100%25.xml", "Zahlungen für März.xml", "x/y/z.xml"])
def test_keys_arrive_as_they_were_uploaded(bucket: Bucket, name: str) -> None:
    """EventBridge does not URL-encode keys, unlike a plain S3 notification."""
    key = f"incoming/{name}"
    bucket.upload(key, b"<x/>")
    assert seen(bucket, key)["object"]["key"] == key


def test_only_keys_that_match_the_wildcard_reach_the_function(
    bucket: Bucket, function: Function
) -> None:
    """The rule's pattern decides, with prefix and suffix."""
    bucket.upload("incoming/not.txt", b"")
    bucket.upload("elsewhere/not.xml", b"")
    bucket.upload("incoming/matching.xml", b"")
    seen(bucket, "incoming/matching.xml")
    assert not {"incoming/not.txt", "elsewhere/not.xml"} & set(keys_received(function))


def test_files_are_handled_in_the_order_of_their_upload(bucket: Bucket, function: Function) -> None:
    """One message group: one file at a time."""
    keys = [f"incoming/order/{number:02}.xml" for number in range(20)]
    for key in keys:
        bucket.upload(key, b"")
    seen(bucket, keys[-1])
    assert [key for key in keys_received(function) if "order/" in key] == keys


def test_a_message_put_back_comes_again_before_the_next_one(
    bucket: Bucket, function: Function
) -> None:
    """ChangeMessageVisibility with a reported failure is a delay, not a reordering."""
    bucket.upload("incoming/put back/1 once more.xml", b"")
    bucket.upload("incoming/put back/2.xml", b"")
    seen(bucket, "incoming/put back/2.xml")
    assert seen(bucket, "incoming/put back/1 once more.xml")["received"] == 2
    assert [key[-13:] for key in keys_received(function) if "put back" in key] == [
        "once more.xml",
        "once more.xml",
        "put back/2.xml"[-13:],
    ]


def test_a_message_received_too_often_moves_to_the_dead_letter_queue(
    stack: Stack, bucket: Bucket
) -> None:
    """The queue's redrive policy."""
    dead_letters = stack.queue(stack.outputs["DeadLetterQueueUrl"])
    bucket.upload("incoming/always fails.xml", b"")
    stack.wait_for(lambda: dead_letters.visible() == 1, 20, "the dead letter")


@pytest.mark.usefixtures("short_visibility")
def test_a_run_that_takes_too_long_is_ended_and_its_message_comes_again(
    bucket: Bucket, function: Function
) -> None:
    """The function's Timeout is enforced."""
    bucket.upload("incoming/hang until the timeout.xml", b"")
    assert seen(bucket, "incoming/hang until the timeout.xml")["received"] == 2


@pytest.mark.usefixtures("short_visibility")
def test_a_killed_run_is_noticed_and_its_message_comes_again(
    stack: Stack, bucket: Bucket, function: Function
) -> None:
    """SIGKILL, as when the memory is exhausted."""
    stack.wait_for(stack.queue(stack.outputs["QueueUrl"]).is_empty)
    bucket.upload("incoming/hang until killed.xml", b"")
    stack.wait_for(lambda: stack.queue(stack.outputs["QueueUrl"]).in_flight() == 1)
    for pid in stack.wait_for(function.worker_pids):
        os.kill(pid, signal.SIGKILL)
    assert seen(bucket, "incoming/hang until killed.xml")["received"] == 2


def test_a_missing_permission_fails(function: Function) -> None:
    """The function's role is enforced: the probe's may write but not delete."""
    answer = function.invoke({"delete": "seen/x"})
    assert "AccessDenied" in answer["errorMessage"]


def test_the_bucket_policy_refuses_plain_http(local_stack: LocalStack, function: Function) -> None:
    """The same call over TLS is what every other test here relies on."""
    answer = function.invoke({"write over": local_stack.server.http_endpoint_url})
    assert "AccessDenied" in answer["errorMessage"]
    assert "explicit deny" in answer["errorMessage"]


def test_the_function_verifies_the_certificate(function: Function) -> None:
    """It is told over TLS what to trust by its environment, not by the template."""
    environment = function.invoke({"environment": True})
    assert environment["AWS_ENDPOINT_URL"].startswith("https://127.0.0.1:")
    assert "BEGIN CERTIFICATE" in Path(environment["AWS_CA_BUNDLE"]).read_text()


def test_the_function_sees_the_layer_and_boto3_but_none_of_ministacks_packages(
    function: Function,
) -> None:
    """A dependency that the layer forgot must not be found by chance."""
    own = {"boto3": True, "idna": True}
    foreign = dict.fromkeys(
        ["ministack", "yaml", "pydantic", "hypercorn", "pytest", "local_stack"], False
    )
    assert function.invoke({"import": [*own, *foreign]}) == own | foreign


def test_the_caller_s_environment_does_not_reach_the_function(
    function: Function,
) -> None:
    """Neither an AWS profile nor a Python path."""
    environment = function.invoke({"environment": True})
    assert not {"AWS_PROFILE", "PYTHONPATH", "HTTPS_PROXY", "VIRTUAL_ENV"} & set(environment)
    assert environment["HOME"] != str(Path.home())


def test_metrics_are_read_from_the_log(stack: Stack, bucket: Bucket) -> None:
    """CloudWatch takes them out of embedded-metric-format lines."""
    before = stack.metric_total("FilesSeen")
    bucket.upload("incoming/metric.xml", b"")
    seen(bucket, "incoming/metric.xml")
    stack.wait_for(lambda: stack.metric_total("FilesSeen") > before)
    metric = stack.metrics()[-1]
    assert (metric.namespace, metric.name, metric.values) == ("Probe", "FilesSeen", (1,))
    assert metric.dimensions == {"Kind": "test"}


def test_a_secret_can_be_created_and_replaced(local_stack: LocalStack) -> None:
    """As `aws secretsmanager create-secret` and `put-secret-value`."""
    for site in ("one", "two"):
        local_stack.put_secret("probe/secret", {"site": site})
        answer = local_stack.client("secretsmanager").get_secret_value(SecretId="probe/secret")
        assert json.loads(answer["SecretString"]) == {"site": site}


def test_a_failed_deployment_names_the_resource_and_the_reason(
    local_stack: LocalStack, tmp_path: Path
) -> None:
    """The message is all that one sees of it."""
    template = tmp_path / "template.yaml"
    template.write_text(
        textwrap.dedent("""\
            Resources:
              Broken:
                Type: AWS::SQS::Queue
                Properties: {QueueName: without-suffix, FifoQueue: true}
            """)
    )
    with pytest.raises(DeploymentFailed, match=r"Broken.*must end with \.fifo"):
        local_stack.deploy(template, stack_name="broken")


def test_deploying_again_updates_the_stack(local_stack: LocalStack) -> None:
    """A parameter switches the rule, as the product's `Enabled` does."""
    for enabled, state in (("true", "ENABLED"), ("false", "DISABLED")):
        stack = local_stack.deploy(PROBE / "template.yaml", {"Enabled": enabled}, "switched")
        [rule] = stack.resources("AWS::Events::Rule").values()
        events = local_stack.client("events")
        assert events.describe_rule(Name=rule)["State"] == state
    stack.delete()


def test_nothing_is_left_after_closing() -> None:
    """No process, no file, no open port."""
    with LocalStack() as running:
        stack = running.deploy(PROBE / "template.yaml")
        function = stack.function(stack.outputs["FunctionName"])
        function.invoke({"environment": True})
        directory, port = running.server.directory, running.server.port
        assert function.worker_pids()
    assert not directory.exists()
    assert not function.worker_pids()
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
                print(running.server.directory, flush=True)
                time.sleep(60)
            """)
    )
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, text=True, env=with_tests_on_the_path()
    ) as parent:
        assert parent.stdout is not None
        directory = Path(parent.stdout.readline().strip())
        assert (directory / "ministack.log").exists()
        parent.kill()
    wait_for(lambda: not directory.exists(), 10, "the directory to be removed")


def with_tests_on_the_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROBE.parents[1])}
