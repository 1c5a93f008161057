"""What a command says when something goes wrong, and with which exit code it ends."""

from __future__ import annotations

import re
import sys
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import MissingDependencyException, NoCredentialsError, NoRegionError

import payments.__main__ as module
import payments.errors
from fakes.dynamodb import client_error
from payments.command import app as command
from payments.command.cli.base import asking
from payments.command.deployment import Deployment
from payments.command.problem import CommandFailed, in_plain_words

FAULT = 70


OURS = [
    kind
    for kind in vars(payments.errors).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and kind.__name__ != "Quoting"
]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_of_ours_becomes_a_sentence(kind: type[Exception]) -> None:
    with pytest.raises(CommandFailed, match=r"^[A-Z].*\.$"), in_plain_words():
        raise kind() if kind is payments.errors.OutOfTime else kind("It is so.")


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (NoCredentialsError(), "`aws login`"),
        (MissingDependencyException(msg="crt"), "botocore[crt]"),
        (NoRegionError(), "AWS_REGION"),
    ],
)
def test_what_is_missing_to_reach_aws_is_told_with_its_cure(error: Exception, cure: str) -> None:
    with pytest.raises(CommandFailed, match=re.escape(cure)), in_plain_words():
        raise error


@pytest.mark.parametrize(("yes", "cure"), [(False, "or with --yes."), (True, "Run it on one.")])
def test_where_nobody_can_be_asked_the_cure_is_told(
    yes: bool, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO())
    with pytest.raises(CommandFailed, match=f"no terminal to ask on.*{re.escape(cure)}$"):
        asking(yes=yes)("Go on?")


class NoStack:
    """A session of an account without stacks; `identity` says whose it is, or that it may not."""

    region_name = "eu-west-1"

    def __init__(self, identity: Exception | None = None) -> None:
        self._identity = identity

    def client(self, _service: str, **_: Any) -> Any:
        return self

    def describe_stacks(self, **_: Any) -> Any:
        raise client_error("ValidationError")

    def get_caller_identity(self) -> dict[str, str]:
        if self._identity is not None:
            raise self._identity
        return {"Account": "111122223333"}


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (NoStack(), r"eu-west-1\. The account that was asked is 111122223333\. Name another with"),
        (
            NoStack(client_error("AccessDenied")),
            r"eu-west-1\. Name another .* --region or --profile",
        ),
    ],
)
def test_a_stack_that_is_not_there_is_told_with_where_it_was_looked_for(
    session: Any, said: str
) -> None:
    with pytest.raises(CommandFailed, match=f"There is no stack uk in region {said}"):
        Deployment.find(session, "uk")


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the module with a command that fails like this, and return its exit code."""

    def run(fault: BaseException, *arguments: str) -> Any:
        def fail(**_: str) -> None:
            raise fault

        monkeypatch.setattr(command, "app", fail)
        monkeypatch.setattr(sys, "argv", ["payments", *arguments])
        with pytest.raises(SystemExit) as ended:
            module.main()
        return ended.value.code

    return run


def test_a_fault_of_the_command_is_not_taken_for_failed_records(
    ends: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its message may quote a payment: kind and place have to do."""
    assert ends(KeyError("73519.26"), "preview") == FAULT
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "KeyError in __main__.py:" in told
    assert "73519" not in told


def test_a_traceback_is_shown_to_whoever_asks(
    ends: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ends(KeyError("key"), "preview", "--debug") == FAULT
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("PAYMENTS_DEBUG", "1")
    assert ends(KeyError("key"), "preview") == FAULT
    assert "Traceback" in capsys.readouterr().err


def test_an_exit_code_of_the_command_s_own_is_kept(ends: Any) -> None:
    assert ends(SystemExit(1)) == 1
