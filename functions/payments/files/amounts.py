"""Read an amount of money, and guess what was meant by one that cannot be read."""

from __future__ import annotations

import re
from decimal import Decimal

from payments.wording import BLANKS, MINUS_SIGNS, visible

MAX_DIGITS = 15
"""Before the decimal point; ConnectWise holds a double."""

_DECIMAL = re.compile(r"[+-]?([0-9]*)(?:\.([0-9]*))?")
# Codes, signs and names of currencies.
_CURRENCY = r"(?:[A-Z]{3}|[A-Z]{0,3}[$¢-¥\u20a0-\u20c0]|kr\.?|z\u0142|K\u010d|Ft|Rs?\.?)"
_AROUND = re.compile(rf"\A{_CURRENCY}(?=[^A-Za-z])|(?<=[^A-Za-z]){_CURRENCY}\Z")
_NO_CENTS = re.compile(f"(?<=[.,])[{MINUS_SIGNS}]{{1,2}}\\Z")
# By thousands, or as in India by thousands and hundreds from there on.
_WHOLE = re.compile(r"[0-9]+|[0-9]{1,3}(?:[.,][0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")
_ONE_GROUP = re.compile(r"(?<![0-9.,])[0-9]{1,3}[.,][0-9]{3}(?![0-9.,])")
_FILLERS = str.maketrans("", "", f"{BLANKS}'\u2019_")


class WrongAmount(Exception):
    """Say what is wrong with an amount, as the rest of a sentence that begins with its name."""


def read_amount(text: str, decimals: int, *, refunds: bool = False) -> Decimal:
    """Return the amount with exactly its digits; `decimals` are those of the currency.

    Zeros beyond those are cut off. Only a refund may be negative. Raises WrongAmount.
    """
    match = _DECIMAL.fullmatch(text)
    whole, fraction = (match[1], match[2] or "") if match else ("", "")
    if not whole and not fraction:
        raise WrongAmount(_not_a_number(text, decimals))
    amount = Decimal(text)
    is_ambiguous = len(fraction) == 3 and decimals != 3
    if amount < 0 and not refunds:
        positive = f"{-amount:f}"
        raise WrongAmount(_negative(text, _ways(positive, decimals) if is_ambiguous else positive))
    if len(whole.lstrip("0")) > MAX_DIGITS:
        raise WrongAmount(
            f"has more than {MAX_DIGITS} digits before the point: '{visible(text)}'. Write the sum "
            "that was paid."
        )
    if is_ambiguous:
        raise WrongAmount(_two_ways(text, text, decimals))
    if fraction[decimals:].strip("0"):
        raise WrongAmount(
            f"has more than {decimals} decimals: '{visible(text)}'. Write the sum that was "
            f"paid, with at most {decimals}."
        )
    kept = fraction[:decimals]
    absolute = Decimal(f"{whole or 0}.{kept}" if kept else whole or 0)
    return -absolute if amount < 0 else absolute


def _not_a_number(text: str, decimals: int) -> str:
    meant, is_negative = _guess(text)
    told = f"must be a number like 10.50: '{visible(text)}'."
    if meant is None:
        return told
    grouped = _ONE_GROUP.search(text)
    if is_negative:
        return _negative(text, _ways(grouped[0], decimals) if grouped else meant)
    if len(meant.partition(".")[2]) > decimals:
        return f"{told} Write it with at most {decimals} decimals."
    if grouped:
        return _two_ways(text, grouped[0], decimals)
    of_invoice = ", in the currency of the invoice," if _AROUND.search(text) else ""
    return f"{told} If {meant}{of_invoice} was meant, write that."


def _negative(text: str, positive: str) -> str:
    return (
        f"is negative: '{visible(text)}'. Ledgers often show money received as negative: if that "
        f"is so, write {positive}. If it was paid back, do not send that: send the payment that it "
        "was a part of again, under that one's <externalId> or <id>, with what is left as its "
        "<amount>: of 500.00, after 100.00 have been paid back, 400.00."
    )


def _two_ways(text: str, grouped: str, decimals: int) -> str:
    return f"can be read in two ways: '{visible(text)}'. Write {_ways(grouped, decimals)}."


def _ways(grouped: str, decimals: int) -> str:
    """Return what to write for a number with one point or comma, and three digits behind it."""
    whole = int(re.sub("[^0-9]", "", grouped))
    return (
        f"{whole:.{decimals}f} if that was meant, or else the amount with at most {decimals} "
        "decimals"
    )


def _guess(text: str) -> tuple[str | None, bool]:
    """Return the number that was probably meant, without its sign, and whether it is negative."""
    bare = _NO_CENTS.sub("", _AROUND.sub("", text.translate(_FILLERS)))
    digits = bare.strip(f"()+{MINUS_SIGNS}")
    is_negative = bare.startswith(("(", *MINUS_SIGNS)) or bare.endswith(tuple(MINUS_SIGNS))
    point = max(digits.rfind("."), digits.rfind(","))
    separators = {c for c in digits if c in ".,"}
    if len(separators) == 1 and (digits.count(digits[point]) > 1 or len(digits) - point == 4):
        point = len(digits)  # thousands
    whole, fraction = digits[:point], digits[point + 1 :]
    if point < 0:
        whole, fraction = digits, ""
    if not _WHOLE.fullmatch(whole) or not re.fullmatch("[0-9]*", fraction):
        return None, is_negative
    return re.sub("[.,]", "", whole) + (f".{fraction}" if fraction else ""), is_negative
