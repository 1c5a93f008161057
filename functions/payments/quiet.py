"""How long a message to ConnectWise may be under way, and which invoices are left in quiet for it.

A call whose answer is lost may still take effect: now, or a while later. Reading back in between
proves nothing, since what is there may be somebody's earlier value. So until the message cannot
arrive any more, nothing else is sent to its invoice, the import does not close, and other invoices
go on. Nobody documents how long ConnectWise may take; we give a call 30 seconds as a whole, and one
whose answer was given up, or whose run was killed, 30 seconds from then on.
"""

from __future__ import annotations

CALL_SECONDS = 30.0
"""How long a call may take as a whole before its answer counts as lost."""

SETTLE_SECONDS = CALL_SECONDS
"""How long after that it may still take effect."""


class Quiet:
    """The invoices that messages of this run may still reach.

    Times are in seconds, of one clock. Records up to number `doubtful_until` may have been sent by
    an earlier run; its messages cannot arrive any more, but nobody knows which of them did.
    """

    def __init__(self, doubtful_until: int = 0) -> None:
        self._doubtful_until = doubtful_until
        self._ends: dict[int, float] = {}

    def doubting(self, until: int) -> Quiet:
        """Return the same quiet, where records up to number `until` are doubtful."""
        quiet = Quiet(until)
        quiet._ends = self._ends
        return quiet

    def is_doubtful(self, number: int) -> bool:
        """Tell whether an earlier run may have sent this record."""
        return number <= self._doubtful_until

    def begin(self, invoice_id: int, now: float) -> None:
        """Note that a write to the invoice has failed without a verdict."""
        self._ends[invoice_id] = now + SETTLE_SECONDS

    def end(self, invoice_id: int) -> None:
        """Note that the message has arrived."""
        self._ends[invoice_id] = float("-inf")

    def was_disturbed(self, invoice_id: int) -> bool:
        """Tell whether a write to the invoice ever failed so."""
        return invoice_id in self._ends

    def ends(self, invoice_id: int) -> float:
        """Return from when on a record may be sent to the invoice."""
        return self._ends.get(invoice_id, float("-inf"))

    def all_end(self) -> float:
        """Return from when on nothing can arrive any more."""
        return max(self._ends.values(), default=float("-inf"))
