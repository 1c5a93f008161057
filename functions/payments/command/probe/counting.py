"""The questions that the calls have answered by the way. Pure."""

from __future__ import annotations

from payments.command.probe.common import (
    GIVE,
)
from payments.command.probe.dialogue import (
    Finding,
)
from payments.command.probe.known import Known


def rights(known: Known) -> Finding:
    """Tell what this API member may do."""
    may: dict[str, str] = {}
    for made in known.made:
        if made.status == 403:
            may[made.kind] = "no"
        elif 200 <= made.status < 300:
            may.setdefault(made.kind, "yes")
    missing = [kind for kind, answer in may.items() if answer == "no"]
    says = "; ".join(f"{kind}: {answer}" for kind, answer in may.items())
    needed = [kind for kind in missing if kind not in ("delete", "read unposted")]
    means = GIVE.format(", ".join(needed)) if needed else "It has all that imports need."
    return Finding("missing" if missing else "all", says, means, {"may": may})


def server_errors(known: Known) -> Finding:
    """Tell what was answered with a server error."""
    kinds = sorted({f"{made.kind}: {made.status}" for made in known.made if made.status >= 500})
    if not kinds:
        says = "answered none of these calls with a server error"
        return Finding("none", says, "Nothing to do.")
    means = "Records that are answered so are tried for a while before they fail."
    return Finding("seen", ", ".join(kinds), means, {"kinds": kinds})


def slowest(known: Known) -> Finding:
    """Tell how long the slowest call took; how late one can take effect cannot be tried."""
    seconds = max((made.seconds for made in known.made), default=0.0)
    says = f"the slowest of {len(known.made)} calls took {seconds:.1f} s"
    means = "A call is given 30 s, and 30 s more to take effect after that."
    return Finding("seen", says, means, {"slowest seconds": f"{seconds:.1f}"})
