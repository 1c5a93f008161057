"""What the template promises: to whom deploys it, and to the function."""

import inspect
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from samtranslator.yaml_helper import yaml_parse

from e2e.permissions import EXPLAINED, IMPORTS_WAIT_FOR, TESTED_APART
from payments import settings
from payments.connectwise.api import CallCounts
from payments.import_state import Status, Tally
from payments.settings import SettingsInvalid, read_settings
from payments.telemetry import NAMESPACE, CloudWatchTelemetry
from unit.deployed_template import deployed_resources

TEMPLATE: dict[str, Any] = yaml_parse(
    (Path(__file__).parents[2] / "template.yaml").read_text(encoding="utf-8")
)
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE["Parameters"]
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
ROOT_OF_FUNCTIONS = str(Path(__file__).parents[2] / "functions")
ONE = "it@example.com"
CONSTRAINTS = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MinLength"}


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a kind."""
    return {
        name: resource.get("Properties", {})
        for name, resource in RESOURCES.items()
        if resource["Type"] == kind
    }


def only(kind: str) -> dict[str, Any]:
    (properties,) = resources(kind).values()
    return properties


FUNCTION = only("AWS::Serverless::Function")


def texts(value: object) -> Iterator[str]:
    """Yield every text in a part of the template."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


# Parameters and outputs


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_says_what_it_is_and_what_it_may_be(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"].strip().endswith(".")
    assert CONSTRAINTS & parameter.keys()
    if "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_default_is_allowed(name: str) -> None:
    parameter = PARAMETERS[name]
    default = parameter["Default"]
    if "AllowedPattern" in parameter:
        assert re.fullmatch(parameter["AllowedPattern"], default)
    if "AllowedValues" in parameter:
        assert default in parameter["AllowedValues"]
    if "MinValue" in parameter:
        assert parameter["MinValue"] <= default <= parameter["MaxValue"]


def test_every_parameter_is_in_a_group_of_the_console() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)


def test_every_parameter_is_used() -> None:
    used = "\n".join(texts([RESOURCES, TEMPLATE["Conditions"]]))
    for name in PARAMETERS:
        assert re.search(rf"\b{name}\b", used), name


@pytest.mark.parametrize("value", ["x", "incoming", "/incoming/", "a//b/", "a b/", "*/", ""])
def test_a_prefix_is_a_folder(value: str) -> None:
    for name in ("IncomingPrefix", "SuccessPrefix", "FailPrefix", "ReportPrefix"):
        assert not re.fullmatch(PARAMETERS[name]["AllowedPattern"], value)


def test_no_parameter_takes_a_secret() -> None:
    """The secret's content is never in the template; only its name is."""
    assert not any(parameter.get("NoEcho") for parameter in PARAMETERS.values())
    names = PARAMETERS.keys() - {"KmsKeyArn"}  # an address; its pattern takes nothing else
    assert not any(re.search("(?i)key|password|token", name) for name in names)


@pytest.mark.parametrize(
    "name",
    [
        *("BucketName", "FunctionName", "TruthTableName", "LedgerTableName", "ImportsTableName"),
        *("QueueUrl", "DeadLetterQueueUrl", "UndeliveredEventsQueueUrl"),
        *("NotificationTopicArn", "ReportTopicArn", "DashboardName"),
    ],
)
def test_the_outputs_that_others_rely_on_are_there(name: str) -> None:
    assert name in TEMPLATE["Outputs"]


@pytest.mark.parametrize("name", TEMPLATE["Outputs"])
def test_every_output_says_what_it_is(name: str) -> None:
    assert TEMPLATE["Outputs"][name]["Description"].strip().endswith(".")


# The function and its environment


