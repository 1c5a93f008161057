"""Faults that somebody might make: one of twenty seeds notices each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from payments import importer, receipts, rules, second_payment, sending, upsert
from payments.bootstrap import World
from payments.connectwise.finance import Finance
from payments.connectwise.wire import Request, Response, Wire
from payments.decisions import Known, Policy, Update
from payments.errors import NoAnswer
from payments.gathering import Gathering
from payments.import_state import ImportState
from payments.learned import Learned
from payments.models import Action, Outcome, Payment, PaymentRecord, Receipts, TruthRecord
from payments.notes import Notes
from payments.page.rows import PageRows
from payments.quiet import Quiet
from payments.stores.bucket import Bucket
from payments.stores.imports_table import ImportsTable
from payments.stores.ledger import Ledger
from payments.stores.truth_table import TruthTable
from payments.upsert import Upsert
from simulation.mishaps import Form, Kill, Outage
from simulation.oracle import Record
from simulation.scenario import Scenario, scenario
from simulation.simulation import Change, SeedFailed, simulate, unchanged

Patch = pytest.MonkeyPatch
Weather = Callable[[Scenario], Scenario]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is broken and how; what is then said not to hold; and in which weather it is seen."""

    what: str
    plant: Callable[[Patch], None] = lambda _: None
    seen: str = ""
    weather: Weather = lambda of: of
    change: Change = unchanged


def instead(owner: Any, name: str, replacement: Any) -> Callable[[Patch], None]:
    """Put something in the place of what others may call."""
    return lambda patch: patch.setattr(owner, name, replacement)


# ---- What is stored, and in which order ----------------------------------------------------------


def parts_stored_after(owner: Any, name: str) -> Callable[[Patch], None]:
    """Store a part only after another step has been made that should follow it."""

    def plant(patch: Patch) -> None:
        waiting: list[Any] = []
        store, step = Bucket.store_part, getattr(owner, name)

        def later(*given: Any) -> None:
            step(*given)
            while waiting:
                store(*waiting.pop(0))

        patch.setattr(Bucket, "store_part", lambda *given: waiting.append(given))
        patch.setattr(owner, name, later)

    return plant


def own_records_recognised(patch: Patch) -> None:
    """Take a record for done if the truth table says that this import has sent it (version 1)."""
    parts_stored_after(TruthTable, "store")(patch)
    settled = rules.settled

    def recognised(
        record: PaymentRecord, truth: TruthRecord | None, policy: Policy
    ) -> Outcome | None:
        if truth and truth.import_id == policy.import_id and truth.amount == record.amount:
            return Outcome(record, Action.UPDATED, truth.payment_id, learned=truth)
        return settled(record, truth, policy)

    patch.setattr(upsert, "settled", recognised)


# ---- What is sent --------------------------------------------------------------------------------


def creates_repeated(patch: Patch) -> None:
    """Send a create again that got no answer, without looking."""
    create = Finance.create_payment

    def repeated(self: Finance, *given: Any) -> Payment:
        for _ in range(3):
            try:
                return create(self, *given)
            except NoAnswer:
                continue
        return create(self, *given)

    patch.setattr(Finance, "create_payment", repeated)


def lookups_remembered(world: World) -> World:
    """Rely on what a lookup of invoices has once found, though payments were sent since."""
    answers: dict[str, Response] = {}

    class Remembering:
        def __init__(self, wire: Wire) -> None:
            self._wire = wire

        def send(self, request: Request) -> Response:
            if "/finance/invoices?conditions" not in request.url:
                return self._wire.send(request)
            if request.url not in answers:
                answers[request.url] = self._wire.send(request)
            return answers[request.url]

    wire = world.wire
    return replace(world, wire=lambda credentials: Remembering(wire(credentials)))


def others_own_everything(patch: Patch) -> None:
    """Tell what others have made by what shows, also where it may be the record's own."""
    replaced_by = second_payment.replaced_by

    def as_it_shows(record: PaymentRecord, payment: Payment, known: Known) -> Any:
        return replaced_by(record, payment, replace(known, is_doubtful=False))

    patch.setattr(rules, "replaced_by", as_it_shows)


def receipts_counted_twice(patch: Patch) -> None:
    """Add a receipt to what its external id has brought already."""
    with_receipt = receipts.with_receipt

    def added(record: PaymentRecord, before: Receipts) -> Receipts:
        after, name = dict(with_receipt(record, before)), record.external_id or ""
        if name in after and name in before:
            amount = after[name].amount + before[name].amount
            after[name] = replace(after[name], amount=amount)
        return after

    patch.setattr(receipts, "with_receipt", added)


def moves_untold(patch: Patch) -> None:
    """Let a receipt go to another invoice without a word."""
    take_away = receipts.take_away

    def untold(truth: TruthRecord, former: Known) -> Update | None:
        update = take_away(truth, former)
        return update and replace(update, replaced=None)

    patch.setattr(upsert, "take_away", untold)


