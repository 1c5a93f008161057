"""The switches: who may call, what is documented nowhere, and how fast it all is."""

import secrets
import uuid
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

BudgetKind = Literal["bucket", "window"]
RetryAfter = Literal["seconds", "date", "none"]
BudgetBody = Literal["json", "html"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests are served in how many seconds before 429 is the answer.

    A bucket refills steadily and holds at most `requests`; a window starts full every `seconds`.
    Which of the two ConnectWise uses is not documented, hence switchable, and so is the body:
    working clients have seen JSON, and HTML from the proxy in front.
    """

    requests: int
    seconds: float = 1.0
    kind: BudgetKind = "bucket"
    retry_after: RetryAfter = "seconds"
    body: BudgetBody = "json"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be switched while the simulator runs."""

    company: str = "acme"
    public_key: str = field(default_factory=lambda: secrets.token_hex(8))
    private_key: str = field(default_factory=lambda: secrets.token_hex(8))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    codebase: str = "v2026_1/"
    """The tenant's path; change it to play an upgrade of the tenant."""
    unknown_company: Literal["null", "404"] = "null"
    """How an unknown company is answered; working clients have seen both."""
    refused_credentials_status: Literal[401, 404] = 401
    """Cloud hosts are said to answer 404 to a wrong company or key."""

    read_invoices: bool = True
    read_payments: bool = True
    write_payments: bool = True
    delete_payments: Literal["allow", "forbid", "refuse", "pretend"] = "allow"
    """DELETE of a payment: done, 403, 405, or 204 without any effect."""

    second_payment: Literal["reject", "allow", "replace"] = "reject"
    """A second POST on an invoice. Not documented: refused, a second row in silence, or the first
    one overwritten."""
    required_fields: tuple[str, ...] = ()
    """What a POST needs beside the amount. Not documented."""
    unwelcome_fields: tuple[str, ...] = ()
    """What neither POST nor PATCH takes."""
    fixed_fields: tuple[str, ...] = ()
    """What a PATCH answers 200 to, and does not change (developer guide: "false 200")."""
    overpayment: Literal["cut", "accept", "reject"] = "cut"
    """More than the open balance. Not documented for REST; the older Accounting Interface cuts."""
    amount_decimals: int | None = None
    """To how many decimals amounts are rounded. Not documented."""
    zero_amounts: bool = True
    negative_amounts: bool = True
    """Whether such amounts are taken. Not documented."""
    day_shift_hours: int = 0
    """How much later a payment's date is shown than it was sent: another time zone."""
    shows_days: bool = True
    """Whether a payment's date is shown at all."""
    shows_paid: bool = True
    """Whether an invoice's `payments` and `balance` follow what is paid."""
    credit_rows: Literal["marked", "unmarked", "hidden"] = "marked"
    """Applied credit memos among an invoice's payments: with a `credit`, without, or not there."""

    honours_fields: bool = True
    """Whether `fields=` is heeded."""
    links: bool = True
    """Whether a page has a link to the next."""
    wildcards: bool = True
    sets: bool = True
    """Whether `*` and `[…]` in a condition's texts stand for others (developer guide)."""
    refused_conditions: tuple[str, ...] = ()
    """The fields that no condition may name."""
    unposted: Literal["same", "other", "none", "forbid", "missing"] = "same"
    """Unposted payments: under the payments' ids, under others, none, 403 or no such endpoint."""
    missing_invoice: Literal["404", "empty"] = "404"
    """The payments of an invoice that is not there."""

    latency_seconds: float = 0.0
    """From receipt to answer; the effect of a write comes first."""
    url_limit: int | None = 2000
    """The longest URL in characters; working clients stay below 2,000."""
    max_page_size: int = 1000
    """The most rows of a list that are answered at once (ConnectWise's page on pagination)."""
    budget: Budget | None = None

    log_calls: bool = True
    """Whether the newest calls are remembered; the counts go on regardless."""
    silence_grace_seconds: float = 0.05
    """How long after a Retry-After a call may still arrive that was sent before it was read."""

    def authorization(self) -> str:
        """Return the one Authorization header that is let in."""
        login = f"{self.company}+{self.public_key}:{self.private_key}"
        return "Basic " + b64encode(login.encode()).decode()

    def version(self) -> str:
        """Return the version that the codebase names: `2026.1` for `v2026_1/`."""
        return self.codebase.strip("/").removeprefix("v").replace("_", ".")


_NAMES = frozenset(entry.name for entry in fields(Settings))


def changed(settings: Settings, switches: Mapping[str, Any]) -> Settings:
    """Return the settings with some switches changed; raise `ValueError` for an unknown one."""
    unknown = sorted(switches.keys() - _NAMES)
    if unknown:
        raise ValueError(f"no such switch: {', '.join(unknown)}")
    values = dict(switches)
    if isinstance(values.get("budget"), Mapping):
        budget = Budget(**values["budget"])
        values["budget"] = replace(budget, seconds=float(budget.seconds))
    for name in ("latency_seconds", "silence_grace_seconds"):
        if name in values:
            # JSON numbers come as Decimal; durations are reckoned in float.
            values[name] = float(values[name])
    for name in ("required_fields", "unwelcome_fields", "fixed_fields", "refused_conditions"):
        if name in values:
            values[name] = tuple(values[name])
    return replace(settings, **values)
