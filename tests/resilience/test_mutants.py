"""The importer, broken on purpose in one place after the other: a test here notices each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from payments import importer, pipeline, rules
from payments.errors import AnswerLost, OutOfTime
from payments.stores.imports_table import Counts, ImportLog, ImportState, Status
from payments.importer import _Run
from payments.lanes import Key
from payments.models import Action, Outcome, Payment, PaymentRecord, TruthRecord
from payments.connectwise.pace import Gate
from payments.pipeline import Pipeline
from payments.files.output import write_part
from payments.rules import Create
from payments.sender import Sender, Sent
from resilience import (
    test_kills,
    test_outage,
    test_pauses,
    test_poison,
    test_repeats,
    test_time_slices,
)
from resilience.schedule import scheduled_wait
from resilience.world import Settings

Patch = pytest.MonkeyPatch
Break = Callable[[Patch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault that somebody might make, and the test that must fail then."""

    fault: str
    make: Break
    caught_by: Callable[[Path], None]


def instead(owner: object, name: str, replacement: object) -> Break:
    """Put something in the place of a function, method or constant."""
    return lambda patch: patch.setattr(owner, name, replacement)


def both(*faults: Break) -> Break:
    def make(patch: Patch) -> None:
        for fault in faults:
            fault(patch)

    return make


# What is stored, and in which order


def checkpoint_first(self: _Run, outcomes: list[Outcome]) -> None:
    after = self._state.done
    self._checkpoint(Counts.of([outcome.action for outcome in outcomes]))
    part = write_part(outcomes)
    self._storage.store_part(self._source.bucket, self._state.import_id, after, part)


def truth_last(self: Pipeline, chunk: pipeline._Chunk) -> None:
    finished = chunk.finished()
    if finished:
        self._store_outcomes(finished)
        chunk.stored += len(finished)
    self._remember(len(self._to_remember))


apply_record = Pipeline._apply_record


def truth_first(
    self: Any, record: PaymentRecord, truth: TruthRecord | None, invoices: rules.FoundInvoices
) -> Outcome:
    if truth is not None and record.amount is not None:
        payment = Payment(truth.payment_id, record.amount)
        new = self._truth_record(record, truth, truth.invoice_id, Action.UPDATED, payment)
        self._truth.store([new])
    return apply_record(self, record, truth, invoices)


store_outcomes = _Run._store_outcomes


def shuffled(self: _Run, outcomes: list[Outcome]) -> None:
    store_outcomes(self, outcomes[::-1])


close = _Run._close


def closed_first(self: _Run, status: Status, error: str | None = None) -> Any:
    self._log.finish(self._state, status, error)
    return close(self, status, error)


def nothing_stored(self: Any, _reason: Exception) -> None:
    self._gate.close(OutOfTime())
    scheduled_wait([lane for chunk in self._running for lane in chunk.lanes])


# What is sent


@dataclass(frozen=True, slots=True)
class Wrapped:
    """ConnectWise's calls, some of them changed."""

    api: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.api, name)


class Repeating(Wrapped):
    """A create is repeated until there is an answer."""

    def create_payment(self, *given: Any) -> Payment:
        while True:
            try:
                payment: Payment = self.api.create_payment(*given)
            except AnswerLost:
                continue
            return payment


class Overlooking(Wrapped):
    """No payment is seen."""

    def payments(self, _invoice_id: int) -> tuple[Payment, ...]:
        return ()


create = Sender.create


def blindly_again(self: Sender, decision: Create) -> Sent:
    return create(Sender(Repeating(self._api)), decision)


def read_back_in_vain(self: Sender, decision: Create) -> Sent:
    return create(Sender(Overlooking(self._api)), decision)


def each_in_its_own_lane(records: Iterable[PaymentRecord], _keys: object) -> list[Any]:
    return [[record] for record in records]


class NothingShared(set[Key]):
    """Keys of a chunk that never seem to be another chunk's."""

    def isdisjoint(self, _other: Iterable[Any]) -> bool:
        return True


def chunk_with_nothing_shared(
    records: list[PaymentRecord], truth: dict[str, TruthRecord], lookups: list[Any]
) -> pipeline._Chunk:
    return chunk_type(records, truth, lookups, keys=NothingShared())


chunk_type = pipeline._Chunk
decide = rules.decide


def decide_without_sent_since(*given: Any) -> rules.Decision:
    return decide(*given[:5])


# Which run goes on, and with what it knows


write = ImportLog._write


def without_condition(self: ImportLog, state: ImportState, **values: Any) -> None:
    """Write as if this were the latest run."""
    row = self._dynamodb._tables[self._name].items[(state.import_id,)]
    write(self, replace(state, run=int(row["run"])), **values)


policy = _Run._policy


def one_chunk_only(self: pipeline._Learned) -> None:
    self._chunks = (pipeline._Sent(),)


# The tests that must notice

Test = Callable[[Path], None]


def killed(prevent: bool = False, connections: int = 1) -> Test:
    test = test_kills.test_killed_at_any_point_an_import_ends_as_if_it_had_not_been
    return partial(test, settings=Settings(prevent, connections))


def seeded(test: Callable[[Path, int], None], *seeds: int) -> Test:
    def with_seeds(tmp_path: Path) -> None:
        for seed in seeds:
            test(tmp_path / str(seed), seed)

    return with_seeds


def lost_answers(before: bool) -> Test:
    return partial(
        test_outage.test_a_create_whose_answer_is_lost_is_made_once, before=before, times=1
    )


