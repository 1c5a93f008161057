"""The table of all questions, in the order in which they are asked. Pure.

README's "What is not known about ConnectWise" names the row of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from payments.command.probe import counting, creating, reading, updating, values
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
    Question("type", creating.type_needed),
    Question("payment-list", creating.payment_list),
    Question("paid-sum", creating.paid_sum),
    Question("unposted", creating.unposted),
    Question("second-payment", creating.second_payment),
    *(Question(f"update-{name}", ask) for name, ask in updating.update_questions()),
    Question("update-credit", updating.update_credit),
    Question("delete", updating.deletion),
    Question("day", values.day),
    Question("update-paymentDate", updating.update_day),
    Question("decimals", values.decimals),
    Question("zero", values.zero),
    Question("negative", values.negative),
    Question("overpayment", values.overpayment),
    Question("rights", counting.rights),
    Question("rate", reading.limits),
    Question("server-errors", counting.server_errors),
    Question("lost-answers", counting.slowest),
)
