"""The table of all questions, in the order in which they are asked. Pure.

README's "What is not known about ConnectWise" names the row of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from payments.command.probe import reading, writing
from payments.command.probe.dialogue import Finding, Steps
from payments.command.probe.known import Known

Ask: TypeAlias = Callable[[Known], Steps[Finding] | Finding]


@dataclass(frozen=True, slots=True)
class Question:
    """One row: its name, and how it is found out."""

    row: str
    ask: Ask


QUESTIONS = (
    Question("host", reading.host),
    Question("version", reading.version),
    Question("number-lookup", reading.number_lookup),
    Question("id-lookup", reading.id_lookup),
    Question("fields", reading.projection),
    Question("page-size", reading.page_size),
    Question("credit-rows", reading.credit_rows),
    Question("wildcard", reading.wildcard),
    Question("bracket", reading.bracket),
    Question("url", reading.url),
    Question("not-found", reading.not_found),
    Question("type", writing.type_needed),
    Question("payment-list", writing.payment_list),
    Question("paid-sum", writing.paid_sum),
    Question("unposted", writing.unposted),
    Question("second-payment", writing.second_payment),
    *(Question(f"update-{name}", ask) for name, ask in writing.update_questions()),
    Question("update-credit", writing.update_credit),
    Question("delete", writing.deletion),
    Question("day", writing.day),
    Question("update-paymentDate", writing.update_day),
    Question("decimals", writing.decimals),
    Question("zero", writing.zero),
    Question("negative", writing.negative),
    Question("overpayment", writing.overpayment),
    Question("rights", writing.rights),
    Question("rate", reading.limits),
    Question("server-errors", writing.server_errors),
    Question("lost-answers", writing.slowest),
)
