"""How busy the servers are that the contenders talk to: a bottleneck must not be one of them."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Busy:
    """Shares of one core, None where the system does not tell."""

    simulator: float | None
    local_stack: float | None


def cpu_seconds(pid: int) -> float | None:
    """Return the CPU time so far of a process and of its children, as /proc has it."""
    stat = Path(f"/proc/{pid}/stat")
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        return None
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    own = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(int(child)) or 0.0 for child in children.read_text().split())


def share(before: float | None, after: float | None, seconds: float) -> float | None:
    """Return which share of a core was used between two moments `seconds` apart."""
    return None if before is None or after is None else (after - before) / seconds
