"""Know a row of totals by a word in it, in the languages of accounting packages."""

from __future__ import annotations

import re

_WORDS = (
    "(?:sub-?|sous-|zwischen)?tota(?:ls?|les?|li|al|lt|ux)|sums?|[a-zäöü]*summen?|"
    "(?:ins)?gesamt(?:betrag)?|somm[ea]|suma|soma|count|anzahl|average|durchschnitt|übertrag|"
    "carried forward"
)
# Not SUM-123, which is a number of an invoice.
_TOTAL = re.compile(rf"(?<![\w@-])(?:{_WORDS})(?!\w|-\w*\d)", re.IGNORECASE)


def is_total(cell: str) -> bool:
    """Tell whether a word of totals stands in a cell."""
    return bool(_TOTAL.search(cell))