def last_day_for_newest(patch: Patch) -> None:
    """Take the date of a sum from the receipt that came last."""
    fields_of = receipts.fields_of

    def last(of: Receipts) -> Any:
        days = [it.day for it in of.values() if it.day is not None]
        return {**fields_of(of), **({"paymentDate": days[-1]} if days else {})}

    patch.setattr(receipts, "fields_of", last)


# ---- In which weather it is seen -----------------------------------------------------------------


def uploading(*records: Record, **about: Any) -> Weather:
    """Let the first file hold these records, and nothing be there before; `about` the tenant."""

    def made(of: Scenario) -> Scenario:
        numbers = count(1)
        numbered = tuple(replace(record, number=next(numbers)) for record in records)
        upload = replace(of.uploads[0], records=numbered, deleted_at=None, overwritten_at=None)
        fakes = tuple(type(of.invoices[0])(number) for number in (1, 2))
        return replace(
            of,
            invoices=fakes,
            removed=frozenset(),
            truth={},
            uploads=(upload,),
            **{"held": (), "second": "Replace", "chunk_records": 12, "connections": 3, **about},
        )

    return made


def amounts(*invoice_ids: int) -> tuple[Record, ...]:
    """Return a record with an amount for each invoice."""
    return tuple(
        Record(0, invoice_id=invoice_id, amount=Decimal(number))
        for number, invoice_id in enumerate(invoice_ids, 1)
    )


def a_record_rests_on_what_is_there(of: Scenario) -> Scenario:
    """The first is lost, the next finds no payment, the third makes one, and the run is killed."""
    first, later = amounts(1, 2)
    resting = Record(0, invoice_id=2, text="resting")
    made = uploading(first, resting, later)(of)
    kill = Kill(2 + of.seed % 2, later=0.3 + of.seed % 3, is_write=True, holds_up=False)
    return replace(made, mishaps=replace(of.mishaps, lost=0.5, late=0.0, kills=(kill,)))


def a_create_arrives_much_too_late(of: Scenario) -> Scenario:
    """On a tenant that takes a second payment, while there is still a lot to do."""
    made = uploading(*amounts(1, *[2] * 20), takes_second_payment=True)(of)
    resets = Outage(0.0, 5.0, "connectwise", Form.RESET, kinds=frozenset(("create",)))
    late = replace(of.mishaps, outages=(resets,), lost=0.3, late=1.0, kills=())
    return replace(made, mishaps=late)


def an_invoice_takes_what_it_refuses(of: Scenario) -> Scenario:
    """It answers with a server error, but has done what it was told."""
    poison = replace(of.mishaps, poisoned=frozenset((1,)), poison_works=True)
    return replace(uploading(*amounts(1, 2, 1, 2))(of), mishaps=poison)


def a_run_dies_with_a_message_under_way(of: Scenario) -> Scenario:
    """And the next begins soon."""
    made = uploading(*amounts(1, 2, 1, 2, 1, 2))(of)
    kill = Kill(1 + of.seed % 4, later=0.2, is_write=True, holds_up=True)
    return replace(made, mishaps=replace(of.mishaps, late=0.0, kills=(kill,)))


def a_second_file_for_the_same_invoice(of: Scenario) -> Scenario:
    """On a tenant that takes a second payment."""
    made = uploading(*amounts(1), takes_second_payment=True)(of)
    (first,) = made.uploads
    calm = replace(of.mishaps, late=0.0, kills=(), cold_starts=0.0)
    return replace(made, uploads=(first, replace(first, key="incoming/2.xml")), mishaps=calm)


def answers_are_lost(of: Scenario) -> Scenario:
    """Each second one, but they arrive in time."""
    made = uploading(*amounts(1, 2, 1, 2))(of)
    return replace(made, mishaps=replace(of.mishaps, lost=0.5, late=0.0))


def others_have_paid_before(*paid: int) -> Weather:
    """So much on each invoice, and a run is killed in the middle."""

    def made(of: Scenario) -> Scenario:
        rows = [
            {"amount": Decimal(amount), "paymentDate": "2020-01-01T00:00:00Z"} for amount in paid
        ]
        now = uploading(*amounts(1, 2), held=tuple(enumerate(rows, 1)))(of)
        kill = Kill(1 + of.seed % 4, later=0.3, is_write=True, holds_up=False)
        return replace(now, mishaps=replace(of.mishaps, lost=0.0, late=0.0, kills=(kill,)))

    return made


def receipts_of_one_invoice(*paid: tuple[str, int], then_of: int = 1) -> Weather:
    """Each a day before the one in front, and a run is killed after some of them.

    The last one is of invoice `then_of`.
    """

    def made(of: Scenario) -> Scenario:
        records = tuple(
            Record(
                0,
                invoice_id=then_of if number == len(paid) - 1 else 1,
                external_id=name,
                amount=Decimal(amount),
                day=f"2024-01-{20 - number}",
            )
            for number, (name, amount) in enumerate(paid)
        )
        now = uploading(*records, second="Add", prevents_reprocessing=False)(of)
        kill = Kill(2 + of.seed % 3, later=0.3, is_write=True, holds_up=False)
        return replace(now, mishaps=replace(of.mishaps, lost=0.0, late=0.0, kills=(kill,)))

    return made


