"""What a contender's process is told, and what it answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

Work = Callable[[], None]
"""The import itself: all of what is measured."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to import, and where ConnectWise is."""

    contender: str
    kind: str
    file: str
    connections: int
    secret: Mapping[str, str]
    event: Mapping[str, Any]
    """For ours: the notification of the file in S3."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True, slots=True)
class Usage:
    """What the work took in the contender's process."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text()))
