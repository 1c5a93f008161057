"""Files of all kinds come in any order, again and again, while runs are killed and calls fail."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from decimal import Decimal
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from payments.errors import ConnectWiseDown
from payments.importer import Finished
from payments.models import SourceFile
from resilience.effort import FULL
from resilience.fake_connectwise import FakeInvoice, lost
from resilience.invariants import check
from resilience.points import UNDISTURBED, Plan, no_trouble
from resilience.scenario import file_of
from resilience.world import RUN_SECONDS, Settings, World

INVOICES = range(1, 7)
KEYS = ["incoming/a.xml", "incoming/b.xml"]
MOST_RUNS = 100
KILLS = 2  # of one import: after three without progress it would be given up


def record(invoice: int, amount: str, external_id: str | None) -> str:
    known = f"<externalId>{external_id}</externalId>" if external_id else ""
    return f"<invoice><id>{invoice}</id></invoice>{known}<amount>{amount}</amount>"


records = st.builds(
    record,
    st.sampled_from([*INVOICES, 99]),  # there is no invoice 99
    st.integers(1, 90).map(str) | st.just("wrong"),
    st.none() | st.sampled_from(["A", "B", "C"]),
)
files = st.lists(records, max_size=8).map(lambda found: file_of(*found))


class Office(RuleBasedStateMachine):
    """Somebody uploads files and corrects them; SQS and Lambda do what they may do."""

    @initialize(
        prevent=st.booleans(),
        several=st.booleans(),
        connections=st.sampled_from([1, 3]),
        seed=st.integers(0, 1000),
    )
    def begin(self, prevent: bool, several: bool, connections: int, seed: int) -> None:
        self.disk = Path(tempfile.mkdtemp())
        deployed = Settings(prevent, connections, 2, several, seed)
        self.world = World(self.disk, map(FakeInvoice, INVOICES), deployed)
        self.queue: deque[SourceFile] = deque()
        self.contents: dict[SourceFile, bytes] = {}
        self.finished: list[SourceFile] = []
        self.kills = 0
        self.names = count(1)
        self.promised = dict.fromkeys(INVOICES, Decimal(0))

    @rule(content=files, key=st.sampled_from(KEYS))
    def upload(self, content: bytes, key: str) -> None:
        """A new file, or one over an older one, imported or not."""
        source = self.world.upload(content, key)
        self.contents[source] = content
        self.queue.append(source)

    @precondition(lambda self: self.finished)
    @rule(which=st.integers(0, 99))
    def upload_fail_file(self, which: int) -> None:
        """Of any file that is done, corrected."""
        source = self.finished[which % len(self.finished)]
        fail = self.world.bucket.read(source.key.replace("incoming", "fail"))
        self.upload(fail.replace(b"wrong", b"50"), f"incoming/again-{next(self.names)}.xml")

    @precondition(lambda self: self.finished)
    @rule(which=st.integers(0, 99))
    def deliver_again(self, which: int) -> None:
        """An event whose file is done."""
        self.queue.append(self.finished[which % len(self.finished)])

    @precondition(lambda self: self.queue)
    @rule()
    def run_it(self) -> None:
        self.run_next()

    @precondition(lambda self: self.queue)
    @rule(seconds=st.integers(0, 60))
    def run_out_of_time(self, seconds: int) -> None:
        self.run_next(run_seconds=seconds)

    @precondition(lambda self: self.queue and self.kills < KILLS)
    @rule(point=st.integers(1, 60))
    def kill(self, point: int) -> None:
        self.kills += 1
        self.run_next(Plan(kill_at=point))

    @precondition(lambda self: self.queue)
    @rule(first=st.integers(1, 15), arrives=st.booleans(), times=st.sampled_from([1, 2, 100]))
    def fail_calls(self, first: int, arrives: bool, times: int) -> None:
        """Some calls to ConnectWise get no answer, or all from one on."""
        numbers = count(1)

        def trouble(call: str, before: bool) -> None:
            if before is not arrives and first <= next(numbers) < first + times:
                raise lost(call) if call.startswith("POST") else ConnectWiseDown("no answer")

        self.world.connectwise.trouble = trouble
        self.run_next()
        self.world.connectwise.trouble = no_trouble

    def run_next(self, plan: Plan = UNDISTURBED, run_seconds: float = RUN_SECONDS) -> None:
        """Deliver the oldest message; it leaves the queue when its import is finished."""
        source = self.queue[0]
        was_finished = source in self.finished
        before = self.world.everything() if was_finished else None
        result = self.world.run(source, plan, run_seconds).result
        if was_finished:
            assert self.world.everything() == before
        if not isinstance(result, Finished):
            return
        self.queue.popleft()
        self.kills = 0
        if not was_finished:
            self.finished.append(source)
            self.check_files(source)

    def check_files(self, source: SourceFile) -> None:
        """Each record is in one file, and what the success file says is what counts from now."""
        check(self.world, source, self.contents[source])
        success = self.world.bucket.read(source.key.replace("incoming", "success"))
        for each in ET.fromstring(success):
            self.promised[int(each.findtext("invoice/id") or 0)] = Decimal(
                each.findtext("amount") or 0
            )
        self.check_payments()

    def check_payments(self) -> None:
        paid = {invoice: self.world.connectwise.paid(invoice) for invoice in INVOICES}
        assert paid == self.promised

    @invariant()
    def nothing_is_created_twice(self) -> None:
        assert max(self.world.connectwise.creates.values(), default=0) <= 1

    @invariant()
    def no_file_is_given_up(self) -> None:
        assert all(row["status"] != "Failed" for row in self.world.imports.items.values())

    def teardown(self) -> None:
        for _ in range(MOST_RUNS):
            if self.queue:
                self.run_next()
        assert not self.queue, "a file is never finished"
        self.check_payments()
        shutil.rmtree(self.disk)


Office.TestCase.settings = settings(
    max_examples=2000 if FULL else 60,
    stateful_step_count=25,
    derandomize=not FULL,
    deadline=None,
)
TestOffice = Office.TestCase