FAULTS = [
    Fault(
        "the truth table learns before the part is stored",
        parts_stored_after(TruthTable, "store"),
        "the truth table learns what no part holds",
        uploading(Record(0, invoice_id=1, external_id="E1", amount=Decimal(5))),
    ),
    Fault(
        "the checkpoint moves before the part is stored",
        parts_stored_after(ImportsTable, "save"),
        "the checkpoint is at",
    ),
    Fault(
        "a record is recognised as this import's own by the truth table",
        own_records_recognised,
    ),
    Fault(
        "an invoice is not left in quiet after a lost answer",
        instead(Quiet, "begin", lambda *_: None),
        "is not left in quiet",
    ),
    Fault(
        "the import closes while a message is under way",
        instead(Quiet, "all_end", lambda _: float("-inf")),
        "is closed while",
        answers_are_lost,
    ),
    Fault(
        "what a killed run has sent is not waited for",
        instead(importer, "SETTLE_SECONDS", 0.0),
        weather=a_run_dies_with_a_message_under_way,
    ),
    Fault(
        "how far a run may have got is not stored",
        instead(ImportState, "reaching", lambda state, *_: state),
        weather=a_run_dies_with_a_message_under_way,
    ),
    Fault("a create is sent again without looking", creates_repeated, "is not left in quiet"),
    Fault(
        "a sum is relied on that was looked up before",
        seen="two payments created",
        weather=a_second_file_for_the_same_invoice,
        change=lookups_remembered,
    ),
    Fault(
        "a verdict on what is there is not stored before the next record",
        instead(Upsert, "holds_lane", lambda *_: False),
        "must be Failed",
        a_record_rests_on_what_is_there,
    ),
    Fault(
        "a refusal is not read back",
        instead(sending, "holds", lambda *_: False),
        "is Failed, but must be",
        an_invoice_takes_what_it_refuses,
    ),
    Fault(
        "records of one invoice are sent at once",
        instead(Upsert, "keys", lambda _, record, __: frozenset([("record", record.number)])),
        "two calls to one invoice at once",
    ),
    Fault(
        "a run forgets what it has taught the truth table",
        instead(Learned, "add", lambda *_, **__: None),
    ),
    Fault(
        "the ledger learns before the part is stored",
        parts_stored_after(Ledger, "store"),
        "the ledger learns what no part holds",
        uploading(*amounts(1)),
    ),
    Fault(
        "what is found on an invoice is not noted before it is changed",
        instead(Notes, "looked", lambda *_, **__: None),
        "must replace",
        others_have_paid_before(50, 50),
    ),
    Fault(
        "an invoice that may be paid is not noted before its records are begun",
        instead(Notes, "_noted", lambda _, there, __: there),
        "must replace",
        others_have_paid_before(1, 2),
    ),
    Fault(
        "what a killed run has sent is taken for somebody else's",
        others_own_everything,
        "must replace",
    ),
    Fault(
        "a receipt that comes again is added instead of replaced",
        receipts_counted_twice,
        "must have",
        receipts_of_one_invoice(("E1", 5), ("E2", 7), ("E1", 6)),
    ),
    Fault(
        "a receipt moves to another invoice without a word",
        moves_untold,
        "must replace",
        receipts_of_one_invoice(("E1", 5), ("E2", 7), ("E1", 5), then_of=2),
    ),
    Fault(
        "the date of a sum is the last record's instead of the newest",
        last_day_for_newest,
        "must have",
        receipts_of_one_invoice(("E1", 5), ("E2", 7)),
    ),
    Fault(
        "what a killed run may have left of a sum is not known",
        instead(Gathering, "resume", lambda *_: iter(())),
        "is Failed, but must be",
        receipts_of_one_invoice(("E1", 5), ("E2", 7), ("E3", 6)),
    ),
    Fault(
        "nobody looks in the end whether a payment is there twice",
        instead(importer, "last_look", lambda *_: {}),
        "nobody is told",
        a_create_arrives_much_too_late,
    ),
    Fault(
        "the page lists nothing",
        instead(PageRows, "add_failed", lambda *_: None),
        "reports/1.html has [0",
    ),
    Fault(
        "parts behind the checkpoint are not adopted",
        instead(Bucket, "part", lambda *_: None),
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_one_of_twenty_seeds_notices(monkeypatch: Patch, fault: Fault) -> None:
    """And by what must hold, not by chance."""
    fault.plant(monkeypatch)
    told = []
    for seed in range(20):
        try:
            simulate(fault.weather(scenario(seed, "storm")), fault.change)
        except SeedFailed as failure:
            told.append(str(failure))
    assert any(fault.seen in text for text in told), told or "nobody has noticed"
