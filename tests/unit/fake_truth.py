"""The truth table, in memory."""

from collections.abc import Iterable

from payments.models import TruthRecord


class FakeTruth:
    """Truth records by external id."""

    def __init__(self, *records: TruthRecord) -> None:
        self.records = {record.external_id: record for record in records}

    def find(self, external_ids: Iterable[str]) -> dict[str, TruthRecord]:
        return {name: self.records[name] for name in external_ids if name in self.records}

    def store(self, records: Iterable[TruthRecord]) -> None:
        self.records.update({record.external_id: record for record in records})
