"""What `check` says of the stack itself: its switches, queues, files and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from payments.clock import iso
from payments.command.deployment import Deployment
from payments.command.finding import Check, Verdict, if_permitted, not_permitted
from payments.command.letters import Letters
from payments.command.looking import Looking
from payments.command.rule import ABSENT, DISABLED, RULE, rule_state
from payments.command.scene import Scene
from payments.command.standing import Standing, State
from payments.command.status import Overview, overview
from payments.command.subscribers import subscriber_checks
from payments.wording import moment

_RESOURCES = "cloudformation:DescribeStackResources"
_PEEK = "sqs:GetQueueAttributes or sqs:ReceiveMessage"
_ALARM = "AWS::CloudWatch::Alarm"
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Resources:
    """What CloudFormation has made: the rule, if it is there, and the alarms with their names."""

    rule: str | None
    alarms: Mapping[str, str]


def stack_checks(deployment: Deployment) -> Iterator[Check]:
    """Yield one check after another; none of them needs ConnectWise."""
    found, looking = overview(deployment, 1), Looking()
    resources = looking.at("Resources", _RESOURCES, lambda: _resources(deployment))
    yield _enabled(deployment, resources)
    yield _going_on(found.scene)
    yield from _files(deployment, found)
    yield _dead_letters(found.scene)
    yield _undelivered(found.scene)
    yield _alarms_ringing(deployment, resources)
    yield from subscriber_checks(deployment)


def _enabled(deployment: Deployment, resources: Resources | None) -> Check:
    name = "Imports are switched on"
    if not deployment.enabled:
        remark = "Parameter Enabled is false: new files stay where they are, also later."
        return Check(name, Verdict.FAILED, f"{remark} Deploy true.")
    if resources is None:
        return not_permitted(name, _RESOURCES)
    return if_permitted(name, "events:DescribeRule", lambda: _rule(deployment, name, resources))


def _rule(deployment: Deployment, name: str, resources: Resources) -> Check:
    """Look whether somebody has deleted the rule, or switched it off by hand."""
    rule = resources.rule
    state = rule_state(deployment, rule)
    if state == ABSENT:
        remark = f"{RULE} is not there, and brings no file into the queue: deploy the stack anew."
        return Check(name, Verdict.FAILED, remark)
    if state != DISABLED:
        return Check(name, Verdict.GOOD)
    remark = "Somebody has switched the rule off: new files stay where they are, also later."
    command = f"aws events enable-rule --name {rule} --region {deployment.region}"
    return Check(name, Verdict.FAILED, remark, command)


def _going_on(scene: Scene) -> Check:
    name = "Queue goes on"
    if scene.paused is None:
        return not_permitted(name, "lambda:ListEventSourceMappings")
    if not scene.paused:
        return Check(name, Verdict.GOOD)
    remark = f"It is held: files wait until `{scene.command('resume')}`."
    return Check(name, Verdict.FAILED, remark)


def _files(deployment: Deployment, found: Overview) -> Iterator[Check]:
    waiting = [it for it in found.standings if not it.state.ended]
    nothing = Verdict.UNKNOWN if found.notes else Verdict.GOOD, "none to be seen"
    yield Check("Files that wait", *(_waiting(waiting) if waiting else nothing))
    if found.unclaimed:
        names = ", ".join(it.key for it in found.unclaimed[:_MOST_SHOWN])
        more = len(found.unclaimed) - _MOST_SHOWN
        told = names + (f" and {more} more" if more > 0 else "")
        status = deployment.command("status")
        remark = f"Nothing will import {told}. `{status}` says why, and what to do."
        yield Check("Every upload is imported", Verdict.FAILED, remark)
    if found.notes:
        yield Check("Everything was looked at", Verdict.NOTE, "\n".join(found.notes))


def _waiting(waiting: list[Standing]) -> tuple[Verdict, str]:
    oldest = min(it.upload.at if it.upload else it.at for it in waiting)
    told = f"{len(waiting)}, the first since {moment(iso(oldest))}"
    held_up = [it for it in waiting if it.state in (State.WAITING, State.THROTTLED)]
    if held_up:
        return Verdict.NOTE, f"{told}: {held_up[0].told.why}"
    return Verdict.GOOD, told


def _dead_letters(scene: Scene) -> Check:
    told = "file(s) could not be imported for days. Mend the reason, then"
    return _is_empty("Dead-letter queue is empty", scene.dead, f"{told} {_redrive(scene)}.")


def _undelivered(scene: Scene) -> Check:
    told = f"upload(s) did not reach the queue: {_redrive(scene)} brings them there."
    return _is_empty("Every upload is queued", scene.undelivered, told)


def _redrive(scene: Scene) -> str:
    return f"`{scene.command('redrive')}`"


def _is_empty(name: str, letters: Letters | None, told: str) -> Check:
    """Check a queue in which nothing should be; `told` is said behind the count of what is."""
    if letters is None:
        return not_permitted(name, _PEEK)
    if not letters.count:
        return Check(name, Verdict.GOOD)
    return Check(name, Verdict.FAILED, f"{letters.count} {told}")


def _alarms_ringing(deployment: Deployment, resources: Resources | None) -> Check:
    name = "No alarm rings"
    if resources is None:
        return not_permitted(name, _RESOURCES)
    look = "cloudwatch:DescribeAlarms"
    return if_permitted(name, look, lambda: _alarms(deployment, name, resources.alarms))


def _alarms(deployment: Deployment, name: str, names: Mapping[str, str]) -> Check:
    """Look at the alarms that CloudFormation has made: a name's beginning can be another's."""
    cloudwatch = deployment.client("cloudwatch")
    answer = cloudwatch.describe_alarms(AlarmNames=[*names], StateValue="ALARM")
    ringing = [
        f"{names[it['AlarmName']]}: {it.get('AlarmDescription', '')}"
        for it in answer["MetricAlarms"]
    ]
    if ringing:
        return Check(name, Verdict.FAILED, "\n".join(ringing))
    return Check(name, Verdict.GOOD, f"{len(names)} alarms")


def _resources(deployment: Deployment) -> Resources:
    cloudformation = deployment.client("cloudformation")
    answer = cloudformation.describe_stack_resources(StackName=deployment.stack)
    there = {it["LogicalResourceId"]: it for it in answer["StackResources"]}
    alarms = (it for it in there.values() if it["ResourceType"] == _ALARM)
    return Resources(
        there.get(RULE, {}).get("PhysicalResourceId"),
        {it["PhysicalResourceId"]: it["LogicalResourceId"] for it in alarms},
    )