woken_after_a_later_file = test_pauses.test_a_frozen_run_does_not_undo_a_later_file
woken = partial(
    test_pauses.test_a_frozen_run_that_wakes_up_after_its_time_changes_nothing,
    settings=test_pauses.ALL_SETTINGS[1],
)
given_up = partial(
    test_poison.test_after_three_kills_without_progress_the_file_is_given_up,
    place=test_poison.PLACES[0],
    connections=1,
)
later_wins = partial(
    test_repeats.test_of_two_records_for_one_payment_the_later_wins_after_a_kill, prevent=False
)
long_outage = test_outage.test_a_secret_that_cannot_be_used_stops_the_file_until_it_is_right

MUTANTS = [
    Mutant(
        "the checkpoint moves before the outcomes are stored",
        instead(_Run, "_store_outcomes", checkpoint_first),
        killed(),
    ),
    Mutant(
        "outcomes are stored before the truth table knows of them",
        instead(Pipeline, "_store", truth_last),
        killed(),
    ),
    Mutant(
        "the truth table knows of an update before ConnectWise has answered",
        instead(Pipeline, "_apply_record", truth_first),
        killed(),
    ),
    Mutant(
        "outcomes are stored in another order",
        instead(_Run, "_store_outcomes", shuffled),
        killed(),
    ),
    Mutant(
        "outcomes that a killed run has stored are not adopted",
        instead(_Run, "_adopt_stored_outcomes", lambda _self: None),
        killed(),
    ),
    Mutant(
        "the import is closed before its files are written",
        instead(_Run, "_close", closed_first),
        killed(),
    ),
    Mutant(
        "a file is put back before what was sent is stored",
        instead(Pipeline, "_stop", nothing_stored),
        seeded(
            test_time_slices.test_what_a_slice_has_sent_last_is_not_sent_again_by_the_next,
            0,
        ),
    ),
    Mutant(
        "a create is sent again although its answer may only be lost",
        instead(Sender, "create", blindly_again),
        lost_answers(before=False),
    ),
    Mutant(
        "what is read back after a lost answer is not heeded",
        instead(Sender, "create", read_back_in_vain),
        lost_answers(before=False),
    ),
    Mutant(
        "two records for one invoice are sent at once",
        instead(pipeline, "lanes", each_in_its_own_lane),
        seeded(test_repeats.test_a_repeated_invoice_gets_one_payment_however_far_away_it_is, 0, 1),
    ),
    Mutant(
        "chunks that share an invoice do not wait for each other",
        instead(pipeline, "_Chunk", chunk_with_nothing_shared),
        seeded(test_repeats.test_a_repeated_invoice_gets_one_payment_however_far_away_it_is, 0, 1),
    ),
    Mutant(
        "sums are relied on where a killed run may have sent payments",
        instead(_Run, "_policy", lambda self, _until: policy(self, 0)),
        seeded(
            test_repeats.test_after_a_kill_what_may_have_been_sent_is_looked_for_until_it_is_passed,
            0,
        ),
    ),
    Mutant(
        "whether an abandoned create arrived is not asked by the next run",
        instead(Sender, "in_doubt", property(lambda _self: False)),
        partial(
            test_outage.test_an_abandoned_create_is_looked_for_by_the_next_run,
        ),
    ),
    Mutant(
        "a record that this import has sent is taken for already processed",
        both(
            instead(rules, "is_own", lambda *_: False),
            instead(pipeline, "is_own", lambda *_: False),
        ),
        killed(prevent=True),
    ),
    Mutant(
        "a record is taken for sent although an earlier one was sent again since",
        instead(pipeline, "decide", decide_without_sent_since),
        later_wins,
    ),
    Mutant(
        "an earlier record finds what a later one has left in the truth table",
        instead(pipeline, "was_known", lambda *_: True),
        partial(
            test_repeats.test_no_record_is_taken_for_the_repetition_of_a_later_one,
            prevent=False,
            seed=0,
        ),
    ),
    Mutant(
        "what this run has sent is remembered for one chunk only",
        instead(pipeline._Learned, "begin_chunk", one_chunk_only),
        seeded(test_repeats.test_a_repeated_external_id_is_skipped_however_far_away_it_is, 0, 1),
    ),
    Mutant(
        "a run that was superseded goes on writing",
        both(
            instead(ImportLog, "_write", without_condition),
        ),
        woken,
    ),
    Mutant(
        "calls are made after the deadline",
        instead(Gate, "_refuse", lambda _self, _start: None),
        woken_after_a_later_file,
    ),
    Mutant(
        "kills are not counted",
        instead(importer, "MAX_TRIES", 1000),
        given_up,
    ),
    Mutant(
        "a run that is put back counts as killed",
        instead(ImportLog, "put_back", lambda *_, **__: None),
        long_outage,
    ),
    Mutant(
        "a record is rejected at its first server error",
        both(
            instead(importer, "_FAULTS_UNTIL_BLAMED", 0),
            instead(importer, "_FAULTS_UNTIL_BLAMED_WITHOUT_OTHERS", 0),
        ),
        partial(test_poison.test_a_record_whose_server_errors_end_in_time_is_not_rejected, waits=1),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_a_fault_in_the_importer_is_noticed(
    tmp_path: Path, monkeypatch: Patch, mutant: Mutant
) -> None:
    """By a test that the importer without it passes."""
    mutant.make(monkeypatch)
    with pytest.raises(AssertionError):
        mutant.caught_by(tmp_path)
