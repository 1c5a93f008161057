"""A deployed stack: where its bucket, tables and queues are, and how it is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from payments.command.names import key_of
from payments.command.problem import CommandFailed
from payments.models import SecondPayment
from payments.stores.aws import error_code
from payments.stores.result_files import ResultKeys, result_keys
from payments.wording import command

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60
)
_OUTPUTS = (
    "BucketName",
    "FunctionName",
    "TruthTableName",
    "LedgerTableName",
    "ImportsTableName",
    "QueueUrl",
    "DeadLetterQueueUrl",
    "UndeliveredEventsQueueUrl",
    "NotificationTopicArn",
    "ReportTopicArn",
)
_PARAMETERS = (
    "ConnectWiseSecretName",
    "ConnectWiseApiVersion",
    "MaxConnections",
    "PreventReprocessing",
    "SecondPayment",
    "CallsPerMinute",
    "CurrencyDecimals",
    "AlarmEmail",
    "ReportEmail",
    "Enabled",
    "IncomingPrefix",
    "SuccessPrefix",
    "FailPrefix",
    "ReportPrefix",
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stack of this application."""

    stack: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    session: boto3.Session = field(repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def find(cls, session: boto3.Session, stack: str) -> Deployment:
        """Ask CloudFormation for the stack; raises CommandFailed if it is none of ours."""
        try:
            cloudformation = session.client("cloudformation", config=_CONFIG)
            found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise
            where = f"There is no stack {stack} in region {session.region_name}."
            raise CommandFailed(
                f"{where}{_account(session)} Name another with --stack (or PAYMENTS_STACK), "
                "--region or --profile."
            ) from error
        outputs = {row["OutputKey"]: row["OutputValue"] for row in found.get("Outputs", ())}
        parameters = {
            row["ParameterKey"]: row["ParameterValue"] for row in found.get("Parameters", ())
        }
        missing = [name for name in _OUTPUTS if name not in outputs]
        missing += [name for name in _PARAMETERS if name not in parameters]
        if missing:
            raise CommandFailed(
                f"Stack {stack} is {found['StackStatus']} and has no {', '.join(missing)}: it is "
                "not this application, or another version of it. Deploy this version (`sam build "
                "&& sam deploy`), or use the command of that version."
            )
        return cls(stack, outputs, parameters, session)

    def command(self, words: str, key: str | None = None) -> str:
        """Return the command that does that with this stack, for a shell."""
        return command(self.stack, words, key)

    @property
    def region(self) -> str:
        """The region it is in."""
        region: str = self.session.region_name
        return region

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, config=_CONFIG)
        return self._clients[service]

    @property
    def dynamodb(self) -> Any:
        """The boto3 resource DynamoDB."""
        if "dynamodb resource" not in self._clients:
            self._clients["dynamodb resource"] = self.session.resource("dynamodb", config=_CONFIG)
        return self._clients["dynamodb resource"]

    def queue_arn(self, url: str) -> str:
        """Return the ARN of a queue."""
        answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn

    @property
    def imports_table(self) -> Any:
        """The imports table, as a boto3 resource."""
        return self.dynamodb.Table(self.outputs["ImportsTableName"])

    @property
    def truth_table_name(self) -> str:
        """The name of the truth table."""
        return self.outputs["TruthTableName"]

    @property
    def bucket(self) -> str:
        """The bucket for files to import, success files and fail files."""
        return self.outputs["BucketName"]

    @property
    def secret_name(self) -> str:
        """The secret with the connection to ConnectWise."""
        return self.parameters["ConnectWiseSecretName"]

    @property
    def incoming_prefix(self) -> str:
        """Where files to import belong."""
        return self.parameters["IncomingPrefix"]

    def key_of(self, name: str) -> str:
        """Return the key of an incoming file that somebody looks for by its name or address."""
        return key_of(self.bucket, self.incoming_prefix, name)

    def result_keys(self, key: str) -> ResultKeys:
        """Return where the files go that an import of `key` leaves."""
        folders = ("IncomingPrefix", "SuccessPrefix", "FailPrefix", "ReportPrefix")
        return result_keys(key, *(self.parameters[name] for name in folders))

    @property
    def enabled(self) -> bool:
        """Whether new files are imported."""
        return self.parameters["Enabled"] == "true"

    @property
    def prevent_reprocessing(self) -> bool:
        """Whether Prevent Reprocessing is on."""
        return self.parameters["PreventReprocessing"] == "true"

    @property
    def second_payment(self) -> SecondPayment:
        """What happens to a payment that others have made."""
        return SecondPayment(self.parameters["SecondPayment"])

    @property
    def currency_decimals(self) -> int:
        """How many decimals an amount has."""
        return int(self.parameters["CurrencyDecimals"])

    @property
    def calls_per_minute(self) -> int | None:
        """How many calls are made in a minute at most."""
        return int(self.parameters["CallsPerMinute"] or 0) or None

    @property
    def connections(self) -> int:
        """How many calls to ConnectWise are made at the same time."""
        return int(self.parameters["MaxConnections"])


def _account(session: boto3.Session) -> str:
    """Say which account was asked, nothing if that cannot be told."""
    try:
        account = session.client("sts", config=_CONFIG).get_caller_identity()["Account"]
    except (BotoCoreError, ClientError):
        return ""
    return f" The account that was asked is {account}."
