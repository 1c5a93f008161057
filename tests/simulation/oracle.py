"""What must come of records: one after another, in order, one at a time, and nothing goes wrong.

Straight from the design's rules for one payment. It shares nothing with the program, not even its
words for records, and knows nothing of runs, checkpoints or messages under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

Row = dict[str, Any]
Receipts = dict[str, tuple[Decimal, str | None]]


class Verdict(StrEnum):
    """What becomes of a record."""

    CREATED = "Created"
    UPDATED = "Updated"
    SKIPPED = "Skipped"
    FAILED = "Failed"

    @property
    def succeeded(self) -> bool:
        """Whether ConnectWise holds what the record says."""
        return self in (Verdict.CREATED, Verdict.UPDATED)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as whoever writes the file means it; `wrong`: it cannot be read."""

    number: int
    payment_id: int | None = None
    external_id: str | None = None
    invoice_id: int | None = None
    invoice_number: str | None = None
    amount: Decimal | None = None
    day: str | None = None
    text: str | None = None
    wrong: bool = False

    @property
    def fields(self) -> Row:
        """What is sent, as ConnectWise stores it."""
        day = None if self.day is None else f"{self.day}T00:00:00Z"
        given = {"amount": self.amount, "paymentDate": day, "appliedBy": self.text}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an external id."""

    payment_id: int
    invoice_id: int | None
    accepted: bool = True
    amount: Decimal | None = None
    day: str | None = None

    @classmethod
    def of(
        cls, payment_id: Any, invoice_id: Any, accepted: bool, amount: Any, day: str | None
    ) -> Entry:
        """Read an entry from where it is stored."""
        return cls(
            int(payment_id),
            None if invoice_id is None else int(invoice_id),
            accepted,
            None if amount is None else Decimal(amount),
            day and day[:10],
        )


@dataclass(frozen=True, slots=True)
class Made:
    """The payment that was recorded last on an invoice, under which external id."""

    payment_id: int
    external_id: str | None
    amount: Decimal | None


@dataclass(slots=True)
class Books:
    """ConnectWise, the truth table and the ledger.

    `numbers` are the invoices' numbers, `balances` what can be paid on those that cut an
    overpayment, and `counted` how many payments each invoice has ever had. `replaced` is the amount
    that the last record has overwritten without having made it. `receipts` are the amounts and days
    that an invoice's payment is the sum of, where they are added up.
    """

    numbers: dict[int, str]
    held: dict[int, dict[int, Row]]
    truth: dict[str, Entry]
    prevents_reprocessing: bool = False
    second: str = "Replace"
    receipts: dict[int, Receipts] = field(default_factory=dict)
    made: dict[int, Made] = field(default_factory=dict)
    replaced: Decimal | None = None
    balances: dict[int, Decimal] = field(default_factory=dict)
    poisoned: frozenset[int] = frozenset()
    poisons_reads: bool = False
    counted: dict[int, int] = field(default_factory=dict)

    def names(self, record: Record) -> set[Any]:
        """Return the invoices, and the external id, that a record names in any way."""
        named = {i for i, number in self.numbers.items() if number == record.invoice_number}
        by_payment = None if record.payment_id is None else record.payment_id // 100
        return (named | {record.invoice_id, record.external_id, by_payment}) - {None}


class Rejected(Exception):
    """The record goes to the fail file."""


def apply(books: Books, record: Record) -> tuple[Verdict, int | None]:
    """Do one record; return what became of it, and its payment's id if it is known."""
    books.replaced = None
    entry = None if record.external_id is None else books.truth.get(record.external_id)
    if record.wrong:
        return Verdict.FAILED, None
    if books.prevents_reprocessing and entry is not None and entry.accepted:
        return (Verdict.FAILED if _corrects(books, record, entry) else Verdict.SKIPPED), None
    if not record.fields:
        return Verdict.FAILED, None
    try:
        if books.second == "Add":
            return _add(books, record, entry)
        return _send(books, record, entry)
    except Rejected:
        return Verdict.FAILED, None


def _corrects(books: Books, record: Record, entry: Entry) -> bool:
    """Tell whether the record differs from what was accepted."""
    named = {i for i, number in books.numbers.items() if number == record.invoice_number}
    if record.invoice_id is not None:
        named.add(record.invoice_id)
    if named and entry.invoice_id is not None and entry.invoice_id not in named:
        return True
    return any(
        there is not None and here is not None and there != here
        for there, here in ((entry.amount, record.amount), (entry.day, record.day))
    )


