"""The rule that brings uploads into the queue: somebody may have switched it off, or deleted it."""

from __future__ import annotations

from botocore.exceptions import ClientError

from payments.command.deployment import Deployment
from payments.stores.aws import error_code

RULE = "FileArrivedRule"
"""Its name in the template."""

ABSENT = "absent"
DISABLED = "DISABLED"


def rule_state(deployment: Deployment, rule: str | None) -> str:
    """Return EventBridge's word for how a rule stands, ABSENT if it is not there."""
    if rule is None:
        return ABSENT
    try:
        state: str = deployment.client("events").describe_rule(Name=rule)["State"]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return ABSENT
    return state


def is_rule_off(deployment: Deployment) -> bool:
    """Tell whether no upload comes into the queue for it."""
    answer = deployment.client("cloudformation").describe_stack_resources(
        StackName=deployment.stack
    )
    found = {it["LogicalResourceId"]: it for it in answer["StackResources"]}
    rule = found.get(RULE, {}).get("PhysicalResourceId")
    return rule_state(deployment, rule) in (ABSENT, DISABLED)
