"""What `check` says of the stack itself: its switches, queues, files and alarms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from payments.clock import iso
from payments.command.deployment import Deployment
from payments.command.finding import Check, Verdict, if_permitted
from payments.command.letters import messages_in
from payments.command.pausing import paused
from payments.command.standing import Standing, State
from payments.command.status import Overview, overview
from payments.command.subscribers import subscriber_checks

_RESOURCES = "cloudformation:DescribeStackResources"
_COUNT = "sqs:GetQueueAttributes"
_ALARM = "AWS::CloudWatch::Alarm"
_RULE = "FileArrivedRule"
_MOST_SHOWN = 3


def stack_checks(deployment: Deployment) -> Iterator[Check]:
    """Yield one check after another; none of them needs ConnectWise."""
    yield _enabled(deployment)
    yield if_permitted(
        "Queue goes on", "lambda:ListEventSourceMappings", lambda: _going_on(deployment)
    )
    yield from _files(overview(deployment, 1))
    yield if_permitted("Dead-letter queue is empty", _COUNT, lambda: _dead_letters(deployment))
    if "UndeliveredEventsQueueUrl" in deployment.outputs:  # older templates have none
        yield if_permitted("Every upload is queued", _COUNT, lambda: _undelivered(deployment))
    yield if_permitted(
        "No alarm rings",
        f"{_RESOURCES} or cloudwatch:DescribeAlarms",
        lambda: _alarms(deployment),
    )
    yield from subscriber_checks(deployment)


def _enabled(deployment: Deployment) -> Check:
    name = "Imports are switched on"
    if not deployment.enabled:
        remark = "Parameter Enabled is false: new files stay where they are, also later."
        return Check(name, Verdict.FAILED, f"{remark} Deploy true.")
    return if_permitted(
        name, f"{_RESOURCES} or events:DescribeRule", lambda: _rule(deployment, name)
    )


def _rule(deployment: Deployment, name: str) -> Check:
    """Look whether somebody has switched the rule off by hand."""
    [rule] = [it["PhysicalResourceId"] for it in _resources(deployment) if _is_rule(it)]
    if deployment.client("events").describe_rule(Name=rule)["State"] != "DISABLED":
        return Check(name, Verdict.GOOD)
    remark = "Somebody has switched the rule off: new files stay where they are, also later."
    region = deployment.outputs["NotificationTopicArn"].split(":")[3]
    command = f"aws events enable-rule --name {rule} --region {region}"
    return Check(name, Verdict.FAILED, remark, command)


def _going_on(deployment: Deployment) -> Check:
    if not paused(deployment):
        return Check("Queue goes on", Verdict.GOOD)
    remark = "It is held: files wait until `payments resume`."
    return Check("Queue goes on", Verdict.FAILED, remark)


def _files(found: Overview) -> Iterator[Check]:
    waiting = [it for it in found.standings if not it.state.ended]
    nothing = Verdict.UNKNOWN if found.notes else Verdict.GOOD, "none to be seen"
    yield Check("Files that wait", *(_waiting(waiting) if waiting else nothing))
    if found.unclaimed:
        names = ", ".join(it.key for it in found.unclaimed[:_MOST_SHOWN])
        more = len(found.unclaimed) - _MOST_SHOWN
        told = names + (f" and {more} more" if more > 0 else "")
        remark = f"Nothing will import {told}. `payments status` says why, and what to do."
        yield Check("Every upload is imported", Verdict.FAILED, remark)
    if found.notes:
        yield Check("Everything was looked at", Verdict.NOTE, "\n".join(found.notes))


def _waiting(waiting: list[Standing]) -> tuple[Verdict, str]:
    oldest = min(it.upload.at if it.upload else it.at for it in waiting)
    since = iso(oldest).replace("T", " ").replace("Z", " UTC")
    told = f"{len(waiting)}, the first since {since}"
    held_up = [it for it in waiting if it.state in (State.WAITING, State.THROTTLED)]
    if held_up:
        return Verdict.NOTE, f"{told}: {held_up[0].told.why}"
    return Verdict.GOOD, told


def _dead_letters(deployment: Deployment) -> Check:
    name = "Dead-letter queue is empty"
    if not (count := messages_in(deployment, deployment.outputs["DeadLetterQueueUrl"])):
        return Check(name, Verdict.GOOD)
    remark = f"{count} file(s) could not be imported for days."
    return Check(name, Verdict.FAILED, f"{remark} Mend the reason, then `payments redrive`.")


def _undelivered(deployment: Deployment) -> Check:
    name = "Every upload is queued"
    url = deployment.outputs["UndeliveredEventsQueueUrl"]
    if not (count := messages_in(deployment, url)):
        return Check(name, Verdict.GOOD)
    remark = f"{count} upload(s) did not reach the queue: `payments redrive` brings them there."
    return Check(name, Verdict.FAILED, remark)


def _alarms(deployment: Deployment) -> Check:
    """Look at the alarms that CloudFormation has made: a name's beginning can be another's."""
    names = {
        it["PhysicalResourceId"]: it["LogicalResourceId"]
        for it in _resources(deployment)
        if it["ResourceType"] == _ALARM
    }
    cloudwatch = deployment.client("cloudwatch")
    answer = cloudwatch.describe_alarms(AlarmNames=[*names], StateValue="ALARM")
    ringing = [
        f"{names[it['AlarmName']]}: {it.get('AlarmDescription', '')}"
        for it in answer["MetricAlarms"]
    ]
    if ringing:
        return Check("No alarm rings", Verdict.FAILED, "\n".join(ringing))
    return Check("No alarm rings", Verdict.GOOD, f"{len(names)} alarms")


def _is_rule(resource: Any) -> bool:
    return bool(resource["LogicalResourceId"] == _RULE)


def _resources(deployment: Deployment) -> list[Any]:
    cloudformation = deployment.client("cloudformation")
    answer = cloudformation.describe_stack_resources(StackName=deployment.stack)
    return list(answer["StackResources"])
