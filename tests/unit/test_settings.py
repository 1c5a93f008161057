"""The function's environment."""

import pytest

from payments.report import ReportOn
from payments.settings import MAX_CONNECTIONS, Settings, SettingsInvalid, read_settings

COMPLETE = {
    "CONNECTWISE_SECRET_NAME": "connectwise",
    "CONNECTWISE_API_VERSION": "2026.1",
    "MAX_CONNECTIONS": "8",
    "PREVENT_REPROCESSING": "true",
    "INCOMING_PREFIX": "incoming/",
    "SUCCESS_PREFIX": "success/",
    "FAIL_PREFIX": "fail/",
    "REPORT_PREFIX": "reports/",
    "TRUTH_TABLE_NAME": "truth",
    "LEDGER_TABLE_NAME": "ledger",
    "IMPORTS_TABLE_NAME": "imports",
    "REPORT_ON": "OnFailure",
    "REPORT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:payments",
    "AWS_REGION": "eu-west-1",
    "QUEUE_URL": "https://sqs.example/queue",
    "CURRENCY_DECIMALS": "3",
}


def problem(**changes: str) -> str:
    with pytest.raises(SettingsInvalid) as invalid:
        read_settings({**COMPLETE, **changes})
    return str(invalid.value)


def test_the_environment_becomes_settings() -> None:
    assert read_settings({**COMPLETE, "PATH": "/bin"}) == Settings(
        secret_name="connectwise",
        truth_table_name="truth",
        ledger_table_name="ledger",
        imports_table_name="imports",
        queue_url="https://sqs.example/queue",
        prevent_reprocessing=True,
        incoming_prefix="incoming/",
        success_prefix="success/",
        fail_prefix="fail/",
        report_prefix="reports/",
        connections=8,
        api_version="2026.1",
        report_on=ReportOn.ON_FAILURE,
        report_topic_arn="arn:aws:sns:eu-west-1:123456789012:payments",
        region="eu-west-1",
        currency_decimals=3,
    )


def test_the_stack_is_known_by_the_name_of_the_service() -> None:
    """For the commands in mails, which somebody pastes."""
    assert read_settings({**COMPLETE, "POWERTOOLS_SERVICE_NAME": "b"}).stack == "b"


def test_blanks_around_values_do_not_matter() -> None:
    padded = {name: f" {value} " for name, value in COMPLETE.items()}
    assert read_settings(padded) == read_settings(COMPLETE)


def test_sam_local_is_known_by_its_own_variable() -> None:
    assert not read_settings(COMPLETE).sam_local
    assert read_settings({**COMPLETE, "AWS_SAM_LOCAL": "true"}).sam_local


@pytest.mark.parametrize(("text", "is_on"), [("true", True), ("false", False)])
def test_prevent_reprocessing_is_true_or_false(text: str, is_on: bool) -> None:
    settings = read_settings({**COMPLETE, "PREVENT_REPROCESSING": text})
    assert settings.prevent_reprocessing is is_on


@pytest.mark.parametrize("text", ["True", "yes", "1", "on", "FALSE"])
def test_any_other_word_for_prevent_reprocessing_is_refused(text: str) -> None:
    """Taken for off, it would record payments twice."""
    assert "PREVENT_REPROCESSING" in problem(PREVENT_REPROCESSING=text)


@pytest.mark.parametrize("text", ["1", "64", str(MAX_CONNECTIONS)])
def test_connections_are_counted(text: str) -> None:
    assert read_settings({**COMPLETE, "MAX_CONNECTIONS": text}).connections == int(text)


@pytest.mark.parametrize("text", ["0", "-1", "65", "8.5", "eight", "1e3", "9" * 5000])
def test_connections_out_of_bounds_are_refused(text: str) -> None:
    assert "MAX_CONNECTIONS" in problem(MAX_CONNECTIONS=text)


@pytest.mark.parametrize("text", ["Never", "Always", "OnFailure"])
def test_reports_are_sent_never_always_or_on_failure(text: str) -> None:
    assert read_settings({**COMPLETE, "REPORT_ON": text}).report_on == text


@pytest.mark.parametrize("text", ["never", "Sometimes", "true"])
def test_any_other_word_for_reports_is_refused(text: str) -> None:
    assert "REPORT_ON" in problem(REPORT_ON=text)


@pytest.mark.parametrize("text", ["0", "2", "3"])
def test_a_currency_has_none_to_three_decimals(text: str) -> None:
    assert read_settings({**COMPLETE, "CURRENCY_DECIMALS": text}).currency_decimals == int(text)


@pytest.mark.parametrize("text", ["-1", "4", "2.0", "two", "²"])
def test_any_other_number_of_decimals_is_refused(text: str) -> None:
    assert "CURRENCY_DECIMALS must be a number from 0 to 3" in problem(CURRENCY_DECIMALS=text)


NEEDED = [name for name in COMPLETE if name not in ("QUEUE_URL", "CURRENCY_DECIMALS")]


def test_without_a_setting_a_currency_has_two_decimals() -> None:
    """As most have, and as it was before there was the setting."""
    assert read_settings({name: COMPLETE[name] for name in NEEDED}).currency_decimals == 2


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", ["", "  "])
def test_what_is_missing_is_named_once(name: str, value: str) -> None:
    assert problem(**{name: value}).count(name) == 1


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read_settings({})
    assert all(name in str(invalid.value) for name in NEEDED)


def test_without_a_queue_it_can_be_called_directly() -> None:
    """As `sam local invoke` does."""
    without_queue = {name: COMPLETE[name] for name in NEEDED}
    assert read_settings(without_queue).queue_url == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"SUCCESS_PREFIX": "incoming/done/"},
        {"INCOMING_PREFIX": "success/new/"},
        {"FAIL_PREFIX": "success/"},
        {"FAIL_PREFIX": "success/fail/"},
        {"SUCCESS_PREFIX": "work/"},
        {"REPORT_PREFIX": "incoming/"},
        {"REPORT_PREFIX": "fail/pages/"},
    ],
)
def test_folders_must_not_lie_in_one_another(changes: dict[str, str]) -> None:
    """A success file would be imported again, or overwrite another file."""
    assert "must not lie in one another" in problem(**changes)
