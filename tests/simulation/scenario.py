"""What there is before the first file comes, and what is uploaded: drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from xml.sax.saxutils import escape

from fakes.connectwise import FakeInvoice
from simulation.oracle import Entry, Record, Row
from simulation.trouble import BACKGROUND, OUTAGES, Form, Mishaps, Outage

MODES = ("safety", "liveness")
HOUR = 3600.0

_AMOUNTS = tuple(map(Decimal, ("5", "10", "20.5", "60", "150")))
_DAYS = ("2024-01-31", "2024-02-29")
_EXTERNAL_IDS = ("E1", "E2", "E3", "E4", "Ü5")


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
    prevents_reprocessing: bool = False
    takes_second_payment: bool = False
    cuts_overpayments: bool = False
    connections: int = 2
    chunk_records: int = 2


def scenario(seed: int, mode: str) -> Scenario:
    """Return the scenario of a seed."""
    random = Random(f"{mode} {seed}")
    tenant = random.choice(("refuses", "refuses", "takes", "cuts"))
    invoices = _invoices(random)
    ids = [invoice.id for invoice in invoices]
    held = _held(random, ids, tenant)
    payment_ids = _numbered(held)
    removed = frozenset(p for p in payment_ids if random.random() < 0.1)
    truth = _truth(random, payment_ids)
    uploads = _uploads(random, invoices, payment_ids, tenant)
    return Scenario(
        seed,
        mode,
        invoices,
        held,
        removed,
        truth,
        uploads,
        _mishaps(random, mode, ids, uploads),
        prevents_reprocessing=random.random() < 0.4,
        takes_second_payment=tenant == "takes",
        cuts_overpayments=tenant == "cuts",
        connections=random.randint(1, 4),
        chunk_records=random.randint(1, 4),
    )


def _invoices(random: Random) -> tuple[FakeInvoice, ...]:
    count = random.randint(1, 4)
    invoices = [FakeInvoice(number) for number in range(1, count + 1)]
    if count > 1 and random.random() < 0.1:
        invoices[1].number = invoices[0].number
    if random.random() < 0.2:
        invoices[-1].credits = Decimal(50)
    return tuple(invoices)


def _held(random: Random, ids: Sequence[int], tenant: str) -> tuple[tuple[int, Row], ...]:
    """Return the payments that are there; where amounts are cut or added, no more than one each.

    What an overpayment is cut to depends on an invoice's other payments, in whatever order they
    were made; and a tenant that takes a second payment takes one beside a payment of zero, which
    no sum shows (design, 7).
    """
    held: list[tuple[int, Row]] = []
    for invoice_id in ids:
        count = random.choice((0, 0, 0, 1, 1, 2 if tenant != "cuts" else 1))
        for _ in range(count):
            amounts = _AMOUNTS[:3] if tenant == "takes" else (*_AMOUNTS[:3], Decimal(0))
            row: Row = {"amount": random.choice(amounts), "paymentDate": "2020-01-01T00:00:00Z"}
            held.append((invoice_id, row))
        if random.random() < 0.2 and tenant != "cuts":
            held.append((invoice_id, {"amount": Decimal(1), "type": "C", "credit": {"id": 9}}))
    return tuple(held)


def _numbered(held: Sequence[tuple[int, Row]]) -> list[int]:
    """Return the ids of the payments that are there, credit memos aside."""
    counted: dict[int, int] = {}
    found = []
    for invoice_id, row in held:
        counted[invoice_id] = counted.get(invoice_id, 0) + 1
        if "credit" not in row:
            found.append(invoice_id * 100 + counted[invoice_id])
    return found


def _truth(random: Random, payment_ids: Sequence[int]) -> dict[str, Entry]:
    truth = {}
    for external_id in _EXTERNAL_IDS:
        if payment_ids and random.random() < 0.25:
            payment_id = random.choice(payment_ids)
            invoice_id = None if random.random() < 0.15 else payment_id // 100
            accepted = random.random() < 0.8
            amount = random.choice((None, *_AMOUNTS[:3]))
            truth[external_id] = Entry(payment_id, invoice_id, accepted, amount)
    return truth


def _uploads(
    random: Random, invoices: Sequence[FakeInvoice], payment_ids: Sequence[int], tenant: str
) -> tuple[Upload, ...]:
    uploads = []
    at = 0.0
    external_ids = _EXTERNAL_IDS[: random.randint(1, 5)]
    amounts = _AMOUNTS if tenant == "takes" else (*_AMOUNTS, Decimal(0))
    for number in range(1, random.choice((1, 1, 2, 2, 3)) + 1):
        count = random.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12))
        records = tuple(
            _record(random, place, invoices, payment_ids, external_ids, amounts)
            for place in range(1, count + 1)
        )
        gone = random.random()
        later = at + random.uniform(0.0, 5.0) * random.choice((1.0, 100.0, 1000.0))
        uploads.append(
            Upload(
                f"incoming/{number}.xml",
                at,
                records,
                announced=2 if random.random() < 0.1 else 1,
                deleted_at=later if gone < 0.07 else None,
                overwritten_at=later if 0.07 <= gone < 0.12 else None,
            )
        )
        at += random.choice((0.0, 1.0, 30.0, 1200.0))
    return tuple(uploads)


def _record(
    random: Random,
    number: int,
    invoices: Sequence[FakeInvoice],
    payment_ids: Sequence[int],
    external_ids: Sequence[str],
    amounts: Sequence[Decimal],
) -> Record:
    invoice = random.choice(invoices)
    named = random.random()
    return Record(
        number,
        payment_id=_payment_id(random, invoice, payment_ids) if random.random() < 0.12 else None,
        external_id=random.choice(external_ids) if random.random() < 0.55 else None,
        invoice_id=_invoice_id(random, invoice, invoices) if named < 0.6 else None,
        invoice_number=invoice.number if 0.5 < named < 0.9 else None,
        amount=random.choice(amounts) if random.random() < 0.85 else None,
        day=random.choice(_DAYS) if random.random() < 0.3 else None,
        text=f"r{number}" if random.random() < 0.25 else None,
        wrong=random.random() < 0.04,
    )


def _invoice_id(random: Random, invoice: FakeInvoice, invoices: Sequence[FakeInvoice]) -> int:
    chance = random.random()
    if chance < 0.03:
        return 99
    return random.choice(invoices).id if chance < 0.06 else invoice.id


def _payment_id(random: Random, invoice: FakeInvoice, payment_ids: Sequence[int]) -> int:
    if payment_ids and random.random() < 0.7:
        return random.choice(payment_ids)
    return invoice.id * 100 + 1


# ---- What goes wrong -----------------------------------------------------------------------------


def _mishaps(random: Random, mode: str, ids: Sequence[int], uploads: Sequence[Upload]) -> Mishaps:
    ends = random.choice((60.0, 600.0, HOUR, 4 * HOUR)) if mode == "liveness" else 12 * HOUR
    calm = random.random() < 0.1
    return Mishaps(
        ends,
        outages=() if calm else _outages(random, ids, ends),
        lost=random.choice((0.0, 0.0, 0.03, 0.1, 0.3)),
        aws=random.choice((0.0, 0.0, 0.01, 0.05)),
        busy=random.choice((0.0, 0.0, 0.0, 0.02)),
        late=random.random() < 0.15,
        kills=_kills(random),
        slices=tuple(
            random.choice((None, random.uniform(0.3, 3.0), random.uniform(2.0, 60.0)))
            for _ in range(random.choice((0, 0, 2, 5)))
        ),
        cold_starts=random.choice((0.0, 0.5)),
        poisoned=frozenset(i for i in ids if random.random() < 0.5)
        if random.random() < 0.12
        else frozenset(),
        poisons_reads=random.random() < 0.3,
    )


def _kills(random: Random) -> tuple[int | None, ...]:
    """Return at which of its steps each run is killed; seldom often enough to give a file up."""
    kinds = random.choice(((), (), (0.4,), (0.4,), (0.7,), (0.95,)))
    if not kinds:
        return ()
    runs = random.choice((1, 2, 2, 3, 4, 6))
    return tuple(_step(random) if random.random() < kinds[0] else None for _ in range(runs))


def _step(random: Random) -> int:
    """Return one of a run's first steps, more often an early one."""
    return int(2 ** random.uniform(0, 7))


