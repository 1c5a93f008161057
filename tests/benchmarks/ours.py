"""Ours: the function's own program, as its handler builds it, from the event to the success file.

Everything is included: fetching and checking the file, reading the truth table, looking invoices
up, sending, writing the truth table, storing outcomes and checkpoints, joining and publishing both
files, logs and metrics.
"""

import importlib

from benchmarks.job import Job, Work
from payments.bootstrap import event_handler

_REMAINING_SECONDS = 100_000.0


def prepare(job: Job) -> Work:
    """Return the import that the event asks for."""
    # For its logger and its imports, as deployed.
    importlib.import_module("import_payments.app")
    handler = event_handler()

    def work() -> None:
        answer = handler.handle(job.event, _REMAINING_SECONDS)
        assert answer["batchItemFailures"] == []

    return work
