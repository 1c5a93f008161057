"""Look at the stack, the connection to ConnectWise and its permissions, without writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from payments.clock import Clock
from payments.command.connectwise_access import credentials, open_access
from payments.command.deployment import Deployment
from payments.command.finding import Check, Verdict
from payments.command.problem import OUR_ERRORS, sentence
from payments.command.stack_checks import stack_checks
from payments.connectwise.answers import usable_id
from payments.connectwise.finance import Calls, Finance
from payments.connectwise.verdicts import RIGHTS
from payments.errors import CallFailed, NotFound, NotPermitted, SecretUnusable, ServerFault

_DEADLINE_SECONDS = 90.0
_ONCE_MORE_AFTER_SECONDS = 1.0
_ANY_INVOICE = 1

_SLOWER = (
    "Imports are slower, and a file in which a record names its invoice by number alone waits "
    "until this is granted, and so do the files behind it."
)

_T = TypeVar("_T")


def what_next(deployment: Deployment, *, bad: bool) -> str:
    """Return what comes after the checks."""
    if bad:
        check = deployment.command("check")
        return f"Mend what is missing or failed, then run `{check}` again."
    return f"""\
What comes next:
  1. {deployment.command("probe --invoice NUMBER")}
     in a sandbox, or on an invoice made for tests: what your ConnectWise does
  2. {deployment.command("preview FILE")}
     what an import of your file would do
  3. {deployment.command("import FILE")}
     a file with one payment
  4. look at it in ConnectWise: its amount, its day, the invoice's balance"""


def run_checks(deployment: Deployment) -> Iterator[Check]:
    """Yield one check after another; none of them writes anything."""
    yield from stack_checks(deployment)
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
