"""Start MiniStack in this process, with its differences from AWS that matter here put right.

Started as `python -I launcher.py RUNTIME_PYTHON HTTP_PORT`; all else is MiniStack's environment.
-I and the file's path, not -m: a PYTHONPATH would reach the functions that MiniStack starts.
"""

import contextvars
import importlib
import json
import sys
import threading
from pathlib import Path
from typing import Any

import hypercorn.config
from ministack import app
from ministack.core import lambda_runtime
from ministack.services import eventbridge, s3, sqs

# Imported by MiniStack on the first deployment, which they would slow down by two seconds.
_NEEDED_BY_A_DEPLOYMENT = (
    "samtranslator.translator.transform",
    "ministack.services.cloudformation",
    "ministack.services.cloudformation.provisioners",
)


def main() -> None:
    """Put right what differs, then serve until killed."""
    runtime_python, http_port = sys.argv[1:]
    _run_functions_with(runtime_python)
    _add_version_id_to_eventbridge_events()
    _redrive_dead_letters()
    _listen_on_plain_http_too(http_port)
    _stay_off_port_443()
    _play_cloudwatch()
    threading.Thread(target=_import_ahead, daemon=True).start()
    sys.argv[1:] = []
    app.main()


def _run_functions_with(runtime_python: str) -> None:
    """AWS runs a function with a runtime that has boto3 and nothing else.

    MiniStack runs it with its own interpreter, so that MiniStack's packages would hide a missing
    dependency.
    """
    choose = lambda_runtime._detect_runtime_binary

    def choose_runtime(runtime: str) -> tuple[str, str]:
        binary, worker = choose(runtime)
        return (runtime_python if runtime.startswith("python") else binary), worker

    lambda_runtime._detect_runtime_binary = choose_runtime


def _add_version_id_to_eventbridge_events() -> None:
    """AWS names the version in `detail.object.version-id` when the bucket is versioned.

    MiniStack has the version id at hand but puts it into plain S3 notifications only.
    """
    current_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("current_version")
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
        token = current_version.set(version_id)
        try:
            fire(*args, version_id=version_id, **kwargs)
        finally:
            current_version.reset(token)

    def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        version_id = current_version.get(None)
        if version_id and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *args, **kwargs)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version


def _redrive_dead_letters() -> None:
    """AWS moves dead letters back to the queue that they are from, numbers them anew, at once done.

    MiniStack knows no such task.
    """

    def start(request: dict[str, Any], _url: str) -> dict[str, Any]:
        arn = request["SourceArn"]
        [url] = [url for url, queue in sqs._queues.items() if _dead_letters_of(queue) == arn]
        messages = sqs._queue_by_arn(arn)["messages"]
        for message in list(messages):
            sent = {"QueueUrl": url, "MessageBody": message["body"]}
            groups = {
                "MessageGroupId": message["group_id"],
                "MessageDeduplicationId": message["id"],
            }
            sqs._act_send_message(sent | groups, url)
            messages.remove(message)
        return {"TaskHandle": arn}

    sqs._HANDLERS["StartMessageMoveTask"] = start
    sqs._HANDLERS["ListMessageMoveTasks"] = lambda _request, _url: {"Results": []}


def _dead_letters_of(queue: dict[str, Any]) -> str | None:
    policy = json.loads(queue["attributes"].get("RedrivePolicy", "{}"))
    target: str | None = policy.get("deadLetterTargetArn")
    return target


def _listen_on_plain_http_too(port: str) -> None:
    """AWS answers plain http as well: what refuses it is the bucket's policy.

    With TLS on, MiniStack has no plain http port, so the policy could not be seen at work.
    """
    hypercorn.config.Config._insecure_bind = [f"127.0.0.1:{port}"]


def _stay_off_port_443() -> None:
    """MiniStack also takes port 443 when it may, for an AWS service that is not used here."""
    app._port_is_bindable = lambda _host, _port: False


def _play_cloudwatch() -> None:
    """AWS counts and watches by itself: `local_cloudwatch` says what, and what is missing here."""
    sys.path.append(str(Path(__file__).parents[1]))
    importlib.import_module("local_cloudwatch.service").start()


def _import_ahead() -> None:
    for module in _NEEDED_BY_A_DEPLOYMENT:
        importlib.import_module(module)


if __name__ == "__main__":
    main()