class Recording(dict[str, str]):
    """An environment that notes which variables are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return default


def test_the_functions_environment_is_what_its_settings_read() -> None:
    environment = Recording()
    with pytest.raises(SettingsInvalid):
        read_settings(environment)
    given = set(FUNCTION["Environment"]["Variables"]) - {"POWERTOOLS_LOG_LEVEL"}
    given_by_lambda = {"AWS_REGION", "AWS_SAM_LOCAL"}  # the latter by SAM local alone
    assert given == environment.read - given_by_lambda


def test_only_the_settings_read_the_environment() -> None:
    """Their function is handed it by `bootstrap`; nothing else may look."""
    folder = Path(inspect.getfile(settings)).parent
    readers = {
        path.name
        for path in folder.glob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8"))
    }
    assert readers <= {"bootstrap.py", "__main__.py"}


def test_the_default_parameters_are_valid_settings() -> None:
    variables = FUNCTION["Environment"]["Variables"]
    environment = {"AWS_REGION": "eu-west-1"}
    for name, value in variables.items():
        (reference,) = texts(value)
        environment[name] = str(PARAMETERS.get(reference, {}).get("Default", reference))
    assert read_settings(environment).connections == PARAMETERS["MaxConnections"]["Default"]


def test_connections_have_the_same_bounds_everywhere() -> None:
    assert PARAMETERS["MaxConnections"]["MaxValue"] == settings.MAX_CONNECTIONS


def test_the_handler_is_where_the_template_says() -> None:
    module, _, name = FUNCTION["Handler"].rpartition(".")
    path = Path(__file__).parents[2] / FUNCTION["CodeUri"] / Path(*module.split("."))
    assert f"def {name}(" in path.with_suffix(".py").read_text(encoding="utf-8")


# The queue


def queues() -> tuple[dict[str, Any], dict[str, Any]]:
    found = resources("AWS::SQS::Queue")
    return found["FilesQueue"], found["DeadLetterQueue"]


def test_one_file_at_a_time_in_upload_order() -> None:
    files, dead_letters = queues()
    assert files["FifoQueue"] is dead_letters["FifoQueue"] is True
    assert files["ContentBasedDeduplication"] is True
    (target,) = only("AWS::Events::Rule")["Targets"]
    assert target["SqsParameters"]["MessageGroupId"]
    (event,) = FUNCTION["Events"].values()
    assert event["Properties"]["BatchSize"] == 1
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_no_second_run_begins_while_one_may_be_at_work() -> None:
    files, _ = queues()
    assert files["VisibilityTimeout"] > FUNCTION["Timeout"]


def test_what_eventbridge_cannot_deliver_is_kept_in_a_queue_of_its_own() -> None:
    """A standard one, since it takes no other; for as long as SQS keeps anything."""
    (target,) = only("AWS::Events::Rule")["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UndeliveredEventsQueue", "Arn"]}}
    undelivered = resources("AWS::SQS::Queue")["UndeliveredEventsQueue"]
    assert "FifoQueue" not in undelivered
    assert undelivered["MessageRetentionPeriod"] == 14 * 86_400


def queue_statements(name: str) -> dict[str, dict[str, Any]]:
    """The statements of a queue's policy, by their Sid."""
    [policy] = [
        policy
        for policy in resources("AWS::SQS::QueuePolicy").values()
        if policy["Queues"] == [{"Ref": name}]
    ]
    return {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}


@pytest.mark.parametrize("name", resources("AWS::SQS::Queue"))
def test_every_queue_denies_plain_http(name: str) -> None:
    denied = queue_statements(name)["OnlyTls"]
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    assert (denied["Action"], denied["Resource"]) == ("sqs:*", {"Fn::GetAtt": [name, "Arn"]})
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", ["FilesQueue", "UndeliveredEventsQueue"])
def test_of_all_services_only_the_rule_may_send(name: str) -> None:
    statements = queue_statements(name)
    assert statements.keys() == {"FromTheRule", "OnlyTls"}
    rule = {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["FileArrivedRule", "Arn"]}}}
    allowed = statements["FromTheRule"]
    assert (allowed["Action"], allowed["Condition"]) == ("sqs:SendMessage", rule)


