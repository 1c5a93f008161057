"""What there is before the first file comes, and what is uploaded: drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from xml.sax.saxutils import escape

from fakes.connectwise import FakeInvoice
from simulation.mishaps import HOUR, Mishaps, mishaps, storm
from simulation.oracle import Entry, Record, Row

MODES = ("safety", "liveness", "storm")
"""Trouble without end; trouble that ends, so that every file must close; much, which ends too."""


_AMOUNTS = tuple(map(Decimal, ("5", "10", "20.5", "60", "150")))
_DAYS = ("2024-01-31", "2024-02-29")
_EXTERNAL_IDS = ("E1", "E2", "E3", "E4", "Ü5")
_UNKNOWN_INVOICE = 99


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, when it comes, and what happens to its object later."""

    key: str
    at: float
    records: tuple[Record, ...]
    announced: int = 1
    deleted_at: float | None = None
    overwritten_at: float | None = None

    @property
    def content(self) -> bytes:
        """The file as it is uploaded."""
        return f"<InvoicePayments>{''.join(map(_xml, self.records))}</InvoicePayments>".encode()

    @property
    def goes(self) -> bool:
        """Whether the object is deleted or overwritten, perhaps before it is read."""
        return self.deleted_at is not None or self.overwritten_at is not None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a seed decides beforehand."""

    seed: int
    mode: str
    invoices: tuple[FakeInvoice, ...]
    held: tuple[tuple[int, Row], ...]
    removed: frozenset[int]
    truth: dict[str, Entry]
    uploads: tuple[Upload, ...]
    mishaps: Mishaps
    prevents_reprocessing: bool
    second: str
    takes_second_payment: bool
    cuts_overpayments: bool
    connections: int
    chunk_records: int


def scenario(seed: int, mode: str) -> Scenario:
    """Return the scenario of a seed."""
    random = Random(f"{mode} {seed}")
    author = _Author(random, most_invoices=2 if mode == "storm" else 4)
    ids = [invoice.id for invoice in author.invoices]
    if mode == "storm":
        troubles = storm(random, HOUR)
    else:
        ends = 12 * HOUR if mode == "safety" else random.choice((60.0, 600.0, HOUR, 4 * HOUR))
        troubles = mishaps(random, ends, ids, cuts=author.tenant == "cuts")
    return Scenario(
        seed,
        mode,
        author.invoices,
        author.held,
        frozenset(p for p in author.payment_ids if random.random() < 0.1),
        author.truth(),
        author.uploads(),
        troubles,
        prevents_reprocessing=random.random() < 0.4,
        second=author.second,
        takes_second_payment=author.tenant == "takes",
        cuts_overpayments=author.tenant == "cuts",
        connections=random.randint(1, 4),
        chunk_records=random.choice((1, 2, 3, 4, 12)),
    )


class _Author:
    """Write the files of one seed; each has its own taste in what its records look like.

    Where amounts are cut, an invoice has one payment at most: what an overpayment is cut to depends
    on the others. Where a second payment is taken, none is zero: no sum shows it, so that another
    is made beside it (design, 7).
    """

    def __init__(self, random: Random, most_invoices: int) -> None:
        self._random = random
        self._most_invoices = most_invoices
        self.tenant = random.choice(("refuses", "refuses", "takes", "takes", "cuts"))
        self.second = random.choice(("Replace", "Replace", "Reject", "Add", "Add"))
        zero = () if self.tenant == "takes" else (Decimal(0),)
        self._amounts = (*_AMOUNTS, *zero)
        self._held_amounts = (*_AMOUNTS[:3], *zero)
        self._external_ids = _EXTERNAL_IDS[: random.choice((1, 2, 3, 5))]
        self._with_external_id = random.choice((0.0, 0.5, 0.9))
        if self.second == "Add":
            self._with_external_id = 0.95
            self._amounts = (*self._amounts, Decimal(-5))
        self._with_payment_id = random.choice((0.0, 0.0, 0.0, 0.2))
        self._with_amount = random.choice((0.5, 0.8, 1.0))
        self._with_day = random.choice((0.0, 0.3))
        self._with_text = random.choice((0.0, 0.4))
        self._by_number = random.choice((0.0, 0.4, 0.8))
        self._odd = random.choice((0.0, 0.05, 0.1))
        self.invoices = self._invoices()
        self.held = self._held(random.choice((0.0, 0.0, 0.3, 0.6)))
        self.payment_ids = self._payment_ids()

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _invoices(self) -> tuple[FakeInvoice, ...]:
        count = self._random.randint(1, self._most_invoices)
        invoices = tuple(FakeInvoice(number) for number in range(1, count + 1))
        if count > 1 and self._chance(0.1):
            invoices[1].number = invoices[0].number
        if self._chance(0.2):
            invoices[-1].credits = Decimal(50)
        return invoices

    def _held(self, share: float) -> tuple[tuple[int, Row], ...]:
        """Return the payments that are there, by invoice."""
        held: list[tuple[int, Row]] = []
        most = 1 if self.tenant == "cuts" else 2
        for invoice in self.invoices:
            for _ in range(self._random.choice((1, 1, 1, most)) if self._chance(share) else 0):
                amount = self._random.choice(self._held_amounts)
                row: Row = {"amount": amount, "paymentDate": "2020-01-01T00:00:00Z"}
                held.append((invoice.id, row))
            if self._chance(0.1) and self.tenant != "cuts":
                held.append((invoice.id, {"amount": Decimal(1), "credit": {"id": 9}}))
        return tuple(held)

    def _payment_ids(self) -> list[int]:
        """Return the ids of the payments that are there, credit memos aside."""
        counted: dict[int, int] = {}
        found = []
        for invoice_id, row in self.held:
            counted[invoice_id] = counted.get(invoice_id, 0) + 1
            if "credit" not in row:
                found.append(invoice_id * 100 + counted[invoice_id])
        return found

    def truth(self) -> dict[str, Entry]:
        """Return what the truth table knows."""
        truth = {}
        for external_id in _EXTERNAL_IDS if self.payment_ids else ():
            if self._chance(0.3):
                payment_id = self._random.choice(self.payment_ids)
                invoice_id = None if self._chance(0.15) else payment_id // 100
                amount = self._random.choice((None, *_AMOUNTS[:3]))
                truth[external_id] = Entry(payment_id, invoice_id, self._chance(0.8), amount)
        return truth

    def uploads(self) -> tuple[Upload, ...]:
        """Return the files, in the order in which they come."""
        random = self._random
        at, uploads = 0.0, []
        for number in range(1, random.choice((1, 1, 2, 2, 3)) + 1):
            places = range(1, random.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12)) + 1)
            goes, later = random.random(), random.choice((5.0, 500.0, 5000.0)) * random.random()
            uploads.append(
                Upload(
                    f"incoming/{number}.xml",
                    at,
                    tuple(map(self._record, places)),
                    announced=2 if self._chance(0.1) else 1,
                    deleted_at=at + later if goes < 0.06 else None,
                    overwritten_at=at + later if 0.06 <= goes < 0.1 else None,
                )
            )
            at += random.choice((0.0, 1.0, 30.0, 1200.0))
        return tuple(uploads)

    def _record(self, number: int) -> Record:
        random = self._random
        invoice = random.choice(self.invoices)
        by_number = self._chance(self._by_number)
        by_id = not by_number or self._chance(0.2)
        nameless = self._chance(self._odd)
        with_amount = self._chance(self._with_amount)
        with_text = self._chance(self._with_text if with_amount else 0.9)
        invoice_id = random.choice((*self.invoices, None)) if self._chance(self._odd) else invoice
        return Record(
            number,
            payment_id=self._payment_id(invoice) if self._chance(self._with_payment_id) else None,
            external_id=random.choice(self._external_ids)
            if self._chance(self._with_external_id)
            else None,
            invoice_id=(invoice_id.id if invoice_id else _UNKNOWN_INVOICE)
            if by_id and not nameless
            else None,
            invoice_number=invoice.number if by_number and not nameless else None,
            amount=random.choice(self._amounts) if with_amount else None,
            day=random.choice(_DAYS) if self._chance(self._with_day) else None,
            text=f"r{number}" if with_text else None,
            wrong=self._chance(self._odd / 2),
        )

    def _payment_id(self, invoice: FakeInvoice) -> int:
        if self.payment_ids and self._chance(0.7):
            return self._random.choice(self.payment_ids)
        return invoice.id * 100 + 1


def _xml(record: Record) -> str:
    """Return the record as it stands in the file; a field that is ignored carries its number."""
    invoice = "".join(
        f"<{name}>{escape(str(value))}</{name}>"
        for name, value in (("id", record.invoice_id), ("identifier", record.invoice_number))
        if value is not None
    )
    fields = (
        ("id", record.payment_id),
        ("externalId", record.external_id),
        ("amount", "abc" if record.wrong else record.amount),
        ("paymentDate", record.day),
        ("appliedBy", record.text),
        ("glBatchID", record.number),
    )
    elements = "".join(f"<{n}>{escape(str(v))}</{n}>" for n, v in fields if v is not None)
    named = f"<invoice>{invoice}</invoice>" if invoice else ""
    return f"<InvoicePayment>{elements}{named}</InvoicePayment>"
