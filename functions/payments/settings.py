"""The settings of a deployment, from the function's environment: the only place that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

from payments.report import ReportOn
from payments.stores.bucket import WORK_PREFIX

MAX_CONNECTIONS = 64


class SettingsInvalid(Exception):
    """The function's environment is not what the template makes it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template's parameters and resources come to."""

    secret_name: str
    truth_table_name: str
    imports_table_name: str
    queue_url: str
    prevent_reprocessing: bool
    incoming_prefix: str
    success_prefix: str
    fail_prefix: str
    connections: int
    api_version: str
    report_on: ReportOn
    notification_topic_arn: str


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raises SettingsInvalid naming everything that is wrong at once."""
    problems: list[str] = []

    def text(name: str) -> str:
        value = environment.get(name, "").strip()
        if not value:
            problems.append(f"{name} is missing")
        return value

    prevent = text("PREVENT_REPROCESSING")
    if prevent not in ("true", "false", ""):
        problems.append("PREVENT_REPROCESSING must be true or false")
    connections = text("MAX_CONNECTIONS")
    if connections and not (connections.isdecimal() and 0 < int(connections) <= MAX_CONNECTIONS):
        problems.append(f"MAX_CONNECTIONS must be a number from 1 to {MAX_CONNECTIONS}")
    report_on = text("REPORT_ON")
    if report_on not in ("", *ReportOn):
        problems.append(f"REPORT_ON must be one of {', '.join(ReportOn)}")
    settings = Settings(
        secret_name=text("CONNECTWISE_SECRET_NAME"),
        truth_table_name=text("TRUTH_TABLE_NAME"),
        imports_table_name=text("IMPORTS_TABLE_NAME"),
        queue_url=environment.get("QUEUE_URL", "").strip(),
        prevent_reprocessing=prevent == "true",
        incoming_prefix=text("INCOMING_PREFIX"),
        success_prefix=text("SUCCESS_PREFIX"),
        fail_prefix=text("FAIL_PREFIX"),
        connections=int(connections) if connections.isdecimal() else 0,
        api_version=text("CONNECTWISE_API_VERSION"),
        report_on=ReportOn(report_on) if report_on in list(ReportOn) else ReportOn.NEVER,
        notification_topic_arn=text("NOTIFICATION_TOPIC_ARN"),
    )
    folders = (settings.incoming_prefix, settings.success_prefix, settings.fail_prefix, WORK_PREFIX)
    if not problems and any(one.startswith(other) for one, other in permutations(folders, 2)):
        problems.append(f"the folders {', '.join(folders)} must not lie in one another")
    if problems:
        raise SettingsInvalid(f"The function's environment: {'; '.join(problems)}.")
    return settings
