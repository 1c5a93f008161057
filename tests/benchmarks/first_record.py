"""A fresh process until its first record is imported: `… first_record ANSWER [NOTIFICATION]`.

Without a notification the same process imports boto3 and requests, and nothing else. Imports stand
where they are measured.
"""
# ruff: noqa: PLC0415, F401

from time import perf_counter, process_time

_STEPS = [("started", perf_counter(), process_time())]


def _note(step: str) -> None:
    _STEPS.append((step, perf_counter(), process_time()))


def _import_alone() -> None:
    import boto3
    import requests

    _note("imported")


def _import_one_record(notification: str) -> None:
    import import_payments.app
    from payments.bootstrap import event_handler

    _note("imported")
    handler = event_handler()
    _note("built")
    import json

    handler.handle(json.loads(notification), 900.0)
    _note("first record")


def _main() -> None:
    import sys

    if len(sys.argv) > 2:
        _import_one_record(sys.argv[2])
    else:
        _import_alone()

    import json
    from pathlib import Path

    Path(sys.argv[1]).write_text(json.dumps(_STEPS))


if __name__ == "__main__":
    _main()
