"""The settings of a deployment, from the function's environment: the only place that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

from payments.models import SecondPayment
from payments.report import ReportOn
from payments.stores.bucket import WORK_PREFIX
from payments.wording import DEFAULT_STACK

MAX_CONNECTIONS = 64
MAX_CURRENCY_DECIMALS = 3
MAX_CALLS_PER_MINUTE = 99_999


class SettingsInvalid(Exception):
    """The function's environment is not what the template makes it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template's parameters and resources come to.

    `sam_local`: it is `sam local` that runs the function, which tells it so.
    """

    secret_name: str
    truth_table_name: str
    ledger_table_name: str
    imports_table_name: str
    queue_url: str
    prevent_reprocessing: bool
    incoming_prefix: str
    success_prefix: str
    fail_prefix: str
    report_prefix: str
    connections: int
    api_version: str
    report_on: ReportOn
    report_topic_arn: str
    region: str
    second_payment: SecondPayment = SecondPayment.REPLACE
    currency_decimals: int = 2
    calls_per_minute: int | None = None
    bucket_name: str = ""
    stack: str = DEFAULT_STACK
    sam_local: bool = False


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raises SettingsInvalid naming everything that is wrong at once."""
    variables = _Variables(environment)
    settings = Settings(
        secret_name=variables.text("CONNECTWISE_SECRET_NAME"),
        truth_table_name=variables.text("TRUTH_TABLE_NAME"),
        ledger_table_name=variables.text("LEDGER_TABLE_NAME"),
        imports_table_name=variables.text("IMPORTS_TABLE_NAME"),
        queue_url=variables.text("QUEUE_URL", default=""),
        prevent_reprocessing=variables.one_of("PREVENT_REPROCESSING", ("false", "true")) == "true",
        incoming_prefix=variables.text("INCOMING_PREFIX"),
        success_prefix=variables.text("SUCCESS_PREFIX"),
        fail_prefix=variables.text("FAIL_PREFIX"),
        report_prefix=variables.text("REPORT_PREFIX"),
        connections=variables.number("MAX_CONNECTIONS", 1, MAX_CONNECTIONS),
        api_version=variables.text("CONNECTWISE_API_VERSION"),
        report_on=ReportOn(variables.one_of("REPORT_ON", ReportOn)),
        report_topic_arn=variables.text("REPORT_TOPIC_ARN"),
        region=variables.text("AWS_REGION"),
        stack=variables.text("POWERTOOLS_SERVICE_NAME", default=DEFAULT_STACK),
        second_payment=SecondPayment(variables.one_of("SECOND_PAYMENT", SecondPayment, "Replace")),
        currency_decimals=variables.number("CURRENCY_DECIMALS", 0, MAX_CURRENCY_DECIMALS, "2"),
        calls_per_minute=variables.number("CALLS_PER_MINUTE", 0, MAX_CALLS_PER_MINUTE, "0") or None,
        bucket_name=variables.text("BUCKET_NAME", default=""),
        sam_local=variables.one_of("AWS_SAM_LOCAL", ("false", "true"), "false") == "true",
    )
    problems = variables.problems or _overlaps(settings)
    if problems:
        raise SettingsInvalid(f"The function's environment: {'; '.join(problems)}.")
    return settings


class _Variables:
    """The environment's variables; what is wrong with them is collected in `problems`.

    Blanks around a value do not count, and a `default` is for a variable that has no other.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name, "").strip() or default
        if value is None:
            self.problems.append(f"{name} is missing")
        return value or ""

    def one_of(self, name: str, words: Iterable[str], default: str | None = None) -> str:
        known = list(words)
        value = self.text(name, default)
        if value and value not in known:
            self.problems.append(f"{name} must be one of {', '.join(known)}")
        return value if value in known else known[0]

    def number(self, name: str, least: int, most: int, default: str | None = None) -> int:
        value = self.text(name, default)
        number = int(value) if re.fullmatch("[0-9]{1,9}", value) else -1
        if value and not least <= number <= most:
            self.problems.append(f"{name} must be a number from {least} to {most}")
        return number if least <= number <= most else least


def _overlaps(settings: Settings) -> list[str]:
    results = (settings.success_prefix, settings.fail_prefix, settings.report_prefix)
    folders = (settings.incoming_prefix, *results, WORK_PREFIX)
    if any(one.startswith(other) for one, other in permutations(folders, 2)):
        return [f"the folders {', '.join(folders)} must not lie in one another"]
    return []
