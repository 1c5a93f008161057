"""Say what to do about an element or attribute that is not known.

What is taken away may say that the money is another, or that nobody has paid: so nothing is told to
be removed that may matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from payments.wording import visible

MOST_NAMED = 20

_CURRENCY = re.compile("curr|ccy|exchange", re.IGNORECASE)
_NO_PAYMENT = re.compile(
    "type|kind|stat(us|e$)|(?<!trans)action|void|refund|return|revers|cancel|delet|bounce|charge.?back|credit"
    "|debit",
    re.IGNORECASE,
)
_MONEY = (
    "an amount is taken as it stands, in the currency of its invoice. Convert it if need be, then "
    "remove the {it}."
)


def cure(names: Sequence[str], it: str) -> str | None:
    """Return what to do where a name may mean another currency, or no payment at all."""
    if any(map(_CURRENCY.search, names)):
        return (_MONEY[0].upper() + _MONEY[1:]).format(it=it)
    if any(map(_NO_PAYMENT.search, names)):
        return (
            "If it says that no money was received (a credit, a refund, a void payment), take the "
            f"whole record out of the file. Remove the {it} only if the payment was received."
        )
    return None


def about_attributes(path: str, written: Sequence[str]) -> str:
    """Say that an element has attributes, written as name="value"."""
    it = "attributes" if len(written) > 1 else "attribute"
    told = f"<{path}> has the {it} {', '.join(map(visible, written[:MOST_NAMED]))}:"
    if path == "amount":
        return f"{told} {_MONEY.format(it=it)}"
    names = [attribute.partition("=")[0] for attribute in written]
    instead = cure(names, it) or (
        f"Write an element instead, or remove the {it} if the payment is the same without."
    )
    return f"{told} attributes are not read. {instead}"
