"""Whether the queue is held."""

from __future__ import annotations

from payments.command.deployment import Deployment

_RUNNING = frozenset(("Enabled", "Enabling", "Creating", "Updating"))


def paused(deployment: Deployment) -> bool:
    """Tell whether Lambda leaves the queue alone."""
    answer = deployment.client("lambda").list_event_source_mappings(
        FunctionName=deployment.outputs["FunctionName"]
    )
    states = [mapping["State"] for mapping in answer["EventSourceMappings"]]
    return bool(states) and not _RUNNING.intersection(states)