def _outages(random: Random, ids: Sequence[int], ends: float) -> tuple[Outage, ...]:
    found: list[Outage] = []
    for _ in range(random.choice((0, 1, 1, 2, 3, 6))):
        begins = random.choice((0.0, random.uniform(0.0, 5.0), random.uniform(0.0, ends)))
        length = random.choice((0.5, 5.0, 60.0, 600.0, 2 * HOUR)) * random.random()
        found.append(_outage(random, ids, begins, min(begins + length, ends)))
    return tuple(found)


def _outage(random: Random, ids: Sequence[int], begins: float, ends: float) -> Outage:
    service = random.choice(("connectwise",) * 8 + ("s3", "dynamodb", "secret", "sqs", "sns"))
    share = random.choice((1.0, 1.0, 0.5))
    if service != "connectwise":
        return Outage(begins, ends, service, share=share)
    chance = random.random()
    form = random.choice(OUTAGES)
    if chance < 0.4:
        form = random.choice((*OUTAGES, Form.THROTTLED, Form.UNAUTHORIZED))
        return Outage(begins, ends, service, form, share)
    if chance < 0.7:
        # Not longer than a record may be stuck until it fails for it.
        ends = min(ends, begins + random.choice((5.0, 60.0, 600.0)))
        return Outage(begins, ends, service, form, share, invoice_id=random.choice(ids))
    kind = random.choice(
        (("create",), ("update",), ("payments",), ("invoices",), ("create", "update"))
    )
    return Outage(begins, ends, service, form, share, kinds=frozenset(kind))


def background() -> tuple[Form, ...]:
    """Return in which forms single calls fail."""
    return BACKGROUND


# ---- As XML --------------------------------------------------------------------------------------


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
