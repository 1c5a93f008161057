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

    second_payment: Literal["reject", "allow"] = "reject"
    """A second POST on an invoice. Not documented: refused, or a second row in silence."""
    overpayment: Literal["cut", "accept", "reject"] = "cut"
    """More than the open balance. Not documented for REST; the older Accounting Interface cuts."""
    amount_decimals: int | None = None
    """To how many decimals amounts are rounded. Not documented."""

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
    return replace(settings, **values)
