"""Hold the queue, and let it go on: files wait in it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

from botocore.exceptions import ClientError

from payments.command.deployment import Deployment
from payments.command.imports import list_imports
from payments.command.problem import CommandFailed
from payments.stores.aws import error_code

_ENABLED, _ENABLING = "Enabled", "Enabling"
_DISABLED, _DISABLING = "Disabled", "Disabling"
_LOOKS = 60


@dataclass(frozen=True, slots=True)
class Switched:
    """How the queue stands now: Lambda's own word for it, and the files that are under way."""

    state: str
    under_way: tuple[str, ...] = ()

    def told(self, resume: str) -> str:
        """Return what an operator is to know of it; `resume` is the command for that."""
        if self.state in (_ENABLED, _ENABLING):
            soon = "" if self.state == _ENABLED else " AWS takes a minute or two for it (Enabling)."
            return f"Resumed: files are imported, and go on where they were.{soon}"
        soon = "" if self.state == _DISABLED else " AWS takes a minute or two for it (Disabling)."
        return (
            f"Paused: until `{resume}`, no file begins, and none goes on.{soon} Files may "
            "be uploaded meanwhile. Each waits for 14 days from its upload; after that it has to "
            "be uploaded again."
            f"{self._running}"
        )

    @property
    def _running(self) -> str:
        if not self.under_way:
            return ""
        return (
            f" Under way: {', '.join(self.under_way)}. A run that is at work just now goes on to "
            "its end, 15 minutes at most; then its file waits at its checkpoint."
        )


def _wait() -> None:
    sleep(1)


def pause(deployment: Deployment, wait: Callable[[], None] = _wait) -> Switched:
    """Hold the queue: the function gets no file any more. Twice is as well as once."""
    state = _switch(deployment, _DISABLED, _DISABLING, wait)
    rows = list_imports(deployment.imports_table)
    begun = (row for row in rows if not row.finished and not row.kept_from_beginning)
    return Switched(state, tuple(row.key for row in begun))


def resume(deployment: Deployment, wait: Callable[[], None] = _wait) -> Switched:
    """Let the queue go on. Twice is as well as once."""
    return Switched(_switch(deployment, _ENABLED, _ENABLING, wait))


def paused(deployment: Deployment) -> bool:
    """Tell whether the queue is held, or about to be."""
    return _mapping(deployment)["State"] in (_DISABLED, _DISABLING)


def _switch(deployment: Deployment, wanted: str, on_its_way: str, wait: Callable[[], None]) -> str:
    """Switch, wait a while until that has happened, and return the state."""
    found = _mapping(deployment)
    if found["State"] not in (wanted, on_its_way):
        _update(deployment, found["UUID"], wanted == _ENABLED)
        found = _mapping(deployment)
    for _ in range(_LOOKS):
        if found["State"] == wanted:
            return wanted
        wait()
        found = _mapping(deployment)
    return on_its_way


def _update(deployment: Deployment, uuid: str, enabled: bool) -> None:
    try:
        deployment.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=enabled)
    except ClientError as error:
        if error_code(error) != "ResourceInUseException":
            raise
        raise CommandFailed(
            "AWS is still at work on the last change of the queue: try again in a minute."
        ) from error


def _mapping(deployment: Deployment) -> Mapping[str, Any]:
    """Return what has the function get files from the queue."""
    answer = deployment.client("lambda").list_event_source_mappings(
        FunctionName=deployment.outputs["FunctionName"],
        EventSourceArn=deployment.queue_arn(deployment.outputs["QueueUrl"]),
    )
    found: list[Mapping[str, Any]] = answer["EventSourceMappings"]
    if not found:
        raise CommandFailed(
            f"Nothing brings files from the queue of stack {deployment.stack} to its function: "
            "somebody has deleted the event source mapping. Deploy the stack anew."
        )
    return found[0]