def test_the_work_outlives_its_message() -> None:
    """A redrive goes on at the checkpoint as long as the outcomes before it are there.

    In a FIFO queue a message is as new as it was once sent when it has moved.
    """
    files, dead_letters = queues()
    in_queue, dead = files["MessageRetentionPeriod"], dead_letters["MessageRetentionPeriod"]
    rules = only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    (days,) = [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "work/"]
    assert days * 86_400 > in_queue + dead + in_queue


# What the function may do


def statements() -> list[dict[str, Any]]:
    found = []
    for role in resources("AWS::IAM::Role").values():
        for policy in role["Policies"]:
            found += policy["PolicyDocument"]["Statement"]
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("statement", statements(), ids=lambda statement: statement["Sid"])
def test_every_permission_is_for_something_of_this_stack(statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert not any("*" in action for action in listed(statement["Action"]))
    for resource in listed(statement["Resource"]):
        for text in texts(resource):
            assert "*" not in re.sub(r"(?<=Prefix\})\*$|(?<=/work/)\*$", "", text)
            assert text != "*"


def test_the_role_has_only_its_own_policies() -> None:
    for role in resources("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
    assert "Policies" not in FUNCTION


def test_every_permission_is_tested_or_explained() -> None:
    """A new one needs a test that fails without it, or a reason why there can be none."""
    granted = [
        (statement["Sid"], action)
        for statement in statements()
        for action in listed(statement["Action"])
    ]
    assert sorted(granted) == sorted([*IMPORTS_WAIT_FOR, *TESTED_APART, *EXPLAINED])


def test_every_test_of_a_permission_is_there() -> None:
    """They take the permission away by its statement and action."""
    path = Path(__file__).parents[1] / "e2e" / "test_operations.py"
    tests = path.read_text(encoding="utf-8").split("\ndef ")
    for (sid, action), name in TESTED_APART.items():
        [test] = [each for each in tests if each.startswith(f"{name}(")]
        assert f'"{sid}", "{action}"' in test


def permitted(resource: str) -> set[str]:
    """Return what the function may do with whatever a text in a resource names."""
    return {
        action
        for statement in statements()
        for action in listed(statement["Action"])
        if any(resource in text for text in texts(statement["Resource"]))
    }


def test_incoming_files_are_only_read() -> None:
    assert permitted("${IncomingPrefix}") == {"s3:GetObject", "s3:GetObjectVersion"}


def test_results_are_only_written() -> None:
    for folder in ("${SuccessPrefix}", "${FailPrefix}", "${ReportPrefix}"):
        assert permitted(folder) == {"s3:PutObject"}


def test_nothing_is_ever_deleted() -> None:
    actions = {action for statement in statements() for action in listed(statement["Action"])}
    deleting = {action for action in actions if "Delete" in action}
    assert deleting == {"sqs:DeleteMessage"}


# What is kept, and how safely

HOLDING = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue")


@pytest.mark.parametrize("name", [name for kind in HOLDING for name in resources(kind)])
def test_what_holds_files_or_records_survives_the_stack(name: str) -> None:
    """But not a first deployment that fails: the next one would find it in its way."""
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_who_uploads_may_list_the_folders_that_there_are_by_default() -> None:
    path = Path(__file__).parents[1] / "deployer" / "uploader.json"
    statements = json.loads(path.read_text(encoding="utf-8"))["Statement"]
    [listing] = [each for each in statements if each["Action"] == "s3:ListBucket"]
    listed_folders = listing["Condition"]["StringLike"]["s3:prefix"]
    for name in PARAMETERS:
        if name.endswith("Prefix"):
            assert f"{PARAMETERS[name]['Default']}*" in listed_folders


def test_who_deploys_may_undo_a_failed_first_deployment_and_delete_nothing_else() -> None:
    """CloudFormation deletes in the name of whoever deploys; nobody else does so with this."""
    path = Path(__file__).parents[1] / "deployer" / "policy.json"
    found = [
        statement
        for statement in json.loads(path.read_text(encoding="utf-8"))["Statement"]
        if {"s3:DeleteBucket", "dynamodb:DeleteTable"} & set(statement["Action"])
    ]
    [statement] = found
    called_via = {"aws:CalledVia": "cloudformation.amazonaws.com"}
    assert statement["Condition"] == {"ForAnyValue:StringEquals": called_via}


@pytest.mark.parametrize("name", resources("AWS::DynamoDB::Table"))
def test_tables_survive_the_stack_and_mistakes(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_tables_keys_are_those_that_others_rely_on() -> None:
    keys = {
        name: [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
        for name, table in resources("AWS::DynamoDB::Table").items()
    }
    assert keys == {
        "TruthTable": [("externalId", "HASH"), ("connection", "RANGE")],
        "LedgerTable": [("invoiceId", "HASH"), ("connection", "RANGE")],
        "ImportsTable": [("importId", "HASH")],
    }


def test_the_bucket_is_versioned_encrypted_private_and_tells_eventbridge() -> None:
    bucket = only("AWS::S3::Bucket")
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    notification = bucket["NotificationConfiguration"]["EventBridgeConfiguration"]
    assert notification == {"EventBridgeEnabled": True}
    (statement,) = only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_rule_is_switched_by_a_parameter() -> None:
    state = only("AWS::Events::Rule")["State"]
    assert state == {"Fn::If": ["IsEnabled", "ENABLED", "DISABLED"]}


def test_the_log_is_the_functions_own_and_does_not_grow_for_ever() -> None:
    (name,) = resources("AWS::Logs::LogGroup")
    assert FUNCTION["LoggingConfig"]["LogGroup"] == {"Ref": name}
    assert only("AWS::Logs::LogGroup")["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_log_level_is_that_of_the_program_and_not_of_its_libraries() -> None:
    """At DEBUG botocore and urllib3 would write down what they send and get."""
    assert FUNCTION["LoggingConfig"].keys() == {"LogGroup"}  # LogFormat would set the root's level
    program = """
import logging
from import_payments.app import logger
import payments.bootstrap
libraries = ("", "botocore", "boto3", "urllib3", "requests", "s3transfer")
print(logger.log_level, min(logging.getLogger(name).getEffectiveLevel() for name in libraries))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ROOT_OF_FUNCTIONS, "POWERTOOLS_LOG_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == [str(logging.DEBUG), str(logging.WARNING)]


# Alarms and the dashboard


class FakeMetrics(Metrics):
    """Metrics that only note their names."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def add_metric(self, name: str, *_: Any, **__: Any) -> None:
        self.names.add(name)

    def flush_metrics(self, *_: Any, **__: Any) -> None:
        pass


def published() -> set[str]:
    """Return the names of all metrics that the function publishes."""
    metrics = FakeMetrics()
    telemetry = CloudWatchTelemetry(metrics)
    telemetry.records(Tally(1, 1, 1, 1, replaced=1))
    telemetry.calls(CallCounts(1, 1))
    telemetry.delayed()
    for status in Status:
        if status is not Status.RUNNING:
            telemetry.file(status)
    return metrics.names


def dashboard_metrics() -> list[list[Any]]:
    """Return the metrics of all widgets; the texts to be put in are still their names."""
    (body,) = texts(only("AWS::CloudWatch::Dashboard")["DashboardBody"])
    widgets = json.loads(body)["widgets"]
    return [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]


def test_every_custom_metric_of_an_alarm_is_published() -> None:
    alarms = resources("AWS::CloudWatch::Alarm").values()
    custom = {alarm["MetricName"] for alarm in alarms if not alarm["Namespace"].startswith("AWS/")}
    assert custom
    assert custom <= published()
    assert {a["Namespace"] for a in alarms if a["MetricName"] in custom} == {NAMESPACE}


def test_the_dashboard_shows_every_custom_metric() -> None:
    shown = {metric[1] for metric in dashboard_metrics() if metric[0] == NAMESPACE}
    assert shown == published()


def test_the_metrics_that_others_rely_on_are_published() -> None:
    assert published() >= {
        *("PaymentsCreated", "PaymentsUpdated", "PaymentsSkipped", "PaymentsFailed"),
        *("FilesSucceeded", "FilesWithFailures", "FilesFailed", "ApiCalls", "ApiThrottled"),
    }


def test_custom_metrics_are_looked_for_under_the_service_that_they_are_published_under() -> None:
    service = FUNCTION["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    assert service == {"Ref": "AWS::StackName"}
    for alarm in resources("AWS::CloudWatch::Alarm").values():
        if alarm["Namespace"] == NAMESPACE:
            assert alarm["Dimensions"] == [{"Name": "service", "Value": service}]
    for metric in dashboard_metrics():
        if metric[0] == NAMESPACE:
            assert metric[2:4] == ["service", "${AWS::StackName}"]


@pytest.mark.parametrize("name", resources("AWS::CloudWatch::Alarm"))
def test_every_alarm_says_what_to_do_and_tells_somebody(name: str) -> None:
    alarm = deployed_resources(TEMPLATE)[name]["Properties"]
    assert len(alarm["AlarmDescription"]) > 60
    assert alarm["AlarmActions"] == [{"Ref": "NotificationTopic"}]
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("given", "silent"),
    [
        ({"AlarmEmail": ONE, "ReportEmail": ONE}, {"PaymentsFailedAlarm", "FilesFailedAlarm"}),
        ({"AlarmEmail": ONE, "ReportEmail": ONE, "ReportOn": "Never"}, set()),
        ({"AlarmEmail": ONE, "ReportEmail": "books@example.com"}, set()),
        ({"AlarmEmail": ONE}, set()),
        ({"ReportEmail": ONE}, set()),
        ({}, set()),
    ],
)
def test_whoever_gets_the_report_of_failures_gets_no_alarm_of_them(
    given: dict[str, str], silent: set[str]
) -> None:
    """Without any address somebody may have subscribed the topic himself."""
    deployed = deployed_resources(TEMPLATE, **given)
    alarms = {name for name in deployed if name in resources("AWS::CloudWatch::Alarm")}
    assert {n for n in alarms if "AlarmActions" not in deployed[n]["Properties"]} == silent


@pytest.mark.parametrize("parameter", ["AlarmEmail", "ReportEmail"])
def test_each_address_subscribes_to_its_own_topic(parameter: str) -> None:
    deployed = deployed_resources(TEMPLATE, **{parameter: ONE}).values()
    [found] = [each for each in deployed if each["Type"] == "AWS::SNS::Subscription"]
    topic = {"AlarmEmail": "NotificationTopic", "ReportEmail": "ReportTopic"}[parameter]
    assert found["Properties"]["TopicArn"] == {"Ref": topic}
    assert found["Properties"]["Endpoint"] == {"Ref": parameter}


@pytest.mark.parametrize("topic", resources("AWS::SNS::Topic"))
def test_topics_take_tls_only(topic: str) -> None:
    [policy] = [
        each["PolicyDocument"]["Statement"]
        for each in resources("AWS::SNS::TopicPolicy").values()
        if each["Topics"] == [{"Ref": topic}]
    ]
    [denied] = [statement for statement in policy if statement["Effect"] == "Deny"]
    assert (denied["Principal"], denied["Resource"]) == ("*", {"Ref": topic})
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_the_function_publishes_reports_and_it_publishes_nothing_else() -> None:
    [policy] = [
        each["PolicyDocument"]["Statement"]
        for each in resources("AWS::SNS::TopicPolicy").values()
        if each["Topics"] == [{"Ref": "ReportTopic"}]
    ]
    assert not [statement for statement in policy if statement["Effect"] == "Allow"]
    assert permitted("ReportTopic") == {"sns:Publish"}
    assert not permitted("NotificationTopic")


def test_the_readme_says_what_to_do_for_each_alarm() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("### What to do for each alarm")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE)
    assert sorted(f"{name}Alarm" for name in named) == sorted(resources("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", RESOURCES)
def test_everything_that_is_referred_to_is_there(name: str) -> None:
    known = {*RESOURCES, *PARAMETERS}
    for text in texts(RESOURCES[name]):
        for reference in re.findall(r"\$\{(\w+)(?:\.\w+)?\}", text):
            assert reference in known