def _send(books: Books, record: Record, entry: Entry | None) -> tuple[Verdict, int | None]:
    invoice_id = _invoice(books, record, entry)
    payment_id = _payment(books, record, entry, invoice_id)
    if payment_id is not None and record.payment_id is None:
        books.replaced = _not_its_own(books, record, entry, invoice_id, payment_id)
        if books.replaced is not None and books.second == "Reject":
            raise Rejected
    if invoice_id in books.poisoned and not _is_held(books, record, invoice_id, payment_id):
        raise Rejected
    verdict = Verdict.UPDATED
    if payment_id is None:
        if record.amount is None:
            raise Rejected
        number = books.counted[invoice_id] = books.counted.get(invoice_id, 0) + 1
        payment_id = invoice_id * 100 + number
        books.held[invoice_id][payment_id] = {"id": payment_id}
        verdict = Verdict.CREATED
    row = books.held[invoice_id].get(payment_id)
    if row is None:
        raise Rejected
    before = row.get("amount")
    row.update(record.fields)
    if invoice_id in books.balances and "amount" in row:
        row["amount"] = min(row["amount"], books.balances[invoice_id])
    accepted = record.amount is None or row["amount"] == record.amount
    if accepted or row.get("amount") != before:
        names = record.payment_id is not None or (entry is not None and entry.accepted)
        _record(books, record, invoice_id, row, names_payment=names)
    if record.external_id is not None:
        books.truth[record.external_id] = _learned(record, entry, invoice_id, payment_id, accepted)
    return (verdict if accepted else Verdict.FAILED), payment_id


def _add(books: Books, record: Record, entry: Entry | None) -> tuple[Verdict, int | None]:
    """Let the invoice's payment be the sum of all its receipts, this one's among them."""
    invoice_id = _invoice(books, record, entry)
    payment_id, is_ours = _only(books, invoice_id)
    if record.external_id is None or record.payment_id not in (None, payment_id):
        raise Rejected
    before = books.receipts.get(invoice_id, {})
    own = before.get(record.external_id, (None, None))
    amount = own[0] if record.amount is None else record.amount
    if amount is None:
        raise Rejected
    day = own[1] if record.day is None else record.day
    receipts = _without(before, record.external_id)
    if amount:
        receipts[record.external_id] = (amount, day)
    total = _total(receipts)
    if not is_ours:
        books.replaced = _is_in_it(books, invoice_id, payment_id, total)
    leaves = None
    if entry is not None and entry.invoice_id not in (None, invoice_id):
        leaves = _leaves(books, record.external_id, entry)
    created = payment_id is None
    payment_id, accepted = _set(books, invoice_id, payment_id, receipts, record)
    if accepted and leaves is not None:
        taken = books.receipts[leaves][record.external_id][0]
        left = _without(books.receipts[leaves], record.external_id)
        try:
            _set(books, leaves, books.made[leaves].payment_id, left)
        except Rejected:
            _set(books, invoice_id, payment_id, before)
            raise
        books.replaced = taken
    if accepted or leaves is None:
        known = _learned(record, entry, invoice_id, payment_id, accepted)
        books.truth[record.external_id] = known
    if not accepted:
        return Verdict.FAILED, payment_id
    return (Verdict.CREATED if created else Verdict.UPDATED), payment_id


def _leaves(books: Books, external_id: str, entry: Entry) -> int | None:
    """Return the invoice that a receipt leaves, None if nothing of it is there."""
    assert entry.invoice_id is not None
    if not _only(books, entry.invoice_id)[1]:
        raise Rejected
    before = books.receipts.get(entry.invoice_id, {})
    if external_id in before:
        _total(_without(before, external_id))
        return entry.invoice_id
    if entry.amount == 0:
        return None
    raise Rejected


def _total(receipts: Receipts) -> Decimal:
    total = sum((it[0] for it in receipts.values()), Decimal(0))
    if total < 0:
        raise Rejected
    return total


def _without(receipts: Receipts, external_id: str) -> Receipts:
    return {name: it for name, it in receipts.items() if name != external_id}


def _is_in_it(books: Books, invoice_id: int, payment_id: int | None, total: Decimal) -> Decimal:
    """Return what others have made the payment, if that is just what it is to be."""
    held = books.held[invoice_id][payment_id].get("amount") if payment_id else None
    made = books.made.get(invoice_id)
    if held != total or (made is not None and made.payment_id != payment_id):
        raise Rejected
    return total


def _only(books: Books, invoice_id: int) -> tuple[int | None, bool]:
    """Return the invoice's payment, and whether it is a sum that was made here, or zero."""
    rows = _that_count(books, invoice_id)
    if len(rows) > 1:
        raise Rejected
    made = books.made.get(invoice_id)
    payment_id = rows[0] if rows else None
    held = books.held[invoice_id][payment_id].get("amount") if payment_id else None
    ours = made.amount if made and payment_id in (None, made.payment_id) else None
    is_ours = (held or 0) == (ours or 0)
    if is_ours and made and payment_id not in (None, made.payment_id):
        books.receipts.pop(invoice_id, None)
    return payment_id, is_ours


