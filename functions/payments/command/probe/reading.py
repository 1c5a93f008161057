"""The questions that only read: where ConnectWise is, and how it lists invoices. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from payments.command.probe.dialogue import Answer, Finding, Get, Row, Steps, not_tried
from payments.command.probe.known import Credited, Known
from payments.connectwise.answers import usable_id, usable_number
from payments.connectwise.finance import payments_path, quoted

INVOICES = "/finance/invoices"
INVOICE_FIELDS = "id,invoiceNumber,payments"
PAGE_SIZE = 1000

_NO_SUCH_INVOICE = 2**31 - 1
_URL_CHARACTERS = (1745, 2000, 4000, 8000)
_IMPORT_S_URL = 1745
_VERSION = re.compile(r"[0-9][0-9.]{0,20}")
_LIMIT_HEADER = re.compile(r"(x-)?rate-?limit[a-z-]*", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,9}")
_KNOWN_HEADERS = ("api-current-version", "x-cw-request-id", "x-server-name", "retry-after")


def by_number(number: str) -> dict[str, str | int]:
    """Return the query for one invoice by its number, with all that is to be known of it."""
    fields = f"{INVOICE_FIELDS},total,credits,balance,status"
    conditions = f"invoiceNumber in ({quoted(number)})"
    return {"conditions": conditions, "fields": fields, "pageSize": PAGE_SIZE}


def by_id(invoice_id: int) -> dict[str, str | int]:
    """Return the query for one invoice as the import asks for it."""
    return {
        "conditions": f"id in ({invoice_id})",
        "fields": INVOICE_FIELDS,
        "pageSize": PAGE_SIZE,
    }


def version(known: Known) -> Finding:
    """Tell which version of the models the tenant has."""
    named = known.first.headers.get("api-current-version", "")
    current = named if _VERSION.fullmatch(named) else None
    says = f"takes {known.asked_version}, and says that it has {current or 'nothing of its own'}"
    means = "Nothing to do. ConnectWiseApiVersion may stay, also after an upgrade of the tenant."
    return Finding(
        "accepted", says, means, {"asked": known.asked_version, "current": current or "not said"}
    )


def host(_known: Known) -> Finding:
    """Tell that the API is where it was looked for."""
    says = "its API answers where the secret's `site` (or `apiHost`) says"
    return Finding("reached", says, "Nothing to do.")


def limits(known: Known) -> Finding:
    """Tell what the headers of an answer say of limits."""
    headers = known.first.headers
    named = [name for name in _KNOWN_HEADERS if headers.get(name) is not None]
    told = {
        name.lower(): value if _NUMBER.fullmatch(value) else "given"
        for name, value in headers.items()
        if _LIMIT_HEADER.fullmatch(name)
    }
    limit = ", ".join(f"{name} {value}" for name, value in told.items())
    says = f"{limit or 'no header names a limit'}; for support: {', '.join(named) or 'none'}"
    means = "The import learns the limit from 429 answers. Other programs of yours share it."
    return Finding(
        "named" if told else "not named", says, means, {"limits": told, "headers": named}
    )


def number_lookup(known: Known) -> Finding:
    """Tell whether `invoiceNumber in (…)` finds just the invoice."""
    others = len(known.first.rows) - known.first.ids.count(known.invoice.id)
    if others:
        means = "The import compares the numbers, so it finds the right one, but in many pages."
        return Finding("others too", "lists other invoices as well", means)
    return Finding("works", "finds the invoice, and no other", "Nothing to do.")


def id_lookup(known: Known) -> Steps[Finding]:
    """Ask as the import does for many invoices at once."""
    answer = yield Get(INVOICES, by_id(known.invoice.id))
    if not answer.ok:
        means = "Imports are slower: each invoice's payments are asked for one by one."
        return Finding("refused", f"refuses it ({answer})", means, answer.facts)
    if known.invoice.id not in answer.ids:
        return Finding("not found", "does not find it", "No import will find an invoice by its id.")
    if len(answer.rows) > 1:
        means = "The import finds the right one, but has to read many pages."
        return Finding("others too", "lists other invoices as well", means)
    return Finding("works", "finds the invoice, and no other", "Nothing to do.")


def projection(known: Known) -> Steps[Finding]:
    """Find out whether `fields=` is honoured."""
    wanted = set(INVOICE_FIELDS.split(","))
    answer = yield Get(INVOICES, {**by_id(known.invoice.id), "pageSize": 1})
    if not answer.rows:
        return not_tried("no invoice was listed")
    more = any(row.keys() - wanted for row in answer.rows)
    missing = wanted - answer.rows[0].keys()
    if missing:
        means = "The import relies on them: every invoice's payments are asked for one by one."
        says = f"leaves out {', '.join(sorted(missing))}"
        return Finding("leaves out", says, means, {"missing": sorted(missing)})
    if more:
        return Finding("ignored", "sends all fields", "Nothing to do; the answers are longer.")
    return Finding("honoured", "sends just those", "Nothing to do.")


def page_size(known: Known) -> Steps[Finding]:
    """Ask for 1,000 invoices; find one with a credit memo on the way."""
    query: dict[str, str | int] = {"fields": "id,payments,credits", "pageSize": PAGE_SIZE}
    answer = yield Get(INVOICES, query)
    if not answer.ok:
        return Finding("refused", f"refuses it ({answer})", "", answer.facts)
    known.credited = next(_credited(answer.rows, known.invoice.id), None)
    count = len(answer.rows)
    facts = {"rows": count}
    if count >= PAGE_SIZE:
        return Finding("1000", "1,000 rows at once", "Nothing to do.")
    if answer.next_page:
        means = "Nothing to do: the import follows the links."
        return Finding("fewer", f"{count} rows at once, with a link to the next", means, facts)
    following = yield Get(INVOICES, {**query, "page": 2})
    if set(following.ids) - set(answer.ids):
        means = "The import can miss invoices in long lists: tell the maintainers."
        return Finding("fewer, no link", f"{count} rows at once, without a link", means, facts)
    return Finding("not reached", "has fewer than 1,000 invoices, all in one page")


def credit_rows(known: Known) -> Steps[Finding]:
    """Look at the payments of an invoice to which a credit memo is applied."""
    if known.credited is None:
        why = "no invoice was seen that has a credit memo applied to it"
        return not_tried(f"{why}: apply one in a sandbox, and run it again")
    answer = yield Get(payments_path(known.credited.id), {"pageSize": PAGE_SIZE})
    if not answer.ok:
        return Finding("refused", f"refuses it ({answer})", "", answer.facts)
    marked = [row for row in answer.rows if row.get("credit")]
    facts = {"types": sorted({_word(row.get("type")) for row in marked})}
    if marked:
        says = f"lists them with a `credit`, as type {', '.join(facts['types'])}"
        return Finding("with credit", says, "Nothing to do: they are told from payments.", facts)
    if _sum(answer.rows) > known.credited.payments:
        means = "The import takes them for payments: name the payment by <id> on such invoices."
        return Finding("unmarked", "lists them like payments, without a `credit`", means)
    return Finding("not listed", "does not list them", "Nothing to do: they are no payments.")


def wildcard(known: Known) -> Steps[Finding]:
    """Ask for a number that ends in `*`."""
    pattern = f"{known.invoice.number[:-1]}*"
    answer = yield Get(INVOICES, {**by_number(pattern), "fields": "id"})
    if not answer.ok:
        return Finding("refused", f"refuses it ({answer})", "Nothing to do.", answer.facts)
    if answer.rows:
        means = "Nothing to do: a record with * in its invoice number is rejected."
        return Finding("wildcard", "`*` stands for any text", means)
    return Finding("plain", "`*` is only a star", "Nothing to do: such records are rejected.")


def bracket(known: Known) -> Steps[Finding]:
    """Ask for the number with one of its characters as a set: `[I]NV-206`."""
    found = re.search("[A-Za-z0-9]", known.invoice.number)
    if found is None:
        return not_tried("the invoice's number has neither letter nor digit")
    before, after = known.invoice.number[: found.start()], known.invoice.number[found.end() :]
    text = f"{_inside(before)}[{found[0]}]{_inside(after)}"
    conditions = f'invoiceNumber in ("{text}")'
    query = {**by_number(""), "conditions": conditions, "fields": "id"}
    answer = yield Get(INVOICES, query)
    if not answer.ok:
        return Finding("refused", f"refuses it ({answer})", _NO_BRACKETS, answer.facts)
    if known.invoice.id in answer.ids:
        means = "Nothing to do: the import writes [ as [[]."
        return Finding("set", "`[…]` stands for one of a set", means)
    return Finding("plain", "`[` is only a bracket", _NO_BRACKETS)


_NO_BRACKETS = "If your invoice numbers have a [, name those invoices by <invoice><id>."


def url(known: Known) -> Steps[Finding]:
    """Ask for the invoice with longer and longer URLs, up to the first that is refused."""
    longest = 0
    answer = Answer(0)
    for characters in _URL_CHARACTERS:
        answer = yield Get(INVOICES, _long_query(known, characters), may_fail=True)
        if known.invoice.id not in answer.ids:
            break
        longest = characters
    facts = {"longest": longest, **({} if answer.ok else answer.facts)}
    if longest < _IMPORT_S_URL:
        means = "Look-ups of many invoices fail, so imports are slower: tell the maintainers."
        return Finding("shorter", f"refuses 1,745 characters ({answer.status})", means, facts)
    limit = "" if answer.ok else f", refuses the next longer one ({answer.status or 'no answer'})"
    says = f"takes {longest:,} characters{limit}"
    return Finding(str(longest), says, "Nothing to do: the import needs 1,745.", facts)


def not_found(_known: Known) -> Steps[Finding]:
    """Ask for the payments of an invoice that cannot exist."""
    answer = yield Get(payments_path(_NO_SUCH_INVOICE), may_fail=True)
    if answer.status == 404:
        means = "Nothing to do: such a record fails, and says why."
        return Finding("404", f"answers {answer}", means, answer.facts)
    if answer.ok:
        means = "An invoice that is not there is noticed only when its payment is refused."
        return Finding("empty", "answers as if it were there, without payments", means)
    means = "Records with a wrong invoice id may delay their file: tell the maintainers."
    return Finding("otherwise", f"answers {answer}", means, answer.facts)


def _credited(rows: list[Row], own: int) -> Iterator[Credited]:
    for row in rows:
        number, credited = usable_id(row.get("id")), usable_number(row.get("credits"))
        payments = usable_number(row.get("payments"))
        if number and number != own and credited and payments is not None:
            yield Credited(number, payments)


def _sum(rows: list[Row]) -> Decimal:
    return sum((usable_number(row.get("amount")) or Decimal(0) for row in rows), Decimal(0))


def _word(value: object) -> str:
    """Return a short word of ConnectWise's that names nobody."""
    return value if isinstance(value, str) and re.fullmatch("[A-Za-z]{1,12}", value) else "other"


def _inside(text: str) -> str:
    return quoted(text)[1:-1]


def _long_query(known: Known, characters: int) -> dict[str, str | int]:
    """Return a query that asks for nothing but the invoice, in a URL of so many characters."""
    one = str(known.invoice.id)
    query: dict[str, Any] = {"conditions": f"id in ({one})", "fields": "id", "pageSize": 1}
    length = known.base_length + len(f"{INVOICES}?{urlencode(query)}")
    more = max(0, characters - length) // len(f"%2C{one}")
    query["conditions"] = f"id in ({','.join([one] * (more + 1))})"
    return query
