"""Try the connection to ConnectWise and the API member's permissions, without writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from payments.clock import Clock
from payments.command.connectwise_access import credentials, open_access
from payments.command.deployment import Deployment
from payments.command.follow import files_in
from payments.command.problem import OUR_ERRORS, sentence
from payments.connectwise.answers import usable_id
from payments.connectwise.finance import Calls, Finance
from payments.connectwise.verdicts import RIGHTS
from payments.errors import CallFailed, NotFound, NotPermitted, SecretUnusable, ServerFault

_DEADLINE_SECONDS = 90.0
_ONCE_MORE_AFTER_SECONDS = 1.0
_ANY_INVOICE = 1
# What SNS shows in place of the ARN of a subscription that nobody has confirmed (its API
# reference: Subscribe).
_UNCONFIRMED = ("PendingConfirmation", "pending confirmation")

_SLOWER = (
    "Imports are slower, and a file in which a record names its invoice by number alone waits "
    "until this is granted, and so do the files behind it."
)

MEND_FIRST = "Mend what is missing or failed, then run `check` again."
NEXT = """\
What comes next:
  1. payments probe --invoice NUMBER   in a sandbox, or on an invoice made for tests:
                                       what your ConnectWise does
  2. payments preview FILE             what an import of your file would do
  3. payments import FILE              a file with one payment
  4. look at it in ConnectWise: its amount, its day, the invoice's balance"""

_T = TypeVar("_T")


class Verdict(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    MISSING = "missing"
    FAILED = "failed"
    UNKNOWN = "not tried"
    NOTE = "note"

    @property
    def bad(self) -> bool:
        """Whether something has to be done."""
        return self in (Verdict.MISSING, Verdict.FAILED)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, how it stands, and what to do about it."""

    name: str
    verdict: Verdict
    remark: str = ""


def run_checks(deployment: Deployment) -> Iterator[Check]:
    """Yield one check after another; none of them writes anything."""
    yield _enabled(deployment)
    yield _dead_letters(deployment)
    topic_arn = deployment.outputs["NotificationTopicArn"]
    yield subscribers_check(deployment.client("sns"), topic_arn)
    try:
        found = credentials(deployment)
    except SecretUnusable as error:
        yield Check("Secret", Verdict.FAILED, f"{error} The README shows how to create it.")
        return
    yield Check("Secret", Verdict.GOOD, f"{deployment.secret_name}, for {found.connection}")
    access = open_access(deployment, _DEADLINE_SECONDS)
    yield from connectwise_checks(access.api, access.clock)


def connectwise_checks(api: Calls, clock: Clock) -> Iterator[Check]:
    """Yield the checks that need calls to ConnectWise."""
    invoice_id = _ANY_INVOICE
    invoices = "Read invoices"
    try:
        invoice_id = _twice(lambda: _some_invoice(api), clock)
        read_invoices = Check(invoices, Verdict.GOOD)
    except NotPermitted as error:
        read_invoices = Check(invoices, Verdict.MISSING, f"{error} {_SLOWER}")
    except OUR_ERRORS as error:
        yield Check("Site, company and keys", Verdict.FAILED, sentence(error))
        return
    payments = _payments_check(lambda: _twice(lambda: Finance(api).payments(invoice_id), clock))
    if Verdict.GOOD in (read_invoices.verdict, payments.verdict):
        yield Check("Site, company and keys", Verdict.GOOD)
    else:
        remark = "ConnectWise knows the company, but allows nothing with these keys and clientId."
        yield Check("Site, company and keys", Verdict.FAILED, remark)
    yield read_invoices
    yield payments
    yield Check(
        "Create and update payments",
        Verdict.UNKNOWN,
        f"Trying it would write. The API member's security role needs {RIGHTS}. Its System Level "
        "must be 1, or it sees only the invoices of its own level.",
    )


def _payments_check(call: Callable[[], object]) -> Check:
    name = "Read payments"
    try:
        call()
    except NotFound:
        return Check(name, Verdict.GOOD)  # allowed to ask, and there is no such invoice
    except NotPermitted as error:
        return Check(name, Verdict.MISSING, f"{error} Files wait until it is granted.")
    except OUR_ERRORS as error:
        return Check(name, Verdict.FAILED, sentence(error))
    return Check(name, Verdict.GOOD)


def _some_invoice(api: Calls) -> int:
    """Return the id of any invoice that there is."""
    rows = api.get("/finance/invoices", {"fields": "id", "pageSize": 1})
    if not isinstance(rows, list):
        raise ServerFault("an answer that is not the list that was asked for")
    ids = (usable_id(row.get("id")) for row in rows if isinstance(row, dict))
    return next(filter(None, ids), _ANY_INVOICE)


def _twice(call: Callable[[], _T], clock: Clock) -> _T:
    """Make a call, and once more if it fails for a reason that may pass."""
    try:
        return call()
    except CallFailed:
        clock.sleep(_ONCE_MORE_AFTER_SECONDS)
        return call()


def _enabled(deployment: Deployment) -> Check:
    if deployment.enabled:
        return Check("Imports are switched on", Verdict.GOOD)
    remark = "Parameter Enabled is false: new files stay where they are, also later. Deploy true."
    return Check("Imports are switched on", Verdict.FAILED, remark)


def _dead_letters(deployment: Deployment) -> Check:
    count = files_in(deployment, deployment.outputs["DeadLetterQueueUrl"])
    if not count:
        return Check("Dead-letter queue is empty", Verdict.GOOD)
    remark = f"{count} file(s) could not be imported for days. Mend the reason, then redrive them."
    return Check("Dead-letter queue is empty", Verdict.FAILED, remark)


def subscribers_check(sns: Any, topic_arn: str) -> Check:
    """Tell whether somebody has subscribed to the topic, and confirmed; `sns` is a client."""
    name = "Alarms reach somebody"
    try:
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        found = [row for page in pages for row in page["Subscriptions"]]
    except ClientError as error:
        return Check(name, Verdict.UNKNOWN, f"AWS does not say who is subscribed: {error}")
    pending = [row["Endpoint"] for row in found if row["SubscriptionArn"] in _UNCONFIRMED]
    if pending:
        remark = f"{', '.join(pending)} has yet to confirm: follow the link in the e-mail from AWS."
        return Check(name, Verdict.MISSING, remark)
    confirmed = [row for row in found if row["SubscriptionArn"].startswith("arn:")]
    if not confirmed:
        remark = "Nobody has subscribed to the topic: deploy with ReportEmail, or subscribe to it."
        return Check(name, Verdict.NOTE, remark)
    return Check(name, Verdict.GOOD, f"{len(confirmed)} subscribed")