def _set(
    books: Books,
    invoice_id: int,
    payment_id: int | None,
    receipts: Receipts,
    record: Record | None = None,
) -> tuple[int, bool]:
    """Set a payment to the sum of these receipts; tell which it is and whether that was taken."""
    total = sum((it[0] for it in receipts.values()), Decimal(0))
    days = [f"{day}T00:00:00Z" for _, day in receipts.values() if day]
    fields: Row = {} if record is None else {**record.fields}
    fields.pop("paymentDate", None)
    fields = {**fields, "amount": total, **({"paymentDate": max(days)} if days else {})}
    row = books.held[invoice_id].get(payment_id or 0, {})
    refuses = invoice_id in books.poisoned and (not row or books.poisons_reads)
    if refuses or (invoice_id in books.poisoned and row != {**row, **fields}):
        raise Rejected
    if payment_id is None:
        number = books.counted[invoice_id] = books.counted.get(invoice_id, 0) + 1
        payment_id = invoice_id * 100 + number
        row = books.held[invoice_id][payment_id] = {"id": payment_id}
    row.update(fields)
    if invoice_id in books.balances:
        row["amount"] = min(row["amount"], books.balances[invoice_id])
    accepted = bool(row["amount"] == total)
    if accepted:
        books.receipts[invoice_id] = receipts
    name = None if record is None else record.external_id
    books.made[invoice_id] = Made(payment_id, name, row["amount"])
    return payment_id, accepted


def _not_its_own(
    books: Books, record: Record, entry: Entry | None, invoice_id: int, payment_id: int
) -> Decimal | None:
    """Return the amount of a payment that others have made, None if there is nothing of theirs."""
    made = books.made.get(invoice_id)
    if made is None or made.payment_id != payment_id:
        row = books.held[invoice_id].get(payment_id, {})
        return None if entry is not None and entry.accepted else row.get("amount") or None
    if record.external_id is not None and record.external_id == made.external_id:
        return None
    return made.amount or None


def _record(
    books: Books, record: Record, invoice_id: int, row: Row, *, names_payment: bool
) -> None:
    owner, made = record.external_id, books.made.get(invoice_id)
    is_known = made is not None and made.payment_id == row["id"]
    teaches_nothing = record.amount is None and names_payment and not is_known
    if "credit" in row or teaches_nothing:
        return
    if owner is None and record.payment_id is not None and made is not None:
        owner = made.external_id if made.payment_id == row["id"] else None
    books.made[invoice_id] = Made(row["id"], owner, row.get("amount"))


def _is_held(books: Books, record: Record, invoice_id: int, payment_id: int | None) -> bool:
    """Tell whether ConnectWise holds, and shows, what is sent: then its refusal does not matter."""
    if books.poisons_reads:
        return False
    row = books.held[invoice_id].get(payment_id or 0)
    return row is not None and row == {**row, **record.fields}


def _learned(
    record: Record, entry: Entry | None, invoice_id: int, payment_id: int, accepted: bool
) -> Entry:
    amount, day = record.amount, record.day
    if entry is not None and entry.payment_id == payment_id:
        amount = entry.amount if amount is None else amount
        day = entry.day if day is None else day
    return Entry(payment_id, invoice_id, accepted, amount, day)


def _invoice(books: Books, record: Record, entry: Entry | None) -> int:
    invoice_id = record.invoice_id
    if record.invoice_number is not None:
        matches = [i for i, number in books.numbers.items() if number == record.invoice_number]
        if invoice_id is not None and invoice_id not in matches:
            raise Rejected
        if invoice_id is None and len(matches) != 1:
            raise Rejected
        invoice_id = matches[0] if invoice_id is None else invoice_id
    if invoice_id is None and entry is not None:
        invoice_id = entry.invoice_id
    if invoice_id is None or invoice_id not in books.held:
        raise Rejected
    return invoice_id


def _payment(books: Books, record: Record, entry: Entry | None, invoice_id: int) -> int | None:
    """Return the payment that the record is for, None if a new one."""
    if record.payment_id is not None:
        return record.payment_id
    if entry is not None:
        if entry.invoice_id not in (None, invoice_id):
            raise Rejected
        return entry.payment_id
    payments = _that_count(books, invoice_id)
    if len(payments) > 1:
        raise Rejected
    return payments[0] if payments else None


def _that_count(books: Books, invoice_id: int) -> list[int]:
    """Return the payments that are not zero; of zeros alone, the one that was made here."""
    rows = {i: row for i, row in books.held[invoice_id].items() if "credit" not in row}
    if len(rows) < 2:
        return list(rows)
    made = books.made.get(invoice_id)
    known = None if made is None else made.payment_id
    zeros_alone = [min(rows, key=lambda it: (it != known, it))]
    return [i for i, row in rows.items() if row.get("amount") != 0] or zeros_alone


def connected(records: Iterable[Record], books: Books) -> list[set[Any]]:
    """Return groups of invoices and external ids whose records may have to do with each other."""
    links = [books.names(record) for record in records]
    links += [{name, entry.payment_id // 100} for name, entry in books.truth.items()]
    groups: list[set[Any]] = []
    for link in links:
        joined = link.union(*(group for group in groups if group & link))
        groups = [*(group for group in groups if not group & link), joined]
    return groups
