"""Text as people type it, and as it is shown to them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import Decimal
from unicodedata import category

DEFAULT_STACK = "connectwise-payments"
MAX_SHOWN_CHARACTERS = 100
MAX_REASONS = 5
MAX_REASON_CHARACTERS = 1000
"""The longest of our own messages is shorter: what it says at its end is what to do."""
MAX_CHARACTERS_OF_REASONS = 2500
_MAX_KEY_CHARACTERS = 1024
_MINUTE, _HOUR = 60, 3600

# What programs and web pages leave around a value, and nobody sees: blanks of every width, and
# marks of no width at all.
BLANKS = (
    " \t\r\n\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028"
    "\u2029\u202f\u205f\u3000\xad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064"
    "\ufeff"
)
# These turn what stands beside them: 01 is shown as 10.
DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
MINUS_SIGNS = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"

NOT_IN_IT = "without failed records whose amount cannot be read"
ABOUT_REPLACED = (
    "What to do about what was replaced: nothing, if it was corrected. If both amounts were paid, "
    "upload one record with the sum of all that was paid as its <amount>, and the payment's <id>. "
    "If a receipt was taken from an invoice on which it belongs, upload it again with that "
    "invoice, and the other payment with an external id of its own. "
    "The stack's parameter SecondPayment decides what becomes of such records from now on."
)


def first_reasons(reasons: Sequence[str]) -> list[str]:
    """Return what is said of one record, bounded; what is left out is counted."""
    shown, room = list[str](), MAX_CHARACTERS_OF_REASONS
    for reason in reasons[:MAX_REASONS]:
        text = harmless(reason, MAX_REASON_CHARACTERS)
        if len(text) > room:
            break
        shown.append(text)
        room -= len(text)
    more = len(reasons) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def s3_address(bucket: str, key: str) -> str:
    """Return what `aws s3` calls an object."""
    return f"s3://{bucket}/{harmless(key, _MAX_KEY_CHARACTERS)}"


def visible(text: str) -> str:
    """Return a text for a message, not too long, with what cannot be seen or told apart escaped.

    A typographic hyphen, say, looks like the one on the keyboard, and is another character.
    """
    cut = text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
    return "".join(c if _is_plain(c) else f"[U+{ord(c):04X}]" for c in cut)


def money(amount: Decimal, *, thousands: bool = False) -> str:
    """Return an amount as people write it, with two decimals at least: 40.5 is 40.50."""
    whole, _, decimals = (f"{amount:,f}" if thousands else f"{amount:f}").partition(".")
    return f"{whole}.{decimals:0<2}"


def harmless(text: str, most_characters: int) -> str:
    """Return a text that nothing chokes on: bounded, in one line, of characters that can be seen.

    What ConnectWise or a file says may hold half a surrogate pair, which no encoding takes,
    anything that steers a terminal, a mail program or a browser, and megabytes.
    """
    return seen(text if len(text) <= most_characters else f"{text[:most_characters]}…")


def seen(text: str) -> str:
    """Return a text with every character that cannot be seen replaced."""
    return text if text.isprintable() else "".join(map(_seen, text))


def in_words(seconds: float) -> str:
    """Return a time as people say it: exact enough to decide whether to wait."""
    for unit, name in ((_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def moment(time: str) -> str:
    """Return a time in ISO 8601 UTC as people write it."""
    return time.replace("T", " ").replace("Z", " UTC")


def of_receipts(count: int) -> str:
    """Return how many receipts there are, as people say it."""
    return "1 receipt" if count == 1 else f"{count} receipts"


def command(stack: str, words: str, key: str | None = None) -> str:
    """Return the operator's command for a stack, for a shell; a file's `key` stands at its end."""
    where = "" if stack == DEFAULT_STACK else f"--stack {shlex.quote(stack)} "
    file = "" if key is None else f" {as_argument(key)}"
    return f"payments {where}{words}{file}"


def truth_delete(external_id: str) -> str:
    """Return the command that deletes an entry of the truth table, for a shell."""
    return f"payments truth delete {as_argument(external_id)}"


def as_argument(text: str) -> str:
    """Return a text as an argument of a command, for a shell."""
    end_of_options = "-- " if text.startswith("-") else ""
    return f"{end_of_options}{shlex.quote(text)}"


def _seen(character: str) -> str:
    if character.isprintable() or category(character) == "Zs":
        return character
    return " " if character.isspace() else "\ufffd"


def _is_plain(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    return (
        character.isprintable()
        and character not in MINUS_SIGNS
        and not category(character).startswith("M")
    )
