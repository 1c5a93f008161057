"""The rows of the page: the first records of each kind that somebody has to know of."""

from __future__ import annotations

from dataclasses import dataclass, field

from payments.files.output import StoredOutcome
from payments.models import Action
from payments.wording import first_reasons, harmless, money

MAX_ROWS = 1000
"""So many of each kind are shown; of the rest the page says how many they are."""

MAX_VALUE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class PageRow:
    """A payment of the file as its sender names it; `reasons` say why it is in its list."""

    external_id: str = ""
    invoice: str = ""
    amount: str = ""
    day: str = ""
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, outcome: StoredOutcome, reasons: tuple[str, ...]) -> PageRow:
        """Return the row of a record; everything in it is bounded."""
        amount = outcome.result.amount
        return cls(
            harmless(outcome.external_id or "", MAX_VALUE_CHARACTERS),
            harmless(outcome.invoice or "", MAX_VALUE_CHARACTERS),
            "" if amount is None else money(amount, thousands=True),
            (outcome.day or "")[:10],
            tuple(first_reasons(reasons)),
        )


@dataclass(frozen=True, slots=True)
class PageRows:
    """The first rows of each kind, in the file's order; none grows beyond what is shown."""

    failed: list[PageRow] = field(default_factory=list)
    replaced: list[PageRow] = field(default_factory=list)
    skipped: list[PageRow] = field(default_factory=list)

    def add_replaced(self, outcome: StoredOutcome) -> None:
        """Add a record that has replaced a payment, if there is room."""
        replaced = outcome.result.replaced
        if replaced is not None and len(self.replaced) < MAX_ROWS:
            told = replaced.told(outcome.payment_id)
            self.replaced.append(PageRow.of(outcome, (f"{told[0].upper()}{told[1:]}.",)))

    def add_failed(self, outcome: StoredOutcome) -> None:
        """Add a record of the fail file, if there is room: it has failed, or was skipped."""
        rows = self.skipped if outcome.result.action is Action.SKIPPED else self.failed
        if len(rows) < MAX_ROWS:
            rows.append(PageRow.of(outcome, outcome.messages))
