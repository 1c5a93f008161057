"""What `check` says of the stack itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.dynamodb import client_error
from payments.command.finding import Check, Verdict
from payments.command.stack_checks import stack_checks
from unit.operated import STACK, Session
from unit.test_command_subscribers import ARN, FakeSns
from unit.watched_stack import WatchedStack


class CheckedStack(WatchedStack):
    """A stack that is looked after."""

    def __init__(self) -> None:
        super().__init__()
        self.ringing: list[str] = []
        self.made = True
        self.enabled = "true"

    def checks(self) -> dict[str, Check]:
        """What is said of each thing."""
        found = self.deployment
        sns = FakeSns(("it@example.com", f"{ARN}:1"))
        session: Any = Session(**found.session._clients, cloudwatch=self, sns=sns)
        deployment = replace(
            found,
            outputs={**found.outputs, "NotificationTopicArn": ARN, "ReportTopicArn": ARN},
            parameters={
                **found.parameters,
                "Enabled": self.enabled,
                "AlarmEmail": "",
                "ReportEmail": "",
            },
            session=session,
        )
        return {check.name: check for check in stack_checks(deployment)}

    # boto3's clients of CloudFormation, CloudWatch and EventBridge

    def describe_stack_resources(self, **_: Any) -> dict[str, Any]:
        alarms = ("FilesFailedAlarm", "DeadLettersAlarm")
        found = [("AWS::Events::Rule", "FileArrivedRule")] if self.made else []
        found += [("AWS::CloudWatch::Alarm", name) for name in alarms]
        rows = [
            {"ResourceType": kind, "LogicalResourceId": name, "PhysicalResourceId": f"stack-{name}"}
            for kind, name in found
        ]
        return self._answer("DescribeStackResources", {"StackResources": rows})

    def describe_alarms(self, *, AlarmNames: list[str], StateValue: str) -> dict[str, Any]:  # noqa: N803
        assert (AlarmNames, StateValue) == (
            ["stack-FilesFailedAlarm", "stack-DeadLettersAlarm"],
            "ALARM",
        )
        rows = [{"AlarmName": name, "AlarmDescription": "Do it."} for name in self.ringing]
        return self._answer("DescribeAlarms", {"MetricAlarms": rows})

    def describe_rule(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        assert Name == "stack-FileArrivedRule"
        if self.rule is None:
            raise client_error("ResourceNotFoundException")
        return self._answer("DescribeRule", {"State": self.rule})


@pytest.fixture
def stack() -> CheckedStack:
    return CheckedStack()


def bad(stack: CheckedStack) -> dict[str, str]:
    return {name: check.remark for name, check in stack.checks().items() if check.verdict.bad}


def test_where_nothing_is_wrong_all_is_well(stack: CheckedStack) -> None:
    assert {check.verdict for check in stack.checks().values()} == {Verdict.GOOD}


def test_an_alarm_that_rings_is_named_with_what_to_do(stack: CheckedStack) -> None:
    stack.ringing = ["stack-FilesFailedAlarm"]
    assert bad(stack) == {"No alarm rings": "FilesFailedAlarm: Do it."}


def test_imports_may_be_switched_off_by_parameter_or_by_hand(stack: CheckedStack) -> None:
    stack.rule = "DISABLED"
    check = stack.checks()["Imports are switched on"]
    assert "Somebody has switched the rule off" in check.remark
    assert check.command.startswith("aws events enable-rule --name stack-FileArrivedRule --region")
    stack.enabled = "false"
    assert "Parameter Enabled is false" in bad(stack)["Imports are switched on"]


def test_a_rule_that_is_not_there_is_a_finding(stack: CheckedStack) -> None:
    """Whether the stack does not have it, or somebody has deleted it."""
    stack.rule = None
    assert "deploy the stack anew" in bad(stack)["Imports are switched on"]
    stack.made = False
    assert "deploy the stack anew" in bad(stack)["Imports are switched on"]


def test_nothing_is_asked_twice(stack: CheckedStack) -> None:
    stack.checks()
    once = ("DescribeStackResources", "ListEventSourceMappings", "Scan", "DescribeRule")
    assert [stack.calls.count(operation) for operation in once] == [1, 1, 1, 1]
    counts = len(stack.queues) + 1  # and the ARN of the queue
    assert stack.calls.count("GetQueueAttributes") == counts


def test_a_queue_that_is_held_is_a_finding(stack: CheckedStack) -> None:
    stack.held = True
    assert f"`payments --stack {STACK} resume`" in bad(stack)["Queue goes on"]


def test_files_that_wait_are_counted_with_the_reason_of_the_first(stack: CheckedStack) -> None:
    waits = {"updatedAt": "2999-01-01T00:00:00Z", "error": "down"}
    stack.begin(stack.upload("a.xml"), "a.xml", **waits)
    stack.upload("b.xml")
    stack.queues["queue"] = ["{}", "{}"]
    check = stack.checks()["Files that wait"]
    assert check.verdict is Verdict.NOTE
    assert check.remark == "2, the first since 1970-01-01 00:00:01 UTC: down"


def test_uploads_that_nothing_will_import_are_a_finding(stack: CheckedStack) -> None:
    stack.upload("a.csv")
    assert "incoming/a.csv" in bad(stack)["Every upload is imported"]


def test_dead_letters_and_undelivered_events_are_findings(stack: CheckedStack) -> None:
    stack.queues |= {"dead": ["{}"], "undelivered": ["{}", "{}"]}
    assert "1 file(s)" in bad(stack)["Dead-letter queue is empty"]
    assert "2 upload(s)" in bad(stack)["Every upload is queued"]


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("DescribeStackResources", "No alarm rings"),
        ("DescribeAlarms", "No alarm rings"),
        ("DescribeRule", "Imports are switched on"),
        ("ListEventSourceMappings", "Queue goes on"),
        ("GetQueueAttributes", "Dead-letter queue is empty"),
    ],
)
def test_what_may_not_be_seen_is_said_and_is_no_finding(
    stack: CheckedStack, operation: str, name: str
) -> None:
    stack.denied = {operation}
    check = stack.checks()[name]
    assert check.verdict is Verdict.UNKNOWN
    assert "you lack" in check.remark.lower()
    assert bad(stack) == {}


def test_files_that_may_not_be_seen_are_not_said_to_be_none(stack: CheckedStack) -> None:
    stack.denied = {"ListObjectVersions"}
    checks = stack.checks()
    assert checks["Files that wait"].verdict is Verdict.UNKNOWN
    assert "s3:ListBucketVersions" in checks["Everything was looked at"].remark
    assert bad(stack) == {}
